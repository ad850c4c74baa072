//! The picture of a group: chosen and taken away by its owner and admins.

use askama::Template;
use axum::extract::{Path, State};
use chater_engine::Error;
use chater_engine::id::ChatId;
use chater_engine::view::{Chat, ChatKind, ChatState, MemberRole};

use super::auth::Empty;
use super::chat::chat_id;
use super::fragment::Avatar;
use super::settings::Faults;
use super::shell::{Shell, page_with, see_other};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};
use crate::upload::Upload;

#[derive(Template)]
#[template(path = "pages/picture.html")]
struct PicturePage<'a> {
    look: &'a Look,
    shell: Shell,
    chat: String,
    title: &'a str,
    avatar: Avatar,
    faults: Faults,
    /// Where the form of the photo goes, and where that leads.
    photo_to: String,
    back: &'static str,
    has_photo: bool,
}

/// The group, if the reader may change its picture.
fn led(session: &Session, chat: ChatId) -> Result<Chat, Error> {
    let found = session.user.chat(chat)?;
    if found.kind != ChatKind::Group {
        return Err(Error::NotAGroup);
    }
    let me = session.user.id();
    let leads = session
        .user
        .members(chat)?
        .iter()
        .any(|member| member.person.user_id == me && member.role >= MemberRole::Admin);
    if leads && found.state == ChatState::Open {
        Ok(found)
    } else {
        Err(Error::Forbidden)
    }
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    chat: ChatId,
    faults: Faults,
) -> PageResult {
    let found = led(session, chat)?;
    let shell = Shell::new(app, session, look.t("group-picture")).await;
    Ok(page_with(
        faults.status(),
        &PicturePage {
            look,
            shell: shell.section("chats"),
            chat: chat.to_string(),
            title: &found.title,
            avatar: Avatar::chat(&found, "xl"),
            faults,
            photo_to: format!("/c/{chat}/picture"),
            back: "",
            has_photo: found.picture.is_some(),
        },
    ))
}

/// `/c/{chat}/picture`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
) -> PageResult {
    render(&app, &session, &look, chat_id(&chat)?, Faults::default()).await
}

/// Takes the chosen picture; what is wrong with it stands at its field.
pub(crate) async fn choose(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    upload: Upload,
) -> PageResult {
    let chat = chat_id(&chat)?;
    let error = match upload.photo() {
        Ok(bytes) => match session.user.set_group_picture(chat, bytes).await {
            Ok(_) => return Ok(see_other(&format!("/c/{chat}/info"))),
            Err(error @ Error::Invalid { .. }) => error,
            Err(error) => return Err(error.into()),
        },
        Err(reason) => Error::invalid("photo", reason),
    };
    let faults = Faults::from_engine(&look, error, "photo")?;
    render(&app, &session, &look, chat, faults).await
}

/// Takes the picture away.
pub(crate) async fn remove(
    session: Session,
    Path(chat): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    let chat = chat_id(&chat)?;
    session.user.remove_group_picture(chat).await?;
    Ok(see_other(&format!("/c/{chat}/picture")))
}
