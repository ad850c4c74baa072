//! The life of one socket: a single task that reads, asks the engine, and writes.
//!
//! Each turn takes everything that is ready before it writes once: a burst of sends reaches the
//! engine together (and shares a commit), a burst of replies leaves in one write.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use chater_engine::view::PeopleAnswer;
use chater_engine::{Ended, Engine, Subscription, Update, UserHandle};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::unconstrained;
use tokio::time::{Instant, MissedTickBehavior};

use super::frames::{self, FrameId, Nonsense, Wish};
use super::work::{Done, carry_out};
use super::{Reader, news};
use crate::serve::Stopping;

/// Wishes without an answer; with more, the socket is not read further (Q45).
const UNANSWERED: usize = 256;
/// Events of one turn, so that one busy socket does not keep its thread.
const TURN: usize = 256;
/// A ping this often ...
const PING_EVERY: Duration = Duration::from_secs(30);
/// ... and an end after this much silence: a lost browser does not say goodbye.
const SILENCE: Duration = Duration::from_secs(75);
/// How often it is looked whether the disk has room.
const DISK_EVERY: Duration = Duration::from_secs(2);
/// For one write; a browser that reads nothing for so long is gone.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// For the farewell.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Close codes of Q36 and of RFC 6455.
mod code {
    pub(super) const STOPPING: u16 = 1001;
    pub(super) const BINARY: u16 = 1003;
    pub(super) const NOT_TEXT: u16 = 1007;
    pub(super) const NONSENSE: u16 = 1008;
    pub(super) const TOO_LARGE: u16 = 1009;
    pub(super) const TOO_SLOW: u16 = 1013;
    pub(super) const SESSION: u16 = 4401;
}

/// Something to react to.
enum Event {
    Frame(Option<Result<Message, axum::Error>>),
    Done(Done),
    News(Option<Arc<Update>>),
    People(Option<PeopleAnswer>),
    Tick,
    Disk,
    Stopping,
}

/// How a socket ends.
enum End {
    /// It is gone.
    Gone,
    /// We close it, saying why.
    Close(u16),
}

/// The search of a socket that is under way.
struct Search {
    id: FrameId,
    q: String,
    began: Instant,
    answers: mpsc::Receiver<PeopleAnswer>,
}

/// What a socket remembers between two events.
struct Talk {
    user: UserHandle,
    reader: Reader,
    search: Option<Search>,
    searches: u64,
    nonsense: Nonsense,
    heard: Instant,
}

/// Talks until one side ends it.
pub(super) async fn run(
    mut socket: WebSocket,
    engine: Engine,
    user: UserHandle,
    mut updates: Subscription,
    reader: Reader,
    mut stopping: Option<Stopping>,
) {
    let mut talk = Talk {
        user,
        reader,
        search: None,
        searches: 0,
        nonsense: Nonsense::default(),
        heard: Instant::now(),
    };
    // Replies leave in the order in which the engine answers, which is the order of commits.
    let mut unanswered = FuturesUnordered::new();
    let mut tick = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut disk = tokio::time::interval_at(Instant::now() + DISK_EVERY, DISK_EVERY);
    disk.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut full = engine.is_full();
    let pill = news::pill(&talk.reader, &engine.name(), engine.links());
    let mut out = vec![Message::Text(news::hello(updates.seq, full, pill))];
    let end = 'talk: loop {
        if !out.is_empty() && write(&mut socket, &mut out).await.is_err() {
            break End::Gone;
        }
        let has_room = unanswered.len() < UNANSWERED;
        let mut event = tokio::select! {
            frame = socket.recv(), if has_room => Event::Frame(frame),
            Some(done) = unanswered.next(), if !unanswered.is_empty() => Event::Done(done),
            update = updates.next() => Event::News(update),
            answer = next_answer(&mut talk.search) => Event::People(answer),
            _ = tick.tick() => Event::Tick,
            _ = disk.tick() => Event::Disk,
            () = stopped(&mut stopping) => Event::Stopping,
        };
        let mut turn = 0;
        loop {
            match event {
                Event::Frame(frame) => match talk.heard(frame, &mut out) {
                    Ok(Some((id, wish))) => {
                        // tokio's budget would put a wish whose answer is there back to the end of the
                        // line, and replies would overtake each other.
                        let work = carry_out(talk.user.clone(), id, wish, talk.searches);
                        unanswered.push(unconstrained(work));
                    }
                    Ok(None) => {}
                    Err(end) => break 'talk end,
                },
                Event::Done(done) => talk.done(done, &mut out),
                Event::News(Some(update)) => talk.news(&update, &mut out),
                Event::News(None) => break 'talk End::Close(code_of(updates.ended())),
                Event::People(answer) => talk.people(answer, &mut out),
                Event::Tick => {
                    // A socket that is not read cannot be heard.
                    if has_room && talk.heard.elapsed() >= SILENCE {
                        break 'talk End::Gone;
                    }
                    out.push(Message::Ping(axum::body::Bytes::new()));
                    // A page is not told of pings, and a line that is dead says nothing.
                    if talk.reader.html {
                        out.push(Message::Text(news::tick()));
                    }
                }
                Event::Disk => {
                    let now = engine.is_full();
                    if now != full {
                        full = now;
                        out.push(Message::Text(news::disk(full)));
                    }
                }
                Event::Stopping => break 'talk End::Close(code::STOPPING),
            }
            turn += 1;
            if turn == TURN {
                break;
            }
            // The sources take turns: otherwise a burst of sends would starve its own updates, and the
            // engine would call this reader too slow. New wishes begin here, as they are polled
            // before anything is waited for.
            let mut next = None;
            for source in turn..turn + 4 {
                next = match source % 4 {
                    0 => unanswered.next().now_or_never().flatten().map(Event::Done),
                    1 if unanswered.len() < UNANSWERED => {
                        socket.recv().now_or_never().map(Event::Frame)
                    }
                    2 => updates.next().now_or_never().map(Event::News),
                    3 => next_answer(&mut talk.search)
                        .now_or_never()
                        .map(Event::People),
                    _ => None,
                };
                if next.is_some() {
                    break;
                }
            }
            let Some(next) = next else { break };
            event = next;
        }
    };
    if let End::Close(code) = end {
        let close = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(""),
        };
        out.push(Message::Close(Some(close)));
        let _ = tokio::time::timeout(CLOSE_TIME, say_goodbye(&mut socket, &mut out, code)).await;
    }
}

