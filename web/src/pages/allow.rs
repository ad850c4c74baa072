//! The owner's list of nodes to be linked: who is on it, and whether it alone counts.

use axum::extract::{Path, State};
use chater_engine::{Error, Reason, named};
use serde::Deserialize;

use super::ask::Ask;
use super::auth::{Empty, invalid};
use super::netnode::node_id;
use super::network::{self, Typed};
use super::shell::{Shell, page, see_other};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

/// Whether the list alone counts.
#[derive(Deserialize)]
pub(crate) struct OnlyForm {
    #[serde(default)]
    act: String,
}

/// Asks before all nodes that are not on the list are closed.
pub(crate) async fn ask_only(State(app): State<App>, session: Session, look: Look) -> PageResult {
    let listed = session.user.allowed()?.nodes.len();
    Ok(page(&Ask {
        look: &look,
        shell: Shell::new(&app, &session, look.t("allow-only"))
            .await
            .section("network"),
        title: look.n("allow-only-ask", listed),
        hint: look.t("allow-hint"),
        action: "/network/only".to_owned(),
        act: "on",
        verb: look.t("allow-only"),
        back: "/network#allowed".to_owned(),
    }))
}

/// Links nodes on the list alone, or all again.
pub(crate) async fn only(session: Session, CheckedForm(form): CheckedForm<OnlyForm>) -> PageResult {
    session.user.allow_only(form.act == "on").await?;
    Ok(see_other("/network#allowed"))
}

/// A node by its id, its address, or a link.
#[derive(Deserialize)]
pub(crate) struct GuestForm {
    #[serde(default)]
    guest: String,
}

/// Puts a node on the list that was typed.
pub(crate) async fn add(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<GuestForm>,
) -> PageResult {
    let node = named(&form.guest).ok_or(Error::invalid("node", Reason::Malformed));
    let done = match node {
        Ok(node) => session.user.allow_node(node, true).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => Ok(see_other("/network#allowed")),
        Err(Error::Invalid { field, reason }) => {
            let error = invalid(&look, field, reason.as_str());
            network::render(&app, &session, &look, Typed::guest(form.guest, error)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts a known node on the list.
pub(crate) async fn allow(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.allow_node(node_id(&id)?, true).await?;
    Ok(see_other("/network#allowed"))
}

/// Takes a node off the list.
pub(crate) async fn disallow(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.allow_node(node_id(&id)?, false).await?;
    Ok(see_other("/network#allowed"))
}
