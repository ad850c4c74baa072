//! Notifications: what the browser allows is the browser's to say (`notify.js`); sound and text follow
//! the user.

use askama::Template;
use axum::extract::{Query, State};
use chater_engine::view::Me;
use serde::Deserialize;

use super::{Frame, Saved, on, opened};
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
    let (shell, frame, me) = opened(&app, &session, &look, "notify", &saved).await?;
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
