//! What users of this node do with groups, inside a turn. Each act asks the group's own rules first, so
//! that what is allowed here is valid everywhere once it is written (M4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chater_protocol::chat::keys::{Holder, KnownKey};
use chater_protocol::event::{Feed, Header, Kind, Lane, VerifiedEvent};
use chater_protocol::id::{Bytes, ChatId, EventId, KeyId, UserId};
use chater_protocol::payload::{
    Add, Create, GroupProfile, KeyBox, KeyShare, Leave, Payload, Policy, Remove, Role, RoleChange,
};
use chater_protocol::seal::BoxFor;
use chater_protocol::{limits, text};
use chater_store::chats::{self, InboxRow};
use chater_store::{StoreError, events, forks, groups, homes, users};

use crate::boxes;
use crate::error::{Error, Reason};
use crate::local::{own_chat, want_nodes};
use crate::membership;
use crate::own::{append_own, position, ready_key, write_key, write_message};
use crate::remote::open_box;
use crate::turn::{ChatContext, Fail, Made, Turn, Writer};
use crate::view::{GroupRules, History};

/// Members that one call may add.
const AT_ONCE: usize = 200;

/// A title as it will be stored: 1-64 characters, one line.
fn check_title(title: &str) -> Result<String, Error> {
    let title = title.trim();
    let reason = match text::check_line(title, limits::NAME_CHARS) {
        Ok(()) if title.is_empty() => Reason::Empty,
        Ok(()) => return Ok(title.to_owned()),
        Err(text::BadText::Long) => Reason::Long,
        Err(_) => Reason::Control,
    };
    Err(Error::invalid("title", reason))
}

/// Everybody must be known here: an `add` names a root key, and the first message seals to its homes.
fn check_members(turn: &Turn<'_, '_>, members: &BTreeSet<UserId>) -> Result<(), Fail> {
    if members.len() > AT_ONCE {
        return Err(Error::invalid("members", Reason::Long).into());
    }
    for user in members {
        if homes::live(turn.tx, *user)?.is_empty() {
            return Err(Error::NotFound.into());
        }
    }
    Ok(())
}

/// Founds a group; its creator owns it for good (M2).
pub(crate) fn create(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    title: &str,
    members: &BTreeSet<UserId>,
) -> Result<ChatId, Fail> {
    let title = check_title(title)?;
    check_members(turn, members)?;
    let writer = turn.writer(user)?;
    let mut nonce = [0; 16];
    turn.rng.fill_bytes(&mut nonce);
    let create = Create {
        nonce: Bytes(nonce),
        policy: Policy {
            who_adds: 0,
            history: 0,
            days: 0,
            read_marks: true,
        },
    };
    let feed = Feed {
        group: ChatId::default(),
        author: user,
        home: writer.home,
        lane: Lane::Control as u8,
    };
    let at = chater_protocol::event::Position {
        feed,
        seq: 0,
        prev: EventId::default(),
        ctl: Vec::new(),
        deps: Vec::new(),
        ts: chater_protocol::time::Timestamp::for_event(turn.now_ms, None),
    };
    let event = VerifiedEvent::sign(at, Kind::CREATE, create.encode(), &writer.key);
    let chat = ChatId(event.id().0);
    turn.durable();
    let no = turn.ensure_group(chat)?;
    turn.append(no, &event, None)?;
    chats::put_inbox(turn.tx, user, no, &InboxRow::default())?;
    turn.context(no, |turn, context| {
        let mut touched = BTreeSet::from([user]);
        for member in members.iter().filter(|member| **member != user) {
            let add = Add {
                user: *member,
                role: Role::Member,
                by_link: false,
            };
            control(turn, no, context, user, &writer, Kind::ADD, add.encode())?;
            touched.insert(*member);
        }
        membership::changed(turn, no, context, &touched)
    })?;
    set_profile(turn, no, user, &title)?;
    turn.card_changed(user, no);
    Ok(chat)
}

/// Appends a control event of an own home (lane 0), and tells the graph.
pub(crate) fn control(
    turn: &mut Turn<'_, '_>,
    no: u32,
    context: &mut ChatContext,
    user: UserId,
    writer: &Writer,
    kind: Kind,
    payload: Vec<u8>,
) -> Result<(), Fail> {
    let feed = Feed {
        group: context.chat.chat,
        author: user,
        home: writer.home,
        lane: Lane::Control as u8,
    };
    let at = position(turn, no, feed, context)?;
    let event = VerifiedEvent::sign(at, kind, payload, &writer.key);
    append_own(turn, no, context, &event, None)?;
    if let Some(group) = &mut context.group {
        group.insert(&event);
    }
    Ok(())
}

