//! What is known of users anywhere: home records, KEM cards, profile cards, and finding people by
//! the beginning of a word.

use std::collections::BTreeSet;

use chater_protocol::array_struct;
use chater_protocol::id::{HomeId, NodeId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, ProfileCard, Signed, live_homes};
use chater_protocol::limits::HOME_RECORDS;
use chater_protocol::name;

use crate::key::{Parts, join};
use crate::rows::{Rows, Write, damaged};
use crate::tables::Table;
use crate::{Result, StoreError};

/// Words looked at by one search, whomever they lead to: some ten milliseconds. Without it two letters cost the more the more
/// people were ever found.
const WORDS: usize = 10_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

array_struct! {
    /// A profile card as kept.
    #[derive(Debug, Clone)]
    pub struct CardRow {
        /// 1.
        pub v: u8,
        /// As received.
        pub signed: Signed,
        /// When it came, or its node gave it again, Unix ms.
        pub got_ms: u64,
    }
}

/// Keeps a verified home record (I2: the set only grows, to [`HOME_RECORDS`]). Whether it was new.
///
/// # Errors
/// Storage errors.
pub fn put_home(tx: &Write<'_>, record: &HomeRecord, signed: &Signed) -> Result<bool> {
    let home = record.id();
    let key = join(&[&record.user.0, &home.0, &[record.state]]);
    if let Some(old) = tx.row::<Signed>(Table::Homes, &key)? {
        // Of two live records of one home the newer counts; a retired one is final.
        let old = HomeRecord::from_store(&old).map_err(|_| damaged(Table::Homes))?;
        if old.ts >= record.ts {
            return Ok(false);
        }
    } else if self::home(tx, record.user, home)?.is_none() {
        // A home known here can always be retired; new ones are bounded.
        let mut known = 0;
        tx.each(Table::Homes, &record.user.0, &mut |_, _| {
            known += 1;
            known < HOME_RECORDS
        })?;
        if known >= HOME_RECORDS {
            return Ok(false);
        }
    }
    tx.put_row(Table::Homes, &key, signed)?;
    let key = join(&[&record.node_id.0, &record.user.0, &home.0]);
    // What the node itself has said stays said.
    if tx.get(Table::NodeHomes, &key)?.is_none() {
        tx.put(Table::NodeHomes, &key, &[])?;
    }
    Ok(true)
}

/// Notes when a kept record became news of somebody who was known here before (I11). The time is that of this node: whoever
/// has the root may write any into the record, and hide it far up in a chat.
///
/// # Errors
/// Storage errors.
pub fn put_news(tx: &Write<'_>, record: &HomeRecord, now_ms: u64) -> Result<()> {
    let key = join(&[&record.user.0, &record.id().0, &[record.state]]);
    if tx.get(Table::HomeNews, &key)?.is_none() {
        tx.put(Table::HomeNews, &key, &now_ms.to_be_bytes())?;
    }
    Ok(())
}

/// Homes of a user that appeared or ended after the user was known here, with the time when this was heard.
///
/// # Errors
/// Storage errors.
pub fn news(rows: &impl Rows, user: UserId) -> Result<Vec<(u64, HomeRecord)>> {
    let mut heard = Vec::new();
    rows.each(Table::HomeNews, &user.0, &mut |key, at| {
        heard.push((key.to_vec(), at.try_into().map(u64::from_be_bytes)));
        true
    })?;
    let mut found = Vec::with_capacity(heard.len());
    for (key, at) in heard {
        let signed = must(rows.row::<Signed>(Table::Homes, &key)?, Table::Homes)?;
        let record = HomeRecord::from_store(&signed).map_err(|_| damaged(Table::Homes))?;
        found.push((at.map_err(|_| damaged(Table::HomeNews))?, record));
    }
    Ok(found)
}

