//! One account as a file: everything its user can read, as JSON, with the pictures of people. Written in
//! pieces, so that a long history needs no memory; a file that was cut has no `complete` at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use bytes::Bytes;
use chater_engine::id::{ChatId, Hash};
use chater_engine::view::{Anchor, Person};
use chater_engine::{Error, Filter, UserHandle};
use data_encoding::BASE64;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::api::shapes;

/// What stands first in the file.
const FORM: &str = "chater-export-1";
/// Messages read at once.
const PAGE: usize = 200;
/// Side of the pictures, pixels.
const SIDE: u32 = 512;
/// A piece of the file on its way to the browser, and how many may wait there.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 4;

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The node could not read it.
    #[error("{0}")]
    Node(#[from] Error),
    /// It could not be written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn put(out: &mut impl Write, value: &impl Serialize) -> Result<(), ExportError> {
    serde_json::to_writer(out, value).map_err(|error| ExportError::Io(error.into()))
}

/// Writes all that a user can read. Blocking: it reads the disk and opens every message.
///
/// # Errors
/// See [`ExportError`].
pub fn export(user: &UserHandle, out: &mut impl Write) -> Result<(), ExportError> {
    let mut pictures = BTreeSet::new();
    let mut see = |person: &Person| pictures.extend(person.avatar.clone());
    let me = user.me()?;
    see(&me.person);
    write!(out, "{{\"format\":\"{FORM}\",\"exported_at\":")?;
    put(out, &shapes::time(crate::pages::time::now_ms()))?;
    out.write_all(b",\"user\":")?;
    put(out, &shapes::Me::from(&me))?;
    out.write_all(b",\n\"chats\":[")?;
    for (at, id) in all_chats(user)?.into_iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        let chat = user.chat(id)?;
        out.write_all(b"{\"chat\":")?;
        put(out, &shapes::Chat::from(&chat))?;
        out.write_all(b",\"people\":[")?;
        let mut people: Vec<Person> = chat.with.into_iter().collect();
        if people.is_empty() {
            people.extend(user.members(id)?.into_iter().map(|member| member.person));
        }
        for (at, person) in people.iter().enumerate() {
            see(person);
            out.write_all(if at == 0 { b"" } else { b"," })?;
            put(out, &shapes::Person::from(person))?;
        }
        out.write_all(b"],\"messages\":[")?;
        messages(user, id, out, &mut see)?;
        out.write_all(b"]}")?;
    }
    out.write_all(b"],\n\"pictures\":{")?;
    put_pictures(user, &pictures, out)?;
    out.write_all(b"},\n\"complete\":true}\n")?;
    Ok(())
}

/// Every chat of the user, each once, whatever list it stands in.
fn all_chats(user: &UserHandle) -> Result<Vec<ChatId>, Error> {
    let mut found = BTreeMap::new();
    for filter in [
        Filter::All,
        Filter::Archive,
        Filter::Requests,
        Filter::Blocked,
    ] {
        let mut cursor: Option<String> = None;
        loop {
            let page = user.chats(filter, 100, cursor.as_deref())?;
            for chat in page.chats {
                let order = found.len();
                found.entry(chat.id).or_insert(order);
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
    }
    let mut chats: Vec<(usize, ChatId)> = found.into_iter().map(|(id, at)| (at, id)).collect();
    chats.sort_unstable();
    Ok(chats.into_iter().map(|(_, id)| id).collect())
}

/// The messages of a chat, oldest first: the pages are found from the newest up, and written downwards.
fn messages(
    user: &UserHandle,
    chat: ChatId,
    out: &mut impl Write,
    see: &mut impl FnMut(&Person),
) -> Result<(), ExportError> {
    let mut anchors = vec![Anchor::Newest];
    let mut anchor = Anchor::Newest;
    while let Some(older) = user.messages(chat, anchor, PAGE)?.older {
        anchor = Anchor::Before(older);
        anchors.push(anchor);
    }
    let mut first = true;
    for anchor in anchors.into_iter().rev() {
        for message in user.messages(chat, anchor, PAGE)?.messages {
            see(&message.author);
            out.write_all(if first { b"\n" } else { b",\n" })?;
            first = false;
            put(out, &shapes::Message::from(&message))?;
        }
    }
    Ok(())
}

/// Pictures of the people in it, as they are shown, by the names that their cards have for them.
fn put_pictures(
    user: &UserHandle,
    pictures: &BTreeSet<String>,
    out: &mut impl Write,
) -> Result<(), ExportError> {
    let mut first = true;
    for hash in pictures {
        let named = hash.parse::<Hash>().ok();
        let Some(bytes) = named.and_then(|hash| user.picture(hash, SIDE)) else {
            continue;
        };
        out.write_all(if first { b"\n" } else { b",\n" })?;
        first = false;
        let text = BASE64.encode(&bytes);
        write!(out, "\"{hash}\":\"data:image/webp;base64,{text}\"")?;
    }
    Ok(())
}

/// Hands pieces of the file to the browser; ends when that has gone.
struct Pieces {
    to: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let sent = self.to.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// The file as the body of an answer, made while it is sent.
pub(crate) fn body(user: UserHandle) -> axum::body::Body {
    let (to, from) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces {
            to: to.clone(),
            piece: Vec::with_capacity(PIECE),
        };
        let done = export(&user, &mut pieces).and_then(|()| Ok(pieces.flush()?));
        if let Err(error) = done {
            tracing::debug!(%error, "an export ended early");
            // The connection is cut: nobody takes a part for the whole.
            let _ = to.blocking_send(Err(io::Error::other("cut short")));
        }
    });
    let stream = futures::stream::unfold(from, |mut from| async move {
        from.recv().await.map(|piece| (piece, from))
    });
    axum::body::Body::from_stream(stream)
}

/// The name of the file for a browser: nicks may have letters that a header may not.
pub(crate) fn file_name(nick: &str) -> String {
    let plain: String = nick
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_')
        .collect();
    format!("chater-{plain}.json").replace("-.", ".")
}

#[cfg(test)]
mod tests {
    #[test]
    fn file_names_are_plain() {
        assert_eq!(super::file_name("ann_2"), "chater-ann_2.json");
        assert_eq!(super::file_name("Сова"), "chater.json");
    }
}
