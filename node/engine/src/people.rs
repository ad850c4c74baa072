//! Finding people: at once here, then from every node as it answers.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_network::{Protocol, Topic};
use chater_protocol::community::Channel;
use chater_protocol::id::{Bytes, Hash, NodeId, UserId};
use chater_protocol::identity::{NodeCard, ProfileCard};
use chater_protocol::invite::answer_proof;
use chater_protocol::limits;
use chater_protocol::name;
use chater_protocol::wire::{
    Identities, Message, PeopleAnswer as WireAnswer, PeopleQuery, PeopleReply, PeopleRequest,
};
use chater_store::{Rows, StoreError, chats, homes, users};
use rand_core::Rng;
use tokio::sync::mpsc;

use crate::actor::now_ms;
use crate::community::Known;
use crate::error::{Error, Reason};
use crate::fetch::{keep_identities, only};
use crate::person::{long_label, person};
use crate::serve::identities_of;
use crate::shared::{Shared, SystemRandom, lock};
use crate::view::{PeopleAnswer, Person};

/// How long answers are waited for.
const WAIT: Duration = Duration::from_secs(4);
/// How often it is looked whether all have answered.
const LOOK: Duration = Duration::from_millis(100);
/// How long nodes behind the neighbours are waited for once all neighbours have answered, at least. Where those took long it is
/// longer: whoever is behind them hears later, and has to dial and greet before it can answer.
const BEHIND: Duration = Duration::from_millis(800);
/// So many times what the last answer took.
const BEHIND_TIMES: u32 = 4;
/// Answers that wait for whoever searched; one beyond them is counted and not shown. Without it a page that reads nothing
/// would hold whatever comes.
const WAITING: usize = 256;
/// Searches open at once on this node.
const SEARCHES: usize = 256;
/// Somebody of elsewhere whose node has not given their card for so long is not found any more, unless there is a chat with them:
/// they may have gone, or have said since that they do not want to be found. Linked nodes give cards once a day.
const CARD_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Queries with a time this far off are not answered: somebody plays old ones back.
const FRESH_MS: u64 = 24 * 60 * 60 * 1000;
/// Bytes of records in one message: the rest is the node card and the envelope.
const ROOM: usize = limits::PEOPLE - limits::CARD - 256;
/// People of an asking node, and chats of one person, that are looked through for a contact.
const CONTACTS: usize = 1_000;
/// See `CONTACTS`.
const CONTACT_CHATS: usize = 5_000;
/// Queries remembered, so that one is answered once.
const SEEN: usize = 4_096;
/// How long an answer waits for the connection to the asker.
const REACH: Duration = Duration::from_secs(5);

/// A search that waits for answers.
struct Search {
    text: String,
    viewer: UserId,
    to: mpsc::Sender<PeopleAnswer>,
    asked: u32,
    answered: BTreeSet<NodeId>,
}

/// Searches open now.
#[derive(Default)]
pub(crate) struct Searches(Mutex<HashMap<[u8; 16], Search>>);

impl Searches {
    /// Whether a greeting proves that the peer answers a search that is open here (C4).
    pub(crate) fn is_answered_by(&self, own: NodeId, peer: NodeId, proofs: &[Bytes<32>]) -> bool {
        let open = lock(&self.0);
        open.keys().any(|id| {
            let proof = Bytes(answer_proof(&Bytes(*id), peer, own));
            proofs.contains(&proof)
        })
    }

    /// The ids of the queries, for tests that answer them by hand.
    #[cfg(test)]
    pub(crate) fn ids(&self) -> Vec<[u8; 16]> {
        lock(&self.0).keys().copied().collect()
    }
}

/// Queries seen lately, and in which communities: one is answered once.
#[derive(Default)]
pub(crate) struct Seen {
    queries: HashMap<[u8; 16], Vec<Hash>>,
    order: VecDeque<[u8; 16]>,
}

impl Seen {
    /// Whether a query is new here, and whether it is new in that community.
    fn is_new(&mut self, query: [u8; 16], community: Hash) -> (bool, bool) {
        if let Some(communities) = self.queries.get_mut(&query) {
            let new = !communities.contains(&community);
            if new {
                communities.push(community);
            }
            return (false, new);
        }
        if self.order.len() >= SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.queries.remove(&oldest);
        }
        self.order.push_back(query);
        self.queries.insert(query, vec![community]);
        (true, true)
    }
}

