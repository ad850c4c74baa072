//! The homes of a user: the nodes an account lives on (I2), and the end of one. A home whose node is gone ends by its record
//! alone, and all that it wrote counts. One whose keys somebody else has is ended in each chat, too: what it
//! wrote beyond what is here counts no more (I8).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chater_protocol::chat::group::Group;
use chater_protocol::event::Kind;
use chater_protocol::id::{HomeId, UserId};
use chater_protocol::identity::{HomeState, Signed};
use chater_protocol::key::SigningKey;
use chater_protocol::payload::{Cut, CutRow, Payload, Retire};
use chater_store::{StoreError, chats, events, groups, homes, users};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::greet::meet_anew;
use crate::group::control;
use crate::membership;
use crate::person::node_label;
use crate::remote::{end_in_chat, show_changes};
use crate::root::{self, new_home, retire};
use crate::sessions::prove;
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::Home;

/// Chats in which a home is ended in one turn: two signatures each, and others wait meanwhile.
const AT_ONCE: usize = 32;

impl UserHandle {
    /// The homes of this user that are known here: the one in use first, then live ones, then by age.
    ///
    /// # Errors
    /// Storage errors.
    pub fn homes(&self) -> Result<Vec<Home>, Error> {
        let shared = self.shared();
        let rows = shared.store.read()?;
        let own = users::user(&rows, self.id())?.ok_or(Error::NotFound)?.home;
        let ms = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let mut found: BTreeMap<HomeId, Home> = BTreeMap::new();
        for (record, _) in homes::home_records(&rows, self.id())? {
            let id = record.id();
            let home = found.entry(id).or_insert(Home {
                id,
                node: node_label(shared, &rows, record.node_id)?,
                current: id == own,
                since_ms: None,
                ended_ms: None,
            });
            match record.state() {
                HomeState::Live => home.since_ms = Some(ms(record.ts)),
                HomeState::Retired => home.ended_ms = Some(ms(record.ts)),
            }
        }
        let mut found: Vec<Home> = found.into_values().collect();
        found.sort_by_key(|home| {
            let age = std::cmp::Reverse(home.since_ms);
            (!home.current, home.ended_ms.is_some(), age, home.id)
        });
        Ok(found)
    }

    /// Ends a home of this user for good. `stolen`: somebody else has its keys, and what it wrote beyond what is here counts no
    /// more in any chat (I8); where that is the home in use, a new one takes its place first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong password, [`Error::RootLocked`], [`Error::TooMany`]; [`Error::NotFound`] for a
    /// home that is not theirs; [`Error::Forbidden`] for the home in use, unless it was stolen; [`Error::HomeStopped`].
    pub async fn end_home(
        &self,
        home: HomeId,
        stolen: bool,
        password: String,
    ) -> Result<(), Error> {
        let password = Zeroizing::new(password);
        let (shared, user) = (self.shared(), self.id());
        let row = prove(shared, user, password.clone(), "password").await?;
        let root = root::open(shared, user, &row, password).await?;
        let root = Arc::new(root.ok_or(Error::RootLocked)?);
        let (retired, all) = self
            .run({
                let root = root.clone();
                move |turn| end(turn, user, home, stolen, &root)
            })
            .await?;
        for part in all.chunks(AT_ONCE) {
            let (part, retired, root) = (part.to_vec(), retired.clone(), root.clone());
            self.run(move |turn| {
                for no in part {
                    end_in(turn, user, no, home, &retired, &root)?;
                }
                Ok(())
            })
            .await?;
        }
        meet_anew(shared);
        Ok(())
    }
}

/// Ends the home itself. Gives its retired record, and the chats in which that must be said.
fn end(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    home: HomeId,
    stolen: bool,
    root: &SigningKey,
) -> Result<(Signed, Vec<u32>), Fail> {
    let row = users::user(turn.tx, user)?.ok_or(Error::NotFound)?;
    let record = homes::home(turn.tx, user, home)?.ok_or(Error::NotFound)?;
    let current = row.home == home;
    if current && !stolen {
        return Err(Error::Forbidden.into());
    }
    if stolen && !current && row.stopped {
        return Err(Error::HomeStopped.into());
    }
    turn.durable();
    let retired = retire(turn, &record, root)?;
    if current {
        new_home(turn, user, root)?;
    }
    turn.identities_changed();
    show_changes(turn, user)?;
    let all = if stolen {
        chats_of(turn, user)?
    } else {
        Vec::new()
    };
    Ok((retired, all))
}

/// Chats that a thief can have written in. Of what waits for an answer nobody is told anything.
fn chats_of(turn: &mut Turn<'_, '_>, user: UserId) -> Result<Vec<u32>, StoreError> {
    let mut found = Vec::new();
    for (no, inbox) in chats::inbox_of(turn.tx, user)? {
        let empty = turn.row(no)?.count == 0;
        if !empty && !matches!(inbox.state, 1 | 2) && !groups::is_former(turn.tx, user, no)? {
            found.push(no);
        }
    }
    Ok(found)
}

/// I8: ends a home in one chat, with the cut at what is here of its feeds.
fn end_in(
    turn: &mut Turn<'_, '_>,
    user: UserId,
    no: u32,
    home: HomeId,
    retired: &Signed,
    root: &SigningKey,
) -> Result<(), Fail> {
    let writer = turn.writer(user)?;
    turn.context(no, |turn, context| {
        let group = context.group.as_ref();
        if group.is_some_and(|group| !group.seat(&user, writer.home).may_retire(home)) {
            return Ok(());
        }
        let cut = cut(turn, no, group, user, home)?;
        let retire = Retire::sign(context.chat.chat, retired.clone(), home, cut, root);
        control(
            turn,
            no,
            context,
            user,
            &writer,
            Kind::RETIRE,
            retire.encode(),
        )?;
        if context.group.is_some() {
            membership::changed(turn, no, context, &BTreeSet::from([user]))
        } else {
            end_in_chat(turn, no, home, &retire, &context.local)
        }
    })?;
    membership::revive(turn)
}

/// Where the feeds of a home end, as far as they are here.
fn cut(
    turn: &Turn<'_, '_>,
    no: u32,
    group: Option<&Group>,
    user: UserId,
    home: HomeId,
) -> Result<Cut, StoreError> {
    let heads = events::heads(turn.tx, no)?;
    let mut cut = match group {
        Some(group) => group.cut(&user, &heads),
        None => {
            let own = heads.into_iter().filter(|row| row.author == user);
            own.map(|row| CutRow {
                home: row.home,
                lane: row.lane,
                seq: row.seq,
                id: row.id,
            })
            .collect()
        }
    };
    cut.retain(|row| row.home == home);
    Ok(cut)
}
