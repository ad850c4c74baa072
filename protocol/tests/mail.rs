//! Letters in mailboxes (S11): what opens, for whom, and what a mailbox can tell of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod common;

use chater_protocol::codec::{self, Malformed};
use chater_protocol::id::{HomeId, NodeId};
use chater_protocol::key::SigningKey;
use chater_protocol::limits;
use chater_protocol::mail::{
    BadLetter, Bundle, Deposit, Kept, Letter, Letters, MailAnswer, MailRequest, Part, Terms,
};
use chater_protocol::wire::Message;
use common::{Conversation, Counting, conversation, letter, letter_sealed};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_bytes::ByteBuf;

fn open(c: &Conversation, bundle: &Bundle) -> Result<Letter, BadLetter> {
    Letter::open(bundle, c.b.record.node_id, c.b.record.id(), &c.kem)
}

#[test]
fn a_letter_opens_for_its_home_alone() {
    let c = conversation();
    let bundle = letter_sealed(&c);
    assert_eq!(open(&c, &bundle), Ok(letter(&c)));
    let node = c.b.record.node_id;
    let sealed = Err(BadLetter::Sealed);
    assert_eq!(
        Letter::open(&bundle, c.a.record.node_id, c.b.record.id(), &c.kem),
        sealed
    );
    assert_eq!(Letter::open(&bundle, node, HomeId([9; 16]), &c.kem), sealed);
    let (other, _) = chater_protocol::seal::KemSecret::generate(&mut Counting(77));
    assert_eq!(Letter::open(&bundle, node, c.b.record.id(), &other), sealed);
}

/// Nobody but the node it names can have written it: a mailbox that makes one up is found out.
#[test]
fn a_letter_is_signed_by_its_node() {
    let c = conversation();
    let forger = SigningKey::from_seed(&[200; 32]);
    let seal = |letter: &Letter, key: &SigningKey| {
        letter
            .seal(key, c.b.record.id(), &c.kem_card.kem_pk, &mut Counting(3))
            .unwrap()
    };
    let forged = seal(&letter(&c), &forger);
    assert_eq!(open(&c, &forged), Err(BadLetter::Signature));
    // Written to another node and sealed again to this one: not by its writer.
    let mut elsewhere = letter(&c);
    elsewhere.to = NodeId([7; 32]);
    let bundle = seal(&elsewhere, &c.a.node);
    assert_eq!(open(&c, &bundle), Err(BadLetter::Sealed));
    let mut newer = letter(&c);
    newer.v = 2;
    assert_eq!(open(&c, &seal(&newer, &c.a.node)), Err(BadLetter::Version));
    let mut many = letter(&c);
    many.parts = vec![many.parts[1].clone(); limits::LETTER_PARTS + 1];
    assert_eq!(
        open(&c, &seal(&many, &c.a.node)),
        Err(BadLetter::Malformed(Malformed::TooLarge))
    );
    let mut long = letter(&c);
    if let Part::Events(push) = &mut long.parts[0] {
        push.events = vec![ByteBuf::from(vec![1]); limits::PUSH_EVENTS + 1];
    }
    assert_eq!(
        open(&c, &seal(&long, &c.a.node)),
        Err(BadLetter::Malformed(Malformed::TooLarge))
    );
}

#[test]
fn a_changed_byte_never_opens() {
    let c = conversation();
    let bytes = codec::encode(&letter_sealed(&c));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        if let Ok(bundle) = codec::decode_canonical::<Bundle>(&changed, limits::MAIL) {
            assert!(open(&c, &bundle).is_err(), "byte {at}");
        }
    }
}