/// Starts a search; see [`crate::UserHandle::search`].
pub(crate) fn search(
    shared: &Arc<Shared>,
    viewer: UserId,
    q: &str,
) -> Result<mpsc::Receiver<PeopleAnswer>, Error> {
    lock(&shared.rates)
        .searches
        .take(&viewer, now_ms())
        .map_err(|retry_after_s| Error::TooMany { retry_after_s })?;
    if q.chars().count() > limits::QUERY_MAX_CHARS * 2 {
        return Err(Error::invalid("q", Reason::Long));
    }
    let (to, from) = mpsc::channel(WAITING);
    let text = name::fold_query(q);
    if text.chars().filter(|c| c.is_alphanumeric()).count() < limits::QUERY_CHARS {
        let _ = to.try_send(PeopleAnswer {
            from: None,
            rows: Vec::new(),
            known: Vec::new(),
            asked: 0,
            answered: 0,
            done: true,
        });
        return Ok(from);
    }
    shared.counters.searches.fetch_add(1, Ordering::Relaxed);
    let (here, known) = {
        let rows = shared.store.read()?;
        let mut found = Vec::new();
        let shown = shown_to(shared, &rows, viewer);
        for user in homes::find(&rows, &text, limits::PEOPLE_ROWS, shown)? {
            found.push(Person::clone(&*person(shared, &rows, user)?));
        }
        // People of this node first, then by name.
        found.sort_by(|a, b| (!a.here, &a.display_name).cmp(&(!b.here, &b.display_name)));
        let known = known(&rows, viewer, &found)?;
        (found, known)
    };
    let asked = {
        let presence = lock(&shared.presence);
        let links = presence.links.values();
        let fellows = links.filter(|link| !link.common.is_empty());
        u32::try_from(fellows.count()).unwrap_or(u32::MAX)
    };
    let done = asked == 0;
    let _ = to.try_send(PeopleAnswer {
        from: None,
        rows: here,
        known,
        asked,
        answered: 0,
        done,
    });
    if done {
        return Ok(from);
    }
    let mut id = [0u8; 16];
    SystemRandom.fill_bytes(&mut id);
    {
        let mut open = lock(&shared.searches.0);
        open.retain(|_, search| !search.to.is_closed());
        if open.len() >= SEARCHES {
            return Err(Error::Busy);
        }
        open.insert(
            id,
            Search {
                text: text.clone(),
                viewer,
                to,
                asked,
                answered: BTreeSet::new(),
            },
        );
    }
    let now = now_ms();
    let query = PeopleQuery {
        id: Bytes(id),
        text,
        asker: shared.card(now, None),
        ts: now,
    };
    let query = query.encode();
    for known in shared.communities.all().iter() {
        let frame = known
            .community
            .seal(Channel::People, &query, &mut SystemRandom);
        let topic = Topic(known.community.topic(Channel::People));
        shared.network.publish(topic, frame);
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        wait_for_answers(&shared, id).await;
        let ended = lock(&shared.searches.0).remove(&id);
        if let Some(search) = ended {
            let answered = u32::try_from(search.answered.len()).unwrap_or(u32::MAX);
            let last = PeopleAnswer {
                from: None,
                rows: Vec::new(),
                known: Vec::new(),
                asked: search.asked,
                answered,
                done: true,
            };
            let _ = search.to.try_send(last);
        }
    });
    Ok(from)
}

/// Waits until the neighbours have answered and, a moment longer after each answer, those behind them; at most `WAIT`.
async fn wait_for_answers(shared: &Shared, id: [u8; 16]) {
    let began = tokio::time::Instant::now();
    // How many had answered, and when it is enough if no more do.
    let (mut heard, mut enough) = (0, None);
    while began.elapsed() < WAIT {
        tokio::time::sleep(LOOK).await;
        let (answered, asked) = match lock(&shared.searches.0).get(&id) {
            Some(search) if !search.to.is_closed() => (search.answered.len(), search.asked),
            _ => return,
        };
        if answered < asked as usize {
            enough = None;
            continue;
        }
        let end = match enough {
            Some(end) if answered == heard => end,
            _ => {
                let took = began.elapsed();
                took + BEHIND.max(took * BEHIND_TIMES)
            }
        };
        if began.elapsed() >= end {
            return;
        }
        (heard, enough) = (answered, Some(end));
    }
}

