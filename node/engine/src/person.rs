//! People and nodes as they are shown and typed here: names, addresses (Q6-Q8).

use std::sync::Arc;

use chater_protocol::id::{NodeId, UserId, hex};
use chater_protocol::name::skeleton;
use chater_store::{Rows, StoreError, homes, nodes, users};

use crate::shared::{Shared, lock};
use crate::view::Person;

/// The node of somebody whom no node has confirmed: a name that no node can have.
const NOWHERE: &str = "?";

/// How a node is written here: its bare name when it is the first known with it, else `name~4f2a`
/// with as much of its key as makes it unique (Q6).
pub(crate) fn node_label(
    shared: &Shared,
    rows: &impl Rows,
    id: NodeId,
) -> Result<String, StoreError> {
    if id == shared.node_id {
        return Ok(shared.name());
    }
    let name = match nodes::node(rows, id)? {
        Some(row) if !row.name.is_empty() => row.name,
        _ => return Ok(format!("node-{}", hex(id.0.get(..2).unwrap_or_default()))),
    };
    let namesakes = nodes::by_name(rows, &name)?;
    let own = skeleton(&name) == skeleton(&shared.name());
    if !own && namesakes.first() == Some(&id) {
        return Ok(name);
    }
    Ok(long_label(
        &name,
        id,
        namesakes.iter().chain(own.then_some(&shared.node_id)),
    ))
}

/// `name~` and the shortest beginning of the key, from 4 digits on, that no namesake shares.
pub(crate) fn long_label<'a>(
    name: &str,
    id: NodeId,
    namesakes: impl Iterator<Item = &'a NodeId> + Clone,
) -> String {
    let key = hex(&id.0);
    let digits = (4..=64)
        .step_by(2)
        .find(|n| {
            let start = key.get(..*n).unwrap_or_default();
            !namesakes
                .clone()
                .any(|other| *other != id && hex(&other.0).starts_with(start))
        })
        .unwrap_or(64);
    format!("{name}~{}", key.get(..digits).unwrap_or_default())
}

/// A person as shown here; someone of whom only the id is known gets a short form of it.
pub(crate) fn person(
    shared: &Shared,
    rows: &impl Rows,
    user: UserId,
) -> Result<Arc<Person>, StoreError> {
    if let Some(person) = lock(&shared.people).get(&user) {
        return Ok(person);
    }
    let card = homes::card(rows, user)?.map(|(card, _)| card);
    // I12: a home may name any node; what that node has not said itself is not shown.
    let here = users::lives_here(rows, user)?;
    let said = if here {
        Some(shared.node_id)
    } else {
        homes::shown_on(rows, user)?
    };
    let node = match said {
        Some(node_id) => node_label(shared, rows, node_id)?,
        None => NOWHERE.to_owned(),
    };
    let node_id = said.unwrap_or_default();
    let nick = card
        .as_ref()
        .map_or_else(|| user.short(), |card| card.nick.clone());
    let person = Arc::new(Person {
        user_id: user,
        address: format!("{nick}@{node}"),
        display_name: card
            .as_ref()
            .map_or_else(|| nick.clone(), |card| card.shown().to_owned()),
        about: card
            .as_ref()
            .map(|card| card.about.clone())
            .unwrap_or_default(),
        avatar: crate::avatars::shown(
            shared,
            rows,
            user,
            node_id,
            card.and_then(|card| card.avatar),
        )?,
        here,
        nick,
        node,
        node_id,
    });
    lock(&shared.people).keep(rows.turn(), user, person.clone());
    Ok(person)
}
