//! What users of this node ask for, inside a turn: check first, then write. Nothing here reads a clock
//! or awaits.

use std::collections::BTreeMap;
use std::sync::Arc;

use chater_protocol::event::{Kind, VerifiedEvent};
use chater_protocol::id::{ChatId, EventId, UserId};
use chater_protocol::payload::{Delete, Edit, Msg, Payload, React};
use chater_protocol::text;
use chater_store::chats::{self, InboxRow};
use chater_store::events::{self, Stored};
use chater_store::tables::Table;
use chater_store::{Rows as _, StoreError, homes, quotas};

use crate::arrange::is_muted;
use crate::error::{Error, Reason};
use crate::group;
use crate::hide::DELETED;
use crate::own::write_message;
use crate::preferences;
use crate::read::{Reader, draft_aad};
use crate::turn::{Fail, Turn};
use crate::update::News;
use crate::user::Draft;
use crate::view::{Chat, Message, MessageState};

/// Own messages may be changed for 48 hours.
const EDIT_MS: u64 = 48 * 60 * 60 * 1000;
/// Changes of one message up to which each is shown at once.
const SHOWN: usize = 256;

/// The viewer's own chat: number and how it stands; others' chats do not exist for them.
pub(crate) fn own_chat(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
) -> Result<(u32, InboxRow), Fail> {
    let no = turn.number(chat)?.ok_or(Error::NotFound)?;
    let inbox = chats::inbox(turn.tx, user, no)?.ok_or(Error::NotFound)?;
    Ok((no, inbox))
}

/// A text as it will be stored (Q30).
pub(crate) fn check_text(text: &str) -> Result<String, Error> {
    text::message_text(text).map_err(|bad| {
        Error::invalid(
            "text",
            match bad {
                text::BadText::Empty => Reason::Empty,
                text::BadText::Long => Reason::Long,
                text::BadText::Control => Reason::Control,
            },
        )
    })
}

fn check_client_id(id: &str) -> Result<(), Error> {
    let ok = (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if ok {
        Ok(())
    } else {
        Err(Error::invalid("client_id", Reason::Malformed))
    }
}

/// Sends a message. `bool` = newly stored; false = the same `client_id` again (Q27).
pub(crate) fn send(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    draft: Draft,
) -> Result<(Arc<Message>, bool), Fail> {
    let text = check_text(&draft.text)?;
    if let Some(id) = &draft.client_id {
        check_client_id(id)?;
    }
    let (no, mut inbox) = own_chat(turn, user, chat)?;
    if let Some(client_id) = &draft.client_id
        && let Some(id) = chats::by_client_id(turn.tx, user, no, client_id)?
    {
        return Ok((Arc::new(message(turn, user, no, id)?), false));
    }
    if inbox.state == 3 {
        return Err(Error::Forbidden.into());
    }
    if let Some(answered) = draft.reply_to {
        turn.in_chat(no, answered)?
            .ok_or(Error::invalid("reply_to", Reason::Malformed))?;
    }
    let body = Msg {
        text,
        reply_to: draft.reply_to,
        attachments: Vec::new(),
    };
    let (event, stored) = write_message(
        turn,
        user,
        no,
        Kind::MSG,
        &body.encode(),
        draft.client_id.as_deref(),
    )?;
    if let Some(client_id) = &draft.client_id {
        chats::put_client_id(turn.tx, user, no, client_id, event.id(), turn.now_ms)?;
    }
    // Writing is reading, accepting a request, and the end of the draft.
    inbox.read_n = stored.n;
    inbox.state = 0;
    inbox.draft = None;
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.shared
        .counters
        .sent
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);

    let mut own = None;
    let (locals, everybody_here) = turn.context(no, |_, context| {
        let locals: Vec<UserId> = context.locals().collect();
        let all = locals.len() == context.members.len() && locals.len() > 1;
        Ok((locals, all))
    })?;
    for local in &locals {
        let reader = Reader::new(turn.shared, turn.tx, *local);
        let mut view = reader.fresh(
            no,
            &event,
            &stored,
            body.clone(),
            draft.client_id.clone(),
            turn.now_ms,
        )?;
        if view.own && everybody_here {
            view.state = MessageState::Delivered;
        }
        let view = Arc::new(view);
        if *local == user {
            own = Some(view.clone());
        } else {
            open_for(turn, *local, no)?;
        }
        if turn.shared.hub.listens(*local) {
            turn.tell(*local, News::Message(view));
            turn.card_changed(*local, no);
        }
    }
    let own = own.ok_or(Error::Internal)?;
    Ok((own, true))
}

