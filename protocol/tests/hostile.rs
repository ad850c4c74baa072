//! Bytes from strangers: nothing panics, nothing changed passes, limits hold (B01-B21).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

mod common;

use chater_protocol::codec::{self, Malformed};
use chater_protocol::community::{BlockList, Channel, Community, NodesFrame};
use chater_protocol::event::{Header, Kind, Rejected, WireEvent};
use chater_protocol::heads::lacking;
use chater_protocol::id::{Bytes, ChatId, EventId, Hash, HomeId, NodeId};
use chater_protocol::identity::{HomeRecord, KemCard, NodeCard, ProfileCard, Signed};
use chater_protocol::invite::{CommunityAnswer, CommunityRequest, Invite};
use chater_protocol::key::Domain;
use chater_protocol::payload::{
    Add, Create, Delete, Edit, GroupProfile, KeyShare, Leave, Msg, Payload, Policy, React, Remove,
    Retire, RoleChange,
};
use chater_protocol::seal::{Ephemeral, key_of_message, open_message};
use chater_protocol::time::Timestamp;
use chater_protocol::wire::{
    Get, Hello, LogAnswer, LogRequest, Message, PeopleQuery, PeopleReply, PeopleRequest,
};
use chater_protocol::{chat::direct, limits, name, text};
use common::{Conversation, Person, conversation, messages};
use proptest::prelude::*;
use proptest::sample::Index;

/// Gives the bytes to every decoder there is.
fn decode_all(bytes: &[u8], c: &Conversation) {
    if let Ok(event) = WireEvent::decode(bytes) {
        let _ = direct::check(event.header(), c.a.user(), c.b.user());
        let _ = event.verify(&c.a.record);
    }
    if let Ok(signed) = Signed::from_bytes(bytes) {
        let _ = HomeRecord::open(&signed);
        let _ = KemCard::open(&signed, &c.a.record);
        let _ = ProfileCard::open(&signed, &c.a.record);
        let _ = NodeCard::open(&signed);
    }
    let _ = Msg::decode(bytes);
    let _ = Edit::decode(bytes);
    let _ = Delete::decode(bytes);
    let _ = React::decode(bytes);
    let _ = GroupProfile::decode(bytes);
    let _ = KeyShare::decode(bytes);
    let _ = Retire::decode(bytes).map(|r| r.check(ChatId::default(), c.a.user()));
    let _ = Create::decode(bytes);
    let _ = Add::decode(bytes);
    let _ = Remove::decode(bytes);
    let _ = Leave::decode(bytes);
    let _ = RoleChange::decode(bytes);
    let _ = Policy::decode(bytes);
    let _ = Hello::decode(bytes);
    let _ = LogRequest::decode(bytes);
    let _ = LogAnswer::decode(bytes);
    let _ = PeopleRequest::decode(bytes);
    let _ = PeopleReply::decode(bytes);
    let _ = PeopleQuery::decode(bytes);
    let _ = NodesFrame::decode(bytes);
    let _ = CommunityRequest::decode(bytes);
    let _ = CommunityAnswer::decode(bytes);
    if let Ok(signed) = Signed::from_bytes(bytes) {
        let _ = BlockList::open(&signed, Community::open().id(), c.a.record.node_id);
    }
    let _ = Community::open().open_frame(Channel::People, bytes);
    let _ = key_of_message(bytes);
    let feed = c.a.feed(c.b.user(), 2);
    let _ = open_message(&c.secret, &feed, 0, Kind::MSG, bytes);
    if let Ok(note) = codec::decode::<Ephemeral>(bytes, limits::LOG) {
        let _ = note.verify(feed.group, &c.a.record);
        let _ = note.open(feed.group, &c.secret);
    }
    let _ = String::from_utf8(bytes.to_vec()).map(|t| {
        let _ = (
            name::check_nick(&t),
            name::fold_query(&t),
            NodeId::from_peer_id(&t),
            Invite::parse(&t),
        );
        let _ = (
            text::message_text(&t),
            text::check_emoji(&t),
            name::search_words(&t, &t),
        );
    });
}

