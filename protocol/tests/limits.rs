//! Every number of `limits.rs` that a decoder or a check of this crate keeps: exactly so many pass, one more does not. Where the
//! others are tested is in `tests/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

mod common;

use chater_protocol::chat::direct;
use chater_protocol::codec::{self, Malformed};
use chater_protocol::event::{Rejected, WireEvent};
use chater_protocol::gossip::GroupFrame;
use chater_protocol::heads::HeadRow;
use chater_protocol::id::{Bytes, EventId, Hash, KeyId, NodeId};
use chater_protocol::identity::{BadRecord, HomeRecord, NodeCard, ProfileCard, Signed, live_homes};
use chater_protocol::key::SigningKey;
use chater_protocol::mail::MailRequest;
use chater_protocol::wire::{
    EphBatch, Get, Hello, Identities, KeyRequest, LogAnswer, LogRequest, Message, PeopleAnswer,
    PeopleQuery, PeopleRequest, Push, SummaryRow,
};
use chater_protocol::{limits, name, text};
use common::conversation;
use serde_bytes::ByteBuf;

/// A list of a message may have so many entries and not one more.
fn bound<M: Message>(what: &str, most: usize, make: impl Fn(usize) -> M) {
    assert!(M::decode(&make(most).encode()).is_ok(), "{what}: {most}");
    assert_eq!(
        M::decode(&make(most + 1).encode()).err(),
        Some(Malformed::TooLarge),
        "{what}: {most} and one"
    );
}

/// A message may have so many bytes and not one more: what is longer is refused before it is read at all.
fn sized<M: Message>(what: &str, most: usize) {
    assert_eq!(M::LIMIT, most, "{what}");
    assert_eq!(
        M::decode(&vec![0xff; most + 1]).err(),
        Some(Malformed::TooLarge),
        "{what}"
    );
    let read = M::decode(&vec![0xff; most]).err();
    assert!(
        read.is_some() && read != Some(Malformed::TooLarge),
        "{what}"
    );
}

#[test]
fn messages_have_so_many_bytes_and_not_one_more() {
    sized::<Hello>("hello", limits::HELLO);
    sized::<LogRequest>("log request", limits::LOG);
    sized::<LogAnswer>("log answer", limits::LOG);
    sized::<PeopleRequest>("people request", limits::PEOPLE);
    sized::<PeopleQuery>("people query", limits::HELLO);
    sized::<GroupFrame>("frame of a group", limits::GROUP_FRAME);
    sized::<MailRequest>("mail request", limits::MAIL);
}

#[test]
fn lists_have_so_many_entries_and_not_one_more() {
    let c = conversation();
    let chat = direct::chat_ref(c.a.user(), c.b.user());
    let id = EventId([1; 32]);
    bound("push", limits::PUSH_EVENTS, |n| {
        LogRequest::Push(Push {
            chat: chat.clone(),
            events: vec![ByteBuf::from(vec![1]); n],
        })
    });
    bound("acks", limits::PUSH_EVENTS, |n| {
        LogAnswer::Acks(ByteBuf::from(vec![0; n]))
    });
    bound("range", limits::RANGE_EVENTS, |n| {
        LogAnswer::Events(vec![ByteBuf::from(vec![1]); n])
    });
    bound("get", limits::IDS, |n| {
        LogRequest::Get(Get {
            chat: chat.clone(),
            ids: vec![id; n],
        })
    });
    bound("identity", limits::IDS, |n| {
        LogRequest::Identity(vec![c.a.user(); n])
    });
    bound("lives", limits::IDS, |n| {
        LogRequest::Lives(vec![c.a.user(); n])
    });
    bound("keys", limits::IDS, |n| {
        LogRequest::KeyRequest(KeyRequest {
            chat: chat.clone(),
            user: c.a.user(),
            home: c.a.record.id(),
            key_ids: vec![KeyId([1; 32]); n],
        })
    });
    bound("notes", limits::NOTES, |n| {
        LogRequest::Eph(EphBatch {
            chat: chat.clone(),
            notes: vec![common::note(&c); n],
        })
    });
    let row = SummaryRow {
        topic: Bytes([1; 16]),
        digest: Hash([2; 32]),
    };
    bound("summary", limits::SUMMARY_ROWS, |n| {
        LogRequest::Summary(vec![row.clone(); n])
    });
    bound("differ", limits::SUMMARY_ROWS, |n| {
        LogAnswer::Differ(vec![Bytes([1; 16]); n])
    });
    let head = HeadRow {
        author: c.a.user(),
        home: c.a.record.id(),
        lane: 2,
        seq: 1,
        id,
    };
    bound("heads", limits::HEAD_ROWS, |n| {
        LogAnswer::Heads(vec![head.clone(); n])
    });
    bound("people", limits::PEOPLE_ROWS, |n| {
        PeopleRequest::Answer(PeopleAnswer {
            query: Bytes([1; 16]),
            node: c.a.node_card().sign(&c.a.node),
            people: Identities {
                profiles: vec![c.a.profile().sign(&c.a.home); n],
                ..Identities::default()
            },
        })
    });
    bound("proofs", limits::PROOFS, |n| Hello {
        versions: vec![1],
        card: c.a.node_card().sign(&c.a.node),
        proofs: vec![Bytes([1; 32]); n],
    });
    bound("cards of a mailbox", limits::MAIL_CARDS, |n| {
        MailRequest::Cards(vec![NodeId([1; 32]); n])
    });
}

