//! The first run: three short steps for the owner of a new node. Each can be passed over, and none of them
//! is remembered: what they set is found in the settings.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use chater_engine::Error;
use chater_engine::view::{LinkState, Me, NodeSettings};
use serde::Deserialize;

use super::auth::Empty;
use super::fragment::Avatar;
use super::qr;
use super::settings::{Faults, node as node_settings};
use super::shell::{Shell, page, page_with, see_other};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

#[derive(Template)]
#[template(path = "pages/welcome/person.html")]
struct PersonStep<'a> {
    look: &'a Look,
    shell: Shell,
    me: Me,
    avatar: Avatar,
    faults: Faults,
    photo_to: &'static str,
    back: &'static str,
    has_photo: bool,
}

#[derive(Template)]
#[template(path = "pages/welcome/node.html")]
struct NodeStep<'a> {
    look: &'a Look,
    shell: Shell,
    node: NodeSettings,
    faults: Faults,
}

impl NodeStep<'_> {
    fn policy(&self) -> &'static str {
        node_settings::policy_word(self.node.registration)
    }
}

struct Found {
    name: String,
    fingerprint: String,
    linked: bool,
}

#[derive(Template)]
#[template(path = "pages/welcome/invite.html")]
struct InviteStep<'a> {
    look: &'a Look,
    shell: Shell,
    /// The link, and its picture as SVG made here.
    link: Option<(String, String)>,
    /// The link leads nowhere from another machine.
    only_here: bool,
    nodes: Vec<Found>,
}

async fn shell(app: &App, session: &Session, look: &Look) -> Shell {
    Shell::new(app, session, look.t("welcome")).await
}

/// `/welcome`: photo and name.
pub(crate) async fn person(State(app): State<App>, session: Session, look: Look) -> PageResult {
    render_person(&app, &session, &look, None, Faults::default()).await
}

async fn render_person(
    app: &App,
    session: &Session,
    look: &Look,
    typed: Option<String>,
    faults: Faults,
) -> PageResult {
    let mut me = session.user.me()?;
    let avatar = Avatar::person(&me.person, "xl", false);
    me.person.display_name = typed.unwrap_or(me.person.display_name);
    Ok(page_with(
        faults.status(),
        &PersonStep {
            look,
            shell: shell(app, session, look).await,
            has_photo: me.person.avatar.is_some(),
            me,
            avatar,
            faults,
            photo_to: "/settings/avatar",
            back: "/welcome",
        },
    ))
}

/// The name.
#[derive(Deserialize)]
pub(crate) struct NameForm {
    #[serde(default)]
    display_name: String,
}

/// Saves the name.
pub(crate) async fn save_person(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<NameForm>,
) -> PageResult {
    let about = session.user.me()?.person.about;
    let next = if session.user.me()?.owner {
        "/welcome/node"
    } else {
        "/"
    };
    match session
        .user
        .set_profile(form.display_name.clone(), about)
        .await
    {
        Ok(_) => Ok(see_other(next)),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "display_name")?;
            render_person(&app, &session, &look, Some(form.display_name), faults).await
        }
    }
}

/// `/welcome/node`: the node's name and who may register.
pub(crate) async fn node(State(app): State<App>, session: Session, look: Look) -> PageResult {
    let node = session.user.node_settings()?;
    Ok(page(&NodeStep {
        look: &look,
        shell: shell(&app, &session, &look).await,
        node,
        faults: Faults::default(),
    }))
}

/// Saves both.
pub(crate) async fn save_node(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<node_settings::SettingsForm>,
) -> PageResult {
    let policy = node_settings::policy(form.registration.as_deref());
    let saved = session
        .user
        .save_node_settings(form.name.clone(), policy)
        .await;
    let Err(error) = saved else {
        return Ok(see_other("/welcome/invite"));
    };
    let faults = Faults::from_engine(&look, error, "name")?;
    let mut node = session.user.node_settings()?;
    node.name = form.name.unwrap_or(node.name);
    node.registration = policy.unwrap_or(node.registration);
    Ok(page_with(
        faults.status(),
        &NodeStep {
            look: &look,
            shell: shell(&app, &session, &look).await,
            node,
            faults,
        },
    ))
}

/// `/welcome/invite`: found nodes, and a link for one person when it is asked for.
pub(crate) async fn invite(State(app): State<App>, session: Session, look: Look) -> PageResult {
    render_invite(&app, &session, &look, None).await
}

/// Makes the link.
pub(crate) async fn make_invite(
    State(app): State<App>,
    session: Session,
    look: Look,
    headers: HeaderMap,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    let link = node_settings::invitation(&app, &session, &headers).await?;
    render_invite(&app, &session, &look, Some(link)).await
}

async fn render_invite(
    app: &App,
    session: &Session,
    look: &Look,
    link: Option<String>,
) -> PageResult {
    if !session.user.me()?.owner {
        return Err(Error::Forbidden.into());
    }
    let nodes = app.engine.node().peers.into_iter().map(|peer| Found {
        name: peer.name,
        fingerprint: peer.node_id.fingerprint(),
        linked: peer.state == LinkState::Connected,
    });
    Ok(page(&InviteStep {
        look,
        shell: shell(app, session, look).await,
        only_here: app.config.public_url.is_none()
            && app.house.now().urls.is_empty()
            && app
                .config
                .listen
                .iter()
                .all(|address| address.ip().is_loopback()),
        nodes: nodes.take(12).collect(),
        link: link.map(|link| {
            let picture = qr::picture(&link).unwrap_or_default();
            (link, picture)
        }),
    }))
}
