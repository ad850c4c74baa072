//! What follows from control events of groups, inside a turn: who is in, what counts, what is shown. And the
//! door for events that peers bring of a group (M1, M6, S4).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::Ordering;

use chater_protocol::chat::group::{Group, Judgement, Outcome, Rank};
use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::{EventId, NodeId, UserId};
use chater_protocol::payload::{Add, Delete, GroupProfile, Payload, Remove, Retire, RoleChange};
use chater_protocol::wire::{Ack, ChatRef};
use chater_protocol::{limits, text};
use chater_store::chats::{self, InboxRow};
use chater_store::events::{self, Appended, Stored};
use chater_store::forks::{self, Flaw};
use chater_store::{StoreError, groups, homes, void};

use crate::branches;
use crate::emblem;
use crate::group::want_members;
use crate::local::amended;
use crate::preferences;
use crate::remote::{
    Taken, ended, fill, is_accepted, is_bare, is_own_home, requests, stop_home, took, was_deleted,
};
use crate::shared::lock;
use crate::turn::{ChatContext, Fail, Turn};
use crate::update::News;

/// After control events: members, their places and keys are worked out anew, and what users in `touched`
/// wrote is judged again.
pub(crate) fn changed(
    turn: &mut Turn<'_, '_>,
    no: u32,
    context: &mut ChatContext,
    touched: &BTreeSet<UserId>,
) -> Result<(), Fail> {
    turn.durable();
    turn.effects.groups.insert(no);
    let before: BTreeSet<NodeId> = context.routes.iter().map(|(node, _)| *node).collect();
    for user in touched {
        context.known.remove(user);
    }
    turn.gather(context)?;
    let Some(group) = &context.group else {
        return Ok(());
    };
    let old = groups::group(turn.tx, no)?.unwrap_or_default();
    let row = groups::GroupRow {
        v: 1,
        title: old.title.clone(),
        members: group
            .members()
            .map(|(user, rank)| (user, rank_number(rank)))
            .collect(),
        policy: group.policy().cloned(),
        picture: old.picture,
    };
    let present: BTreeSet<UserId> = context.members.iter().copied().collect();
    let were: BTreeSet<UserId> = old.members.iter().map(|(user, _)| *user).collect();
    for user in present.difference(&were) {
        groups::seat(turn.tx, *user, no, true)?;
        groups::set_left(turn.tx, *user, no, None)?;
        if context.local.contains(user) {
            let inbox = chats::inbox(turn.tx, *user, no)?;
            if inbox.as_ref().is_none_or(|inbox| inbox.state == 4) {
                let state = invited(turn, group, *user)?;
                let inbox = InboxRow {
                    state,
                    ..inbox.unwrap_or_default()
                };
                chats::put_inbox(turn.tx, *user, no, &inbox)?;
            }
        }
    }
    for user in were.difference(&present) {
        groups::seat(turn.tx, *user, no, false)?;
        // What comes from now on is not for who is out, here (others of this node may stay in) or elsewhere (S9).
        let last = turn.row(no)?.count;
        groups::set_left(turn.tx, *user, no, Some(last))?;
        if turn.is_local(*user)?
            && let Some(inbox) = chats::inbox(turn.tx, *user, no)?
            && inbox.state != 3
        {
            chats::put_inbox(turn.tx, *user, no, &InboxRow { state: 4, ..inbox })?;
        }
    }
    if row != old {
        groups::put(turn.tx, no, &row)?;
    }
    // The end of an admin may end those it had added (M8).
    let moved = were.symmetric_difference(&present);
    let touched: BTreeSet<UserId> = touched.iter().chain(moved).copied().collect();
    let reload = judge_again(turn, no, group, &touched)?;
    branches::settle_control(turn, no, group)?;
    let left = were.difference(&present);
    for user in context.local.iter().chain(left) {
        if turn.is_local(*user)? {
            turn.card_changed(*user, no);
            let chat_id = context.chat.chat;
            turn.tell(*user, News::Notes { chat_id });
            if reload {
                turn.tell(*user, News::Reload);
            }
        }
    }
    // Whoever has just come lacks all there is.
    let routes = context.routes.iter().map(|(node, _)| *node);
    turn.effects
        .lacking
        .extend(routes.filter(|node| !before.contains(node)));
    want_members(turn, present.difference(&were).copied())?;
    Ok(())
}