/// Runs an act on a group that the user is in: the home that acts, and the group as it is.
pub(crate) fn act<T>(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    f: impl FnOnce(&mut Turn<'_, '_>, u32, &mut ChatContext, &Writer) -> Result<T, Fail>,
) -> Result<T, Fail> {
    let (no, inbox) = own_chat(turn, user, chat)?;
    if turn.row(no)?.users.is_some() {
        return Err(Error::NotAGroup.into());
    }
    if inbox.state != 0 {
        return Err(Error::Forbidden.into());
    }
    let writer: Arc<Writer> = turn.writer(user)?;
    let out = turn.context(no, |turn, context| f(turn, no, context, &writer))?;
    membership::revive(turn)?;
    Ok(out)
}

/// Adds members; those who are in already stay as they are. They get what the history policy allows (K6).
pub(crate) fn add(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    members: &BTreeSet<UserId>,
    by_link: bool,
) -> Result<(), Fail> {
    check_members(turn, members)?;
    act(turn, user, chat, |turn, no, context, writer| {
        let new: BTreeSet<UserId> = members
            .iter()
            .copied()
            .filter(|member| !context.members.contains(member))
            .collect();
        let group = context.group.as_ref().ok_or(Error::Internal)?;
        let seat = group.seat(&user, writer.home);
        if !new.iter().all(|new| seat.may_add(new, Role::Member)) {
            return Err(Error::Forbidden.into());
        }
        if context.members.len() + new.len() > limits::MEMBERS {
            return Err(Error::invalid("members", Reason::Long).into());
        }
        for member in &new {
            let add = Add {
                user: *member,
                role: Role::Member,
                by_link,
            };
            control(turn, no, context, user, writer, Kind::ADD, add.encode())?;
        }
        membership::changed(turn, no, context, &new)?;
        share_older(turn, no, context, user, writer, &new)
    })
}

/// K6: whoever adds a member shares the older keys that the policy allows, so the newcomer reads what any
/// member serves.
fn share_older(
    turn: &mut Turn<'_, '_>,
    no: u32,
    context: &mut ChatContext,
    user: UserId,
    writer: &Writer,
    new: &BTreeSet<UserId>,
) -> Result<(), Fail> {
    let homes: Vec<Holder> = context
        .live
        .iter()
        .filter(|(member, _)| new.contains(member))
        .copied()
        .collect();
    let makers = makers(turn, no, &mut context.made)?;
    let keys: Vec<KeyId> = context.secrets.keys().copied().collect();
    for key in keys {
        let Some(makers) = makers.get(&key) else {
            continue;
        };
        let mut wanted = Vec::new();
        for (to, home) in &homes {
            let allowed = context.group.as_ref().is_some_and(|group| {
                let mut makers = makers.iter();
                makers.all(|maker| group.may_share(&maker.header, maker.ms, to))
            });
            let Some((card, _)) = homes::kem(turn.tx, *to, *home)?.filter(|_| allowed) else {
                continue;
            };
            let who = BoxFor {
                group: context.chat.chat,
                author: user,
                author_home: writer.home,
                user: *to,
                home: *home,
                n: card.n,
            };
            wanted.push((who, card.kem_pk));
        }
        let secret = context.secrets.get(&key);
        let boxes = secret.map_or_else(Vec::new, |secret| boxes::seal_all(secret, &wanted));
        if boxes.is_empty() {
            continue;
        }
        let share = KeyShare { key_id: key, boxes };
        write_key(turn, no, context, user, writer, &share)?;
        if let Some(mut row) = chats::key(turn.tx, no, key)? {
            let mut held: BTreeSet<Holder> = row.holders.iter().copied().collect();
            let new = share.boxes.iter().map(|sealed| (sealed.user, sealed.home));
            row.holders.extend(new.filter(|new| held.insert(*new)));
            chats::put_key(turn.tx, no, key, &row)?;
            for known in context.keys.iter_mut().filter(|known| known.id == key) {
                known.holders = row.holders.iter().copied().collect();
            }
        }
    }
    Ok(())
}

/// An event that may have made a key.
struct Maker {
    header: Arc<Header>,
    /// Its min(ts, arrival), Unix ms.
    ms: u64,
    /// Not void, and below any fork of its feed.
    counts: bool,
}

