//! The nodes that a search for people reaches, and chats one has already: what a search shows besides people.

use std::cmp::Reverse;

use chater_protocol::id::UserId;
use chater_store::nodes;

use crate::Engine;
use crate::error::Error;
use crate::person::node_label;
use crate::shared::lock;
use crate::user::UserHandle;
use crate::view::Chat;

/// Nodes named at most.
const NAMED: usize = 12;

impl Engine {
    /// Names of the nodes that a search asks, and of known ones that are away (`false`); at most twelve.
    ///
    /// # Errors
    /// Storage errors.
    pub fn neighbours(&self) -> Result<Vec<(String, bool)>, Error> {
        let shared = self.shared();
        let rows = shared.store.read()?;
        let linked: Vec<_> = lock(&shared.presence).links.keys().copied().collect();
        let mut found = Vec::new();
        for id in linked.iter().take(NAMED) {
            found.push((node_label(shared, &rows, *id)?, true));
        }
        for (id, row) in nodes::all(&rows)? {
            if found.len() >= NAMED {
                break;
            }
            // Somebody only heard of, never greeted, is not a neighbour; a blocked one is not asked.
            if !linked.contains(&id) && !row.name.is_empty() && !row.blocked {
                found.push((node_label(shared, &rows, id)?, false));
            }
        }
        found.sort_by(|a, b| (!a.1, &a.0).cmp(&(!b.1, &b.0)));
        Ok(found)
    }
}

impl UserHandle {
    /// Chats with people whose name or address holds the text, in any case, the newest first; of an empty
    /// text the newest chats. The archive is searched, too.
    ///
    /// # Errors
    /// Storage errors.
    pub fn find_chats(&self, text: &str, limit: usize) -> Result<Vec<Chat>, Error> {
        let wanted = text.trim().to_lowercase();
        self.look(|reader| {
            let mut rows = reader.open_chats()?;
            rows.sort_unstable_by_key(|(key, ..)| Reverse((key.1, key.2)));
            let mut found = Vec::new();
            for (key, row, inbox) in &rows {
                if found.len() >= limit {
                    break;
                }
                let other = row.users.map(|(a, b)| if a == self.id() { b } else { a });
                let fits = match other.map(|other| reader.person(other)).transpose()? {
                    Some(person) => [&person.display_name, &person.address]
                        .iter()
                        .any(|name| name.to_lowercase().contains(&wanted)),
                    None => reader.group(key.2)?.title.to_lowercase().contains(&wanted),
                };
                if fits {
                    found.push(reader.chat(key.2, row, inbox)?);
                }
            }
            Ok(found)
        })
    }

    /// Whether both are in a chat that the user takes part in: of somebody without a chat of their own, a group.
    ///
    /// # Errors
    /// Storage errors.
    pub fn shares_chat_with(&self, other: UserId) -> Result<bool, Error> {
        let rows = self.shared().store.read()?;
        Ok(crate::people::shares_chat(&rows, self.id(), other)?)
    }
}