/// An answer to one of our queries came. Cards are verified, kept, and shown if they fit the query.
pub(crate) async fn answered(shared: &Arc<Shared>, peer: NodeId, answer: WireAnswer) {
    if NodeCard::open(&answer.node).map(|card| card.node) != Ok(peer) {
        return;
    }
    {
        let mut open = lock(&shared.searches.0);
        let Some(search) = open.get_mut(&answer.query.0) else {
            return;
        };
        // One answer a node.
        if !search.answered.insert(peer) {
            return;
        }
        let linked = lock(&shared.presence).links.contains_key(&peer);
        let answered = u32::try_from(search.answered.len()).unwrap_or(u32::MAX);
        search.asked = search
            .asked
            .max(answered)
            .max(search.asked + u32::from(!linked));
    }
    let mut people = answer.people;
    people.profiles.truncate(limits::PEOPLE_ROWS);
    let named: BTreeSet<UserId> = people
        .profiles
        .iter()
        .filter_map(|signed| ProfileCard::from_store(signed).ok())
        .map(|card| card.user)
        .collect();
    only(&mut people, &named);
    people.homes.truncate(limits::PEOPLE_ROWS * limits::HOMES);
    let Some(verified) = keep_identities(shared, peer, people, false).await else {
        return;
    };
    let (text, viewer) = {
        let open = lock(&shared.searches.0);
        let Some(search) = open.get(&answer.query.0) else {
            return;
        };
        (search.text.clone(), search.viewer)
    };
    let fits = |card: &ProfileCard| {
        card.user != viewer
            && card.discoverable != 0
            && name::search_words(&card.nick, &card.display_name)
                .iter()
                .any(|word| word.starts_with(&text))
    };
    let rows = shared.store.read().and_then(|rows| {
        let mut found = Vec::new();
        for (card, _) in verified.profiles.iter().filter(|(card, _)| fits(card)) {
            let shown = card.discoverable == 2 || shares_chat(&rows, card.user, viewer)?;
            // Only people who live on the node that answers: it speaks for its own.
            if shown && homes::lives_on(&rows, card.user, peer)? {
                found.push(Person::clone(&*person(shared, &rows, card.user)?));
            }
        }
        let from = crate::person::node_label(shared, &rows, peer)?;
        let known = known(&rows, viewer, &found)?;
        Ok((from, found, known))
    });
    let Ok((from, rows, known)) = rows else {
        return;
    };
    let mut open = lock(&shared.searches.0);
    if let Some(search) = open.get_mut(&answer.query.0) {
        let answered = u32::try_from(search.answered.len()).unwrap_or(u32::MAX);
        let news = PeopleAnswer {
            from: Some(from),
            rows,
            known,
            asked: search.asked,
            answered,
            done: false,
        };
        if search.to.is_closed() {
            open.remove(&answer.query.0);
        } else if search.to.capacity() > 1 {
            // The last place is kept for the end: a search that never says so would be waited for.
            let _ = search.to.try_send(news);
        }
    }
}

/// What becomes of a gossiped query: forwarded, passed over, or its sender blamed.
pub(crate) enum Judged {
    /// With the query to answer, unless it was answered in another community.
    Forward(Option<Box<(PeopleQuery, NodeCard)>>),
    PassOver,
    Blame,
}

/// Opens and checks a gossiped query (S4) that a neighbour has handed over, and whose author signed the frame.
pub(crate) fn judge(
    shared: &Shared,
    known: &Known,
    (from, author): (NodeId, NodeId),
    frame: &[u8],
) -> Judged {
    let Ok(plain) = known.community.open_frame(Channel::People, frame) else {
        return Judged::Blame;
    };
    let Ok(query) = PeopleQuery::decode(&plain) else {
        return Judged::Blame;
    };
    let Ok(mut card) = NodeCard::open(&query.asker) else {
        return Judged::Blame;
    };
    // A card is seen by many: it proves nothing of who asks. Whoever asks under another's would spend that one's rate and aim
    // the answers at it. The neighbour may not have looked; it is to blame for what it has written itself.
    if author != card.node {
        return if author == from {
            Judged::Blame
        } else {
            Judged::PassOver
        };
    }
    let length = query.text.chars().count();
    if name::fold_query(&query.text) != query.text
        || !(limits::QUERY_CHARS..=limits::QUERY_MAX_CHARS).contains(&length)
    {
        return Judged::Blame;
    }
    let now = now_ms();
    let silent = card.node == shared.node_id || shared.refuses(card.node);
    if silent || now.abs_diff(query.ts) > FRESH_MS {
        return Judged::PassOver;
    }
    let (is_new, is_new_there) = lock(&shared.seen).is_new(query.id.0, known.id);
    if !is_new {
        // The same again under another seal is not passed on for ever: once in each community.
        return if is_new_there {
            Judged::Forward(None)
        } else {
            Judged::PassOver
        };
    }
    if lock(&shared.rates).queries.take(&card.node, now).is_err() {
        return Judged::PassOver;
    }
    card.addrs = {
        let presence = lock(&shared.presence);
        let place = presence.links.get(&from).map(|link| &link.address);
        place.map_or_else(Vec::new, |place| dialled(&card, place))
    };
    Judged::Forward(Some(Box::new((query, card))))
}

