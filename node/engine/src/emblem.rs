//! How a group is shown: its title, its picture (L8). A profile names one by its hash, sealed: only members know it, only their nodes are given
//! the file, and any of them serves it.

use chater_protocol::event::Kind;
use chater_protocol::id::{ChatId, Hash, NodeId, UserId};
use chater_protocol::payload::{GroupProfile, Payload as _};
use chater_store::{Rows, StoreError, blobs, chats, groups, homes, quotas};

use crate::avatars::{self, Whom};
use crate::error::Error;
use crate::group::act;
use crate::membership;
use crate::needs::chats_with;
use crate::own::write_message;
use crate::quota;
use crate::read::Reader;
use crate::shared::Shared;
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::{Chat, ChatKind, ChatState, MemberRole};

/// Members whose names stand for a title.
const NAMES: usize = 3;
/// The kind of a file that only groups name.
pub(crate) const KIND: u8 = 1;

impl UserHandle {
    /// Chooses the picture of a group: PNG, JPEG or WebP up to 5 MB, cut square and made anew. For its owner and admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotAGroup`], [`Error::NotFound`]; [`Error::Invalid`] with `photo`; [`Error::Busy`].
    pub async fn set_group_picture(&self, chat: ChatId, bytes: Vec<u8>) -> Result<Chat, Error> {
        // Before anything is opened or written: whoever may not need not be helped to.
        self.leads(chat)?;
        self.charge_message()?;
        let user = self.id();
        avatars::take(self.shared(), bytes, async |hash, row| {
            self.run(move |turn| {
                quota::check(turn, user, row.size)?;
                set(turn, user, chat, Some(hash))?;
                quotas::wrote(turn.tx, user, row.size, 0)?;
                put(turn, hash, row)
            })
            .await
        })
        .await?;
        self.chat(chat)
    }

    /// Takes the picture of a group away.
    ///
    /// # Errors
    /// As [`UserHandle::set_group_picture`].
    pub async fn remove_group_picture(&self, chat: ChatId) -> Result<Chat, Error> {
        self.charge_message()?;
        let user = self.id();
        self.run(move |turn| set(turn, user, chat, None)).await?;
        self.chat(chat)
    }

    fn leads(&self, chat: ChatId) -> Result<(), Error> {
        let found = self.chat(chat)?;
        if found.kind != ChatKind::Group {
            return Err(Error::NotAGroup);
        }
        let leads = self
            .members(chat)?
            .iter()
            .any(|member| member.person.user_id == self.id() && member.role >= MemberRole::Admin);
        if leads && found.state == ChatState::Open {
            Ok(())
        } else {
            Err(Error::Forbidden)
        }
    }
}

impl<R: Rows> Reader<'_, R> {
    /// What a group is called; as long as no title can be read here, as before an invitation is answered (M9), by its first
    /// members.
    pub(crate) fn title_of(&self, no: u32) -> Result<String, StoreError> {
        let group = self.group(no)?;
        if !group.title.is_empty() {
            return Ok(group.title.clone());
        }
        let mut members = group.members.clone();
        members.retain(|(user, _)| *user != self.viewer());
        members.sort_by_key(|(_, rank)| std::cmp::Reverse(*rank));
        let mut names = Vec::new();
        for (user, _) in members.into_iter().take(NAMES) {
            names.push(self.person(user)?.display_name.clone());
        }
        Ok(names.join(", "))
    }
}

/// Keeps the row of a file that a group names. What a card names is everybody's, whoever else names it.
pub(crate) fn put(turn: &mut Turn<'_, '_>, hash: Hash, row: blobs::BlobRow) -> Result<(), Fail> {
    if blobs::blob(turn.tx, hash)?.is_none_or(|row| row.kind == KIND) {
        blobs::put(turn.tx, hash, &blobs::BlobRow { kind: KIND, ..row })?;
    }
    Ok(())
}

/// A profile with the same title and another picture.
fn set(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    picture: Option<Hash>,
) -> Result<(), Fail> {
    let no = act(turn, user, chat, |_, no, _, _| Ok(no))?;
    let row = groups::group(turn.tx, no)?.unwrap_or_default();
    // A profile without a title says nothing to anybody.
    if row.title.is_empty() {
        return Err(Error::Forbidden.into());
    }
    if row.picture == picture {
        return Ok(());
    }
    let title = row.title;
    let profile = GroupProfile { title, picture };
    let (event, stored) = write_message(turn, user, no, Kind::PROFILE, &profile.encode(), None)?;
    membership::took_profile(turn, no, &event, &stored)
}

/// The picture to show of a group: only one that is here. One that is not is fetched from its members' nodes.
pub(crate) fn shown(
    shared: &Shared,
    rows: &impl Rows,
    no: u32,
    named: Option<Hash>,
) -> Result<Option<String>, StoreError> {
    let Some(hash) = named else { return Ok(None) };
    if blobs::blob(rows, hash)?.is_some() {
        return Ok(Some(hash.to_string()));
    }
    shared.avatars.want(hash, Whom::Group(no));
    Ok(None)
}

/// Whether the group still has this picture.
pub(crate) fn is_named(rows: &impl Rows, no: u32, hash: Hash) -> Result<bool, StoreError> {
    let row = groups::group(rows, no)?;
    Ok(row.is_some_and(|row| row.picture == Some(hash)))
}

/// The nodes of the members of a group: any of them may have what it names.
pub(crate) fn nodes(rows: &impl Rows, no: u32) -> Result<Vec<NodeId>, StoreError> {
    let mut nodes = Vec::new();
    for (user, _) in groups::group(rows, no)?.unwrap_or_default().members {
        for (_, home) in homes::live(rows, user)? {
            if !nodes.contains(&home.node_id) {
                nodes.push(home.node_id);
            }
        }
    }
    Ok(nodes)
}

/// Whether a node is given a file that groups alone name: a member lives there (S9).
pub(crate) fn may_have(rows: &impl Rows, peer: NodeId, hash: Hash) -> Result<bool, StoreError> {
    for (no, chat) in chats_with(rows, peer)? {
        if chat.users.is_none() && is_named(rows, no, hash)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether somebody of this node is shown such a file: a group in their list has it.
pub(crate) fn may_see(rows: &impl Rows, user: UserId, hash: Hash) -> Result<bool, StoreError> {
    for (no, _) in chats::inbox_of(rows, user)? {
        if is_named(rows, no, hash)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The card of the group changes for those here who are in it.
pub(crate) fn tell(turn: &mut Turn<'_, '_>, no: u32) -> Result<(), Fail> {
    let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
    for local in locals {
        turn.card_changed(local, no);
    }
    Ok(())
}
