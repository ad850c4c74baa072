//! Mailboxes: who keeps this node's mail, and whose it keeps.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use chater_engine::MailRules;
use chater_engine::id::NodeId;
use chater_engine::view::{self, MailboxState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, At, Body, answer};
use super::shapes::{Text, peer_id, time};
use crate::error::{ErrorAnswer, Problem};
use crate::session::Bearer;

const MIB: u64 = 1024 * 1024;

/// Whether and how mail is kept for other nodes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub(super) struct Rules {
    /// Mail is kept for others.
    offers: bool,
    /// Room for all of them, MiB: 10 at least.
    quota_mib: u64,
    /// Days that a letter is kept, 1 to 90.
    days: u16,
}

/// A node that keeps this node's mail.
#[derive(Serialize, ToSchema)]
pub(super) struct Mailbox<'a> {
    /// Its peer id.
    #[schema(value_type = String)]
    node_id: Text<std::sync::Arc<str>>,
    /// Its name as shown here.
    name: &'a str,
    /// Connected now.
    linked: bool,
    /// `asked`, `keeps`, `refused`.
    state: &'a str,
    /// Bytes that it grants.
    bytes: u64,
    /// Days that it keeps a letter.
    days: u16,
    /// Last collected.
    collected_at: Option<String>,
    /// Letters that came from there.
    letters: u64,
}

/// A node that offers to keep mail.
#[derive(Serialize, ToSchema)]
pub(super) struct Offer<'a> {
    /// Its peer id.
    #[schema(value_type = String)]
    node_id: Text<std::sync::Arc<str>>,
    /// Its name as shown here.
    name: &'a str,
    /// Connected now.
    linked: bool,
}

/// A node whose mail is kept here.
#[derive(Serialize, ToSchema)]
pub(super) struct Kept<'a> {
    /// Its peer id.
    #[schema(value_type = String)]
    node_id: Text<std::sync::Arc<str>>,
    /// Its name as shown here.
    name: &'a str,
    /// Connected now.
    linked: bool,
    /// Bytes that lie here.
    bytes: u64,
    /// Letters that lie here.
    letters: u64,
    /// When the oldest of them came.
    oldest_at: Option<String>,
    /// When it last asked for them.
    collected_at: Option<String>,
    /// Its mail was thrown away and none is kept.
    evicted: bool,
}

/// Mailboxes, both ways.
#[derive(Serialize, ToSchema)]
pub(super) struct Mail<'a> {
    /// How mail is kept here for others.
    rules: Rules,
    /// That is set from outside and cannot be changed here.
    fixed: bool,
    /// Who keeps ours.
    mailboxes: Vec<Mailbox<'a>>,
    /// Who could.
    offers: Vec<Offer<'a>>,
    /// Whose is kept here.
    kept: Vec<Kept<'a>>,
}

fn shape(mail: &view::Mail) -> Mail<'_> {
    let mailboxes = mail.mine.iter().map(|own| Mailbox {
        node_id: Text(peer_id(own.node_id)),
        name: &own.name,
        linked: own.linked,
        state: match own.state {
            MailboxState::Asked => "asked",
            MailboxState::Keeps => "keeps",
            MailboxState::Refused => "refused",
        },
        bytes: own.bytes,
        days: own.days,
        collected_at: own.collected_ms.map(time),
        letters: own.letters,
    });
    let offers = mail.offers.iter().map(|offer| Offer {
        node_id: Text(peer_id(offer.node_id)),
        name: &offer.name,
        linked: offer.linked,
    });
    let kept = mail.kept.iter().map(|kept| Kept {
        node_id: Text(peer_id(kept.node_id)),
        name: &kept.name,
        linked: kept.linked,
        bytes: kept.bytes,
        letters: kept.letters,
        oldest_at: kept.oldest_ms.map(time),
        collected_at: kept.collected_ms.map(time),
        evicted: kept.evicted,
    });
    Mail {
        rules: Rules {
            offers: mail.rules.offers,
            quota_mib: mail.rules.bytes / MIB,
            days: mail.rules.days,
        },
        fixed: mail.fixed,
        mailboxes: mailboxes.collect(),
        offers: offers.collect(),
        kept: kept.collect(),
    }
}

/// A peer id in a path.
fn node(text: &str) -> Result<NodeId, Problem> {
    NodeId::from_peer_id(text).map_err(|_| Problem::new(404, "not_found"))
}

/// Who keeps this node's mail, who could, whose mail it keeps.
#[utoipa::path(get, path = "/api/v1/node/mail", tag = "node",
    responses((status = 200, body = Mail), (status = 401, body = ErrorAnswer)))]
pub(super) async fn read(bearer: Bearer) -> Answer {
    answer(StatusCode::OK, &shape(&bearer.user.mail()?))
}

/// Whether this node keeps mail for others; the owner's right.
#[utoipa::path(put, path = "/api/v1/node/mail/rules", tag = "node", request_body = Rules,
    responses((status = 200, body = Rules), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(super) async fn rules(bearer: Bearer, Body(body): Body<Rules>) -> Answer {
    let rules = MailRules {
        offers: body.offers,
        bytes: body.quota_mib.saturating_mul(MIB),
        days: body.days,
    };
    bearer.user.set_mail_rules(rules).await?;
    answer(StatusCode::OK, &body)
}

/// Lets a node that offers it keep this node's mail; the owner's right. Four at most.
#[utoipa::path(put, path = "/api/v1/node/mail/mailboxes/{node_id}", tag = "node",
    params(("node_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn choose(bearer: Bearer, At(id): At<String>) -> Answer {
    bearer.user.choose_mailbox(node(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Gives a mailbox up; the owner's right. What lies there is collected first if the node is connected.
#[utoipa::path(delete, path = "/api/v1/node/mail/mailboxes/{node_id}", tag = "node",
    params(("node_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub(super) async fn leave(bearer: Bearer, At(id): At<String>) -> Answer {
    bearer.user.leave_mailbox(node(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Throws the mail kept for a node away and keeps none for it; the owner's right.
#[utoipa::path(delete, path = "/api/v1/node/mail/kept/{node_id}", tag = "node",
    params(("node_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub(super) async fn evict(bearer: Bearer, At(id): At<String>) -> Answer {
    bearer.user.evict_mail(node(&id)?, true).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes that back: the node may have its mail kept here again; the owner's right.
#[utoipa::path(put, path = "/api/v1/node/mail/kept/{node_id}", tag = "node",
    params(("node_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub(super) async fn readmit(bearer: Bearer, At(id): At<String>) -> Answer {
    bearer.user.evict_mail(node(&id)?, false).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
