//! The published vectors are what this crate makes and reads.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first wrong thing"
)]

mod common;

use chater_protocol::chat::group::Group;
use chater_protocol::community::BlockList;
use chater_protocol::event::{Kind, VerifiedEvent, WireEvent};
use chater_protocol::heads::digest;
use chater_protocol::id::{ChatId, HomeId, KeyId, UserId};
use chater_protocol::identity::{HomeRecord, KemCard, NodeCard, ProfileCard, Signed};
use chater_protocol::invite::{Invite, answer_proof, token_hash};
use chater_protocol::key::SigningKey;
use chater_protocol::mail::{Letter, MailRequest};
use chater_protocol::name;
use chater_protocol::payload::{KeyShare, Msg, Payload, Retire};
use chater_protocol::seal::{BoxFor, EpochSecret, KemSecret, key_of_message, open_message};
use chater_protocol::wire::Message as _;
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
    let community = &v["community"];
    let invite = Invite::parse(community["link"].as_str().unwrap()).unwrap();
    assert_eq!(invite.node, a.node_id);
    assert_eq!(
        community["secret_01_of_a_id"].as_str().unwrap(),
        invite.community.to_string()
    );
    assert_eq!(
        community["token_02_hash"].as_str().unwrap(),
        token_hash(&invite.token).to_string()
    );
    assert_eq!(
        array(&community["query_03_answer_proof_a_to_b"]),
        answer_proof(&chater_protocol::id::Bytes([3; 16]), a.node_id, b.node_id)
    );
    let list = signed(&community["block_list"]);
    let list = BlockList::open(&list, invite.community, a.node_id).unwrap();
    assert_eq!(list.nodes, [b.node_id]);

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

    // S11: what a mailbox was given opens with the KEM secret alone.
    let Ok(MailRequest::Deposit(deposit)) = MailRequest::decode(&bytes(&v["mail"]["deposit"]))
    else {
        panic!("no deposit");
    };
    let kem = KemSecret::new(array(&v["kem"]["secret"]));
    let letter = Letter::open(&deposit.bundle, deposit.to, b.id(), &kem).unwrap();
    assert_eq!((letter.from, letter.to), (a.node_id, b.node_id));
    assert_eq!(
        chater_protocol::codec::encode(&letter),
        bytes(&v["mail"]["letter"])
    );

    for row in v["nicks"].as_array().unwrap() {
        let folded = name::check_nick(row["nick"].as_str().unwrap()).unwrap();
        assert_eq!(folded, row["folded"].as_str().unwrap());
    }
    for nick in v["bad_nicks"].as_array().unwrap() {
        assert!(name::check_nick(nick.as_str().unwrap()).is_err(), "{nick}");
    }
    assert_eq!(v["safety_number"].as_str().unwrap().len(), 60);
}

/// Reads the group from the file alone, in reverse order of what it tells.
#[test]
fn a_group_folds_from_the_file_alone() {
    let v = file();
    let v = &v["group"];
    let events: Vec<(&str, VerifiedEvent, bool)> = v["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let wire = WireEvent::decode(&bytes(&row["wire"])).unwrap();
            let people = [1, 11, 21, 31].map(common::Person::new);
            let author = people.iter().find(|p| p.user() == wire.header().author);
            let event = wire.verify(&author.unwrap().record).unwrap();
            assert_eq!(event.id().to_string(), row["id"].as_str().unwrap());
            (
                row["what"].as_str().unwrap(),
                event,
                row["valid"].as_bool().unwrap(),
            )
        })
        .collect();
    let mut group = Group::new(ChatId(array(&v["id"])));
    for (_, event, _) in events[..events.len() - 1].iter().rev() {
        group.insert(event);
    }
    let members: Vec<String> = group
        .members()
        .map(|(user, rank)| format!("{user} {rank:?}"))
        .collect();
    let expected: Vec<String> = v["members_before_the_last"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["user"].as_str().unwrap(),
                row["rank"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(members, expected);
    group.insert(&events.last().unwrap().1);
    // By hand: the add that was late, and the fork, are void; c was in, and left.
    let void = ["b adds d, not knowing", "b forks its feed"];
    for (what, event, valid) in &events {
        assert_eq!(group.is_valid(&event.id()), Some(*valid), "{what}");
        assert_eq!(*valid, !void.contains(what), "{what}");
    }
    assert_eq!(group.members().count(), 1);
    assert_eq!(group.policy().unwrap().days, 30);
    let rows = digest(&group.control_rows());
    assert_eq!(rows.to_string(), v["control_digest"].as_str().unwrap());
}