/// Valid bytes of every kind.
fn valid(c: &Conversation) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = messages(c).into_iter().map(|(_, m)| m).collect();
    for event in [&c.key, &c.msg, &c.retire] {
        all.push(event.to_wire());
        all.push(event.payload().unwrap().to_vec());
    }
    all.extend([
        c.a.signed.to_bytes(),
        c.kem_card.sign(&c.b.home).to_bytes(),
        c.a.profile().sign(&c.a.home).to_bytes(),
        c.a.node_card().sign(&c.a.node).to_bytes(),
        codec::encode(&common::note(c)),
    ]);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// B02: random bytes.
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        decode_all(&bytes, &conversation());
    }

    /// B04: valid bytes with pieces changed, cut and put in.
    #[test]
    fn changed_bytes_never_panic(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let c = conversation();
        let mut bytes = which.get(&valid(&c)).clone();
        for (at, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        decode_all(&bytes, &c);
    }

    #[test]
    fn texts_never_panic_and_folding_is_stable(text in "\\PC{0,40}") {
        decode_all(text.as_bytes(), &conversation());
        if let Ok(folded) = name::check_node_name(&text) {
            prop_assert_eq!(name::check_node_name(&folded), Ok(folded.clone()));
            prop_assert!(folded.chars().count() <= 32);
        }
    }
}

/// E1-E5: whatever byte of an event changes, it is refused, or not verified.
#[test]
fn a_changed_byte_of_an_event_never_verifies() {
    let c = conversation();
    for event in [&c.key, &c.msg] {
        let wire = event.to_wire();
        assert!(
            WireEvent::decode(&wire)
                .unwrap()
                .verify(&c.a.record)
                .is_ok()
        );
        for at in 0..wire.len() {
            for bit in [0, 3, 7] {
                let mut changed = wire.clone();
                changed[at] ^= 1 << bit;
                if let Ok(changed) = WireEvent::decode(&changed) {
                    assert!(changed.verify(&c.a.record).is_err(), "byte {at} bit {bit}");
                }
            }
        }
    }
}

#[test]
fn a_changed_byte_of_a_record_never_verifies() {
    let c = conversation();
    let refused = |bytes: &[u8], open: &dyn Fn(&Signed) -> bool| {
        assert!(open(&Signed::from_bytes(bytes).unwrap()));
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << (at % 8);
            assert!(
                !Signed::from_bytes(&changed).is_ok_and(|s| open(&s)),
                "byte {at}"
            );
        }
    };
    refused(&c.a.signed.to_bytes(), &|s| HomeRecord::open(s).is_ok());
    refused(&c.kem_card.sign(&c.b.home).to_bytes(), &|s| {
        KemCard::open(s, &c.b.record).is_ok()
    });
    refused(&c.a.profile().sign(&c.a.home).to_bytes(), &|s| {
        ProfileCard::open(s, &c.a.record).is_ok()
    });
    refused(&c.a.node_card().sign(&c.a.node).to_bytes(), &|s| {
        NodeCard::open(s).is_ok()
    });
    // Nor does a card of one kind pass for another, or for another home.
    let profile = c.a.profile().sign(&c.a.home);
    assert!(ProfileCard::open(&profile, &c.b.record).is_err());
    assert!(HomeRecord::open(&profile).is_err());
}

