//! Keeping the order of L5 up when events come in any way: who names whom, what caps what, and which
//! rows of the timeline move for it. The reference it is held against is `chater_protocol::chat::order`.

use std::collections::BTreeSet;

use chater_protocol::chat::order::{Place, effective};
use chater_protocol::event::{Header, Kind, VerifiedEvent};
use chater_protocol::id::{EventId, UserId};
use chater_protocol::limits::AHEAD_MS;
use chater_protocol::time::Timestamp;

use crate::Result;
use crate::chats::{self, ChatRow};
use crate::events::{Stored, arrived_ms, event, find, newest_message, timeline_key, whose};
use crate::homes::must;
use crate::key::{Parts, join};
use crate::rows::{Rows, Write, damaged};
use crate::tables::Table;
use crate::void::relist;

/// L6: whether an event stands in the future even after what others say of it.
pub(crate) fn is_ahead(header: &Header, cap: Option<Timestamp>, now_ms: u64) -> bool {
    cap.map_or(header.ts, |cap| header.ts.min(cap))
        .is_ahead(now_ms)
}

/// Keeping L5 up when events come in any order. Links lead to events of the same chat only: an event
/// that names one of another chat names nothing.
pub(crate) struct Order<'a, 'txn> {
    pub(crate) tx: &'a Write<'txn>,
    pub(crate) chat_no: u32,
    pub(crate) now_ms: u64,
}

/// An event that another one names, and where it stands if it is here.
pub(crate) struct Named {
    id: EventId,
    at: Option<(Stored, UserId)>,
}

/// Events to place anew, by the place they had: whatever they follow comes first.
pub(crate) type Moving = BTreeSet<(Timestamp, EventId)>;

impl Order<'_, '_> {
    pub(crate) fn child_key(&self, named: EventId, child: EventId) -> Vec<u8> {
        join(&[&self.chat_no.to_be_bytes(), &named.0, &child.0])
    }

    /// An event of this chat and its author.
    pub(crate) fn find_with_author(&self, id: EventId) -> Result<Option<(Stored, UserId)>> {
        let Some(stored) = find(self.tx, id)? else {
            return Ok(None);
        };
        let (chat_no, author) = whose(self.tx, stored.feed_no)?;
        Ok((chat_no == self.chat_no).then_some((stored, author)))
    }

    /// An event of this chat.
    pub(crate) fn find(&self, id: EventId) -> Result<Option<Stored>> {
        Ok(self.find_with_author(id)?.map(|(stored, _)| stored))
    }

    pub(crate) fn event(&self, id: EventId) -> Result<Option<(Stored, VerifiedEvent)>> {
        let Some(stored) = self.find(id)? else {
            return Ok(None);
        };
        let event = event(self.tx, stored.feed_no, stored.seq, stored.branch)?;
        Ok(event.map(|event| (stored, event)))
    }

    /// What the event names.
    pub(crate) fn past(&self, header: &Header) -> Result<Vec<Named>> {
        let look = |id: &EventId| {
            Ok(Named {
                id: *id,
                at: self.find_with_author(*id)?,
            })
        };
        header.past().map(look).collect()
    }

    /// Notes what the event names, and which of it is not here.
    pub(crate) fn name_past(
        &self,
        id: EventId,
        header: &Header,
        feed_no: u32,
        past: &[Named],
    ) -> Result<()> {
        for Named { id: past, at } in past {
            // What follows in the same feed is found there, and needs no row of its own.
            let in_feed = at.is_some_and(|(at, _)| {
                at.feed_no == feed_no && at.seq.checked_add(1) == Some(header.seq)
            });
            let dep = header.deps.contains(past);
            if dep || !in_feed {
                self.tx.put(
                    Table::Children,
                    &self.child_key(*past, id),
                    &join(&[
                        &header.author.0,
                        &header.ts.0.to_be_bytes(),
                        &[u8::from(dep)],
                    ]),
                )?;
            }
            if at.is_none() {
                self.tx.put(
                    Table::ChatLacking,
                    &join(&[&self.chat_no.to_be_bytes(), &past.0]),
                    &[],
                )?;
            }
        }
        Ok(())
    }