/// Of each key the events that may have made it: those with a box for their author's own home. Whoever only shares a key
/// has one already. Such an event has a box for every home of the group: what was read of them once is not read again.
fn makers(
    turn: &Turn<'_, '_>,
    no: u32,
    made: &mut Made,
) -> Result<BTreeMap<KeyId, Vec<Maker>>, StoreError> {
    let mut makers: BTreeMap<KeyId, Vec<Maker>> = BTreeMap::new();
    let some_void = groups::has_void(turn.tx, no)?;
    for (feed_no, feed) in events::feeds(turn.tx, no)? {
        if feed.lane != Lane::Keys as u8 {
            continue;
        }
        let (read, found) = made.entry(feed_no).or_default();
        // Above a gap and in forks events come in any order: there all is read every time.
        let plain = feed.top < feed.whole && feed.forked_at.is_none();
        if !plain {
            (*read, *found) = (0, Vec::new());
        }
        if !plain || *read < feed.whole {
            for wire in events::range(turn.tx, feed_no, *read, u64::MAX, usize::MAX, usize::MAX)? {
                found.extend(makes_key(&wire)?);
            }
        }
        *read = if plain { feed.whole } else { 0 };
        let fork = match feed.forked_at {
            Some(_) => forks::fork(turn.tx, no, feed.home, feed.lane)?,
            None => None,
        };
        for (key, header) in found.iter() {
            // L7: what somebody makes who says different things to different nodes is not clean.
            let forked = fork.as_ref().is_some_and(|fork| header.seq >= fork.at);
            let place = (header.home, header.lane, header.seq);
            // K3: one that does not count makes no key, or who is out could name the keys of the others.
            let void = some_void && groups::is_void_at(turn.tx, no, place, 0)?;
            makers.entry(*key).or_default().push(Maker {
                header: header.clone(),
                ms: header.ts.ms().min(turn.now_ms),
                counts: !forked && !void,
            });
        }
    }
    Ok(makers)
}

/// The key that an event makes: one that has a box for its author's own home.
fn makes_key(wire: &[u8]) -> Result<Option<(KeyId, Arc<Header>)>, StoreError> {
    let event =
        VerifiedEvent::from_store(wire).map_err(|_| StoreError::Damaged("an event".to_owned()))?;
    let Some(share) = event.payload().and_then(|p| KeyShare::decode(p).ok()) else {
        return Ok(None);
    };
    let header = event.header();
    let own = |sealed: &KeyBox| sealed.user == header.author && sealed.home == header.home;
    let makes = share.boxes.iter().any(own);
    Ok(makes.then(|| (share.key_id, Arc::new(header.clone()))))
}

/// K3: the key that a sender may choose, in a list; none = any, in a direct chat. In a group whoever made it must have seen out
/// all who are out here: else they may be sharing it with somebody who is. The newest comes first (K4), and a group that
/// many have left has many keys: the others are not looked at.
pub(crate) fn safe_keys(
    turn: &Turn<'_, '_>,
    no: u32,
    context: &mut ChatContext,
) -> Result<Option<Vec<KnownKey>>, StoreError> {
    let Some(group) = &context.group else {
        return Ok(None);
    };
    let mut newest: Vec<&KnownKey> = context.keys.iter().filter(|key| key.usable).collect();
    newest.sort_by_key(|key| (std::cmp::Reverse(key.first_ms), key.id));
    let mut all = None;
    for key in newest {
        if !key.holders.is_subset(&context.live) {
            continue;
        }
        let fresh = match context.fresh.get(&key.id) {
            Some(fresh) => *fresh,
            None => {
                let all = match &all {
                    Some(all) => all,
                    None => all.insert(makers(turn, no, &mut context.made)?),
                };
                let counting = all.get(&key.id).into_iter().flatten();
                let first = counting.filter(|it| it.counts).min_by_key(|it| it.ms);
                let fresh = first.is_some_and(|first| group.is_fresh(&first.header));
                context.fresh.insert(key.id, fresh);
                fresh
            }
        };
        if fresh {
            return Ok(Some(vec![key.clone()]));
        }
    }
    Ok(Some(Vec::new()))
}