/// What a member is, as the store keeps it.
fn rank_number(rank: Rank) -> u8 {
    match rank {
        Rank::Member => 0,
        Rank::Admin => 1,
        Rank::Owner => 2,
    }
}

/// Whether a group stands in the list of a new member at once, or asks first (M9): whoever adds must be
/// somebody they talk with, or one from whom they take first messages.
fn invited(turn: &Turn<'_, '_>, group: &Group, user: UserId) -> Result<u8, StoreError> {
    if group.owner() == Some(user) {
        return Ok(0);
    }
    for added in group.added_by(&user) {
        let chat = chater_protocol::chat::direct::chat_id(added.by, user);
        if let Some(no) = chats::number(turn.tx, chat)?
            && let Some(inbox) = chats::inbox(turn.tx, user, no)?
        {
            // Whom one has blocked adds one to nothing.
            return Ok(if matches!(inbox.state, 2 | 3) {
                2
            } else {
                inbox.state
            });
        }
    }
    // As of a direct chat: whoever shares no community with this node asks first. Their node may be away; then it is as
    // good if one of a common community brings the group, since it is in it.
    if turn.from.is_some_and(|from| turn.shared.is_fellow(from)) {
        return preferences::first_state(turn.tx, user);
    }
    for added in group.added_by(&user) {
        for (_, home) in homes::live(turn.tx, added.by)? {
            if home.node_id == turn.shared.node_id || turn.shared.is_fellow(home.node_id) {
                return preferences::first_state(turn.tx, user);
            }
        }
    }
    preferences::stranger_state(turn.tx, user)
}

/// M6: what these users wrote counts, or does not, by the group as it is now. Whether anything changed.
fn judge_again(
    turn: &mut Turn<'_, '_>,
    no: u32,
    group: &Group,
    touched: &BTreeSet<UserId>,
) -> Result<bool, StoreError> {
    let (mut any, mut turned) = (false, Vec::new());
    for (feed_no, feed) in events::feeds(turn.tx, no)? {
        if !touched.contains(&feed.author) {
            continue;
        }
        let wires = events::range(turn.tx, feed_no, 0, u64::MAX, usize::MAX, usize::MAX)?;
        let all = wires
            .iter()
            .filter_map(|wire| VerifiedEvent::from_store(wire).ok());
        let all: Vec<VerifiedEvent> = all.collect();
        // Only where there is more than one branch is there anything to tell apart.
        let several = all.iter().zip(all.iter().skip(1));
        let first_twice = several
            .into_iter()
            .find(|(one, next)| one.header().seq == next.header().seq)
            .map(|(one, _)| one.header().seq);
        let flaws = if feed.forked_at.is_some() && feed.lane != Lane::Control as u8 {
            let picks = group.picks(&feed.author, feed.home, feed.lane);
            let before = forks::fork(turn.tx, no, feed.home, feed.lane)?;
            let live = |event: &VerifiedEvent| is_live(group, event);
            let flaws = forks::flaws(turn.tx, no, feed_no, &picks, &live)?;
            // Also what is said of messages that are shown (L7).
            any |= before != forks::fork(turn.tx, no, feed.home, feed.lane)?;
            flaws
        } else {
            HashMap::new()
        };
        for event in &all {
            let header = event.header();
            let control = header.lane == Lane::Control as u8;
            let flaw = flaws.get(&event.id()).copied();
            let live = control || (flaw != Some(Flaw::Lost) && is_live(group, event));
            // What is told of a group: a profile of somebody who may not write one counts as little as a void remove.
            let counts = match header.kind {
                Kind::PROFILE => live && group.acts_as_admin(event.id(), header),
                _ if control => group.is_valid(&event.id()) == Some(true),
                _ => live,
            };
            let place = (header.home, header.lane, header.seq);
            let forked = first_twice.is_some_and(|at| header.seq >= at);
            let stored = match forked || header.kind == Kind::PROFILE {
                true => events::find(turn.tx, event.id())?,
                false => None,
            };
            let branch = stored.map_or(0, |stored| stored.branch);
            let changed = groups::set_void(turn.tx, no, place, branch, !counts)?;
            any |= changed;
            if forked {
                let hidden = flaw == Some(Flaw::Hidden);
                if groups::set_hidden(turn.tx, no, place, branch, hidden)? {
                    any = true;
                    if !hidden {
                        turn.revived.push((no, event.id()));
                    }
                }
            }
            if header.kind == Kind::DELETE {
                turn.deletes.push((no, event.id()));
            }
            // What a group is called follows from the profiles that count now.
            if changed && header.kind == Kind::PROFILE {
                turn.revived.push((no, event.id()));
            }
            // Places follow from what is live alone: so they are the same wherever the same events are.
            let moves = match (header.kind, stored) {
                (Kind::PROFILE, Some(stored)) => stored.void == live,
                _ => changed && !control,
            };
            if moves {
                turned.push((event.id(), !live));
            }
        }
    }
    if !turned.is_empty() {
        turn.weigh(no, &turned)?;
        let back = turned.iter().filter(|(_, void)| !void);
        turn.revived.extend(back.map(|(id, _)| (no, *id)));
    }
    Ok(any)
}

