//! Communities, links into them, and what the owner decides about other nodes.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use chater_engine::id::{Hash, NodeId};
use chater_engine::view;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, At, Body, Id, answer};
use super::shapes::{Text, time};
use crate::error::{ApiError, ErrorAnswer, Problem};
use crate::session::Bearer;

/// The communities of the node; for its owner.
#[derive(Serialize, ToSchema)]
pub(super) struct Communities {
    /// Takes part in `open`, which every linked node is in.
    open: bool,
    communities: Vec<Community>,
    /// Addresses of this node lead nowhere from outside: links work in this network only.
    local_only: bool,
}

/// A community.
#[derive(Serialize, ToSchema)]
pub(super) struct Community {
    /// 64 hex digits; tells nothing of the secret.
    #[schema(value_type = String)]
    id: Text<Hash>,
    name: String,
    /// This node founded it.
    founder: bool,
    joined_at: String,
    /// Its nodes that are linked now.
    linked: u32,
    /// Links that count.
    invites: Vec<Invite>,
    /// The block list of its founder: ids of nodes.
    blocked: Vec<String>,
    /// Whether that list counts here.
    follow: bool,
}

/// A link as it is kept.
#[derive(Serialize, ToSchema)]
pub(super) struct Invite {
    /// 64 hex digits.
    #[schema(value_type = String)]
    id: Text<Hash>,
    /// How many nodes may still come by it.
    left: u32,
    /// How many have come.
    came: u32,
    expires_at: String,
}

impl From<view::Community> for Community {
    fn from(own: view::Community) -> Self {
        let invite = |invite: &view::CommunityInvite| Invite {
            id: Text(invite.id),
            left: invite.left,
            came: invite.came,
            expires_at: time(invite.expires_at_ms),
        };
        Self {
            id: Text(own.id),
            founder: own.founder,
            joined_at: time(own.joined_at_ms),
            linked: own.linked,
            invites: own.invites.iter().map(invite).collect(),
            blocked: own
                .list
                .nodes
                .iter()
                .map(|(id, _)| id.to_peer_id())
                .collect(),
            follow: own.list.follow,
            name: own.name,
        }
    }
}

/// A new community.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewCommunity {
    /// 1-64 characters.
    name: String,
}

/// Which community.
#[derive(Serialize, ToSchema)]
pub(super) struct CommunityId {
    /// 64 hex digits.
    #[schema(value_type = String)]
    id: Text<Hash>,
}

/// Switches: what is left out stays.
#[derive(Deserialize, ToSchema)]
pub(super) struct Switches {
    /// Take part in `open`.
    open: Option<bool>,
}

/// For how many and how long.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewInvite {
    /// Nodes, 1-1,000.
    uses: u32,
    /// Days, 1-365.
    days: u32,
}

/// A new link; its secret is kept nowhere else.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeInvite {
    /// `chater:community/...`
    link: String,
}

/// A link that was given to the owner.
#[derive(Deserialize, ToSchema)]
pub(super) struct GivenInvite {
    /// `chater:community/...`
    link: String,
}

/// Whether the block list of a community counts here.
#[derive(Deserialize, ToSchema)]
pub(super) struct Follow {
    follow: bool,
}

/// What the owner says to a node.
#[derive(Deserialize, ToSchema)]
pub(super) struct Decision {
    /// `link`, `off` (closed, and it waits until it is linked again), `block`, `unblock`, `dismiss`, `allow` (onto the
    /// list of nodes to be linked), `disallow`.
    action: String,
}

/// Nodes the owner has to decide about, and has blocked.
#[derive(Serialize, ToSchema)]
pub(super) struct Decisions {
    waiting: Vec<WaitingNode>,
    blocked: Vec<BlockedNode>,
    /// Nodes on the list alone are linked.
    only_listed: bool,
    /// The list.
    allowed: Vec<AllowedNode>,
}

/// Whether nodes on the list alone are linked.
#[derive(Deserialize, ToSchema)]
pub(super) struct Only {
    only_listed: bool,
}

/// A node on the owner's list.
#[derive(Serialize, ToSchema)]
pub(super) struct AllowedNode {
    /// Its peer id.
    node_id: String,
    /// As it was known here; may be empty.
    name: String,
    /// Connected now.
    linked: bool,
}

/// An unknown node that waits for the owner.
#[derive(Serialize, ToSchema)]
pub(super) struct WaitingNode {
    /// Its peer id.
    node_id: String,
    /// To compare with its owner.
    fingerprint: String,
    /// The name it says it has.
    name: String,
    /// Where it called from.
    address: String,
    since: String,
}

/// A blocked node.
#[derive(Serialize, ToSchema)]
pub(super) struct BlockedNode {
    /// Its peer id.
    node_id: String,
    /// As it was known here; may be empty.
    name: String,
    /// By the owner of this node.
    by_owner: bool,
    /// By the lists of these communities.
    lists: Vec<String>,
}