#[test]
fn a_changed_byte_of_a_note_box_or_frame_never_opens() {
    let c = conversation();
    let group = direct::chat_id(c.a.user(), c.b.user());
    let note = codec::encode(&common::note(&c));
    for at in 0..note.len() {
        let mut changed = note.clone();
        changed[at] ^= 0x10;
        if let Ok(note) = codec::decode_canonical::<Ephemeral>(&changed, 4096) {
            assert!(
                note.verify(group, &c.a.record).is_err() || note.open(group, &c.secret).is_err()
            );
        }
    }
    // L9: another member, who knows S, cannot sign for the home.
    assert!(common::note(&c).verify(group, &c.b.record).is_err());
    let sealed = KeyShare::decode(c.key.payload().unwrap())
        .unwrap()
        .boxes
        .remove(0);
    let by = common::box_for(&c.a, &c.b);
    assert!(by.open(c.secret.id(), &sealed, &c.kem).is_ok());
    for at in 0..80 {
        let mut changed = sealed.clone();
        let byte = if at < 32 {
            &mut changed.enc.0[at]
        } else {
            &mut changed.ct.0[at - 32]
        };
        *byte ^= 1;
        assert!(by.open(c.secret.id(), &changed, &c.kem).is_err());
    }
    let mut other = by;
    other.n = 2;
    assert!(other.open(c.secret.id(), &sealed, &c.kem).is_err());
    let open = Community::open();
    let frame = open.seal(Channel::People, b"hello", &mut common::Counting(0));
    assert_eq!(open.open_frame(Channel::People, &frame).unwrap(), b"hello");
    assert!(open.open_frame(Channel::Nodes, &frame).is_err());
    assert!(
        Community::founded([1; 32], NodeId([1; 32]))
            .open_frame(Channel::People, &frame)
            .is_err()
    );
}

/// A canonical event with some fields of the header changed, rightly signed.
fn forged(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let c = conversation();
    let mut header = c.msg.header().clone();
    change(&mut header);
    wire(&c.a, &header, c.msg.payload())
}

fn wire(by: &Person, header: &Header, payload: Option<&[u8]>) -> Vec<u8> {
    let bytes = codec::encode(header);
    let sig = by.home.sign(Domain::Event, &bytes);
    codec::encode(&(
        serde_bytes::Bytes::new(&bytes),
        sig,
        payload.map(serde_bytes::Bytes::new),
    ))
}

#[test]
fn b01_to_b08_frames() {
    let c = conversation();
    let wire = c.msg.to_wire();
    let malformed = |bytes: &[u8]| matches!(WireEvent::decode(bytes), Err(Rejected::Malformed(_)));
    assert!(malformed(&[])); // B01
    assert!(malformed(&[0x9b, 0x80, 0, 0, 0, 0, 0, 0, 0])); // B03
    assert!((0..wire.len()).all(|cut| malformed(&wire[..cut]))); // B04
    let mut long = wire.clone();
    long.push(0);
    assert!(malformed(&long)); // B05
    // B06: the same three items in an array without a length; a byte string in two pieces.
    let mut indefinite = vec![0x9f];
    indefinite.extend(&wire[1..]);
    indefinite.push(0xff);
    assert!(malformed(&indefinite));
    assert!(LogRequest::decode(&[0x82, 0x05, 0x9f, 0xff]).is_err());
    // An array that announces more than it has.
    let mut announces = wire.clone();
    announces[0] = 0x84;
    assert!(malformed(&announces));
    // B07, B08.
    assert!(malformed(&vec![0x81; 10_000]));
    assert!(malformed(&[0x83, 0x5b, 0, 0, 0, 1, 0, 0, 0, 0]));
    decode_all(&[0x82, 0x05, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0], &c);
}

#[test]
fn b09_other_forms_of_the_same_value() {
    let c = conversation();
    let wire = c.msg.to_wire();
    // The length of the header in two bytes instead of one.
    assert_eq!(wire[1], 0x58);
    let mut long = vec![0x83, 0x59, 0];
    long.extend(&wire[2..]);
    assert_eq!(
        WireEvent::decode(&long),
        Err(Rejected::Malformed(Malformed::NotCanonical))
    );
    // A tag before it, and `undefined` for no payload.
    let mut tagged = vec![0xc1];
    tagged.extend(&wire);
    assert!(WireEvent::decode(&tagged).is_err());
    let bare = c.msg.clone().without_payload().to_wire();
    assert!(WireEvent::decode(&bare).is_ok());
    let mut undefined = bare.clone();
    *undefined.last_mut().unwrap() = 0xf7;
    assert!(WireEvent::decode(&undefined).is_err());
    // In the header: v as a long form, as a float.
    let header = codec::encode(c.msg.header());
    for v in [&[0x18, 0x01][..], &[0xf9, 0x3c, 0x00]] {
        let mut other = vec![header[0]];
        other.extend(v);
        other.extend(&header[2..]);
        let sig = c.a.home.sign(Domain::Event, &other);
        let bytes = codec::encode(&(serde_bytes::Bytes::new(&other), sig, ()));
        assert!(matches!(
            WireEvent::decode(&bytes),
            Err(Rejected::Malformed(_))
        ));
    }
}