/// M6: whether an event counts by the group alone, whatever branches its feed has.
pub(crate) fn is_live(group: &Group, event: &VerifiedEvent) -> bool {
    group.judge(event.id(), event.header()) == Judgement::Live
}

/// Whom a control event is about: what they wrote is judged again.
fn about(event: &VerifiedEvent) -> UserId {
    let header = event.header();
    let payload = event.payload().unwrap_or_default();
    let named = match header.kind {
        Kind::ADD => Add::decode(payload).ok().map(|add| add.user),
        Kind::REMOVE => Remove::decode(payload).ok().map(|remove| remove.user),
        Kind::ROLE => RoleChange::decode(payload).ok().map(|role| role.user),
        _ => None,
    };
    named.unwrap_or(header.author)
}

/// Takes verified events of a group in. Durable before the acks leave.
pub(crate) fn accept(
    turn: &mut Turn<'_, '_>,
    from: NodeId,
    chat: &ChatRef,
    batch: &[Option<VerifiedEvent>],
) -> Result<Taken, Fail> {
    let put_off = |ack: Ack| Taken {
        acks: vec![ack; batch.len()],
        gap: ack == Ack::Waits,
        ..Taken::default()
    };
    let no = match turn.number(chat.chat)? {
        Some(no) => no,
        None => {
            let users = brought_in(turn, chat, batch)?;
            // Nobody here is in it as far as these events tell: whoever pushes is asked for the rest.
            if users.is_empty() {
                return Ok(put_off(Ack::Waits));
            }
            if !may_invite(turn, from, &users)? {
                return Ok(put_off(Ack::Later));
            }
            turn.ensure_group(chat.chat)?
        }
    };
    let mut acks: Vec<Option<Ack>> = Vec::with_capacity(batch.len());
    for event in batch {
        let Some(event) = event else {
            acks.push(Some(Ack::Refused));
            continue;
        };
        let ack = if let Some(stored) = turn.in_chat(no, event.id())? {
            fill(turn, no, event, &stored)?;
            Some(Ack::Committed)
        } else if is_own_home(turn, event.header().author, event.header().home)? {
            stop_home(turn, event.header().author)?;
            Some(Ack::Refused)
        } else {
            is_bare(event).then_some(Ack::Waits)
        };
        acks.push(ack);
    }
    take_control(turn, no, batch, &mut acks)?;
    revive(turn)?;
    let mut gap = false;
    let mut dead = Vec::new();
    // M9: before anybody here has said yes, nothing but the control events is taken; and nothing but these changes that.
    let wanted = is_accepted(turn, no)?;
    for (event, slot) in batch.iter().zip(&mut acks) {
        let (Some(event), None) = (event, &slot) else {
            continue;
        };
        let ack = take_other(turn, no, event, wanted)?;
        gap |= ack == Some(Ack::Waits);
        match ack {
            Some(ack) => *slot = Some(ack),
            None => dead.push((event, slot)),
        }
    }
    // From the newest down: what counts needs what stands below it in its feed (M6).
    for (event, slot) in dead.into_iter().rev() {
        *slot = Some(take_dead(turn, no, event)?);
    }
    revive(turn)?;
    gap |= acks.contains(&Some(Ack::Waits)) || !events::missing_ids(turn.tx, no, 1)?.is_empty();
    let (lacks_keys, homeless) = turn.context(no, |_, context| {
        let known = |user| {
            context
                .known
                .get(user)
                .is_some_and(|(_, homes)| !homes.is_empty())
        };
        let homeless = context.members.iter().filter(|user| !known(*user));
        Ok((context.lacks_keys(), homeless.copied().collect::<Vec<_>>()))
    })?;
    let mut unknown = Vec::new();
    for member in homeless {
        if unknown.len() < limits::IDS && homes::home_records(turn.tx, member)?.is_empty() {
            unknown.push(member);
        }
    }
    let acks: Vec<Ack> = acks.into_iter().map(|a| a.unwrap_or(Ack::Waits)).collect();
    Ok(Taken {
        lacks: lacks(turn, no, batch, &acks)?,
        acks,
        gap: gap || lacks_keys,
        unknown,
        ..Taken::default()
    })
}

