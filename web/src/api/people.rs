//! Finding people.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use chater_engine::view;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::body::{Answer, Asked, answer};
use super::shapes::Person;
use crate::error::ErrorAnswer;
use crate::session::Bearer;

/// Q30.
const WAIT_MS: u64 = 1_500;
const LONGEST_WAIT_MS: u64 = 4_000;
/// As many rows as one page can use; each node sends at most 20.
const ROWS: usize = 200;

/// Whom to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// 2 letters or more of a nick, a display name, an address.
    q: String,
    /// How long to wait for other nodes: 1,500 if left out, 4,000 at most.
    wait_ms: Option<u64>,
}

/// Those found.
#[derive(Serialize, ToSchema)]
pub(super) struct Found<'a> {
    /// People of this node.
    here: Vec<Person<'a>>,
    /// People of other nodes.
    elsewhere: Vec<Person<'a>>,
    /// Nodes asked.
    asked: u32,
    /// Nodes that answered in time.
    answered: u32,
}

/// Searches for people here and on other nodes.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", params(Search),
    responses((status = 200, body = Found), (status = 401, body = ErrorAnswer), (status = 429, body = ErrorAnswer)))]
pub(super) async fn search(bearer: Bearer, Asked(asked): Asked<Search>) -> Answer {
    let wait = Duration::from_millis(asked.wait_ms.unwrap_or(WAIT_MS).min(LONGEST_WAIT_MS));
    let until = Instant::now() + wait;
    let answers = bearer.user.search(&asked.q).await?;
    let gathered = gather(answers, until).await;
    let (here, elsewhere) = gathered
        .rows
        .iter()
        .partition::<Vec<_>, _>(|person| person.here);
    let found = Found {
        here: here.into_iter().map(Into::into).collect(),
        elsewhere: elsewhere.into_iter().map(Into::into).collect(),
        asked: gathered.asked,
        answered: gathered.answered,
    };
    answer(StatusCode::OK, &found)
}

/// What came until a moment.
struct Gathered {
    rows: Vec<view::Person>,
    asked: u32,
    answered: u32,
}

/// Collects answers until `until` or the last one; nobody twice.
async fn gather(mut answers: mpsc::Receiver<view::PeopleAnswer>, until: Instant) -> Gathered {
    let mut gathered = Gathered {
        rows: Vec::new(),
        asked: 0,
        answered: 0,
    };
    let mut seen = BTreeSet::new();
    while let Ok(Some(next)) = tokio::time::timeout_at(until, answers.recv()).await {
        gathered.asked = gathered.asked.max(next.asked);
        gathered.answered = gathered.answered.max(next.answered);
        let room = ROWS.saturating_sub(gathered.rows.len());
        gathered.rows.extend(
            next.rows
                .into_iter()
                .filter(|person| seen.insert(person.user_id))
                .take(room),
        );
        if next.done {
            break;
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_are_gathered_in_time_and_nobody_twice() {
        let person = super::super::shapes::tests::message().author;
        let answer = move |answered, done| view::PeopleAnswer {
            from: None,
            known: Vec::new(),
            rows: vec![person.clone()],
            asked: 2,
            answered,
            done,
        };
        let (sender, answers) = mpsc::channel(4);
        sender.send(answer(0, false)).await.expect("room");
        sender.send(answer(1, false)).await.expect("room");
        let late = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            sender.send(answer(2, true)).await
        });
        let gathered = gather(answers, Instant::now() + Duration::from_millis(50)).await;
        assert_eq!(
            (gathered.rows.len(), gathered.asked, gathered.answered),
            (1, 2, 1)
        );
        assert!(
            late.await.expect("no panic").is_err(),
            "the search has ended"
        );
    }
}