    /// What events that came before it say about `id`: its cap, and whether any names it.
    pub(crate) fn named_before(
        &self,
        id: EventId,
        header: &Header,
        feed_no: u32,
        on_top: bool,
    ) -> Result<(Option<Timestamp>, bool)> {
        let mut own = if on_top {
            Vec::new()
        } else {
            self.followers(feed_no, header.seq, id)?
        };
        let (mut cap, mut named) = (None::<Timestamp>, !own.is_empty());
        let mut answers = Vec::new();
        let prefix = join(&[&self.chat_no.to_be_bytes(), &id.0]);
        self.tx.each(Table::Children, &prefix, &mut |key, value| {
            named = true;
            let mut parts = Parts(value);
            let child = (parts.take().map(UserId), parts.u64(), parts.u8());
            let id = key.get(36..).and_then(|b| EventId::try_from(b).ok());
            if child.0 == Some(header.author) {
                own.extend(id);
            } else if let (_, Some(ts), Some(1)) = child {
                answers.extend(id.map(|id| (id, Timestamp(ts).plus_ms(AHEAD_MS))));
            }
            true
        })?;
        for child in own {
            if let Some(by) = self
                .find(child)?
                .filter(|child| !child.void)
                .and_then(|child| child.cap)
            {
                cap = lower(cap, by);
            }
        }
        for (child, by) in answers {
            if self.find(child)?.is_none_or(|child| !child.void) {
                cap = lower(cap, by);
            }
        }
        Ok((cap, named))
    }

    /// Events of a feed that come right after `id` in it; several where it forks.
    pub(crate) fn followers(&self, feed_no: u32, seq: u64, id: EventId) -> Result<Vec<EventId>> {
        let Some(next) = seq.checked_add(1) else {
            return Ok(Vec::new());
        };
        let prefix = join(&[&feed_no.to_be_bytes(), &next.to_be_bytes()]);
        let mut found = Vec::new();
        let mut bad = false;
        self.tx.each(Table::Events, &prefix, &mut |_, wire| {
            match VerifiedEvent::from_store(wire) {
                Ok(event) if event.header().prev == id => found.push(event.id()),
                Ok(_) => {}
                Err(_) => bad = true,
            }
            true
        })?;
        if bad {
            Err(damaged(Table::Events))
        } else {
            Ok(found)
        }
    }

    /// Whether a cap can matter to an event although its place is below it: only where something
    /// behind it may still stand elsewhere than its time says, because it came from the future, does not count
    /// now or has not come at all.
    pub(crate) fn unsettled(&self) -> Result<bool> {
        let mut any = false;
        let mut seen = |_: &[u8], _: &[u8]| {
            any = true;
            false
        };
        self.tx.each(Table::Ahead, &[], &mut seen)?;
        for table in [Table::ChatLacking, Table::Void] {
            self.tx
                .each(table, &self.chat_no.to_be_bytes(), &mut seen)?;
        }
        Ok(any)
    }

    /// The new event `d` answers what it names: caps it, and what the same author wrote before that
    /// (L5). Each walk ends where an earlier answer went, so a chat pays once per event. Gives what
    /// may move.
    pub(crate) fn answer(
        &self,
        d: &Header,
        d_cap: Option<Timestamp>,
        past: &[Named],
    ) -> Result<Moving> {
        let (mut walk, mut above) = (Vec::new(), false);
        for Named { id, at } in past {
            let Some((at, author)) = at.filter(|(at, _)| !at.void) else {
                continue;
            };
            let cap = if author == d.author {
                d_cap
            } else {
                let dep = d.deps.contains(id);
                dep.then(|| d.ts.plus_ms(AHEAD_MS))
            };
            if let Some(cap) = cap {
                above |= at.eff > cap;
                walk.push((*id, cap, author));
            }
        }
        let mut moving = Moving::new();
        let unsettled = !walk.is_empty() && self.unsettled()?;
        if !unsettled && !above {
            return Ok(moving);
        }
        while let Some((id, cap, author)) = walk.pop() {
            let Some((mut stored, _)) = self
                .find_with_author(id)?
                .filter(|(stored, a)| *a == author && !stored.void)
            else {
                continue;
            };
            // Its place is above those of all it follows: below the cap nothing there changes, and the
            // walk through a long chat ends at its first step.
            if !unsettled && stored.eff <= cap {
                continue;
            }
            if lower(stored.cap, cap) == stored.cap {
                continue;
            }
            let event = event(self.tx, stored.feed_no, stored.seq, stored.branch)?;
            let event = must(event, Table::Events)?;
            let e = event.header();
            let was_provisional = stored.provisional;
            stored.cap = Some(cap);
            if was_provisional {
                stored.provisional = is_ahead(e, stored.cap, self.now_ms);
                if stored.provisional {
                    self.wait_for(id, e, stored.cap)?;
                }
            }
            self.tx.put(Table::EventIds, &id.0, &stored.encode())?;
            if cap < e.ts || was_provisional {
                moving.insert((stored.eff, id));
            }
            walk.extend(e.past().map(|past| (*past, cap, author)));
        }
        Ok(moving)
    }