/// M1: the control events for which events of this batch wait, and which did not come with them. Heads say nothing of one on
/// a branch of a fork (S5): it is asked for by its id.
fn lacks(
    turn: &mut Turn<'_, '_>,
    no: u32,
    batch: &[Option<VerifiedEvent>],
    acks: &[Ack],
) -> Result<Vec<EventId>, Fail> {
    let waits = batch.iter().zip(acks).filter(|(_, a)| **a == Ack::Waits);
    let waits: Vec<&VerifiedEvent> = waits.filter_map(|(event, _)| event.as_ref()).collect();
    if waits.is_empty() {
        return Ok(Vec::new());
    }
    let came: HashSet<EventId> = batch.iter().flatten().map(VerifiedEvent::id).collect();
    turn.context(no, |_, context| {
        let Some(group) = &context.group else {
            return Ok(Vec::new());
        };
        let named = waits.iter().flat_map(|event| links(event));
        let lacks = named.filter(|id| !came.contains(id) && !group.contains(id));
        Ok(lacks.collect::<BTreeSet<_>>().into_iter().collect())
    })
}

/// The control events that an event names.
fn links(event: &VerifiedEvent) -> impl Iterator<Item = EventId> {
    let header = event.header();
    let prev =
        (header.lane == Lane::Control as u8 && !header.prev.is_zero()).then_some(&header.prev);
    prev.into_iter().chain(&header.ctl).copied()
}

/// Whom of this node the control events of a batch make members of a group that is not here yet: strangers who know a
/// group's id, or invent one, store nothing.
fn brought_in(
    turn: &Turn<'_, '_>,
    chat: &ChatRef,
    batch: &[Option<VerifiedEvent>],
) -> Result<Vec<UserId>, StoreError> {
    let mut group = Group::new(chat.chat);
    for event in batch.iter().flatten() {
        if event.header().lane == Lane::Control as u8 {
            group.insert_named(event);
        }
    }
    let mut found = Vec::new();
    for (user, _) in group.members() {
        if turn.is_local(user)? {
            found.push(user);
        }
    }
    Ok(found)
}