/// K6: whether everybody who lacks a key may have it. Always so in a direct chat. Which event made the key nobody can
/// prove: whoever is kept from it could write one with a box for themselves and date it back. So each that may have must
/// allow it, those that do not count as well.
pub(crate) fn may_all_have(
    turn: &Turn<'_, '_>,
    no: u32,
    context: &mut ChatContext,
    key: KeyId,
    lacking: &[Holder],
) -> Result<bool, StoreError> {
    let Some(group) = &context.group else {
        return Ok(true);
    };
    Ok(match makers(turn, no, &mut context.made)?.get(&key) {
        Some(makers) => makers.iter().all(|maker| {
            let mut lacking = lacking.iter();
            lacking.all(|(user, _)| group.may_share(&maker.header, maker.ms, user))
        }),
        // A key that nobody has been given yet begins now; of one that came otherwise nobody knows.
        None => {
            chats::key(turn.tx, no, key)?.is_none()
                || group.policy().is_none_or(|policy| policy.history == 0)
        }
    })
}

/// K7: whether a user was given a key by somebody who had it. Whoever names a key in an event of their own has not: ids of
/// keys are written on what they seal. Known to have it are the homes of this node, whoever sealed it to one of these, and
/// whom any of them sealed it to.
pub(crate) fn was_given(
    turn: &Turn<'_, '_>,
    no: u32,
    context: &ChatContext,
    key: KeyId,
    user: UserId,
) -> Result<bool, StoreError> {
    let mut had: BTreeSet<Holder> = BTreeSet::new();
    for local in context.locals() {
        had.extend(users::user(turn.tx, local)?.map(|row| (local, row.home)));
    }
    let mut shares = Vec::new();
    let some_void = groups::has_void(turn.tx, no)?;
    for (feed_no, feed) in events::feeds(turn.tx, no)? {
        if feed.lane != Lane::Keys as u8 {
            continue;
        }
        for wire in events::range(turn.tx, feed_no, 0, u64::MAX, usize::MAX, usize::MAX)? {
            let event = VerifiedEvent::from_store(&wire)
                .map_err(|_| StoreError::Damaged("an event".to_owned()))?;
            let share = event.payload().and_then(|p| KeyShare::decode(p).ok());
            let Some(share) = share.filter(|share| share.key_id == key) else {
                continue;
            };
            let header = event.header();
            let place = (header.home, header.lane, header.seq);
            if some_void && groups::is_void_at(turn.tx, no, place, 0)? {
                continue;
            }
            let author = (header.author, header.home);
            if opens_here(turn, header, &share)? {
                had.insert(author);
            }
            let to = share.boxes.iter().map(|to| (to.user, to.home));
            shares.push((author, to.collect::<Vec<_>>()));
        }
    }
    loop {
        let known = had.len();
        for (author, to) in &shares {
            if had.contains(author) {
                had.extend(to);
            }
        }
        if had.len() == known {
            return Ok(had.iter().any(|(holder, _)| *holder == user));
        }
    }
}

