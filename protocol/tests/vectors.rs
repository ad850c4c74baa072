//! The published vectors are what this crate makes and reads.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

mod common;

use chater_protocol::event::{Kind, WireEvent};
use chater_protocol::id::{HomeId, KeyId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, NodeCard, ProfileCard, Signed};
use chater_protocol::key::SigningKey;
use chater_protocol::name;
use chater_protocol::payload::{KeyShare, Msg, Payload, Retire};
use chater_protocol::seal::{BoxFor, EpochSecret, KemSecret, key_of_message, open_message};
use serde_json::Value;

fn file() -> Value {
    serde_json::from_str(include_str!("../vectors/v1.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

#[test]
fn the_file_is_what_the_generator_makes() {
    let (file, made) = (file(), common::vectors());
    for (key, value) in made.as_object().unwrap() {
        assert_eq!(&file[key], value, "{key}");
    }
    assert_eq!(file, made);
}

/// Reads the file as another implementation would: nothing here comes from the generator.
#[test]
fn a_conversation_opens_from_the_file_alone() {
    let v = file();
    let home = |p: &Value| {
        let signed = Signed {
            body: serde_bytes::ByteBuf::from(bytes(&p["home_record"])),
            sig: chater_protocol::id::Bytes(array(&p["home_record_sig"])),
        };
        let record = HomeRecord::open(&signed).unwrap();
        let root = SigningKey::from_seed(&array(&p["root_seed"]));
        assert_eq!(record.user, UserId(root.public().0));
        assert_eq!(record.id(), HomeId(array(&p["home"])));
        record
    };
    let (a, b) = (home(&v["people"]["a"]), home(&v["people"]["b"]));
    let signed = |value: &Value| Signed::from_bytes(&bytes(value)).unwrap();
    let kem_card = KemCard::open(&signed(&v["kem"]["card"]), &b).unwrap();
    assert_eq!(
        ProfileCard::open(&signed(&v["profile_card"]), &a)
            .unwrap()
            .shown(),
        "Анна"
    );
    assert_eq!(
        NodeCard::open(&signed(&v["node_card"])).unwrap().node,
        a.node_id
    );

    let key = WireEvent::decode(&bytes(&v["key_event"]["wire"]))
        .unwrap()
        .verify(&a)
        .unwrap();
    assert_eq!(key.id().to_string(), v["key_event"]["id"].as_str().unwrap());
    let share = KeyShare::decode(key.payload().unwrap()).unwrap();
    let sealed = &share.boxes[0];
    let opener = BoxFor {
        group: key.header().group,
        author: a.user,
        author_home: a.id(),
        user: sealed.user,
        home: sealed.home,
        n: kem_card.n,
    };
    let secret = opener
        .open(
            share.key_id,
            sealed,
            &KemSecret::new(array(&v["kem"]["secret"])),
        )
        .unwrap();
    assert_eq!(secret, EpochSecret::new(array(&v["epoch"]["secret"])));
    assert_eq!(secret.id(), KeyId(array(&v["epoch"]["key_id"])));

    let msg = WireEvent::decode(&bytes(&v["message_event"]["wire"]))
        .unwrap()
        .verify(&a)
        .unwrap();
    assert_eq!(key_of_message(msg.payload().unwrap()), Ok(secret.id()));
    let h = msg.header();
    let plain = open_message(&secret, &h.feed(), h.seq, Kind::MSG, msg.payload().unwrap()).unwrap();
    assert_eq!(
        Msg::decode(&plain).unwrap().text,
        v["message_text"].as_str().unwrap()
    );
    // Another place, kind or secret does not open it (K9).
    assert!(open_message(&secret, &h.feed(), 1, Kind::MSG, msg.payload().unwrap()).is_err());
    assert!(open_message(&secret, &h.feed(), 0, Kind::EDIT, msg.payload().unwrap()).is_err());
    let other = EpochSecret::new([1; 32]);
    assert!(open_message(&other, &h.feed(), 0, Kind::MSG, msg.payload().unwrap()).is_err());

    let retire = Retire::decode(&bytes(&v["retire_event"]["payload"])).unwrap();
    assert_eq!(retire.check(h.group, a.user).unwrap().id(), a.id());
    assert_eq!(retire.end_of(2), Some((0, msg.id())));
    assert_eq!(retire.end_of(1), None);
    assert!(retire.check(h.group, b.user).is_err());
    assert!(retire.check(Default::default(), a.user).is_err());

    for row in v["nicks"].as_array().unwrap() {
        let folded = name::check_nick(row["nick"].as_str().unwrap()).unwrap();
        assert_eq!(folded, row["folded"].as_str().unwrap());
    }
    for nick in v["bad_nicks"].as_array().unwrap() {
        assert!(name::check_nick(nick.as_str().unwrap()).is_err(), "{nick}");
    }
    assert_eq!(v["safety_number"].as_str().unwrap().len(), 60);
}
