//! Communities of this node (C1): which it is in, and the doors to make, leave and list them.

use std::sync::{Arc, Mutex};

use chater_network::Topic;
use chater_protocol::community::{Channel, Community};
use chater_protocol::id::{Hash, NodeId};
use chater_protocol::secret::SecretKey;
use chater_protocol::{limits, text};
use chater_store::communities::{self, CommunityRow};
use chater_store::{Rows, StoreError};

use crate::actor::From;
use crate::error::{Error, Reason};
use crate::invites;
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view;
use crate::{Engine, blocks, neighbours};

/// The channels of a community.
const CHANNELS: [Channel; 3] = [Channel::People, Channel::Nodes, Channel::Lists];

/// A community this node is in.
pub(crate) struct Known {
    pub(crate) id: Hash,
    pub(crate) name: String,
    pub(crate) community: Community,
    pub(crate) founder: NodeId,
    pub(crate) joined_ms: u64,
    /// The one without a secret: being in it proves nothing (Q53).
    pub(crate) open: bool,
    topics: [[u8; 16]; 3],
}

impl Known {
    fn new(community: Community, row: CommunityRow, open: bool) -> Self {
        Self {
            id: community.id(),
            name: row.name,
            founder: row.founder,
            joined_ms: row.joined_ms,
            open,
            topics: CHANNELS.map(|channel| community.topic(channel)),
            community,
        }
    }

    /// The gossip topics this node follows of it.
    pub(crate) fn topics(&self) -> impl Iterator<Item = Topic> + '_ {
        // Cards and lists are told among those who hold a secret: in `open` they would link strangers (Q53).
        let count = if self.open { 1 } else { CHANNELS.len() };
        self.topics.iter().take(count).copied().map(Topic)
    }

    /// Which of its channels a topic is.
    pub(crate) fn channel(&self, topic: Topic) -> Option<Channel> {
        let at = self.topics.iter().position(|own| *own == topic.0)?;
        CHANNELS.get(at).copied()
    }
}

/// The communities this node is in.
#[derive(Default)]
pub(crate) struct Communities(Mutex<Arc<Vec<Known>>>);

impl Communities {
    /// Those in the store; `open` unless it was switched off.
    pub(crate) fn load(rows: &impl Rows, kek: &SecretKey) -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(Arc::new(read(rows, kek)?))))
    }

    /// All of them.
    pub(crate) fn all(&self) -> Arc<Vec<Known>> {
        lock(&self.0).clone()
    }
}

fn aad(id: Hash) -> Vec<u8> {
    [b"community", &id.0[..]].concat()
}

fn read(rows: &impl Rows, kek: &SecretKey) -> Result<Vec<Known>, StoreError> {
    let open = Community::open();
    let mut found = Vec::new();
    let mut is_on = true;
    for (id, row) in communities::all(rows)? {
        if id == open.id() {
            is_on = row.on;
            continue;
        }
        // A row of another key stays, and is no community until the right one is back.
        let secret = kek.open(&aad(id), &row.sealed).ok();
        let Some(secret) = secret.and_then(|s| <[u8; 32]>::try_from(s.as_slice()).ok()) else {
            tracing::error!(id = %id.short(), "the secret of a community does not open");
            continue;
        };
        let community = Community::founded(secret, row.founder);
        if community.id() != id {
            tracing::error!(id = %id.short(), "a community is not what its row says");
            continue;
        }
        found.push(Known::new(community, row, false));
    }
    found.sort_by_key(|known| (known.joined_ms, known.id));
    if is_on {
        let row = CommunityRow {
            v: 1,
            name: "open".to_owned(),
            sealed: serde_bytes::ByteBuf::new(),
            founder: NodeId::default(),
            joined_ms: 0,
            on: true,
        };
        found.insert(0, Known::new(open, row, true));
    }
    Ok(found)
}

/// The communities are others now: topics, greetings and pages follow.
pub(crate) fn reload(shared: &Arc<Shared>) -> Result<(), Error> {
    let new = Arc::new(read(&shared.store.read()?, &shared.kek)?);
    let old = std::mem::replace(&mut *lock(&shared.communities.0), new.clone());
    let has = |all: &[Known], topic: Topic| all.iter().any(|k| k.topics().any(|t| t == topic));
    for topic in old.iter().flat_map(Known::topics) {
        if !has(&new, topic) {
            shared.network.unsubscribe(topic);
        }
    }
    for topic in new.iter().flat_map(Known::topics) {
        if !has(&old, topic) {
            shared.network.subscribe(topic);
        }
    }
    neighbours::forget_left(shared);
    blocks::reload(shared)?;
    shared.greet.notify_one();
    shared.tell_nodes.notify_one();
    shared.network_changed.notify_one();
    Ok(())
}

/// A name as it is kept.
pub(crate) fn checked_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    let bad = |reason| Error::invalid("community", reason);
    if name.is_empty() {
        return Err(bad(Reason::Empty));
    }
    text::check_line(name, limits::NAME_CHARS).map_err(|why| {
        bad(match why {
            text::BadText::Empty => Reason::Empty,
            text::BadText::Long => Reason::Long,
            text::BadText::Control => Reason::Control,
        })
    })?;
    Ok(name.to_owned())
}