#[test]
fn a_header_has_so_many_bytes_and_not_one_more() {
    let header = |length: usize| {
        let bytes = vec![0xff; length];
        let sig = Bytes([0u8; 64]);
        let none: Option<&serde_bytes::Bytes> = None;
        let wire = codec::encode(&(serde_bytes::Bytes::new(&bytes), sig, none));
        WireEvent::decode(&wire).err()
    };
    let too_large = Some(Rejected::Malformed(Malformed::TooLarge));
    assert_eq!(header(limits::HEADER + 1), too_large);
    assert_ne!(header(limits::HEADER), too_large);
    assert_eq!(
        WireEvent::decode(&vec![0; limits::EVENT + 1]).err(),
        too_large
    );
}

#[test]
fn cards_keep_their_sizes() {
    let c = conversation();
    let node = |change: &dyn Fn(&mut NodeCard)| {
        let mut card = c.a.node_card();
        change(&mut card);
        NodeCard::open(&card.sign(&c.a.node)).map(|_| ())
    };
    let rule = Err(BadRecord::Rule);
    let address = |length: usize| "a".repeat(length);
    let most = limits::CARD_ADDRESSES;
    assert_eq!(node(&|card| card.addrs = vec![address(9); most]), Ok(()));
    assert_eq!(node(&|card| card.addrs = vec![address(9); most + 1]), rule);
    let long = limits::ADDRESS;
    assert_eq!(node(&|card| card.addrs = vec![address(long)]), Ok(()));
    assert_eq!(node(&|card| card.addrs = vec![address(long + 1)]), rule);
    let boxes = limits::MAILBOXES;
    let named = |n| vec![NodeId([1; 32]); n];
    assert_eq!(node(&|card| card.mailboxes = named(boxes)), Ok(()));
    assert_eq!(node(&|card| card.mailboxes = named(boxes + 1)), rule);

    let person = |change: &dyn Fn(&mut ProfileCard)| {
        let mut card = c.a.profile();
        change(&mut card);
        ProfileCard::open(&card.sign(&c.a.home), &c.a.record).map(|_| ())
    };
    let letters = |n: usize| "я".repeat(n);
    let (name, about) = (limits::NAME_CHARS, limits::ABOUT_CHARS);
    assert_eq!(person(&|card| card.display_name = letters(name)), Ok(()));
    assert_eq!(person(&|card| card.display_name = letters(name + 1)), rule);
    assert_eq!(person(&|card| card.about = letters(about)), Ok(()));
    assert_eq!(person(&|card| card.about = letters(about + 1)), rule);

    let card = |length: usize| Signed::from_bytes(&vec![0xff; length]).err();
    assert_eq!(card(limits::CARD + 1), Some(Malformed::TooLarge));
    assert_ne!(card(limits::CARD), Some(Malformed::TooLarge));
}

#[test]
fn of_many_homes_the_newest_eight_count() {
    let c = conversation();
    let home = |n: u8| HomeRecord {
        sign_pk: SigningKey::from_seed(&[n; 32]).public(),
        ts: u64::from(n),
        ..c.a.record.clone()
    };
    let most = u8::try_from(limits::HOMES).unwrap();
    for many in [most, most + 1, 40] {
        let records: Vec<HomeRecord> = (1..=many).map(home).collect();
        let live = live_homes(&records);
        assert_eq!(live.len(), limits::HOMES);
        let oldest = live.iter().map(|(_, record)| record.ts).min();
        assert_eq!(oldest, Some(u64::from(many - most) + 1));
    }
}

#[test]
fn texts_keep_their_lengths() {
    let ok = |text: String| text::check_message(&text).is_ok();
    // Four bytes each: both bounds at once, then each alone.
    assert_eq!(limits::TEXT_CHARS * 4, limits::TEXT_BYTES);
    assert!(ok("🦉".repeat(limits::TEXT_CHARS)));
    assert!(!ok("🦉".repeat(limits::TEXT_CHARS) + "x"));
    assert!(ok("x".repeat(limits::TEXT_CHARS)));
    assert!(!ok("x".repeat(limits::TEXT_CHARS + 1)));
    let reaction = |bytes: usize| text::check_emoji(&"👍".repeat(bytes / 4)).is_ok();
    assert!(reaction(limits::EMOJI_BYTES));
    assert!(!reaction(limits::EMOJI_BYTES + 4));
    let query = |letters: usize| name::fold_query(&"x".repeat(letters)).chars().count();
    assert_eq!(query(limits::QUERY_MAX_CHARS), limits::QUERY_MAX_CHARS);
    assert_eq!(query(limits::QUERY_MAX_CHARS + 1), limits::QUERY_MAX_CHARS);
}