impl Talk {
    /// One frame from the other side; gives back what it asks for.
    fn heard(
        &mut self,
        frame: Option<Result<Message, axum::Error>>,
        out: &mut Vec<Message>,
    ) -> Result<Option<(FrameId, Wish)>, End> {
        let text = match frame {
            None => return Err(End::Gone),
            Some(Err(error)) => return Err(broken(&error.to_string())),
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(End::Close(code::BINARY)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                self.heard = Instant::now();
                return Ok(None);
            }
            // The answer to it is written by the next read, which then ends.
            Some(Ok(Message::Close(_))) => return Ok(None),
        };
        self.heard = Instant::now();
        match frames::read(&text) {
            Ok((_, Wish::Typing(chat, on))) => {
                self.user.typing(chat, on);
                Ok(None)
            }
            Ok((id, wish)) => {
                if matches!(wish, Wish::Search(_) | Wish::Stop) {
                    self.search = None;
                    self.searches += 1;
                }
                Ok(Some((id, wish)))
            }
            Err(bad) => {
                out.push(Message::Text(news::refusal(
                    &bad.id,
                    &bad.problem,
                    &self.reader,
                )));
                if bad.counts && self.nonsense.is_too_much(self.heard) {
                    return Err(End::Close(code::NONSENSE));
                }
                Ok(None)
            }
        }
    }

    /// A wish was carried out, or refused.
    fn done(&mut self, done: Done, out: &mut Vec<Message>) {
        out.push(Message::Text(news::reply(&done, &self.reader)));
        if let Done::Searching(id, number, q, answers) = done
            && number == self.searches
        {
            self.search = Some(Search {
                id,
                q,
                began: Instant::now(),
                answers,
            });
        }
    }

    fn news(&self, update: &Update, out: &mut Vec<Message>) {
        out.push(Message::Text(news::update(update, &self.reader)));
    }

    fn people(&mut self, answer: Option<PeopleAnswer>, out: &mut Vec<Message>) {
        let Some(search) = &self.search else { return };
        let is_last = match answer {
            Some(answer) => {
                out.push(Message::Text(news::people(
                    &search.id,
                    &search.q,
                    search.began.elapsed(),
                    &answer,
                    &self.reader,
                )));
                answer.done
            }
            None => true,
        };
        if is_last {
            self.search = None;
        }
    }
}

/// How a socket whose bytes make no sense ends. tungstenite's own error type is not in reach here.
fn broken(error: &str) -> End {
    if error.contains("Message too long") {
        End::Close(code::TOO_LARGE)
    } else if error.contains("UTF-8") {
        End::Close(code::NOT_TEXT)
    } else {
        End::Gone
    }
}

fn code_of(ended: Ended) -> u16 {
    match ended {
        Ended::Stopping => code::STOPPING,
        Ended::Session => code::SESSION,
        Ended::Slow => code::TOO_SLOW,
    }
}

/// Feeds all frames, then writes once.
async fn write(socket: &mut WebSocket, out: &mut Vec<Message>) -> Result<(), ()> {
    let writing = async {
        for message in out.drain(..) {
            socket.feed(message).await?;
        }
        socket.flush().await
    };
    match tokio::time::timeout(WRITE_TIME, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

/// Says why, then waits for the other side to say so, too.
async fn say_goodbye(socket: &mut WebSocket, out: &mut Vec<Message>, code: u16) {
    if write(socket, out).await.is_err() {
        return;
    }
    if code == code::TOO_LARGE {
        // The rest of that frame is on its way and is not read: reading on would gather all of it. A
        // moment later the farewell has arrived before our side is reset.
        tokio::time::sleep(CLOSE_TIME / 4).await;
        return;
    }
    while let Some(Ok(_)) = socket.recv().await {}
}

async fn next_answer(search: &mut Option<Search>) -> Option<PeopleAnswer> {
    match search {
        Some(search) => search.answers.recv().await,
        None => std::future::pending().await,
    }
}

async fn stopped(stopping: &mut Option<Stopping>) {
    match stopping {
        Some(stopping) => stopping.wait().await,
        None => std::future::pending().await,
    }
}