/// Keeps a community; whether it is new.
pub(crate) fn keep(
    turn: &mut Turn<'_, '_>,
    name: String,
    community: &Community,
    founder: NodeId,
) -> Result<bool, Fail> {
    let id = community.id();
    if communities::community(turn.tx, id)?.is_some() {
        return Ok(false);
    }
    // One place is that of `open`.
    let rows = communities::all(turn.tx)?;
    let own = rows.iter().filter(|(id, _)| *id != Community::open().id());
    if own.count() >= limits::COMMUNITIES - 1 {
        return Err(Error::invalid("community", Reason::Many).into());
    }
    turn.durable();
    let sealed = turn.shared.kek.seal(&aad(id), community.secret(), turn.rng);
    let row = CommunityRow {
        v: 1,
        name,
        sealed: serde_bytes::ByteBuf::from(sealed),
        founder,
        joined_ms: turn.now_ms,
        on: true,
    };
    communities::put(turn.tx, id, &row)?;
    Ok(true)
}

impl Engine {
    /// Founds a community. For the owner's page and the control socket.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `community`.
    pub async fn found_community(&self, name: &str) -> Result<Hash, Error> {
        let name = checked_name(name)?;
        let shared = self.shared();
        let (id, name) = shared
            .inputs
            .run(From::Local, move |turn| {
                let mut secret = [0u8; 32];
                turn.rng.fill_bytes(&mut secret);
                let founder = turn.shared.node_id;
                let community = Community::founded(secret, founder);
                keep(turn, name.clone(), &community, founder)?;
                Ok((community.id(), name))
            })
            .await?;
        reload(shared)?;
        shared.note(view::Happening::Founded { name });
        Ok(id)
    }

    /// Leaves a community: its secret, its links and its list are forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn leave_community(&self, id: Hash) -> Result<(), Error> {
        let shared = self.shared();
        let name = shared
            .inputs
            .run(From::Local, move |turn| {
                let known = communities::community(turn.tx, id)?;
                let known = known.filter(|_| id != Community::open().id());
                let name = known.ok_or(Error::NotFound)?.name;
                turn.durable();
                communities::remove(turn.tx, id)?;
                Ok(name)
            })
            .await?;
        shared.note(view::Happening::Left { name });
        reload(shared)
    }

    /// Takes part in the community `open`, or no longer (Q49).
    ///
    /// # Errors
    /// Storage errors.
    pub async fn set_open(&self, on: bool) -> Result<(), Error> {
        let shared = self.shared();
        shared
            .inputs
            .run(From::Local, move |turn| {
                turn.durable();
                let row = CommunityRow {
                    v: 1,
                    name: "open".to_owned(),
                    sealed: serde_bytes::ByteBuf::new(),
                    founder: NodeId::default(),
                    joined_ms: 0,
                    on,
                };
                Ok(communities::put(turn.tx, Community::open().id(), &row)?)
            })
            .await?;
        reload(shared)
    }

    /// The communities of this node, with their links and lists, and whether it takes part in `open`.
    ///
    /// # Errors
    /// Storage errors.
    pub fn communities(&self) -> Result<view::Communities, Error> {
        let shared = self.shared();
        let rows = shared.store.read()?;
        let known = shared.communities.all();
        let mut own = Vec::new();
        for known in known.iter().filter(|known| !known.open) {
            let list = blocks::list_view(shared, &rows, known)?;
            let linked = {
                let presence = lock(&shared.presence);
                let links = presence.links.values();
                links.filter(|link| link.common.contains(&known.id)).count()
            };
            own.push(view::Community {
                id: known.id,
                name: known.name.clone(),
                founder: known.founder == shared.node_id,
                joined_at_ms: i64::try_from(known.joined_ms).unwrap_or(i64::MAX),
                linked: u32::try_from(linked).unwrap_or(u32::MAX),
                invites: invites::shown(&rows, known.id)?,
                list,
            });
        }
        Ok(view::Communities {
            open: known.iter().any(|known| known.open),
            own,
            only_near: shared
                .network
                .addresses()
                .iter()
                .all(|address| chater_network::is_near(address)),
        })
    }
}

impl UserHandle {
    /// Owner only: see [`Engine::found_community`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`] with `community`.
    pub async fn found_community(&self, name: &str) -> Result<Hash, Error> {
        self.owner()?.found_community(name).await
    }

    /// Owner only: see [`Engine::leave_community`].
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`].
    pub async fn leave_community(&self, id: Hash) -> Result<(), Error> {
        self.owner()?.leave_community(id).await
    }

    /// Owner only: see [`Engine::set_open`].
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn set_open(&self, on: bool) -> Result<(), Error> {
        self.owner()?.set_open(on).await
    }

    /// Owner only: see [`Engine::communities`].
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn communities(&self) -> Result<view::Communities, Error> {
        self.owner()?.communities()
    }
}