    /// L6: notes when an event from the future stands at its own time.
    pub(crate) fn wait_for(
        &self,
        id: EventId,
        header: &Header,
        cap: Option<Timestamp>,
    ) -> Result<()> {
        let due = cap.map_or(header.ts, |cap| header.ts.min(cap)).ms();
        self.tx.put(
            Table::Ahead,
            &join(&[&due.to_be_bytes(), &id.0]),
            &self.chat_no.to_be_bytes(),
        )
    }

    /// The events here that name `id`, with their places.
    pub(crate) fn children(&self, id: EventId) -> Result<Moving> {
        let mut ids = Vec::new();
        let prefix = join(&[&self.chat_no.to_be_bytes(), &id.0]);
        self.tx.each(Table::Children, &prefix, &mut |key, _| {
            ids.extend(key.get(36..).and_then(|b| EventId::try_from(b).ok()));
            true
        })?;
        if let Some(stored) = self.find(id)? {
            ids.extend(self.followers(stored.feed_no, stored.seq, id)?);
        }
        let mut children = Moving::new();
        for child in ids {
            children.extend(self.find(child)?.map(|stored| (stored.eff, child)));
        }
        Ok(children)
    }

    /// L5 with what is here now.
    pub(crate) fn effective(
        &self,
        stored: &Stored,
        ts: Timestamp,
        past: &[Named],
    ) -> Result<Timestamp> {
        let here = past.iter().filter_map(|named| named.at);
        let counts = here.filter(|(at, _)| !at.void);
        let newest_past = counts.map(|(at, _)| at.eff).max();
        let cap = if stored.provisional {
            let arrived = arrived_ms(self.tx, self.chat_no, stored.n)?.unwrap_or(self.now_ms);
            lower(stored.cap, Timestamp::from_ms(arrived))
        } else {
            stored.cap
        };
        Ok(effective(ts, cap, newest_past))
    }

    /// Computes places anew until nothing moves; whether anything did. Only what follows a moved
    /// event is looked at, in the order it stood in, so each is placed once.
    pub(crate) fn settle(&self, chat: &mut ChatRow, mut moving: Moving) -> Result<bool> {
        let (mut moved, mut message_moved) = (false, false);
        while let Some((_, id)) = moving.pop_first() {
            let Some((mut stored, event)) = self.event(id)? else {
                continue;
            };
            let header = event.header();
            let old = stored.eff;
            stored.eff = self.effective(&stored, header.ts, &self.past(header)?)?;
            if stored.eff == old {
                continue;
            }
            self.tx.put(Table::EventIds, &id.0, &stored.encode())?;
            let no = self.chat_no.to_be_bytes();
            let key = |eff| {
                let key = timeline_key(&Place::of(header, eff), stored.rank);
                join(&[&no, &key])
            };
            let (old_key, new_key) = (key(old), key(stored.eff));
            let value = must(self.tx.get(Table::Timeline, &old_key)?, Table::Timeline)?;
            self.tx.remove(Table::Timeline, &old_key)?;
            self.tx.put(Table::Timeline, &new_key, &value)?;
            moved = true;
            message_moved |= header.kind == Kind::MSG;
            moving.extend(self.children(id)?);
        }
        if message_moved {
            chat.newest = newest_message(self.tx, self.chat_no)?
                .map(|row| serde_bytes::ByteBuf::from(row.key));
        }
        Ok(moved)
    }
}