/// Whether an event has a box for a home of this node that holds the key it names (K1).
fn opens_here(turn: &Turn<'_, '_>, header: &Header, share: &KeyShare) -> Result<bool, StoreError> {
    for sealed in &share.boxes {
        let who = BoxFor::of(header, sealed);
        if open_box(turn, &who, share.key_id, sealed)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes a member out; the next message is sealed with a key they never had (K8).
pub(crate) fn remove(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    member: UserId,
) -> Result<(), Fail> {
    act(turn, user, chat, |turn, no, context, writer| {
        let group = context.group.as_ref().ok_or(Error::Internal)?;
        if group.rank(&member).is_none() {
            return Err(Error::NotFound.into());
        }
        if !group.seat(&user, writer.home).may_remove(&member) {
            return Err(Error::Forbidden.into());
        }
        let cut = group.cut(&member, &events::heads(turn.tx, no)?);
        let payload = Remove { user: member, cut }.encode();
        control(turn, no, context, user, writer, Kind::REMOVE, payload)?;
        membership::changed(turn, no, context, &BTreeSet::from([member]))?;
        rotate(turn, no, context, user, writer)
    })
}

/// K8: a new key at once, in the same batch as the remove.
fn rotate(
    turn: &mut Turn<'_, '_>,
    no: u32,
    context: &mut ChatContext,
    user: UserId,
    writer: &Writer,
) -> Result<(), Fail> {
    let feed = Feed {
        group: context.chat.chat,
        author: user,
        home: writer.home,
        lane: Lane::Messages as u8,
    };
    let seq = position(turn, no, feed, context)?.seq;
    ready_key(turn, no, context, user, writer, seq)?;
    Ok(())
}

/// Leaves; the owner cannot (M2).
pub(crate) fn leave(turn: &mut Turn<'_, '_>, user: UserId, chat: ChatId) -> Result<(), Fail> {
    act(turn, user, chat, |turn, no, context, writer| {
        let group = context.group.as_ref().ok_or(Error::Internal)?;
        if !group.seat(&user, writer.home).may_leave() {
            return Err(Error::Forbidden.into());
        }
        let cut = group.cut(&user, &events::heads(turn.tx, no)?);
        let payload = Leave { cut }.encode();
        control(turn, no, context, user, writer, Kind::LEAVE, payload)?;
        membership::changed(turn, no, context, &BTreeSet::from([user]))
    })
}

/// Gives or takes the rank of an admin; the owner alone may (M2).
pub(crate) fn set_role(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    member: UserId,
    role: Role,
) -> Result<(), Fail> {
    act(turn, user, chat, |turn, no, context, writer| {
        let group = context.group.as_ref().ok_or(Error::Internal)?;
        if group.rank(&member).is_none() {
            return Err(Error::NotFound.into());
        }
        if !group.seat(&user, writer.home).may_set_role(&member, role) {
            return Err(Error::Forbidden.into());
        }
        let cut = group.cut(&member, &events::heads(turn.tx, no)?);
        let payload = RoleChange {
            user: member,
            role,
            cut,
        }
        .encode();
        control(turn, no, context, user, writer, Kind::ROLE, payload)?;
        membership::changed(turn, no, context, &BTreeSet::from([member]))
    })
}

/// Other rules; the owner alone may (M2).
pub(crate) fn set_rules(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    rules: GroupRules,
) -> Result<(), Fail> {
    let (history, days) = match rules.history {
        History::All => (0, 0),
        History::Days(0) => return Err(Error::invalid("days", Reason::Empty).into()),
        History::Days(days) => (1, days),
        History::SinceJoin => (2, 0),
    };
    let policy = Policy {
        who_adds: u8::from(rules.everyone_adds),
        history,
        days,
        read_marks: rules.read_marks,
    };
    act(turn, user, chat, |turn, no, context, writer| {
        let group = context.group.as_ref().ok_or(Error::Internal)?;
        if !group.seat(&user, writer.home).may_set_policy(&policy) {
            return Err(Error::Forbidden.into());
        }
        if group.policy() == Some(&policy) {
            return Ok(());
        }
        let payload = policy.encode();
        control(turn, no, context, user, writer, Kind::POLICY, payload)?;
        membership::changed(turn, no, context, &BTreeSet::new())
    })
}

/// A new title.
pub(crate) fn rename(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    title: &str,
) -> Result<(), Fail> {
    let title = check_title(title)?;
    let no = act(turn, user, chat, |_, no, _, _| Ok(no))?;
    set_profile(turn, no, user, &title)
}

fn set_profile(turn: &mut Turn<'_, '_>, no: u32, user: UserId, title: &str) -> Result<(), Fail> {
    let row = groups::group(turn.tx, no)?.unwrap_or_default();
    let profile = GroupProfile {
        title: title.to_owned(),
        picture: row.picture,
    };
    let (event, stored) = write_message(turn, user, no, Kind::PROFILE, &profile.encode(), None)?;
    membership::took_profile(turn, no, &event, &stored)
}

/// M4, L8: whether a user of this node may take back a message of that author.
pub(crate) fn may_delete(
    turn: &mut Turn<'_, '_>,
    no: u32,
    user: UserId,
    author: UserId,
) -> Result<bool, Fail> {
    let home = turn.writer(user)?.home;
    turn.context(no, |_, context| {
        let group = context.group.as_ref();
        Ok(group.is_some_and(|group| group.seat(&user, home).may_delete_of(&author)))
    })
}

/// L8: whether a `delete` takes back a message of that author: its own, or in a group what M4 allows.
pub(crate) fn deletes(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    author: UserId,
) -> Result<bool, Fail> {
    if event.header().author == author {
        return Ok(true);
    }
    turn.context(no, |_, context| {
        let group = context.group.as_ref();
        Ok(group.is_some_and(|group| group.may_delete(event.id(), event.header(), &author)))
    })
}

/// Keeps connections to the nodes of members.
pub(crate) fn want_members(
    turn: &mut Turn<'_, '_>,
    members: impl IntoIterator<Item = UserId>,
) -> Result<(), StoreError> {
    for member in members {
        want_nodes(turn, member)?;
    }
    Ok(())
}
