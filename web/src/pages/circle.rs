//! Communities of the node, for its owner: founded, left, links into them, block lists.

use askama::Template;
use axum::extract::{Path, State};
use chater_engine::Error;
use chater_engine::id::Hash;
use chater_engine::view::Community;
use serde::Deserialize;

use super::auth::{Empty, invalid};
use super::network::{self, Typed};
use super::qr;
use super::shell::{Shell, page, see_other};
use crate::app::App;
use crate::error::{PageResult, Problem};
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

fn hash(text: &str) -> Result<Hash, Problem> {
    text.parse().map_err(|_| Problem::new(404, "not_found"))
}

fn of(session: &Session, id: Hash) -> Result<(Community, bool), Error> {
    let all = session.user.communities()?;
    let found = all.own.into_iter().find(|own| own.id == id);
    Ok((found.ok_or(Error::NotFound)?, all.only_near))
}

/// The name of a new community.
#[derive(Deserialize)]
pub(crate) struct NameForm {
    #[serde(default)]
    name: String,
}

/// Founds a community.
pub(crate) async fn found(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<NameForm>,
) -> PageResult {
    match session.user.found_community(&form.name).await {
        Ok(id) => Ok(see_other(&format!("/network#c-{id}"))),
        Err(Error::Invalid { field, reason }) => {
            let error = invalid(&look, field, reason.as_str());
            network::render(&app, &session, &look, Typed::name(form.name, error)).await
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Template)]
#[template(path = "pages/leave_community.html")]
struct LeavePage<'a> {
    look: &'a Look,
    shell: Shell,
    id: Hash,
    community: Community,
}

/// Asks before a community is left.
pub(crate) async fn ask_leave(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(id): Path<String>,
) -> PageResult {
    let id = hash(&id)?;
    let (community, _) = of(&session, id)?;
    let shell = Shell::new(&app, &session, look.t("circle-leave")).await;
    Ok(page(&LeavePage {
        look: &look,
        shell: shell.section("network"),
        id,
        community,
    }))
}

/// Leaves a community.
pub(crate) async fn leave(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.leave_community(hash(&id)?).await?;
    Ok(see_other("/network"))
}

/// A switch.
#[derive(Deserialize)]
pub(crate) struct SwitchForm {
    on: Option<String>,
}

/// Takes part in `open`, or not.
pub(crate) async fn open(
    session: Session,
    CheckedForm(form): CheckedForm<SwitchForm>,
) -> PageResult {
    session
        .user
        .set_open(form.on.as_deref() == Some("1"))
        .await?;
    Ok(see_other("/network#circles"))
}

/// How long a new link counts, and for how many.
#[derive(Deserialize)]
pub(crate) struct InviteForm {
    #[serde(default)]
    uses: String,
    #[serde(default)]
    days: String,
}

#[derive(Template)]
#[template(path = "pages/circle_link.html")]
struct LinkPage<'a> {
    look: &'a Look,
    shell: Shell,
    name: String,
    link: String,
    /// The same for a browser on the other machine.
    page: String,
    picture: String,
    uses: u32,
    days: u32,
    only_near: bool,
}

/// Makes a link into a community and shows it, once.
pub(crate) async fn invite(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(id): Path<String>,
    CheckedForm(form): CheckedForm<InviteForm>,
) -> PageResult {
    let id = hash(&id)?;
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    let (uses, days) = (number(&form.uses), number(&form.days));
    let link = session.user.invite_node(id, uses, days).await?;
    let (community, only_near) = of(&session, id)?;
    let shell = Shell::new(&app, &session, look.t("link-made")).await;
    Ok(page(&LinkPage {
        look: &look,
        shell: shell.section("network"),
        name: community.name,
        picture: qr::picture(&link).unwrap_or_default(),
        page: format!("http://localhost:5000/join?code={link}"),
        link,
        uses,
        days,
        only_near,
    }))
}

/// Takes a link back.
pub(crate) async fn revoke(
    session: Session,
    Path((id, invite)): Path<(String, String)>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session
        .user
        .revoke_invite(hash(&id)?, hash(&invite)?)
        .await?;
    Ok(see_other(&format!("/network#c-{id}")))
}

/// Follows the list of a community, or not.
pub(crate) async fn follow(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(form): CheckedForm<SwitchForm>,
) -> PageResult {
    let on = form.on.as_deref() == Some("1");
    session.user.follow_list(hash(&id)?, on).await?;
    Ok(see_other(&format!("/network#c-{id}")))
}

/// Publishes the blocked nodes of this node as the list of a community it founded.
pub(crate) async fn publish(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.publish_list(hash(&id)?).await?;
    Ok(see_other(&format!("/network#c-{id}")))
}