/// The lower of two caps. The greatest time caps nothing.
fn lower(old: Option<Timestamp>, new: Timestamp) -> Option<Timestamp> {
    match old {
        Some(old) => Some(old.min(new)),
        None => (new.0 != u64::MAX).then_some(new),
    }
}

/// M6: events of a chat that do not count any more (`true`), or count again. What stood where it did because of them is
/// placed anew.
///
/// # Errors
/// Storage errors.
pub fn weigh(
    tx: &Write<'_>,
    chat_no: u32,
    chat: &mut ChatRow,
    turned: &[(EventId, bool)],
    now_ms: u64,
) -> Result<()> {
    let order = Order {
        tx,
        chat_no,
        now_ms,
    };
    for (id, void) in turned {
        let mut stored = must(find(tx, *id)?, Table::EventIds)?;
        stored.void = *void;
        tx.put(Table::EventIds, &id.0, &stored.encode())?;
    }
    let (mut moving, mut capped) = (Moving::new(), Moving::new());
    for (id, _) in turned {
        let (stored, event) = must(order.event(*id)?, Table::Events)?;
        relist(tx, chat_no, &event, now_ms)?;
        moving.insert((stored.eff, *id));
        moving.extend(order.children(*id)?);
        capped.insert((stored.eff, *id));
        for past in event.header().past() {
            capped.extend(order.find(*past)?.map(|stored| (stored.eff, *past)));
        }
    }
    // The newest first: what an author wrote later says how high what it wrote before may stand.
    while let Some((_, id)) = capped.pop_last() {
        let Some((mut stored, event)) = order.event(id)? else {
            continue;
        };
        let header = event.header();
        let (cap, _) = order.named_before(id, header, stored.feed_no, false)?;
        if cap == stored.cap {
            continue;
        }
        stored.cap = cap;
        stored.provisional = is_ahead(header, cap, now_ms);
        if stored.provisional {
            order.wait_for(id, header, cap)?;
        }
        tx.put(Table::EventIds, &id.0, &stored.encode())?;
        moving.insert((stored.eff, id));
        for past in header.past() {
            if let Some((stored, author)) = order.find_with_author(*past)?
                && author == header.author
            {
                capped.insert((stored.eff, *past));
            }
        }
    }
    order.settle(chat, moving)?;
    Ok(())
}

/// L6: events whose time has come stand at their own time from now on. Gives the chats that changed.
///
/// # Errors
/// Storage errors.
pub fn release_ahead(tx: &Write<'_>, now_ms: u64) -> Result<Vec<u32>> {
    let mut due = Vec::new();
    let end = now_ms.saturating_add(AHEAD_MS).to_be_bytes();
    tx.scan(Table::Ahead, &[], Some(&end), false, &mut |key, value| {
        due.push((key.to_vec(), Parts(value).u32()));
        due.len() < 256
    })?;
    let mut chats_changed = Vec::new();
    for (key, chat_no) in due {
        tx.remove(Table::Ahead, &key)?;
        let id = key.get(8..).and_then(|b| EventId::try_from(b).ok());
        let (Some(id), Some(chat_no)) = (id, chat_no) else {
            continue;
        };
        let Some(mut chat) = chats::chat(tx, chat_no)? else {
            continue;
        };
        if let Some(mut stored) = find(tx, id)?
            && stored.provisional
        {
            let order = Order {
                tx,
                chat_no,
                now_ms,
            };
            stored.provisional = false;
            tx.put(Table::EventIds, &id.0, &stored.encode())?;
            order.settle(&mut chat, [(stored.eff, id)].into())?;
            chats::put(tx, chat_no, &chat)?;
            chats_changed.push(chat_no);
        }
    }
    chats_changed.sort_unstable();
    chats_changed.dedup();
    Ok(chats_changed)
}
