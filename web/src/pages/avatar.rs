//! Pictures: of people, served to whoever is signed in and chosen on the profile page; of groups, for their members.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chater_engine::Error;
use chater_engine::id::Hash;

use super::auth::Empty;
use super::settings::{Faults, profile};
use super::shell::see_other;
use crate::app::App;
use crate::error::{ApiError, PageResult, Problem};
use crate::i18n::Look;
use crate::session::{Bearer, CheckedForm, MaybeSession, Session};
use crate::upload::Upload;

/// The address of a person's picture; `side` is 128 or 512 pixels.
pub(crate) fn path(hash: &str, side: u16) -> String {
    format!("/avatar/{hash}/{side}.webp")
}

/// `/avatar/{hash}/{128 or 512}.webp`. The name is a hash of what was chosen, so it can be kept for ever.
pub(crate) async fn show(
    MaybeSession(session): MaybeSession,
    bearer: Result<Bearer, ApiError>,
    headers: HeaderMap,
    Path((hash, file)): Path<(String, String)>,
) -> PageResult {
    let user = match (session, bearer) {
        (Some(session), _) => session.user,
        (None, Ok(bearer)) => bearer.user,
        (None, Err(_)) => return Err(Problem::new(401, "unauthorized").into()),
    };
    let gone = || Problem::new(404, "not_found");
    let id: Hash = hash.parse().map_err(|_| gone())?;
    let side = match file.as_str() {
        "128.webp" => 128,
        "512.webp" => 512,
        _ => return Err(gone().into()),
    };
    let tag = format!("\"{hash}-{side}\"");
    // It never changes; whether it may still be seen is not asked again of who has it.
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    if known {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let bytes = tokio::task::spawn_blocking(move || user.picture(id, side))
        .await
        .map_err(|_| Problem::internal("a picture was not read"))?
        .ok_or_else(gone)?;
    let mut response = Response::new(bytes.into());
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static("image/webp"));
    answer.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=31536000, immutable"),
    );
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.insert(ETAG, tag);
    }
    Ok(response)
}

/// Takes the chosen picture; what is wrong with it stands at its field.
pub(crate) async fn choose(
    State(app): State<App>,
    session: Session,
    look: Look,
    upload: Upload,
) -> PageResult {
    let to = upload.back("/settings/profile");
    let refused = match upload.photo() {
        Ok(bytes) => match session.user.set_avatar(bytes).await {
            Ok(_) => return Ok(see_other(to)),
            Err(error @ Error::Invalid { .. }) => Faults::from_engine(&look, error, "photo")?,
            Err(error) => return Err(error.into()),
        },
        Err(reason) => Faults::from_engine(&look, Error::invalid("photo", reason), "photo")?,
    };
    profile::render(&app, &session, &look, false, None, refused).await
}

/// Takes the picture away.
pub(crate) async fn remove(session: Session, CheckedForm(_): CheckedForm<Empty>) -> PageResult {
    session.user.remove_avatar().await?;
    Ok(see_other("/settings/profile?saved=1"))
}