#[test]
fn b11_to_b14_signatures() {
    let c = conversation();
    let event = || WireEvent::decode(&c.msg.to_wire()).unwrap();
    // B12: another's home; another home of the same user.
    assert_eq!(event().verify(&c.b.record), Err(Rejected::Signature));
    let mut second = c.a.record.clone();
    second.node_id = NodeId([9; 32]);
    assert_eq!(event().verify(&second), Err(Rejected::Signature));
    // B12, B13: an author who is not of the chat; a chat that is not the one.
    let (a, b) = (c.a.user(), c.b.user());
    let other = Person::new(21).user();
    let check = |h: &Header, a, b| direct::check(h, a, b);
    assert!(check(c.msg.header(), a, b).is_ok());
    assert!(check(c.msg.header(), a, other).is_err());
    assert!(check(c.msg.header(), b, other).is_err());
    // B14: a root of small order in a record.
    let mut weak = c.a.record.clone();
    weak.user = chater_protocol::id::UserId([0; 32]);
    assert!(HomeRecord::open(&weak.sign(&c.a.root)).is_err());
}

#[test]
fn b16_any_time_decodes_and_never_wraps() {
    for ts in [0, 1, 1 << 63, u64::MAX - 1, u64::MAX] {
        let event = WireEvent::decode(&forged(|h| h.ts = Timestamp(ts))).unwrap();
        assert_eq!(event.header().ts, Timestamp(ts));
        let ts = Timestamp(ts);
        assert!(ts.next() >= ts && ts.plus_ms(u64::MAX) >= ts);
        assert!(
            Timestamp::for_event(1_000, Some(ts))
                <= Timestamp::from_ms(1_000).plus_ms(300_000).next()
        );
    }
}

#[test]
fn b17_unknown_numbers() {
    let decode = |bytes: Vec<u8>| WireEvent::decode(&bytes).map(|_| ());
    assert_eq!(decode(forged(|h| h.v = 2)), Err(Rejected::Version));
    assert_eq!(decode(forged(|h| h.lane = 3)), Err(Rejected::Lane));
    // E4: unknown kinds are kept, on any lane; a known one on another lane is void.
    assert_eq!(decode(forged(|h| h.kind = Kind(9_999))), Ok(()));
    assert_eq!(decode(forged(|h| h.kind = Kind::KEY)), Err(Rejected::Lane));
    // K10: lane 0 of a direct chat is closed to all but retire.
    let c = conversation();
    let mut header = c.retire.header().clone();
    assert!(direct::check(&header, c.a.user(), c.b.user()).is_ok());
    header.kind = Kind(9_999);
    assert!(direct::check(&header, c.a.user(), c.b.user()).is_err());
    let mut header = c.msg.header().clone();
    header.kind = Kind::PROFILE;
    assert!(direct::check(&header, c.a.user(), c.b.user()).is_err());
}

