//! What others see of one, who may write first, and who is blocked.

use askama::Template;
use axum::extract::{Query, State};
use chater_engine::Filter;
use chater_engine::view::{Chat, FoundBy, Me, WhoWrites};
use serde::Deserialize;

use super::{Frame, Saved, on, opened};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::pages::fragment::Avatar;
use crate::pages::shell::{Shell, page, see_other};
use crate::session::{CheckedForm, Session};

/// Blocked people on one page of their list.
const PAGE: usize = 40;

/// Somebody who is blocked.
struct Blocked {
    chat: Chat,
    avatar: Avatar,
}

#[derive(Template)]
#[template(path = "pages/settings/privacy.html")]
struct PrivacyPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
    blocked: Vec<Blocked>,
    /// Where the list of the blocked goes on.
    next: Option<String>,
}

impl PrivacyPage<'_> {
    fn first(&self) -> &'static str {
        word(self.me.preferences.first)
    }

    fn found_by(&self) -> &'static str {
        match self.me.found_by {
            FoundBy::Nobody => "nobody",
            FoundBy::Contacts => "contacts",
            FoundBy::Communities => "communities",
        }
    }
}

fn word(first: WhoWrites) -> &'static str {
    match first {
        WhoWrites::Everyone => "everyone",
        WhoWrites::Communities => "communities",
        WhoWrites::Nobody => "nobody",
    }
}

/// Where the list of the blocked goes on.
#[derive(Deserialize)]
pub(crate) struct From {
    cursor: Option<String>,
}

/// `/settings/privacy`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
    Query(from): Query<From>,
) -> PageResult {
    let (shell, frame, me) = opened(&app, &session, &look, "privacy", &saved).await?;
    let found = session
        .user
        .chats(Filter::Blocked, PAGE, from.cursor.as_deref())?;
    let blocked = found.chats.into_iter().map(|chat| Blocked {
        avatar: Avatar::chat(&chat, "m"),
        chat,
    });
    Ok(page(&PrivacyPage {
        look: &look,
        shell,
        frame,
        me,
        blocked: blocked.collect(),
        next: found.next,
    }))
}

/// The section.
#[derive(Deserialize)]
pub(crate) struct SectionForm {
    presence: Option<String>,
    read_marks: Option<String>,
    typing: Option<String>,
    first: Option<String>,
    found_by: Option<String>,
}

/// Saves the section.
pub(crate) async fn save(
    session: Session,
    CheckedForm(form): CheckedForm<SectionForm>,
) -> PageResult {
    let mut wanted = session.user.me()?.preferences;
    wanted.presence = on(&form.presence);
    wanted.read_marks = on(&form.read_marks);
    wanted.typing = on(&form.typing);
    wanted.first = match form.first.as_deref() {
        Some("everyone") => WhoWrites::Everyone,
        Some("communities") => WhoWrites::Communities,
        Some("nobody") => WhoWrites::Nobody,
        _ => wanted.first,
    };
    session.user.set_preferences(wanted).await?;
    let found_by = match form.found_by.as_deref() {
        Some("nobody") => Some(FoundBy::Nobody),
        Some("contacts") => Some(FoundBy::Contacts),
        Some("communities") => Some(FoundBy::Communities),
        _ => None,
    };
    if let Some(by) = found_by {
        session.user.set_found_by(by).await?;
    }
    Ok(see_other("/settings/privacy?saved=1"))
}