/// Lists the communities of the node; the owner's right.
#[utoipa::path(get, path = "/api/v1/communities", tag = "communities",
    responses((status = 200, body = Communities), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn list(bearer: Bearer) -> Answer {
    let all = bearer.user.communities()?;
    answer(
        StatusCode::OK,
        &Communities {
            open: all.open,
            communities: all.own.into_iter().map(Into::into).collect(),
            local_only: all.only_near,
        },
    )
}

/// Founds a community; the owner's right.
#[utoipa::path(post, path = "/api/v1/communities", tag = "communities", request_body = NewCommunity,
    responses((status = 201, body = CommunityId), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(super) async fn found(bearer: Bearer, Body(body): Body<NewCommunity>) -> Answer {
    let id = bearer.user.found_community(&body.name).await?;
    answer(StatusCode::CREATED, &CommunityId { id: Text(id) })
}

/// Takes part in `open`, or not; the owner's right.
#[utoipa::path(patch, path = "/api/v1/communities", tag = "communities", request_body = Switches,
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn switch(bearer: Bearer, Body(body): Body<Switches>) -> Answer {
    if let Some(open) = body.open {
        bearer.user.set_open(open).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Leaves a community; the owner's right.
#[utoipa::path(delete, path = "/api/v1/communities/{community_id}", tag = "communities",
    params(("community_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub(super) async fn leave(bearer: Bearer, At(Id(id)): At<Id<Hash>>) -> Answer {
    bearer.user.leave_community(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Comes into a community by a link: the whole node does; the owner's right.
#[utoipa::path(post, path = "/api/v1/communities/join", tag = "communities", request_body = GivenInvite,
    responses((status = 200, body = CommunityId), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer), (status = 429, body = ErrorAnswer)))]
pub(super) async fn join(bearer: Bearer, Body(body): Body<GivenInvite>) -> Answer {
    let id = bearer.user.enter_community(&body.link).await?;
    answer(StatusCode::OK, &CommunityId { id: Text(id) })
}

/// Makes a link into a community; the owner's right.
#[utoipa::path(post, path = "/api/v1/communities/{community_id}/invites", tag = "communities", request_body = NewInvite,
    params(("community_id" = String, Path)),
    responses((status = 201, body = MadeInvite), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn invite(
    bearer: Bearer,
    At(Id(id)): At<Id<Hash>>,
    Body(body): Body<NewInvite>,
) -> Answer {
    let link = bearer.user.invite_node(id, body.uses, body.days).await?;
    answer(StatusCode::CREATED, &MadeInvite { link })
}

/// Takes a link back; the owner's right.
#[utoipa::path(delete, path = "/api/v1/communities/{community_id}/invites/{invite_id}", tag = "communities",
    params(("community_id" = String, Path), ("invite_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub(super) async fn revoke(
    bearer: Bearer,
    At((Id(id), Id(invite))): At<(Id<Hash>, Id<Hash>)>,
) -> Answer {
    bearer.user.revoke_invite(id, invite).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Follows the block list of a community's founder, or not; the owner's right.
#[utoipa::path(put, path = "/api/v1/communities/{community_id}/list", tag = "communities", request_body = Follow,
    params(("community_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer)))]
pub(super) async fn follow(
    bearer: Bearer,
    At(Id(id)): At<Id<Hash>>,
    Body(body): Body<Follow>,
) -> Answer {
    bearer.user.follow_list(id, body.follow).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Publishes the nodes blocked here as the list of a community this node founded; the owner's right.
#[utoipa::path(post, path = "/api/v1/communities/{community_id}/list", tag = "communities",
    params(("community_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn publish(bearer: Bearer, At(Id(id)): At<Id<Hash>>) -> Answer {
    bearer.user.publish_list(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Nodes that wait for the owner, those that are blocked, and the list of those to be linked; the owner's right.
#[utoipa::path(get, path = "/api/v1/peers", tag = "communities",
    responses((status = 200, body = Decisions), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn decisions(bearer: Bearer) -> Answer {
    let waiting = bearer.user.waiting()?.into_iter().map(|waits| WaitingNode {
        node_id: waits.node_id.to_peer_id(),
        fingerprint: waits.node_id.fingerprint(),
        name: waits.name,
        address: waits.address,
        since: time(waits.since_ms),
    });
    let blocked = bearer.user.blocked()?.into_iter().map(|node| BlockedNode {
        node_id: node.node_id.to_peer_id(),
        name: node.name,
        by_owner: node.by_owner,
        lists: node.lists,
    });
    let list = bearer.user.allowed()?;
    let allowed = list.nodes.into_iter().map(|node| AllowedNode {
        node_id: node.node_id.to_peer_id(),
        name: node.name,
        linked: node.linked,
    });
    answer(
        StatusCode::OK,
        &Decisions {
            waiting: waiting.collect(),
            blocked: blocked.collect(),
            only_listed: list.only,
            allowed: allowed.collect(),
        },
    )
}

/// Links nodes on the list alone, or all again; the owner's right. The list itself stays.
#[utoipa::path(patch, path = "/api/v1/peers", tag = "communities", request_body = Only,
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn only(bearer: Bearer, Body(body): Body<Only>) -> Answer {
    bearer.user.allow_only(body.only_listed).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Decides about a node; the owner's right.
#[utoipa::path(post, path = "/api/v1/peers/{node_id}", tag = "communities", request_body = Decision,
    params(("node_id" = String, Path, description = "peer id")),
    responses((status = 204), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn decide(
    bearer: Bearer,
    At(node): At<String>,
    Body(body): Body<Decision>,
) -> Answer {
    let node =
        NodeId::from_peer_id(&node).map_err(|_| ApiError::from(Problem::new(404, "not_found")))?;
    let user = &bearer.user;
    match body.action.as_str() {
        "link" => user.link_node(node).await?,
        "off" => user.cut_off(node).await?,
        "block" => user.block_node(node).await?,
        "unblock" => user.unblock_node(node).await?,
        "dismiss" => user.dismiss_node(node)?,
        "allow" => user.allow_node(node, true).await?,
        "disallow" => user.allow_node(node, false).await?,
        _ => return Err(Problem::invalid("action", chater_engine::Reason::Malformed).into()),
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
