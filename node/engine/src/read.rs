//! From rows to views: chats, messages and their way, as one user may see them. Works on a snapshot
//! and inside a turn alike.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use chater_protocol::chat::order::Place;
use chater_protocol::event::{Kind, Lane, VerifiedEvent};
use chater_protocol::id::{ChatId, EventId, HomeId, KeyId, NodeId, UserId};
use chater_protocol::payload::{Edit, Msg, Payload, Policy, React};
use chater_protocol::seal::{self, EpochSecret};
use chater_protocol::text;
use chater_protocol::time::Timestamp;
use chater_store::chats::{self, ChatRow, InboxRow};
use chater_store::events::{self, Amend, Stored, TimelineRow};
use chater_store::groups::{self, GroupRow};
use chater_store::hidden::{self, Hidden};
use chater_store::tables::Table;
use chater_store::{Rows, StoreError, homes, nodes, outbox, refused, users};

use crate::emblem;
use crate::error::Error;
use crate::mail;
use crate::notes::Span;
use crate::person::{node_label, person};
use crate::reach::Reached;
use crate::shared::Shared;
use crate::turn::open_secret;
use crate::view::{
    Anchor, Chat, ChatKind, ChatState, GroupRules, History, Hop, Member, MemberRole, Message,
    MessagePage, MessageState, Path, Person, Quote, Reaction,
};

/// Characters of a quote.
const QUOTE: usize = 160;
/// Events looked through for the first message that was not read.
const LOOKED: usize = 1_000;

/// Home, lane, first seq that does not count any more.
type Cuts = Arc<[(HomeId, u8, u64)]>;

/// Reads for one viewer.
pub(crate) struct Reader<'a, R> {
    shared: &'a Shared,
    rows: &'a R,
    viewer: UserId,
    secrets: RefCell<HashMap<(u32, KeyId), Option<EpochSecret>>>,
    delivered: RefCell<HashMap<(u32, UserId), Option<u64>>>,
    groups: RefCell<HashMap<u32, Arc<GroupRow>>>,
    cuts: RefCell<HashMap<u32, Cuts>>,
    /// What the viewer switched on and off, once it was asked for.
    preferences: std::cell::OnceCell<crate::view::Preferences>,
    hidden: RefCell<HashMap<u32, Arc<Hidden>>>,
    left: RefCell<HashMap<u32, Option<u64>>>,
    reached: Reached,
}

/// What a stored inbox state is called.
pub(crate) fn chat_state(state: u8) -> ChatState {
    match state {
        1 => ChatState::Request,
        2 => ChatState::Declined,
        3 => ChatState::Blocked,
        4 => ChatState::Left,
        _ => ChatState::Open,
    }
}