/// The node that a home names has given its record itself: only that makes the claim good, since anybody
/// can sign a record that names any node (I12). Whether that was new.
///
/// # Errors
/// Storage errors.
pub fn confirm(tx: &Write<'_>, record: &HomeRecord) -> Result<bool> {
    let key = join(&[&record.node_id.0, &record.user.0, &record.id().0]);
    match tx.get(Table::NodeHomes, &key)? {
        Some(value) if value.is_empty() => {
            tx.put(Table::NodeHomes, &key, &[1])?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Whether the node has confirmed a live home of that user (I12).
///
/// # Errors
/// Storage errors.
pub fn lives_on(rows: &impl Rows, user: UserId, node: NodeId) -> Result<bool> {
    for (home, record) in live(rows, user)? {
        if record.node_id == node && is_confirmed(rows, node, user, home)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the node has given the record of that home itself (I12).
///
/// # Errors
/// Storage errors.
pub fn is_confirmed(rows: &impl Rows, node: NodeId, user: UserId, home: HomeId) -> Result<bool> {
    let value = rows.get(Table::NodeHomes, &join(&[&node.0, &user.0, &home.0]))?;
    Ok(value.is_some_and(|value| !value.is_empty()))
}

/// The node on which a user of elsewhere is shown: that of the newest live home which its node has
/// confirmed; none = no node says so.
///
/// # Errors
/// Storage errors.
pub fn shown_on(rows: &impl Rows, user: UserId) -> Result<Option<NodeId>> {
    for (home, record) in live(rows, user)? {
        if is_confirmed(rows, record.node_id, user, home)? {
            return Ok(Some(record.node_id));
        }
    }
    Ok(None)
}

/// All home records of a user, as received.
///
/// # Errors
/// Storage errors.
pub fn home_records(rows: &impl Rows, user: UserId) -> Result<Vec<(HomeRecord, Signed)>> {
    let mut found = Vec::new();
    let mut bad = false;
    rows.each(Table::Homes, &user.0, &mut |_, value| {
        let signed = chater_protocol::codec::decode::<Signed>(value, usize::MAX);
        match signed
            .ok()
            .and_then(|s| HomeRecord::from_store(&s).ok().map(|r| (r, s)))
        {
            Some(pair) => found.push(pair),
            None => bad = true,
        }
        true
    })?;
    if bad {
        Err(damaged(Table::Homes))
    } else {
        Ok(found)
    }
}

/// The live homes of a user (I2).
///
/// # Errors
/// Storage errors.
pub fn live(rows: &impl Rows, user: UserId) -> Result<Vec<(HomeId, HomeRecord)>> {
    let records: Vec<HomeRecord> = home_records(rows, user)?
        .into_iter()
        .map(|(r, _)| r)
        .collect();
    Ok(live_homes(&records))
}

/// The record of one home, live or retired: enough to verify what it signed (I3).
///
/// # Errors
/// Storage errors.
pub fn home(rows: &impl Rows, user: UserId, home: HomeId) -> Result<Option<HomeRecord>> {
    for state in [0u8, 1] {
        if let Some(signed) =
            rows.row::<Signed>(Table::Homes, &join(&[&user.0, &home.0, &[state]]))?
        {
            return HomeRecord::from_store(&signed)
                .map(Some)
                .map_err(|_| damaged(Table::Homes));
        }
    }
    Ok(None)
}

/// Users with a home, live or retired, on that node.
///
/// # Errors
/// Storage errors.
pub fn users_on(rows: &impl Rows, node: NodeId) -> Result<Vec<UserId>> {
    let mut users = Vec::new();
    rows.each(Table::NodeHomes, &node.0, &mut |key, _| {
        let mut parts = Parts(key);
        if let (Some(_), Some(user)) = (parts.take::<32>(), parts.take::<32>()) {
            users.push(UserId(user));
        }
        true
    })?;
    users.dedup();
    Ok(users)
}

/// Users with a live home on that node, whether or not it has said so itself: their roots have. One with only a retired home
/// there gets nothing of what is theirs (S9).
///
/// # Errors
/// Storage errors.
pub fn living_on(rows: &impl Rows, node: NodeId) -> Result<Vec<UserId>> {
    let mut found = Vec::new();
    for user in users_on(rows, node)? {
        let homes = live(rows, user)?;
        if homes.iter().any(|(_, home)| home.node_id == node) {
            found.push(user);
        }
    }
    Ok(found)
}

/// Keeps a verified KEM card if it replaces the one known (I5). Whether it did.
///
/// # Errors
/// Storage errors.
pub fn put_kem(tx: &Write<'_>, card: &KemCard, signed: &Signed) -> Result<bool> {
    let key = join(&[&card.user.0, &card.home.0]);
    if let Some(old) = tx.row::<Signed>(Table::KemCards, &key)? {
        let old = KemCard::from_store(&old).map_err(|_| damaged(Table::KemCards))?;
        if !card.replaces(&old) {
            return Ok(false);
        }
    }
    tx.put_row(Table::KemCards, &key, signed)?;
    Ok(true)
}

/// The KEM card of a home.
///
/// # Errors
/// Storage errors.
pub fn kem(rows: &impl Rows, user: UserId, home: HomeId) -> Result<Option<(KemCard, Signed)>> {
    let Some(signed) = rows.row::<Signed>(Table::KemCards, &join(&[&user.0, &home.0]))? else {
        return Ok(None);
    };
    let card = KemCard::from_store(&signed).map_err(|_| damaged(Table::KemCards))?;
    Ok(Some((card, signed)))
}

/// Keeps a verified profile card if it replaces the one known (I10), with the words it is found by.
/// Whether it did.
///
/// # Errors
/// Storage errors.
pub fn put_card(tx: &Write<'_>, card: &ProfileCard, signed: &Signed, now_ms: u64) -> Result<bool> {
    let old = self::card(tx, card.user)?;
    if let Some((old, _)) = &old
        && !card.replaces(old)
    {
        return Ok(false);
    }
    if let Some((old, _)) = old {
        for word in words(&old) {
            tx.remove(Table::CardWords, &word_key(&word, old.user))?;
        }
    }
    // Whoever is found by contacts only is marked.
    let mark: &[u8] = if card.discoverable == 1 { &[1] } else { &[] };
    for word in words(card) {
        tx.put(Table::CardWords, &word_key(&word, card.user), mark)?;
    }
    let row = CardRow {
        v: 1,
        signed: signed.clone(),
        got_ms: now_ms,
    };
    tx.put_row(Table::Cards, &card.user.0, &row)?;
    Ok(true)
}

/// Whoever is found by nobody is left out of the index.
fn words(card: &ProfileCard) -> Vec<String> {
    if card.discoverable == 0 {
        Vec::new()
    } else {
        name::search_words(&card.nick, &card.display_name)
    }
}

fn word_key(word: &str, user: UserId) -> Vec<u8> {
    join(&[word.as_bytes(), &[0], &user.0])
}

/// The profile card of a user.
///
/// # Errors
/// Storage errors.
pub fn card(rows: &impl Rows, user: UserId) -> Result<Option<(ProfileCard, Signed)>> {
    let Some(row) = rows.row::<CardRow>(Table::Cards, &user.0)? else {
        return Ok(None);
    };
    let card = ProfileCard::from_store(&row.signed).map_err(|_| damaged(Table::Cards))?;
    Ok(Some((card, row.signed)))
}

/// When the card of a user was last heard; none = there is none.
///
/// # Errors
/// Storage errors.
pub fn heard_ms(rows: &impl Rows, user: UserId) -> Result<Option<u64>> {
    let row = rows.row::<CardRow>(Table::Cards, &user.0)?;
    Ok(row.map(|row| row.got_ms))
}

/// The card that is known has been given again: noted when a day has passed, so that greetings write nothing.
///
/// # Errors
/// Storage errors.
pub fn heard_again(tx: &Write<'_>, user: UserId, signed: &Signed, now_ms: u64) -> Result<()> {
    if let Some(mut row) = tx.row::<CardRow>(Table::Cards, &user.0)?
        && row.signed == *signed
        && now_ms.saturating_sub(row.got_ms) > DAY_MS
    {
        row.got_ms = now_ms;
        tx.put_row(Table::Cards, &user.0, &row)?;
    }
    Ok(())
}

/// Users of whom a word begins with `prefix` (folded) and who fit, at most `limit`, each once. `fits` is also told whether
/// somebody is found by contacts only: the caller asks whether that is one. It is asked before anything is cut off: people of
/// other nodes that are remembered here must not take the places of those who are looked for.
///
/// # Errors
/// Storage errors, and those of `fits`.
pub fn find(
    rows: &impl Rows,
    prefix: &str,
    limit: usize,
    mut fits: impl FnMut(UserId, bool) -> Result<bool>,
) -> Result<Vec<UserId>> {
    let (mut found, mut failed) = (Vec::new(), None);
    let mut seen = BTreeSet::new();
    let mut looked = 0;
    rows.each(Table::CardWords, prefix.as_bytes(), &mut |key, mark| {
        looked += 1;
        if let Some(user) = key
            .len()
            .checked_sub(32)
            .and_then(|at| key.get(at..))
            .and_then(|b| UserId::try_from(b).ok())
            && seen.insert(user)
        {
            match fits(user, !mark.is_empty()) {
                Ok(true) => found.push(user),
                Ok(false) => {}
                Err(error) => {
                    failed = Some(error);
                    return false;
                }
            }
        }
        found.len() < limit && looked < WORDS
    })?;
    failed.map_or(Ok(found), Err)
}

/// Whether a stored row that must be there is there.
pub(crate) fn must<T>(value: Option<T>, table: Table) -> Result<T> {
    value.ok_or_else(|| StoreError::Damaged(format!("a row of {table:?} is missing")))
}