/// K10, M9: whether a node may bring these people of this node into one more group. One that shares no community with it
/// may do so as seldom as begin a chat.
fn may_invite(turn: &Turn<'_, '_>, from: NodeId, users: &[UserId]) -> Result<bool, StoreError> {
    if turn.shared.is_fellow(from) {
        return Ok(true);
    }
    for user in users {
        if requests(turn, *user)? >= limits::STRANGERS {
            return Ok(false);
        }
    }
    let mut rates = lock(&turn.shared.rates);
    Ok(rates.strangers.take(&from, turn.now_ms).is_ok())
}

/// How often what found no place is tried again with the rest of its batch: all that waits is known after the first time,
/// all cuts after the second.
const PASSES: usize = 3;

/// Control events first, each after its past, whatever their order in the batch (M1).
fn take_control(
    turn: &mut Turn<'_, '_>,
    no: u32,
    batch: &[Option<VerifiedEvent>],
    acks: &mut [Option<Ack>],
) -> Result<(), Fail> {
    let control: HashMap<EventId, usize> = batch
        .iter()
        .enumerate()
        .filter_map(|(at, event)| Some((at, event.as_ref()?)))
        .filter(|(at, event)| {
            event.header().lane == Lane::Control as u8 && matches!(acks.get(*at), Some(None))
        })
        .map(|(at, event)| (event.id(), at))
        .collect();
    if control.is_empty() {
        return Ok(());
    }
    let chat = turn.row(no)?.id;
    // L7: what keys and messages of the batch name has its place, as has what its control events name.
    let others = batch.iter().flatten();
    let named: HashSet<EventId> = others
        .filter(|event| event.header().lane != Lane::Control as u8)
        .flat_map(links)
        .collect();
    turn.context(no, |turn, context| {
        let mut touched = BTreeSet::new();
        let mut order: Vec<&VerifiedEvent> = batch.iter().flatten().collect();
        order.retain(|event| control.contains_key(&event.id()));
        for _ in 0..PASSES {
            let mut later = Vec::new();
            for event in &order {
                let Some(group) = &mut context.group else {
                    continue;
                };
                let outcome = match named.contains(&event.id()) {
                    true => group.insert_named(event),
                    false => group.insert(event),
                };
                let ack = match outcome {
                    Outcome::Added(ids) => {
                        for id in ids {
                            let taken = control.get(&id).copied();
                            let Some((at, event)) =
                                taken.and_then(|at| Some((at, batch.get(at)?.as_ref()?)))
                            else {
                                continue;
                            };
                            let ack = keep_control(turn, no, event)?;
                            touched.extend([about(event), event.header().author]);
                            if let Some(slot) = acks.get_mut(at) {
                                *slot = Some(ack);
                            }
                        }
                        continue;
                    }
                    Outcome::Refused(reason) => {
                        tracing::debug!(%reason, id = %event.id().short(), "refused");
                        refuse(turn)
                    }
                    Outcome::Later => {
                        later.push(*event);
                        Ack::Later
                    }
                    Outcome::Known | Outcome::Waits(_) => continue,
                };
                let slot = control.get(&event.id()).and_then(|at| acks.get_mut(*at));
                if let Some(slot) = slot {
                    *slot = Some(ack);
                }
            }
            // What came after it may name it.
            if later.is_empty() || later.len() == order.len() {
                break;
            }
            order = later;
        }
        // Unanswered by now = its past is not here. It waits with its sender, not in memory.
        for at in control.values() {
            if let Some(slot) = acks.get_mut(*at) {
                slot.get_or_insert(Ack::Waits);
            }
        }
        if context
            .group
            .as_ref()
            .is_some_and(|group| group.waiting() > 0)
        {
            context.group = Some(turn.load_group(no, chat)?);
        }
        if touched.is_empty() {
            return Ok(());
        }
        changed(turn, no, context, &touched)
    })
}

