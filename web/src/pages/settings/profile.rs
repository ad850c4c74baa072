//! Who one is: picture, name, a line about oneself.

use askama::Template;
use axum::extract::{Query, State};
use chater_engine::view::Me;
use serde::Deserialize;

use super::{Faults, Frame, Saved, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::pages::fragment::Avatar;
use crate::pages::shell::{Shell, page_with, see_other};
use crate::session::{CheckedForm, Session};

#[derive(Template)]
#[template(path = "pages/settings/profile.html")]
struct ProfilePage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
    avatar: Avatar,
    faults: Faults,
    /// Where the photo's form goes, and where that leads.
    photo_to: &'static str,
    back: &'static str,
    has_photo: bool,
}

/// `/settings/profile`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
) -> PageResult {
    render(
        &app,
        &session,
        &look,
        saved.saved.is_some(),
        None,
        Faults::default(),
    )
    .await
}

/// Draws the page; `typed` is what was refused.
pub(crate) async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    saved: bool,
    typed: Option<ProfileForm>,
    faults: Faults,
) -> PageResult {
    let shell = shell(app, session, look).await;
    let mut me = session.user.me()?;
    let avatar = Avatar::person(&me.person, "xl", false);
    if let Some(typed) = typed {
        me.person.display_name = typed.display_name;
        me.person.about = typed.about;
    }
    Ok(page_with(
        faults.status(),
        &ProfilePage {
            look,
            shell,
            frame: Frame::new("profile", &me, saved),
            has_photo: me.person.avatar.is_some(),
            me,
            avatar,
            faults,
            photo_to: "/settings/avatar",
            back: "/settings/profile",
        },
    ))
}

/// Name and a line about oneself.
#[derive(Deserialize)]
pub(crate) struct ProfileForm {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    about: String,
}

/// Saves the profile.
pub(crate) async fn save(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<ProfileForm>,
) -> PageResult {
    let set = session
        .user
        .set_profile(form.display_name.clone(), form.about.clone())
        .await;
    match set {
        Ok(_) => Ok(see_other("/settings/profile?saved=1")),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "display_name")?;
            render(&app, &session, &look, false, Some(form), faults).await
        }
    }
}
