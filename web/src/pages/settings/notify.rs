//! Notifications: what the browser allows is the browser's to say (`notify.js`); sound and text follow
//! the user.

use askama::Template;
use axum::extract::{Query, State};
use chater_engine::view::Me;
use serde::Deserialize;

use super::{Frame, Saved, on, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::pages::shell::{Shell, page, see_other};
use crate::session::{CheckedForm, Session};

#[derive(Template)]
#[template(path = "pages/settings/notify.html")]
struct NotifyPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
}

/// `/settings/notify`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
) -> PageResult {
    let shell = shell(&app, &session, &look).await;
    let me = session.user.me()?;
    let frame = Frame::new("notify", &me, saved.saved.is_some());
    Ok(page(&NotifyPage {
        look: &look,
        shell,
        frame,
        me,
    }))
}

/// The section.
#[derive(Deserialize)]
pub(crate) struct SectionForm {
    sound: Option<String>,
    preview: Option<String>,
}

/// Saves the section.
pub(crate) async fn save(
    session: Session,
    CheckedForm(form): CheckedForm<SectionForm>,
) -> PageResult {
    let mut wanted = session.user.me()?.preferences;
    wanted.sound = on(&form.sound);
    wanted.preview = on(&form.preview);
    session.user.set_preferences(wanted).await?;
    Ok(see_other("/settings/notify?saved=1"))
}