fn keep_control(turn: &mut Turn<'_, '_>, no: u32, event: &VerifiedEvent) -> Result<Ack, Fail> {
    turn.durable();
    if let Appended::TooManyForks = turn.append(no, event, None)? {
        return Ok(Ack::Refused);
    }
    turn.shared
        .counters
        .received
        .fetch_add(1, Ordering::Relaxed);
    let header = event.header();
    if header.kind == Kind::RETIRE
        && let Some(retire) = event.payload().and_then(|p| Retire::decode(p).ok())
        && let Ok(record) = retire.check(header.group, header.author)
    {
        if homes::put_home(turn.tx, &record, &retire.record)? {
            homes::put_news(turn.tx, &record, turn.now_ms)?;
        }
        ended(turn, &record)?;
        turn.identities_changed();
    }
    Ok(Ack::Committed)
}

/// Keys and messages that count (M6); none = it does not. `wanted`: somebody here has said yes.
fn take_other(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    wanted: bool,
) -> Result<Option<Ack>, Fail> {
    let judged = turn.context(no, |_, context| {
        let group = context.group.as_ref();
        Ok(group.map(|group| group.judge(event.id(), event.header())))
    })?;
    match judged {
        Some(Judgement::Live) => {}
        Some(Judgement::Waits(_)) => return Ok(Some(Ack::Waits)),
        Some(Judgement::Dead) => return Ok(None),
        _ => return Ok(Some(refuse(turn))),
    }
    if !wanted {
        return Ok(Some(Ack::Later));
    }
    if branches::is_lost(turn, no, event)? {
        return Ok(None);
    }
    turn.durable();
    let appended = match branches::is_picked(turn, no, event)? {
        true => {
            let (tx, now_ms) = (turn.tx, turn.now_ms);
            events::append_named(tx, no, turn.row(no)?, event, now_ms)?
        }
        false => turn.append(no, event, None)?,
    };
    match appended {
        Appended::Known(_) => {}
        Appended::TooManyForks => return Ok(Some(Ack::Refused)),
        Appended::New(stored) | Appended::Fork(stored) => {
            turn.shared
                .counters
                .received
                .fetch_add(1, Ordering::Relaxed);
            if branches::settle(turn, no, event, &stored)? {
                took(turn, no, event, &stored)?;
            }
        }
    }
    Ok(Some(Ack::Committed))
}

fn refuse(turn: &Turn<'_, '_>) -> Ack {
    turn.shared
        .counters
        .rejected
        .fetch_add(1, Ordering::Relaxed);
    Ack::Refused
}

/// M6: what does not count is kept, without effect, where something that counts names it or would have a hole below
/// it: else the chat would say for ever that something lacks. Anything else that does not count is refused.
fn take_dead(turn: &mut Turn<'_, '_>, no: u32, event: &VerifiedEvent) -> Result<Ack, Fail> {
    if !void::is_wanted(turn.tx, no, event)? || !is_accepted(turn, no)? {
        return Ok(refuse(turn));
    }
    turn.durable();
    let (tx, now_ms) = (turn.tx, turn.now_ms);
    Ok(match void::append(tx, no, turn.row(no)?, event, now_ms)? {
        Appended::TooManyForks => refuse(turn),
        Appended::Fork(stored) => {
            branches::revived(turn, no, event, &stored)?;
            Ack::Committed
        }
        _ => Ack::Committed,
    })
}

/// What follows from events that were kept without effect and count now. Not inside a [`Turn::context`].
pub(crate) fn revive(turn: &mut Turn<'_, '_>) -> Result<(), Fail> {
    for (no, id) in std::mem::take(&mut turn.revived) {
        if let Some((stored, event)) = events::by_id(turn.tx, id)? {
            took(turn, no, &event, &stored)?;
        }
    }
    taken_back(turn)
}

