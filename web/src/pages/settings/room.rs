//! How much of the disk somebody of this node may fill, for its owner.

use askama::Template;
use axum::extract::{Path, State};
use chater_engine::Error;
use chater_engine::view::Resident;
use serde::Deserialize;

use super::node::{size_text, user_id};
use super::{Faults, Frame, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::pages::shell::{Shell, page_with, see_other};
use crate::session::{CheckedForm, Session};

const MIB: u64 = 1024 * 1024;

#[derive(Template)]
#[template(path = "pages/settings/room.html")]
struct RoomPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    resident: Resident,
    used: String,
    /// As typed, MiB.
    quota: String,
    faults: Faults,
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    user: &str,
    typed: Option<String>,
    faults: Faults,
) -> PageResult {
    let user = user_id(user)?;
    let residents = session.user.residents()?.into_iter();
    let mut found = residents.filter(|resident| resident.person.user_id == user);
    let resident = found.next().ok_or(Error::NotFound)?;
    let me = session.user.me()?;
    Ok(page_with(
        faults.status(),
        &RoomPage {
            look,
            shell: shell(app, session, look).await,
            frame: Frame::new("node", &me, false),
            used: size_text(look.lang, resident.room.used),
            quota: typed.unwrap_or_else(|| (resident.room.quota / MIB).to_string()),
            resident,
            faults,
        },
    ))
}

/// `/settings/node/{user}/room`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(user): Path<String>,
) -> PageResult {
    render(&app, &session, &look, &user, None, Faults::default()).await
}

/// How much, MiB.
#[derive(Deserialize)]
pub(crate) struct RoomForm {
    #[serde(default)]
    room: String,
}

/// Saves it (owner only; the engine checks).
pub(crate) async fn save(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(user): Path<String>,
    CheckedForm(form): CheckedForm<RoomForm>,
) -> PageResult {
    // What is no number is out of bounds: the engine says so.
    let mib: u64 = form.room.trim().parse().unwrap_or(0);
    let bytes = mib.saturating_mul(MIB);
    match session.user.set_quota(user_id(&user)?, bytes).await {
        Ok(()) => Ok(see_other("/settings/node?saved=1#people")),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "room")?;
            render(&app, &session, &look, &user, Some(form.room), faults).await
        }
    }
}