/// The chat is in that user's list from now on.
pub(crate) fn open_for(turn: &mut Turn<'_, '_>, user: UserId, no: u32) -> Result<(), StoreError> {
    let row = match chats::inbox(turn.tx, user, no)? {
        None => InboxRow {
            state: preferences::first_state(turn.tx, user)?,
            ..InboxRow::default()
        },
        // Deleted for oneself: a new message brings the chat back, without what was in it.
        Some(row) if row.state == DELETED => InboxRow { state: 0, ..row },
        // So does a chat in the archive, unless it is silent.
        Some(row) if row.archived && !is_muted(&row, turn.now_ms) => InboxRow {
            archived: false,
            ..row
        },
        Some(_) => return Ok(()),
    };
    chats::put_inbox(turn.tx, user, no, &row)?;
    turn.card_changed(user, no);
    Ok(())
}

fn message(turn: &mut Turn<'_, '_>, user: UserId, no: u32, id: EventId) -> Result<Message, Fail> {
    let row = turn.row(no)?.clone();
    let (stored, event) = events::by_id(turn.tx, id)?.ok_or(Error::NotFound)?;
    let reader = Reader::new(turn.shared, turn.tx, user);
    Ok(reader
        .at(no, &row, &stored, &event)?
        .ok_or(Error::NotFound)?)
}

/// Edits, deletes and reactions: an event of its own that names its target (L8).
pub(crate) enum Change {
    Edit(String),
    Delete,
    React(String, bool),
}

/// Changes a message; gives it as it is now.
pub(crate) fn change(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    target: EventId,
    change: &Change,
) -> Result<Arc<Message>, Fail> {
    let (no, inbox) = own_chat(turn, user, chat)?;
    let now = message(turn, user, no, target)?;
    if inbox.state == 3 {
        return Err(Error::Forbidden.into());
    }
    let (kind, inside) = match change {
        Change::Edit(_) if !now.own => return Err(Error::Forbidden.into()),
        // M4: in a group, whoever leads it may take back what members wrote.
        Change::Delete if !now.own && !group::may_delete(turn, no, user, now.author.user_id)? => {
            return Err(Error::Forbidden.into());
        }
        _ if now.deleted => return Err(Error::NotFound.into()),
        Change::Edit(text) => {
            if turn
                .now_ms
                .saturating_sub(u64::try_from(now.sent_at_ms).unwrap_or(0))
                > EDIT_MS
            {
                return Err(Error::Forbidden.into());
            }
            let text = check_text(text)?;
            if now.text.as_deref() == Some(&text[..]) {
                return Ok(Arc::new(now));
            }
            (Kind::EDIT, Edit { target, text }.encode())
        }
        Change::Delete => (Kind::DELETE, Delete { target }.encode()),
        Change::React(emoji, on) => {
            text::check_emoji(emoji).map_err(|_| Error::invalid("emoji", Reason::Malformed))?;
            let given = now.reactions.iter().any(|r| r.emoji == *emoji && r.mine);
            if given == *on {
                return Ok(Arc::new(now));
            }
            (
                Kind::REACT,
                React {
                    target,
                    emoji: emoji.clone(),
                    on: *on,
                }
                .encode(),
            )
        }
    };
    let (event, stored) = write_message(turn, user, no, kind, &inside, None)?;
    amended(turn, no, target, &event, &stored)?;
    Ok(Arc::new(message(turn, user, no, target)?))
}