/// L8: whether a `delete` counts may change with the group, and with the branches of its feed. A payload goes when it does; one
/// that is gone lacks when it does not, and comes back from who never dropped it. Not inside a [`Turn::context`].
fn taken_back(turn: &mut Turn<'_, '_>) -> Result<(), Fail> {
    let mut wanted = BTreeSet::new();
    for (no, id) in std::mem::take(&mut turn.deletes) {
        let Some((stored, event)) = events::by_id(turn.tx, id)? else {
            continue;
        };
        let Some(delete) = crate::remote::inside::<Delete>(turn, no, &event)? else {
            continue;
        };
        let Some((_, message)) = events::by_id(turn.tx, delete.target)? else {
            continue;
        };
        let header = message.header();
        if header.kind != Kind::MSG || header.group != event.header().group {
            continue;
        }
        let amends = events::amends(turn.tx, delete.target)?;
        match (
            message.payload().is_some(),
            was_deleted(turn, no, header.author, &amends)?,
        ) {
            (true, true) => amended(turn, no, delete.target, &event, &stored)?,
            (false, false) if !events::lacks_payload(turn.tx, no, delete.target)? => {
                events::want_payload(turn.tx, no, delete.target)?;
                turn.durable();
                wanted.insert(no);
                shown_anew(turn, no)?;
            }
            _ => {}
        }
    }
    for no in wanted {
        let routes = turn.context(no, |_, context| Ok(context.routes.clone()))?;
        turn.effects
            .asked
            .extend(routes.iter().map(|(node, _)| node));
    }
    Ok(())
}

/// What is shown of a chat is to be loaded anew.
pub(crate) fn shown_anew(turn: &mut Turn<'_, '_>, no: u32) -> Result<(), Fail> {
    let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
    for local in locals {
        turn.tell(local, News::Reload);
    }
    Ok(())
}

/// A profile of a group is kept beside the others of it, and the title worked out anew (L8).
pub(crate) fn took_profile(
    turn: &mut Turn<'_, '_>,
    no: u32,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<(), Fail> {
    let chat = turn.row(no)?.id;
    events::amend(turn.tx, EventId(chat.0), event.header(), stored)?;
    let Some(mut row) = groups::group(turn.tx, no)? else {
        return Ok(());
    };
    let mut profile = None;
    for amend in events::amends(turn.tx, EventId(chat.0))?.into_iter().rev() {
        let Some(event) = events::event(turn.tx, amend.feed_no, amend.place.seq, amend.branch)?
        else {
            continue;
        };
        let valid = turn.context(no, |_, context| {
            let group = context.group.as_ref();
            Ok(group.is_some_and(|group| group.acts_as_admin(event.id(), event.header())))
        })?;
        let header = event.header();
        let place = (header.home, header.lane, header.seq);
        groups::set_void(turn.tx, no, place, amend.branch, !valid)?;
        if !valid {
            continue;
        }
        // One whose key is not here yet says nothing, and is asked again when the key comes.
        profile = crate::remote::inside::<GroupProfile>(turn, no, &event)?.filter(|profile| {
            let title = &profile.title;
            !title.is_empty() && text::check_line(title, limits::NAME_CHARS).is_ok()
        });
        if profile.is_some() {
            break;
        }
    }
    if let Some(profile) = profile
        && (&profile.title, profile.picture) != (&row.title, row.picture)
    {
        (row.title, row.picture) = (profile.title, profile.picture);
        groups::put(turn.tx, no, &row)?;
        // Now, while those who have it are there, not only when somebody looks.
        emblem::shown(turn.shared, turn.tx, no, row.picture)?;
        let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
        for local in locals {
            turn.card_changed(local, no);
            turn.tell(local, News::Notes { chat_id: chat });
        }
    }
    Ok(())
}