#[test]
fn b18_exactly_the_limit_passes() {
    let c = conversation();
    let sized = |lane: u8, kind, len: usize| {
        let payload = vec![7; len];
        let mut header = c.msg.header().clone();
        (header.lane, header.kind) = (lane, kind);
        header.payload_len = len as u32;
        header.payload_hash = Hash(*blake3::hash(&payload).as_bytes());
        WireEvent::decode(&wire(&c.a, &header, Some(&payload))).map(|_| ())
    };
    assert_eq!(sized(2, Kind::MSG, limits::PAYLOAD), Ok(()));
    assert_eq!(
        sized(2, Kind::MSG, limits::PAYLOAD + 1),
        Err(Rejected::TooLarge)
    );
    assert_eq!(sized(1, Kind::KEY, limits::KEY_PAYLOAD), Ok(()));
    assert!(sized(1, Kind::KEY, limits::KEY_PAYLOAD + 1).is_err());
    let links = |n: u8| (1..=n).map(|i| EventId([i; 32])).collect::<Vec<_>>();
    assert!(WireEvent::decode(&forged(|h| (h.ctl, h.deps) = (links(8), links(8)))).is_ok());
    assert!(WireEvent::decode(&forged(|h| h.deps = links(9))).is_err());
    assert!(WireEvent::decode(&forged(|h| h.ctl = links(9))).is_err());
    assert!(WireEvent::decode(&forged(|h| h.ctl = links(90))).is_err());
    // Lists of messages.
    let get = |n| {
        LogRequest::Get(Get {
            chat: direct::chat_ref(c.a.user(), c.b.user()),
            ids: vec![EventId([1; 32]); n],
        })
        .encode()
    };
    assert!(LogRequest::decode(&get(limits::IDS)).is_ok());
    assert_eq!(
        LogRequest::decode(&get(limits::IDS + 1)),
        Err(Malformed::TooLarge)
    );
    assert_eq!(
        Hello::decode(&vec![0; limits::HELLO + 1]),
        Err(Malformed::TooLarge)
    );
}

#[test]
fn b19_to_b21_positions() {
    let decode = |bytes: Vec<u8>| WireEvent::decode(&bytes).map(|_| ());
    let somewhere = EventId([3; 32]);
    // B19, B21: parents that do not exist and the greatest seq are the store's to bound.
    assert_eq!(
        decode(forged(|h| (h.seq, h.prev) = (u64::MAX, somewhere))),
        Ok(())
    );
    assert_eq!(lacking(0, u64::MAX, 256), Some((0, 255)));
    assert_eq!(decode(forged(|h| h.seq = 1)), Err(Rejected::Position));
    assert_eq!(
        decode(forged(|h| h.prev = somewhere)),
        Err(Rejected::Position)
    );
    let on_lane_0 = |h: &mut Header| (h.lane, h.kind) = (0, Kind::RETIRE);
    assert_eq!(decode(forged(on_lane_0)), Err(Rejected::Position)); // it has deps
    // B20: a cycle of ids that no hash allows ends all the same.
    let c = conversation();
    let mut one = c.msg.header().clone();
    let mut two = one.clone();
    (one.deps, two.deps) = (vec![EventId([2; 32])], vec![EventId([1; 32])]);
    two.home = HomeId([2; 16]);
    let pairs = [(EventId([1; 32]), one), (EventId([2; 32]), two)];
    assert_eq!(chater_protocol::chat::order::order(&pairs).len(), 2);
}

#[test]
fn a_payload_that_is_not_the_one_signed_is_refused() {
    let bytes = forged(|h| h.payload_hash = Hash([0; 32]));
    assert_eq!(WireEvent::decode(&bytes), Err(Rejected::Payload));
    let bytes = forged(|h| h.payload_len += 1);
    assert_eq!(WireEvent::decode(&bytes), Err(Rejected::Payload));
}

/// Encode and decode are inverse on everything we send.
#[test]
fn messages_go_there_and_back() {
    let c = conversation();
    for (name, bytes) in messages(&c) {
        let again = match name {
            "hello" => Hello::decode(&bytes).map(|m| m.encode()),
            "acks" | "heads" => LogAnswer::decode(&bytes).map(|m| m.encode()),
            "people_query" => PeopleQuery::decode(&bytes).map(|m| m.encode()),
            _ => LogRequest::decode(&bytes).map(|m| m.encode()),
        };
        assert_eq!(again, Ok(bytes), "{name}");
    }
    let id = Bytes([1u8; 16]);
    assert_eq!(codec::decode::<Bytes<16>>(&codec::encode(&id), 17), Ok(id));
}