pub(crate) fn ms(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl<'a, R: Rows> Reader<'a, R> {
    pub(crate) fn new(shared: &'a Shared, rows: &'a R, viewer: UserId) -> Self {
        Self {
            shared,
            rows,
            viewer,
            secrets: RefCell::default(),
            delivered: RefCell::default(),
            groups: RefCell::default(),
            cuts: RefCell::default(),
            preferences: std::cell::OnceCell::new(),
            hidden: RefCell::default(),
            left: RefCell::default(),
            reached: Reached::default(),
        }
    }

    /// What else this node knows.
    pub(crate) fn shared(&self) -> &Shared {
        self.shared
    }

    /// What was looked up of how far messages have come.
    pub(crate) fn reached(&self) -> &Reached {
        &self.reached
    }

    /// What is read from.
    pub(crate) fn rows(&self) -> &R {
        self.rows
    }

    /// Who looks.
    pub(crate) fn viewer(&self) -> UserId {
        self.viewer
    }

    pub(crate) fn preferences(&self) -> Result<crate::view::Preferences, StoreError> {
        if let Some(known) = self.preferences.get() {
            return Ok(*known);
        }
        let found = crate::preferences::of(self.rows, self.viewer)?;
        Ok(*self.preferences.get_or_init(|| found))
    }

    /// The viewer's own chat: number, row, inbox row. Unknown and foreign ones look the same.
    pub(crate) fn own_chat(&self, id: ChatId) -> Result<(u32, ChatRow, InboxRow), Error> {
        let no = chats::number(self.rows, id)?.ok_or(Error::NotFound)?;
        let inbox = chats::inbox(self.rows, self.viewer, no)?.ok_or(Error::NotFound)?;
        let row = events::present(chats::chat(self.rows, no)?, Table::Chats)?;
        Ok((no, row, inbox))
    }

    pub(crate) fn person(&self, user: UserId) -> Result<Arc<Person>, StoreError> {
        person(self.shared, self.rows, user)
    }

    fn secret(&self, chat: ChatId, no: u32, key: KeyId) -> Result<Option<EpochSecret>, StoreError> {
        if let Some(known) = self.secrets.borrow().get(&(no, key)) {
            return Ok(known.clone());
        }
        let mut row = chats::key(self.rows, no, key)?;
        // K6: the node has the key for somebody else here.
        if let Some(known) = &row
            && self.keeps_history(no)?
            && !known.holders.iter().any(|(user, _)| *user == self.viewer)
        {
            row = None;
        }
        let secret = match row.and_then(|row| row.sealed) {
            Some(sealed) => Some(open_secret(self.shared, chat, key, &sealed)?),
            None => None,
        };
        self.secrets.borrow_mut().insert((no, key), secret.clone());
        Ok(secret)
    }

    /// K6: whether those who come later do not read all that was said before in this group.
    fn keeps_history(&self, no: u32) -> Result<bool, StoreError> {
        let policy = self.group(no)?;
        Ok(policy
            .policy
            .as_ref()
            .is_some_and(|policy| policy.history != 0))
    }

    /// The inside of a lane 2 event; none when it was dropped or no key is here.
    pub(crate) fn inside<T: Payload>(
        &self,
        no: u32,
        event: &VerifiedEvent,
    ) -> Result<Option<T>, StoreError> {
        let header = event.header();
        let Some(payload) = event.payload() else {
            return Ok(None);
        };
        let Ok(key) = seal::key_of_message(payload) else {
            return Ok(None);
        };
        let Some(secret) = self.secret(header.group, no, key)? else {
            return Ok(None);
        };
        let plain = seal::open_message(&secret, &header.feed(), header.seq, header.kind, payload);
        Ok(plain.ok().and_then(|plain| T::decode(&plain).ok()))
    }

    /// Whether a cut of a retired home voids this place (I8).
    pub(crate) fn is_void(&self, no: u32, place: &Place, branch: u32) -> Result<bool, StoreError> {
        let known = self.cuts.borrow().get(&no).cloned();
        let cuts = match known {
            Some(cuts) => cuts,
            None => {
                let cuts: Cuts = chats::cuts(self.rows, no)?.into();
                self.cuts.borrow_mut().insert(no, cuts.clone());
                cuts
            }
        };
        let cut = cuts.iter().any(|(home, lane, end)| {
            *home == place.home && *lane == place.lane && place.seq >= *end
        });
        Ok(cut || groups::is_void(self.rows, no, place, branch)?)
    }

    /// What is kept of a group.
    pub(crate) fn group(&self, no: u32) -> Result<Arc<GroupRow>, StoreError> {
        if let Some(known) = self.groups.borrow().get(&no) {
            return Ok(known.clone());
        }
        let row = Arc::new(groups::group(self.rows, no)?.unwrap_or_default());
        self.groups.borrow_mut().insert(no, row.clone());
        Ok(row)
    }

    /// Everybody in a chat but the viewer.
    pub(crate) fn others(&self, no: u32, chat: &ChatRow) -> Result<Vec<UserId>, StoreError> {
        Ok(match chat.users {
            Some((a, b)) => vec![if a == self.viewer { b } else { a }],
            None => {
                let members = self.group(no)?.members.clone();
                let users = members.into_iter().map(|(user, _)| user);
                users.filter(|user| *user != self.viewer).collect()
            }
        })
    }

    /// Of some own messages those that have come that far; gives the others.
    pub(crate) fn keep_those(
        &self,
        chat: ChatId,
        ids: &mut Vec<EventId>,
        state: MessageState,
    ) -> Result<Vec<EventId>, StoreError> {
        let Some(no) = chats::number(self.rows, chat)? else {
            return Ok(Vec::new());
        };
        let row = events::present(chats::chat(self.rows, no)?, Table::Chats)?;
        let (mut kept, mut rest) = (Vec::new(), Vec::new());
        for id in ids.drain(..) {
            let Some((stored, event)) = events::by_id(self.rows, id)? else {
                continue;
            };
            if let Some(at) = events::timeline_row(self.rows, no, &stored, event.header())?
                && self.state(no, &row, &at)? == state
            {
                kept.push(id);
            } else {
                rest.push(id);
            }
        }
        *ids = kept;
        Ok(rest)
    }

    /// The last event that the viewer may see, once they are out of a group.
    fn left(&self, no: u32) -> Result<Option<u64>, StoreError> {
        if let Some(known) = self.left.borrow().get(&no) {
            return Ok(*known);
        }
        let left = groups::left(self.rows, self.viewer, no)?;
        self.left.borrow_mut().insert(no, left);
        Ok(left)
    }

    /// Whether the viewer is out of a group.
    pub(crate) fn is_out(&self, no: u32) -> Result<bool, StoreError> {
        Ok(self.left(no)?.is_some())
    }

    /// Whether an event is not for the viewer: deleted for themselves, or come after they were out.
    pub(crate) fn is_hidden(&self, no: u32, n: u64) -> Result<bool, StoreError> {
        if self.left(no)?.is_some_and(|last| n > last) {
            return Ok(true);
        }
        if let Some(known) = self.hidden.borrow().get(&no) {
            return Ok(known.has(n));
        }
        let found = Arc::new(hidden::of(self.rows, self.viewer, no)?);
        let is = found.has(n);
        self.hidden.borrow_mut().insert(no, found);
        Ok(is)
    }

    /// Up to which seq the other user's nodes have a feed of a local author.
    fn delivered(&self, feed_no: u32, other: UserId) -> Result<Option<u64>, StoreError> {
        if let Some(known) = self.delivered.borrow().get(&(feed_no, other)) {
            return Ok(*known);
        }
        let mut best = None;
        if users::lives_here(self.rows, other)? {
            best = Some(u64::MAX);
        }
        for (_, home) in homes::live(self.rows, other)? {
            if let Some(node) = nodes::node(self.rows, home.node_id)? {
                best = best.max(outbox::acked(self.rows, feed_no, node.no)?);
            }
        }
        self.delivered.borrow_mut().insert((feed_no, other), best);
        Ok(best)
    }

    /// One message as the viewer sees it. None for what cannot be shown at all: a row that does not read
    /// takes neither the page nor the list with it (B31).
    pub(crate) fn message(
        &self,
        no: u32,
        chat: &ChatRow,
        row: &TimelineRow,
    ) -> Result<Option<Message>, StoreError> {
        match self.whole_message(no, chat, row) {
            Err(error @ StoreError::Damaged(_)) => {
                tracing::error!(%error, chat = %chat.id.short(), n = row.n, "a message does not read");
                Ok(None)
            }
            other => other,
        }
    }

    fn whole_message(
        &self,
        no: u32,
        chat: &ChatRow,
        row: &TimelineRow,
    ) -> Result<Option<Message>, StoreError> {
        let Some(event) = events::event(self.rows, row.feed_no, row.place.seq, row.branch)? else {
            return Ok(None);
        };
        let body: Option<Msg> = self.inside(no, &event)?;
        // What the group keeps from those who came later is not there for them, or their page began with locked lines.
        if body.is_none() && event.payload().is_some() && self.keeps_history(no)? {
            return Ok(None);
        }
        self.compose(no, chat, row, &event, body).map(Some)
    }

    /// The same from parts that are at hand already.
    pub(crate) fn compose(
        &self,
        no: u32,
        chat: &ChatRow,
        row: &TimelineRow,
        event: &VerifiedEvent,
        body: Option<Msg>,
    ) -> Result<Message, StoreError> {
        let header = event.header();
        let own = header.author == self.viewer;
        let mut message = Message {
            id: event.id(),
            chat_id: chat.id,
            n: row.n,
            client_id: row.client_id.clone().filter(|_| own),
            author: Person::clone(&*self.person(header.author)?),
            own,
            text: None,
            mentions: Vec::new(),
            deleted: event.payload().is_none()
                && !events::lacks_payload(self.rows, no, event.id())?,
            edited: false,
            sent_at_ms: ms(row.place.eff.ms()),
            received_at_ms: ms(
                events::arrived_ms(self.rows, no, row.n)?.unwrap_or(row.place.eff.ms())
            ),
            in_group: chat.users.is_none(),
            state: MessageState::Received,
            reach: None,
            late: false,
            forked: self.is_forked(no, &row.place)?,
            reply_to: None,
            reactions: Vec::new(),
        };
        message.late = !own && self.is_late(no, &row.key, row.place.eff, message.received_at_ms)?;
        if own {
            message.state = self.state(no, chat, row)?;
            let place = (row.feed_no, row.place.seq, row.place.eff);
            message.reach = self.reach(no, chat, message.state, place)?;
        }
        // B37: a text of a peer keeps the rules of ours, or it is not shown.
        if let Some(body) = body.filter(|body| text::check_message(&body.text).is_ok()) {
            message.text = Some(body.text);
            message.reply_to = body
                .reply_to
                .map(|id| self.quote(no, id))
                .transpose()?
                .flatten();
        }
        self.amend(no, &mut message)?;
        if message.deleted {
            message.text = None;
            message.reactions.clear();
        }
        message.mentions = self.mentions(no, message.text.as_deref())?;
        Ok(message)
    }

    /// A message that this turn has just stored: nothing can have changed it yet, so nothing is read.
    pub(crate) fn fresh(
        &self,
        no: u32,
        event: &VerifiedEvent,
        stored: &Stored,
        body: Msg,
        client_id: Option<String>,
        now_ms: u64,
    ) -> Result<Message, StoreError> {
        let header = event.header();
        let own = header.author == self.viewer;
        let key = events::key_of(header, stored);
        Ok(Message {
            id: event.id(),
            chat_id: header.group,
            n: stored.n,
            client_id: client_id.filter(|_| own),
            author: Person::clone(&*self.person(header.author)?),
            own,
            mentions: self.mentions(no, Some(&body.text))?,
            text: Some(body.text),
            deleted: false,
            edited: false,
            sent_at_ms: ms(stored.eff.ms()),
            received_at_ms: ms(now_ms),
            // L2: the links to the control graph, which a direct chat does not have.
            in_group: !header.ctl.is_empty(),
            state: if own {
                MessageState::Stored
            } else {
                MessageState::Received
            },
            reach: None,
            forked: self.is_forked(no, &Place::of(header, stored.eff))?,
            late: !own && self.is_late(no, &key, stored.eff, ms(now_ms))?,
            reply_to: body
                .reply_to
                .map(|id| self.quote(no, id))
                .transpose()?
                .flatten(),
            reactions: Vec::new(),
        })
    }

    fn state(
        &self,
        no: u32,
        chat: &ChatRow,
        row: &TimelineRow,
    ) -> Result<MessageState, StoreError> {
        let others = self.others(no, chat)?;
        if others.is_empty() {
            return Ok(MessageState::Stored);
        }
        let mut read = self.sees_readers(no, chat)?;
        for other in &others {
            read = read
                && chats::mark(self.rows, no, *other)?
                    .is_some_and(|(_, _, eff)| eff >= row.place.eff);
        }
        if read {
            return Ok(MessageState::Read);
        }
        // An ack passes over what was refused.
        if refused::any(self.rows, row.feed_no, row.place.seq)? {
            return Ok(MessageState::Failed);
        }
        let mut delivered = true;
        for other in &others {
            delivered = delivered
                && self
                    .delivered(row.feed_no, *other)?
                    .is_some_and(|up_to| up_to >= row.place.seq);
        }
        Ok(if delivered {
            MessageState::Delivered
        } else {
            MessageState::Stored
        })
    }

    /// L8: edits and deletes of the same user, reactions; of several the last in L5 order counts.
    fn amend(&self, no: u32, message: &mut Message) -> Result<(), StoreError> {
        let mut reactions: Vec<(String, Vec<UserId>)> = Vec::new();
        for Amend {
            place,
            feed_no,
            branch,
            kind,
        } in self.amends(no, message.id)?
        {
            if self.is_void(no, &place, branch)? {
                continue;
            }
            let by_author = place.author == message.author.user_id;
            match kind {
                Kind::DELETE if by_author => message.deleted = true,
                Kind::EDIT if by_author => {
                    let event = events::event(self.rows, feed_no, place.seq, branch)?;
                    let edit: Option<Edit> =
                        event.map(|e| self.inside(no, &e)).transpose()?.flatten();
                    if let Some(edit) = edit.filter(|edit| text::check_message(&edit.text).is_ok())
                    {
                        message.text = Some(edit.text);
                        message.edited = true;
                    }
                }
                Kind::REACT => {
                    let event = events::event(self.rows, feed_no, place.seq, branch)?;
                    let react: Option<React> =
                        event.map(|e| self.inside(no, &e)).transpose()?.flatten();
                    let Some(react) = react.filter(|r| text::check_emoji(&r.emoji).is_ok()) else {
                        continue;
                    };
                    let room = reactions.len() < 32;
                    let slot = reactions
                        .iter_mut()
                        .find(|(emoji, _)| *emoji == react.emoji);
                    match slot {
                        Some((_, users)) => {
                            users.retain(|user| *user != place.author);
                            if react.on {
                                users.push(place.author);
                            }
                        }
                        None if react.on && room => {
                            reactions.push((react.emoji, vec![place.author]))
                        }
                        None => {}
                    }
                }
                _ => {}
            }
        }
        for (emoji, users) in reactions.into_iter().filter(|(_, users)| !users.is_empty()) {
            let mine = users.contains(&self.viewer);
            let mut names = Vec::with_capacity(users.len());
            for user in users {
                let name = self.person(user)?.display_name.clone();
                if user == self.viewer {
                    names.insert(0, name)
                } else {
                    names.push(name)
                }
            }
            message.reactions.push(Reaction { emoji, names, mine });
        }
        Ok(())
    }

    /// Changes of a message that were written in its own chat: others are void (L8), and a page must
    /// not fail over them.
    pub(crate) fn amends(&self, no: u32, id: EventId) -> Result<Vec<Amend>, StoreError> {
        let mut amends = events::amends(self.rows, id)?;
        let mut known: HashMap<u32, bool> = HashMap::new();
        for amend in &amends {
            if let std::collections::hash_map::Entry::Vacant(slot) = known.entry(amend.feed_no) {
                let feed = events::feed(self.rows, amend.feed_no)?;
                slot.insert(feed.is_some_and(|feed| feed.chat_no == no));
            }
        }
        amends.retain(|amend| known.get(&amend.feed_no) == Some(&true));
        Ok(amends)
    }

    fn quote(&self, no: u32, id: EventId) -> Result<Option<Quote>, StoreError> {
        let Some((stored, event)) = events::by_id(self.rows, id)? else {
            return Ok(None);
        };
        if events::feed(self.rows, stored.feed_no)?.is_none_or(|feed| feed.chat_no != no)
            || event.header().kind != Kind::MSG
        {
            return Ok(None);
        }
        let author = self.person(event.header().author)?;
        let mut text = self.inside::<Msg>(no, &event)?.map(|body| body.text);
        for amend in self.amends(no, id)? {
            if amend.place.author != event.header().author {
                continue;
            }
            match amend.kind {
                Kind::DELETE => text = None,
                Kind::EDIT => {
                    let event =
                        events::event(self.rows, amend.feed_no, amend.place.seq, amend.branch)?;
                    if let Some(edit) = event
                        .map(|e| self.inside::<Edit>(no, &e))
                        .transpose()?
                        .flatten()
                    {
                        text = Some(edit.text);
                    }
                }
                _ => {}
            }
        }
        if self.is_hidden(no, stored.n)? {
            text = None;
        }
        let text = text.filter(|t| text::check_message(t).is_ok()).map(|t| {
            let line: String = t.split_whitespace().collect::<Vec<_>>().join(" ");
            if line.chars().count() > QUOTE {
                line.chars().take(QUOTE).chain(['…']).collect()
            } else {
                line
            }
        });
        Ok(Some(Quote {
            id,
            author: author.display_name.clone(),
            text,
        }))
    }

    /// One chat as a card and as the head of the conversation.
    pub(crate) fn chat(
        &self,
        no: u32,
        row: &ChatRow,
        inbox: &InboxRow,
    ) -> Result<Chat, StoreError> {
        let other = row.users.map(|(a, b)| if a == self.viewer { b } else { a });
        let with = other
            .map(|other| self.person(other))
            .transpose()?
            .map(|p| Person::clone(&p));
        let newest = row
            .newest
            .as_ref()
            .map(|key| events::timeline_at(self.rows, no, key))
            .transpose()?
            .flatten();
        let newest = match newest {
            // A cut may have voided the newest one, or the viewer deleted it: look for the last that counts.
            Some(newest)
                if self.is_void(no, &newest.place, newest.branch)?
                    || self.is_hidden(no, newest.n)? =>
            {
                self.walk(no, None, true, 1)?.into_iter().next()
            }
            newest => newest,
        };
        let last = newest
            .map(|newest| self.message(no, row, &newest))
            .transpose()?
            .flatten();
        let unread = if inbox.read_n >= row.count || self.left(no)?.is_some() {
            0
        } else {
            events::unread(self.rows, no, self.viewer, inbox.read_n)?
        };
        let node = with.as_ref().map(|p| p.node_id);
        let node_row = node
            .map(|id| nodes::node(self.rows, id))
            .transpose()?
            .flatten();
        let missing = events::missing(self.rows, no)?;
        let node_online = node.is_none_or(|id| self.shared.is_linked(id));
        let draft = inbox.draft.as_ref().and_then(|sealed| {
            let plain = self
                .shared
                .kek
                .open(&draft_aad(self.viewer, row.id), sealed)
                .ok()?;
            String::from_utf8(plain.to_vec()).ok()
        });
        let node_seen_ms = node_row.filter(|n| n.seen_ms > 0).map(|n| ms(n.seen_ms));
        let (online, seen_ms) = match &with {
            Some(person) => self.presence_of(person, node_online, node_seen_ms)?,
            None => (None, None),
        };
        Ok(Chat {
            id: row.id,
            kind: if row.users.is_some() {
                ChatKind::Direct
            } else {
                ChatKind::Group
            },
            title: match &with {
                Some(person) => person.display_name.clone(),
                None => self.title_of(no)?,
            },
            picture: match row.users {
                Some(_) => None,
                None => emblem::shown(self.shared, self.rows, no, self.group(no)?.picture)?,
            },
            members: match row.users {
                Some(_) => 2,
                None => u32::try_from(self.group(no)?.members.len()).unwrap_or(u32::MAX),
            },
            rules: match row.users {
                Some(_) => None,
                None => Some(rules(self.group(no)?.policy.as_ref())),
            },
            last,
            unread,
            mentioned: unread > 0 && self.is_mentioned(no, inbox.read_n)?,
            read_n: inbox.read_n,
            state: chat_state(inbox.state),
            pinned: inbox.pinned,
            muted_until_ms: inbox.muted_until_ms.map(ms),
            archived: inbox.archived,
            draft,
            active_at_ms: ms(row.active_ms),
            node_online,
            online,
            seen_ms,
            node_seen_ms,
            waiting_since_ms: other
                .map(|o| self.waiting_since(no, o))
                .transpose()?
                .flatten(),
            missing,
            asking: u32::from(missing > 0 && node_online),
            with,
        })
    }

    /// Since when the oldest own message of the viewer waits for the other's node.
    fn waiting_since(&self, no: u32, other: UserId) -> Result<Option<i64>, StoreError> {
        if users::lives_here(self.rows, other)? {
            return Ok(None);
        }
        for (feed_no, feed) in events::feeds(self.rows, no)? {
            if feed.author != self.viewer || feed.lane != Lane::Messages as u8 {
                continue;
            }
            let next = self
                .delivered(feed_no, other)?
                .map_or(0, |up_to| up_to.saturating_add(1));
            if next < feed.whole {
                let event = events::event(self.rows, feed_no, next, 0)?;
                return Ok(event.map(|e| ms(e.header().ts.ms())));
            }
        }
        Ok(None)
    }

    /// Messages of the timeline from a key, at most `limit`, nearest first.
    pub(crate) fn walk(
        &self,
        no: u32,
        from: Option<&[u8]>,
        down: bool,
        limit: usize,
    ) -> Result<Vec<TimelineRow>, StoreError> {
        let mut found = Vec::new();
        let mut failed = None;
        events::timeline(self.rows, no, from, down, &mut |row| {
            if row.kind == Kind::MSG {
                match self.is_void(no, &row.place, row.branch) {
                    Ok(false) => match self.is_hidden(no, row.n) {
                        Ok(false) => found.push(row),
                        Ok(true) => {}
                        Err(error) => failed = Some(error),
                    },
                    Ok(true) => {}
                    Err(error) => failed = Some(error),
                }
            }
            failed.is_none() && found.len() < limit
        })?;
        failed.map_or(Ok(found), Err)
    }

    /// The row of an event of a chat in its timeline.
    pub(crate) fn place(&self, no: u32, id: EventId) -> Result<TimelineRow, Error> {
        let (stored, event) = events::by_id(self.rows, id)?.ok_or(Error::NotFound)?;
        let feed = events::present(events::feed(self.rows, stored.feed_no)?, Table::Feeds)?;
        if feed.chat_no != no {
            return Err(Error::NotFound);
        }
        events::timeline_row(self.rows, no, &stored, event.header())?.ok_or(Error::NotFound)
    }

    /// Everybody in a chat, the owner first, then admins.
    pub(crate) fn members(&self, id: ChatId) -> Result<Vec<Member>, Error> {
        let (no, row, _) = self.own_chat(id)?;
        let users = match row.users {
            Some((a, b)) => vec![(a, 0), (b, 0)],
            // Who is in it now is not for who is out.
            None if self.left(no)?.is_some() => Vec::new(),
            None => self.group(no)?.members.clone(),
        };
        let mut members = Vec::with_capacity(users.len());
        let signs = self.signs(no)?;
        for (user, rank) in users {
            members.push(Member {
                waiting: self.waiting(no, &row, &signs, user)?,
                person: Person::clone(&*self.person(user)?),
                role: match rank {
                    2 => MemberRole::Owner,
                    1 => MemberRole::Admin,
                    _ => MemberRole::Member,
                },
            });
        }
        members.sort_by(|a, b| {
            let names = (&a.person.display_name, &b.person.display_name);
            b.role.cmp(&a.role).then_with(|| names.0.cmp(names.1))
        });
        Ok(members)
    }

    /// Where somebody reads on who has read up to `read_n`: a page that shows the first message they have not read.
    fn first_unread(&self, no: u32, read_n: u64, limit: usize) -> Result<Anchor, Error> {
        let newest = self.walk(no, None, true, limit)?;
        let Some(top) = newest
            .last()
            .filter(|row| newest.len() == limit && row.n > read_n)
        else {
            return Ok(Anchor::Newest);
        };
        // As they came: what came later and stands higher is a late message, which has its hint.
        let mut came = Vec::new();
        let mut looked = 0;
        events::arrivals(self.rows, no, read_n, &mut |row| {
            looked += 1;
            if row.kind == Kind::MSG && row.author != self.viewer {
                came.push(row);
            }
            came.len() < limit && looked < LOOKED
        })?;
        for row in came {
            let event = events::event(self.rows, row.feed_no, row.seq, row.branch)?;
            let Some(event) = event else { continue };
            let place = self.place(no, event.id())?;
            if self.is_void(no, &place.place, place.branch)? || self.is_hidden(no, place.n)? {
                continue;
            }
            return Ok(if place.key < top.key {
                Anchor::Around(event.id())
            } else {
                Anchor::Newest
            });
        }
        Ok(Anchor::Newest)
    }

    /// One page of messages, oldest first (Q28).
    pub(crate) fn messages(
        &self,
        id: ChatId,
        anchor: Anchor,
        limit: usize,
    ) -> Result<MessagePage, Error> {
        let (no, chat, inbox) = self.own_chat(id)?;
        let at = |id: EventId| self.place(no, id);
        let anchor = match anchor {
            Anchor::Unread if inbox.read_n < chat.count => {
                self.first_unread(no, inbox.read_n, limit)?
            }
            other => other,
        };
        // Notes between two pages belong to the one that was asked for from there.
        let mut span = Span {
            from: None,
            to: None,
        };
        let (mut rows, older, newer) = match anchor {
            Anchor::Newest | Anchor::Unread => {
                let mut rows = self.walk(no, None, true, limit + 1)?;
                let more = rows.len() > limit;
                rows.truncate(limit);
                rows.reverse();
                (rows, more, false)
            }
            Anchor::Oldest => {
                let mut rows = self.walk(no, None, false, limit + 1)?;
                let more = rows.len() > limit;
                rows.truncate(limit);
                (rows, false, more)
            }
            Anchor::Before(id) => {
                let key = at(id)?.key;
                let mut rows = self.walk(no, Some(&key), true, limit + 1)?;
                let more = rows.len() > limit;
                rows.truncate(limit);
                rows.reverse();
                span.to = Some(key);
                (rows, more, true)
            }
            Anchor::After(id) => {
                let key = at(id)?.key;
                let mut rows = self.walk(no, Some(&key), false, limit + 1)?;
                let more = rows.len() > limit;
                rows.truncate(limit);
                span.from = Some(key);
                (rows, true, more)
            }
            Anchor::Around(id) => {
                let middle = at(id)?;
                let half = limit / 2;
                let mut above = self.walk(no, Some(&middle.key), true, half + 1)?;
                let older = above.len() > half;
                above.truncate(half);
                above.reverse();
                let mut below = self.walk(no, Some(&middle.key), false, half + 1)?;
                let newer = below.len() > half;
                below.truncate(half);
                above.push(middle);
                above.append(&mut below);
                (above, older, newer)
            }
        };
        if older && span.from.is_none() {
            span.from = rows.first().map(|row| row.key.clone());
        }
        if newer && span.to.is_none() {
            span.to = rows.last().map(|row| row.key.clone());
        }
        let mut messages = Vec::with_capacity(rows.len());
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows.drain(..) {
            if let Some(message) = self.message(no, &chat, &row)? {
                shown.push((row.key, message.id));
                messages.push(message);
            }
        }
        Ok(MessagePage {
            notes: self.notes(no, &chat, &span, &shown)?,
            older: messages.first().filter(|_| older).map(|m: &Message| m.id),
            newer: messages.last().filter(|_| newer).map(|m| m.id),
            messages,
        })
    }

    /// One message by id.
    pub(crate) fn by_id(&self, chat: ChatId, id: EventId) -> Result<Message, Error> {
        let (no, row, _) = self.own_chat(chat)?;
        let (stored, event) = events::by_id(self.rows, id)?.ok_or(Error::NotFound)?;
        self.at(no, &row, &stored, &event)?.ok_or(Error::NotFound)
    }

    /// A stored event of a chat as a message.
    pub(crate) fn at(
        &self,
        no: u32,
        chat: &ChatRow,
        stored: &Stored,
        event: &VerifiedEvent,
    ) -> Result<Option<Message>, StoreError> {
        if event.header().kind != Kind::MSG || event.header().group != chat.id {
            return Ok(None);
        }
        let Some(row) = events::timeline_row(self.rows, no, stored, event.header())? else {
            return Ok(None);
        };
        if self.is_void(no, &row.place, row.branch)? || self.is_hidden(no, row.n)? {
            return Ok(None);
        }
        let body = self.inside(no, event)?;
        self.compose(no, chat, &row, event, body).map(Some)
    }

    /// The way of one own message: this node, the other's nodes, read or not.
    pub(crate) fn path(&self, chat: ChatId, id: EventId) -> Result<Path, Error> {
        let (no, row, _) = self.own_chat(chat)?;
        let (stored, event) = events::by_id(self.rows, id)?.ok_or(Error::NotFound)?;
        let message = self
            .at(no, &row, &stored, &event)?
            .filter(|m| m.own)
            .ok_or(Error::NotFound)?;
        let others = self.others(no, &row)?;
        let people = match self.sees_readers(no, &row)? {
            true => u32::try_from(others.len()).unwrap_or(u32::MAX),
            false => 0,
        };
        // What was refused has not arrived, though acks pass over it.
        let refused = refused::any(self.rows, stored.feed_no, stored.seq)?;
        let mut hops = vec![Hop {
            away: false,
            node_id: self.shared.node_id,
            node: self.shared.name(),
            here: true,
            at_ms: Some(message.received_at_ms),
            next_try_ms: None,
            lies_in: Vec::new(),
        }];
        let mut seen: Vec<NodeId> = vec![self.shared.node_id];
        let mut lived = Vec::new();
        for other in others {
            lived.extend(homes::live(self.rows, other)?);
        }
        for (_, home) in lived {
            if seen.contains(&home.node_id) {
                continue;
            }
            seen.push(home.node_id);
            let (feed_no, seq) = (stored.feed_no, stored.seq);
            let (at, lies_in) = match nodes::node(self.rows, home.node_id)? {
                Some(node) if !refused => {
                    match outbox::acked_at(self.rows, feed_no, node.no, seq)? {
                        None => {
                            let shared = self.shared;
                            let lies = mail::lies_in(shared, self.rows, feed_no, seq, node.no)?;
                            (None, lies)
                        }
                        at => (at, Vec::new()),
                    }
                }
                _ => (None, Vec::new()),
            };
            hops.push(Hop {
                away: !self.shared.is_linked(home.node_id),
                node_id: home.node_id,
                node: node_label(self.shared, self.rows, home.node_id)?,
                here: false,
                at_ms: at.map(ms),
                next_try_ms: None,
                lies_in: lies_in
                    .into_iter()
                    .map(|(name, at)| (name, ms(at)))
                    .collect(),
            });
        }
        Ok(Path {
            sent_at_ms: message.sent_at_ms,
            hops,
            read: message.state == MessageState::Read,
            readers: self.readers(no, &row, id, stored.eff)?,
            people,
        })
    }

    /// Own messages with a place in `(after, up_to]`, newest first, at most 256: what a new read mark covers.
    pub(crate) fn own_between(
        &self,
        no: u32,
        after: Timestamp,
        up_to: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        let mut ids = Vec::new();
        let end = up_to.next().0.to_be_bytes();
        let mut found = Vec::new();
        events::timeline(self.rows, no, Some(&end), true, &mut |row| {
            if row.place.eff <= after {
                return false;
            }
            if row.kind == Kind::MSG && row.place.author == self.viewer {
                found.push(row);
            }
            found.len() < 256
        })?;
        for row in found {
            if let Some(event) = events::event(self.rows, row.feed_no, row.place.seq, row.branch)? {
                ids.push(event.id());
            }
        }
        Ok(ids)
    }
}

/// What a policy says; without one, what a new group begins with.
pub(crate) fn rules(policy: Option<&Policy>) -> GroupRules {
    GroupRules {
        everyone_adds: policy.is_some_and(|policy| policy.who_adds == 1),
        history: match policy {
            Some(Policy { history: 0, .. }) | None => History::All,
            Some(Policy {
                history: 1, days, ..
            }) => History::Days(*days),
            Some(_) => History::SinceJoin,
        },
        read_marks: policy.is_none_or(|policy| policy.read_marks),
    }
}

/// P2: what a sealed draft is bound to.
pub(crate) fn draft_aad(user: UserId, chat: ChatId) -> Vec<u8> {
    [&b"draft\0"[..], &user.0, &chat.0, &[1]].concat()
}

/// The number of the presence of a person's node, for news.
pub(crate) fn seen_ms(rows: &impl Rows, node: NodeId) -> Result<Option<i64>, StoreError> {
    Ok(nodes::node(rows, node)?
        .filter(|n| n.seen_ms > 0)
        .map(|n| ms(n.seen_ms)))
}
