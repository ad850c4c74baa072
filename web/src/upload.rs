//! A form with a file: bounded as it comes in, its token checked like that of every other form (Q38).
//!
//! A file that is too large is read to its end and thrown away, up to a bound: a browser shows the answer
//! only when it could send everything.

use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use chater_engine::Reason;

use crate::app::App;
use crate::error::{PageError, Problem};
use crate::form::{equal, unreadable};
use crate::session::MaybeSession;

/// The largest file that is kept, bytes (Q30).
const FILE: usize = 5 * 1024 * 1024;
/// The largest body that is read at all: beyond it the request is refused unread.
pub(crate) const UPLOAD_LIMIT: usize = 64 * 1024 * 1024;
/// Other fields of such a form, bytes.
const FIELD: usize = 4 * 1024;
/// Fields of such a form.
const FIELDS: usize = 8;

/// Whether requests to this path may carry a file.
pub(crate) fn takes_files(path: &str) -> bool {
    let of_group = |path: &str, before: &str| {
        let rest = path.strip_prefix(before);
        let chat = rest.and_then(|rest| rest.strip_suffix("/picture"));
        chat.is_some_and(|chat| !chat.contains('/'))
    };
    path == "/settings/avatar" || of_group(path, "/c/") || of_group(path, "/api/v1/chats/")
}

/// A form with a file.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    photo: Option<Vec<u8>>,
    too_large: bool,
    back: String,
}

impl Upload {
    /// The bytes of the file, or why there are none.
    pub(crate) fn photo(self) -> Result<Vec<u8>, Reason> {
        match self.photo {
            _ if self.too_large => Err(Reason::Long),
            Some(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err(Reason::Empty),
        }
    }

    /// Where to go when it was taken.
    pub(crate) fn back(&self, usual: &'static str) -> &'static str {
        // Only places that are known: the value comes from outside.
        match self.back.as_str() {
            "/welcome" => "/welcome?saved=1",
            "/settings/profile" => "/settings/profile?saved=1",
            _ => usual,
        }
    }
}

impl FromRequest<App> for Upload {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let Ok(MaybeSession(session)) = MaybeSession::from_request_parts(&mut parts, app).await;
        let csrf = session.map(|session| session.csrf);
        let request = Request::from_parts(parts, body);
        let form = Multipart::from_request(request, &())
            .await
            .map_err(|_| Problem::new(415, "unsupported_media_type"))?;
        read(form, csrf.as_deref()).await.map_err(PageError::from)
    }
}

async fn read(mut form: Multipart, csrf: Option<&str>) -> Result<Upload, Problem> {
    let mut upload = Upload::default();
    let mut sent = None;
    let mut fields = 0;
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        fields += 1;
        if fields > FIELDS {
            return Err(Problem::new(422, "invalid_body"));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let most = if name == "photo" { FILE } else { FIELD };
        let mut bytes = Vec::new();
        let mut over = false;
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            over |= bytes.len() + chunk.len() > most;
            if over {
                bytes = Vec::new();
            } else {
                bytes.extend_from_slice(&chunk);
            }
        }
        match name.as_str() {
            "photo" => {
                upload.too_large |= over;
                upload.photo = Some(bytes);
            }
            _ if over => return Err(Problem::new(422, "invalid_body")),
            "_csrf" => sent = Some(bytes),
            "back" => upload.back = String::from_utf8(bytes).unwrap_or_default(),
            _ => {}
        }
    }
    match (csrf, sent) {
        (Some(csrf), Some(sent)) if equal(&sent, csrf.as_bytes()) => Ok(upload),
        _ => Err(Problem::new(403, "bad_csrf")),
    }
}

fn broken(error: MultipartError) -> Problem {
    unreadable(error.status())
}