/// Where an asker is dialled whose query came from a neighbour at that place: anybody may claim any address, and a query must
/// not aim the dials of all nodes at what stands in their own networks.
fn dialled(card: &NodeCard, place: &str) -> Vec<String> {
    chater_network::believed(&card.addrs, card.node, place)
}

/// Answers a query: on a connection there is, also with "none"; only with a hit is the asker dialled,
/// once, at the addresses of its own signed card that are believed.
pub(crate) async fn answer(shared: Arc<Shared>, (query, asker): (PeopleQuery, NodeCard)) {
    let hits = find_here(&shared, &query.text, asker.node).unwrap_or_else(|error| {
        tracing::error!(%error, "a people query cannot be answered");
        Vec::new()
    });
    let node = asker.node;
    if !shared.is_linked(node) {
        if hits.is_empty() || shared.links.is_off(node) {
            return;
        }
        // Our greeting proves that we answer, so that an unknown node is let in for that (C4).
        lock(&shared.answering).insert(node, query.id);
        let linked =
            shared.network.reach(node, asker.addrs).await && wait_linked(&shared, node).await;
        lock(&shared.answering).remove(&node);
        if !linked {
            return;
        }
    }
    let Ok(people) = identities_of(&shared, &hits, ROOM) else {
        return;
    };
    shared
        .counters
        .queries_answered
        .fetch_add(1, Ordering::Relaxed);
    let answer = WireAnswer {
        query: query.id,
        node: shared.card(now_ms(), None),
        people,
    };
    let body = PeopleRequest::Answer(answer).encode();
    if let Err(error) = shared.network.request(node, Protocol::People, body).await {
        tracing::debug!(%error, "people answer");
    }
}

/// Waits until a peer has been greeted.
pub(crate) async fn wait_linked(shared: &Shared, node: NodeId) -> bool {
    let linked = async {
        loop {
            let changed = shared.link_changed.notified();
            if shared.is_linked(node) {
                break;
            }
            // A missed wake-up costs a moment, not the answer.
            let _ = tokio::time::timeout(Duration::from_millis(100), changed).await;
        }
    };
    tokio::time::timeout(REACH, linked).await.is_ok()
}

/// People who live here and may be found by somebody of that node.
fn find_here(shared: &Shared, text: &str, asker: NodeId) -> Result<Vec<UserId>, StoreError> {
    let rows = shared.store.read()?;
    let mut there = None;
    homes::find(&rows, text, limits::PEOPLE_ROWS, |user, contacts| {
        if !users::lives_here(&rows, user)? {
            return Ok(false);
        }
        if !contacts {
            return Ok(true);
        }
        let there = match &mut there {
            Some(there) => there,
            // Whoever has moved away from there is no contact of theirs any more.
            none => none.insert(chats_of(&rows, &homes::living_on(&rows, asker)?)?),
        };
        is_in_any(&rows, user, there)
    })
}

/// Which of the people remembered here are shown to a user of this node (I10).
fn shown_to(
    shared: &Shared,
    rows: &impl Rows,
    viewer: UserId,
) -> impl FnMut(UserId, bool) -> Result<bool, StoreError> {
    let mut own = None;
    let now = shared.now_ms();
    move |user, contacts| {
        if user == viewer {
            return Ok(false);
        }
        if !users::lives_here(rows, user)?
            && homes::heard_ms(rows, user)?.is_none_or(|at| now.saturating_sub(at) > CARD_MS)
            && !shares_chat(rows, viewer, user)?
        {
            return Ok(false);
        }
        if contacts {
            let own = match &mut own {
                Some(own) => own,
                none => none.insert(chats_of(rows, &[viewer])?),
            };
            if !is_in_any(rows, user, own)? {
                return Ok(false);
            }
        }
        Ok(!shared.refuses(person(shared, rows, user)?.node_id))
    }
}