/// Notes what an event changes and shows it to every local member. Also for events of peers.
pub(crate) fn amended(
    turn: &mut Turn<'_, '_>,
    no: u32,
    target: EventId,
    event: &VerifiedEvent,
    stored: &Stored,
) -> Result<(), Fail> {
    let header = event.header();
    // A target in another chat is void (L8). One that is not here yet is looked at again on reading.
    if events::find(turn.tx, target)?.is_some() && turn.in_chat(no, target)?.is_none() {
        return Ok(());
    }
    events::amend(turn.tx, target, header, stored)?;
    if header.kind == Kind::DELETE
        && let Some((at, victim)) = events::by_id(turn.tx, target)?
        && group::deletes(turn, no, event, victim.header().author)?
        && victim.header().kind == Kind::MSG
        && victim.header().group == header.group
    {
        let (author, gone) = (
            victim.header().author,
            victim.payload().map_or(0, <[u8]>::len),
        );
        events::drop_payload(turn.tx, &at, victim)?;
        if turn.is_local(author)? {
            quotas::wrote(turn.tx, author, 0, gone as u64)?;
        }
    }
    // Each view reads all changes of the message: one that a peer has changed hundreds of times is not
    // worked out anew for each of them, pages load it.
    let mut changes = 0;
    turn.tx.each(Table::Amends, &target.0, &mut |_, _| {
        changes += 1;
        changes <= SHOWN
    })?;
    let locals: Vec<UserId> = turn.context(no, |_, context| Ok(context.locals().collect()))?;
    for local in locals {
        if changes > SHOWN {
            turn.card_changed(local, no);
        } else if turn.shared.hub.listens(local)
            && let Ok(view) = message(turn, local, no, target)
        {
            turn.tell(local, News::Message(Arc::new(view)));
            turn.card_changed(local, no);
        }
    }
    Ok(())
}

/// Saves the unsent text, sealed (Q: it follows the user, so it is on the node).
pub(crate) fn save_draft(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    chat: ChatId,
    text: &str,
) -> Result<(), Fail> {
    let (no, mut inbox) = own_chat(turn, user, chat)?;
    if text.len() > chater_protocol::limits::TEXT_BYTES {
        return Err(Error::invalid("text", Reason::Long).into());
    }
    inbox.draft = (!text.trim().is_empty()).then(|| {
        serde_bytes::ByteBuf::from(turn.shared.kek.seal(
            &draft_aad(user, chat),
            text.as_bytes(),
            turn.rng,
        ))
    });
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.card_changed(user, no);
    Ok(())
}

/// Opens the direct chat with a known person; `bool` = newly in the list.
pub(crate) fn start(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    other: UserId,
) -> Result<(Chat, bool), Fail> {
    if other == user {
        return Err(Error::OneselfChat.into());
    }
    if homes::live(turn.tx, other)?.is_empty() {
        return Err(Error::NotFound.into());
    }
    turn.durable();
    let chat = chater_protocol::chat::direct::chat_id(user, other);
    let no = turn.ensure_direct(chat, user, other)?;
    let old = chats::inbox(turn.tx, user, no)?;
    let inbox = match &old {
        // Whoever is blocked stays so until that is taken back in so many words.
        Some(inbox) if matches!(inbox.state, 0 | 3) => inbox.clone(),
        // Starting a chat with somebody accepts their request.
        Some(inbox) => InboxRow {
            state: 0,
            ..inbox.clone()
        },
        None => InboxRow::default(),
    };
    chats::put_inbox(turn.tx, user, no, &inbox)?;
    turn.card_changed(user, no);
    want_nodes(turn, other)?;
    let row = turn.row(no)?.clone();
    let view = Reader::new(turn.shared, turn.tx, user).chat(no, &row, &inbox)?;
    Ok((view, old.is_none()))
}

/// Keeps a connection to the nodes of somebody we have a chat with.
pub(crate) fn want_nodes(turn: &mut Turn<'_, '_>, user: UserId) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (_, home) in homes::live(turn.tx, user)? {
        if home.node_id != turn.shared.node_id {
            let row = chater_store::nodes::ensure(turn.tx, home.node_id, 2, turn.now_ms)?;
            wanted.insert(home.node_id, row.texts());
        }
    }
    turn.effects.wanted.extend(wanted);
    Ok(())
}
