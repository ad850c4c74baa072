//! Who can be named in a chat: the rows that the composer offers after an `@`. For the script alone; without it a name
//! is typed.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use chater_engine::view::Person;

use super::chat::chat_id;
use super::fragment::Avatar;
use super::shell::page;
use crate::error::PageResult;
use crate::session::Session;

struct Row {
    avatar: Avatar,
    person: Person,
    /// What is typed for this person: the nick, with the node where the nick alone means several.
    name: String,
}

#[derive(Template)]
#[template(path = "partials/members.html")]
struct Rows {
    rows: Vec<Row>,
}

/// `/c/{chat}/members`: everybody of the chat but oneself.
pub(crate) async fn show(session: Session, Path(chat): Path<String>) -> PageResult {
    let people = session.user.people_of(chat_id(&chat)?)?;
    let me = session.user.id();
    let mut nicks: BTreeMap<String, usize> = BTreeMap::new();
    for person in &people {
        *nicks.entry(person.nick.to_lowercase()).or_default() += 1;
    }
    let others = people.into_iter().filter(|person| person.user_id != me);
    let rows = others.map(|person| {
        let alone = nicks.get(&person.nick.to_lowercase()) == Some(&1);
        Row {
            avatar: Avatar::person(&person, "xs", false),
            name: if alone {
                person.nick.clone()
            } else {
                person.address.clone()
            },
            person,
        }
    });
    Ok(page(&Rows {
        rows: rows.collect(),
    }))
}