/// The chats that any of these people is in, read once for all whom a search comes upon.
fn chats_of(rows: &impl Rows, people: &[UserId]) -> Result<BTreeSet<u32>, StoreError> {
    let mut found = BTreeSet::new();
    for person in people.iter().take(CONTACTS) {
        let all = chats::of_user(rows, *person)?;
        for no in all.into_iter().take(CONTACT_CHATS) {
            if chats::is_member(rows, *person, no)? {
                found.insert(no);
            }
        }
    }
    Ok(found)
}

/// Those found who are in a chat that the viewer takes part in.
fn known(rows: &impl Rows, viewer: UserId, found: &[Person]) -> Result<Vec<UserId>, StoreError> {
    let mut known = Vec::new();
    for person in found {
        if shares_chat(rows, viewer, person.user_id)? {
            known.push(person.user_id);
        }
    }
    Ok(known)
}

/// As [`shares_chat`], with whoever is in these chats.
fn is_in_any(rows: &impl Rows, user: UserId, theirs: &BTreeSet<u32>) -> Result<bool, StoreError> {
    let here = users::lives_here(rows, user)?;
    let own = chats::of_user(rows, user)?;
    let common = own.into_iter().take(CONTACT_CHATS);
    for no in common.filter(|no| theirs.contains(no)) {
        if !here || chats::inbox(rows, user, no)?.is_some_and(|inbox| inbox.state == 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a user of this node shares a chat with somebody, and has said yes to it: a stranger's request is none.
pub(crate) fn shares_chat(
    rows: &impl Rows,
    user: UserId,
    other: UserId,
) -> Result<bool, StoreError> {
    for no in chats::of_user(rows, user)?.into_iter().take(CONTACT_CHATS) {
        let open = !users::lives_here(rows, user)?
            || chats::inbox(rows, user, no)?.is_some_and(|inbox| inbox.state == 0);
        if open && chats::is_member(rows, other, no)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Answers `/chater/people/1`.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    peer: NodeId,
    request: PeopleRequest,
) -> PeopleReply {
    match request {
        PeopleRequest::Answer(answer) => {
            answered(shared, peer, answer).await;
            PeopleReply::Taken(0)
        }
        PeopleRequest::Find(nick) => {
            // Nobody tries all nicks of a node one by one.
            let within = lock(&shared.rates).finds.take(&peer, now_ms()).is_ok();
            if !within || shared.links.brings_mail_alone(shared, peer) {
                return PeopleReply::Taken(0);
            }
            // An exact address is answered also for those who cannot be searched for.
            let found = name::check_nick(&nick).ok().and_then(|folded| {
                let rows = shared.store.read().ok()?;
                users::by_nick(&rows, &folded).ok()?
            });
            let people = found.map(|user| identities_of(shared, &[user], ROOM));
            PeopleReply::Found(people.and_then(Result::ok).unwrap_or_default())
        }
    }
}

/// The person that an address, nick of this node or user id names (Q7, Q29).
pub(crate) async fn find(shared: &Arc<Shared>, with: &str) -> Result<Person, Error> {
    let with = with.trim();
    if with.is_empty() || with.len() > 512 {
        return Err(Error::invalid(
            "with",
            if with.is_empty() {
                Reason::Empty
            } else {
                Reason::Long
            },
        ));
    }
    if let Ok(user) = with.parse::<UserId>() {
        let rows = shared.store.read()?;
        return match homes::card(&rows, user)? {
            Some(_) => Ok(Person::clone(&*person(shared, &rows, user)?)),
            None => Err(Error::NotFound),
        };
    }
    let (nick, node) = match with.rsplit_once('@') {
        Some((nick, node)) => (nick, Some(node)),
        None => (with, None),
    };
    let Ok(folded) = name::check_nick(nick) else {
        return Err(Error::NotFound);
    };
    let nodes = match node {
        None => vec![shared.node_id],
        Some(node) => nodes_named(shared, node)?,
    };
    let node_id = match nodes.as_slice() {
        [] => return Err(Error::UnknownNode(node.unwrap_or_default().to_owned())),
        [one] => *one,
        several => {
            let bare = node
                .and_then(|n| n.split('~').next())
                .unwrap_or_default()
                .to_lowercase();
            let long = several
                .iter()
                .map(|id| format!("{nick}@{}", long_label(&bare, *id, several.iter())));
            return Err(Error::Ambiguous(long.collect()));
        }
    };
    if node_id == shared.node_id {
        let rows = shared.store.read()?;
        let user = users::by_nick(&rows, &folded)?.ok_or(Error::NotFound)?;
        return Ok(Person::clone(&*person(shared, &rows, user)?));
    }
    let mut answered: Option<Option<UserId>> = None;
    if shared.is_linked(node_id) {
        let request = PeopleRequest::Find(nick.to_owned()).encode();
        let asked = shared.network.request(node_id, Protocol::People, request);
        if let Ok(Ok(body)) = tokio::time::timeout(WAIT, asked).await
            && let Ok(PeopleReply::Found(people)) = PeopleReply::decode(&body)
        {
            // The node speaks for its own people: whoever else says to live there under that nick is
            // no match while it can be asked.
            let people = one_person(people);
            let named = people
                .profiles
                .first()
                .and_then(|signed| ProfileCard::from_store(signed).ok())
                .map(|card| card.user);
            keep_identities(shared, node_id, people, false).await;
            answered = Some(named);
        }
    }
    // From what is remembered, so that a known person is found while the node is away.
    let rows = shared.store.read()?;
    for user in homes::users_on(&rows, node_id)? {
        if answered.is_some_and(|named| named != Some(user)) {
            continue;
        }
        // The person's own records must name that node as a live home (Q7), and it has given them itself.
        let lives = homes::lives_on(&rows, user, node_id)?;
        let named = homes::card(&rows, user)?
            .is_some_and(|(card, _)| name::check_nick(&card.nick).as_deref() == Ok(&folded[..]));
        if lives && named {
            return Ok(Person::clone(&*person(shared, &rows, user)?));
        }
    }
    if answered.is_none() {
        return Err(Error::NodeSilent(crate::person::node_label(
            shared, &rows, node_id,
        )?));
    }
    Err(Error::NotFound)
}

fn one_person(mut people: Identities) -> Identities {
    people.profiles.truncate(1);
    let named = people
        .profiles
        .iter()
        .filter_map(|signed| ProfileCard::from_store(signed).ok())
        .map(|card| card.user)
        .collect();
    only(&mut people, &named);
    people.homes.truncate(limits::HOMES * 2);
    people.kems.truncate(limits::HOMES * 2);
    people
}

/// Nodes that a typed name may mean: `name` or `name~4f2a` (Q6, Q7).
fn nodes_named(shared: &Shared, typed: &str) -> Result<Vec<NodeId>, Error> {
    let (bare, digits) = typed.split_once('~').unwrap_or((typed, ""));
    let Ok(bare) = name::check_node_name(bare) else {
        return Ok(Vec::new());
    };
    let own = bare == shared.name();
    if own && digits.is_empty() {
        return Ok(vec![shared.node_id]);
    }
    let rows = shared.store.read()?;
    let mut found: Vec<NodeId> = chater_store::nodes::by_name(&rows, &bare)?;
    if own {
        found.push(shared.node_id);
    }
    let digits = digits.to_lowercase();
    found.retain(|id| chater_protocol::id::hex(&id.0).starts_with(&digits));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query names hosts of the nodes that hear it: none of them is dialled, unless it came from near.
    #[test]
    fn a_query_aims_no_dial_at_a_private_network() {
        let claimed = NodeCard {
            v: 1,
            node: NodeId([1; 32]),
            name: "asker".into(),
            addrs: [
                "/ip4/192.168.1.1/tcp/80",
                "/ip4/127.0.0.1/tcp/6379",
                "/ip4/169.254.169.254/tcp/80",
                "/ip4/8.8.4.4/tcp/4001",
            ]
            .map(str::to_owned)
            .into(),
            mailboxes: Vec::new(),
            caps: 0,
            ts: 1,
        };
        let places = |place: &str| {
            let kept = dialled(&claimed, place).join(" ");
            ["/192.168.", "/127.0.", "/169.254.", "/8.8.4.4/"].map(|host| kept.contains(host))
        };
        let public = "/ip4/8.8.8.8/tcp/4001";
        assert_eq!(places(public), [false, false, false, true]);
        assert_eq!(
            places("/ip4/192.168.1.7/tcp/4001"),
            [true, false, false, true]
        );
    }
}