/// The mailbox sees a size out of a few, and no part of what is inside.
#[test]
fn letters_of_one_size_look_alike() {
    let c = conversation();
    let sizes: Vec<usize> = (0..40)
        .map(|n| {
            let mut letter = letter(&c);
            letter.parts.truncate(1);
            if let Part::Events(push) = &mut letter.parts[0] {
                push.events = vec![ByteBuf::from(vec![1; 1_000 + n * 5])];
            }
            let bundle = letter
                .seal(
                    &c.a.node,
                    c.b.record.id(),
                    &c.kem_card.kem_pk,
                    &mut Counting(1),
                )
                .unwrap();
            bundle.ct.len()
        })
        .collect();
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    let bundle = codec::encode(&letter_sealed(&c));
    for inside in [
        &c.a.user().0[..],
        &c.b.user().0,
        &c.b.record.id().0,
        &c.a.record.id().0,
    ] {
        assert!(!bundle.windows(inside.len()).any(|w| w == inside));
    }
}

#[test]
fn messages_keep_their_limits() {
    let bundle = |bytes: usize| Bundle {
        enc: chater_protocol::id::Bytes([1; 32]),
        ct: ByteBuf::from(vec![2; bytes]),
    };
    let deposit = |bytes| {
        MailRequest::Deposit(Deposit {
            to: NodeId([3; 32]),
            bundle: bundle(bytes),
        })
    };
    let most = deposit(limits::LETTER + 16);
    assert_eq!(MailRequest::decode(&most.encode()), Ok(most));
    let over = deposit(limits::LETTER + 17).encode();
    assert_eq!(MailRequest::decode(&over), Err(Malformed::TooLarge));
    for (fits, request) in [
        (true, MailRequest::Ack(vec![1; limits::LETTERS])),
        (false, MailRequest::Ack(vec![1; limits::LETTERS + 1])),
        (true, MailRequest::Cards(vec![NodeId([1; 32]); 16])),
        (false, MailRequest::Cards(vec![NodeId([1; 32]); 17])),
        (true, MailRequest::Register(1)),
        (true, MailRequest::Collect(u64::MAX)),
        (true, MailRequest::Notice(7)),
    ] {
        assert_eq!(MailRequest::decode(&request.encode()).is_ok(), fits);
    }
    let kept = |bytes| Kept {
        n: u64::MAX,
        from: NodeId([4; 32]),
        at: u64::MAX,
        bundle: bundle(bytes),
    };
    let letters = |letters| {
        MailAnswer::Letters(Letters {
            letters,
            more: true,
        })
    };
    for (fits, answer) in [
        (true, letters(vec![kept(16); limits::LETTERS])),
        (false, letters(vec![kept(16); limits::LETTERS + 1])),
        (false, letters(vec![kept(limits::LETTER + 17)])),
        (true, MailAnswer::Registered(Terms { bytes: 1, days: 14 })),
        (true, MailAnswer::Kept(5)),
        (true, MailAnswer::Refused(2)),
    ] {
        assert_eq!(MailAnswer::decode(&answer.encode()).is_ok(), fits);
    }
}

fn decode_all(bytes: &[u8], c: &Conversation) {
    let _ = MailRequest::decode(bytes);
    let _ = MailAnswer::decode(bytes);
    if let Ok(bundle) = codec::decode_canonical::<Bundle>(bytes, limits::MAIL) {
        assert!(open(c, &bundle).is_err() || bundle == letter_sealed(c));
    }
    // What opens is as hostile as whoever sealed it.
    let bundle = Bundle {
        enc: chater_protocol::id::Bytes([1; 32]),
        ct: ByteBuf::from(bytes.to_vec()),
    };
    assert!(open(c, &bundle).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        decode_all(&bytes, &conversation());
    }

    #[test]
    fn changed_bytes_never_panic(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let c = conversation();
        let sealed = letter_sealed(&c);
        let all = [
            MailRequest::Deposit(Deposit { to: c.b.record.node_id, bundle: sealed.clone() }).encode(),
            MailAnswer::Letters(Letters {
                letters: vec![Kept { n: 1, from: c.a.record.node_id, at: 2, bundle: sealed.clone() }],
                more: false,
            }).encode(),
            MailRequest::Ack(vec![1, 2, 3]).encode(),
            codec::encode(&sealed),
        ];
        let mut bytes = which.get(&all).clone();
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
}
