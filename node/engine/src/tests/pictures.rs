//! Pictures of groups.

use std::sync::atomic::{AtomicU32, Ordering};

use chater_protocol::blob::{BlobAnswer, BlobRequest, Piece, PieceAnswer};
use chater_protocol::id::Hash;
use chater_protocol::limits;
use chater_protocol::wire::Message as _;
use serde_bytes::ByteBuf;

use super::accounts::png;
use super::groups::Three;
use super::hostile::{Claims, Hostile};
use super::*;
use crate::Error;

fn picture(of: &UserHandle, chat: ChatId) -> Option<String> {
    of.chat(chat).ok().and_then(|chat| chat.picture)
}

/// Whether one node gives another a file.
async fn gives(from: &Engine, to: &Engine, hash: Hash) -> bool {
    let network = &to.shared().network;
    let asked = BlobRequest::Piece(Piece { hash, from: 0 });
    let node = from.shared().node_id;
    let answer = network.request(node, chater_network::Protocol::Blob, asked.encode());
    let answer = BlobAnswer::decode(&answer.await.unwrap()).unwrap();
    matches!(answer, BlobAnswer::Piece(_))
}

/// L8, S9: the owner chooses a picture; a member's node that cannot reach the owner's has it from another member's. It is
/// given to nodes of members alone, also not to those of former ones, and seen by nobody else of a member's node.
#[tokio::test(flavor = "multi_thread")]
async fn the_picture_of_a_group_goes_to_its_members_and_to_nobody_else() {
    let three = Three::start().await;
    let [ann, bob, cat] = &three.people[..] else {
        panic!("three");
    };
    let [one, two, far] = &three.engines[..] else {
        panic!("three");
    };
    let chat = three.group(&[1, 2]).await;
    until("all are in", || {
        cat.chat(chat).is_ok_and(|c| c.members == 3)
    })
    .await;
    let dan = user(two, "dan").await;
    let refused = bob.set_group_picture(chat, png(90, 64)).await;
    assert_eq!(refused.err(), Some(Error::Forbidden));
    cut(one, far).await;
    let changed = ann.set_group_picture(chat, png(200, 300)).await.unwrap();
    let shown = changed.picture.unwrap();
    let hash: Hash = shown.parse().unwrap();
    for who in [bob, cat] {
        until("the picture came", || {
            picture(who, chat).as_ref() == Some(&shown)
        })
        .await;
        assert!(who.picture(hash, 128).is_some());
    }
    assert_eq!(dan.picture(hash, 128), None, "of another group's member");
    let stranger = Hostile::at(two, 90).await;
    assert_eq!(stranger.fetches(hash).await, BlobAnswer::Refused(0));
    assert!(gives(two, one, hash).await);

    // Renamed, it stays; whoever is out is given it no more.
    let named = ann.rename_group(chat, "Плот".to_owned()).await.unwrap();
    assert_eq!(named.picture, Some(shown.clone()));
    until("renamed", || bob.chat(chat).unwrap().title == "Плот").await;
    assert_eq!(picture(bob, chat), Some(shown.clone()));
    ann.remove_member(chat, cat.id()).await.unwrap();
    until("it is known", || bob.chat(chat).unwrap().members == 2).await;
    assert!(!gives(two, far, hash).await);
    assert!(gives(two, one, hash).await);

    // The sweep keeps what a group names, and takes what none does; of a card it stays everybody's.
    for engine in [one, two] {
        crate::avatars::sweep(engine.shared()).await;
    }
    assert!(bob.picture(hash, 512).is_some());
    let me = bob.set_avatar(png(200, 300)).await.unwrap();
    assert_eq!(me.person.avatar, Some(shown));
    assert!(dan.picture(hash, 128).is_some());
    ann.remove_group_picture(chat).await.unwrap();
    until("gone", || picture(bob, chat).is_none()).await;
    for engine in [one, two] {
        crate::avatars::sweep(engine.shared()).await;
    }
    assert_eq!(ann.picture(hash, 128), None);
    assert!(dan.picture(hash, 128).is_some());
    assert!(gives(two, far, hash).await);
    three.stop().await;
}

/// B32: somebody's card names a picture, and their node serves it in every wrong way: a size beyond all limits, other
/// bytes, one byte at a time, the beginning for ever, a file that grows, an end that never comes. Each costs a few requests,
/// nothing is shown, nothing is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_served_wrongly_costs_little_and_is_not_shown() {
    fn piece(size: usize, bytes: &[u8]) -> BlobAnswer {
        BlobAnswer::Piece(PieceAnswer {
            size: size as u64,
            bytes: ByteBuf::from(bytes.to_vec()),
        })
    }
    fn part(whole: &[u8], from: usize) -> &[u8] {
        &whole[from.min(whole.len())..(from + limits::BLOB_PIECE).min(whole.len())]
    }
    let ways: [fn(&[u8], usize) -> BlobAnswer; 6] = [
        |_, _| piece(1 << 40, &[7; 64]),
        |whole, from| piece(whole.len(), &vec![9; part(whole, from).len()]),
        |whole, from| piece(whole.len(), &whole[from..=from]),
        |whole, from| piece(whole.len(), &part(whole, 0)[..part(whole, from).len()]),
        |_, from| piece(from + limits::BLOB_PIECE + 1, &vec![7; limits::BLOB_PIECE]),
        |whole, from| match from {
            0 => piece(whole.len(), part(whole, 0)),
            _ => BlobAnswer::Refused(0),
        },
    ];
    let dir = Folder::new();
    let engine = start(&dir, "looks").await;
    let ann = user(&engine, "ann").await;
    for (n, way) in ways.into_iter().enumerate() {
        let mut whole: Vec<u8> = (0..400_000_u32).map(|byte| (byte % 251) as u8).collect();
        whole[0] = n as u8;
        let hash = crate::blobs::hash_of(&whole);
        let claims = Claims {
            fellow: true,
            avatar: Some(hash),
            ..Claims::default()
        };
        let bad = Hostile::claiming(&engine, 60 + 3 * n as u8, claims).await;
        let asked = Arc::new(AtomicU32::new(0));
        let counted = asked.clone();
        *bad.serves.lock().unwrap() = Some(Box::new(move |from| {
            counted.fetch_add(1, Ordering::Relaxed);
            way(&whole, usize::try_from(from).unwrap())
        }));
        assert!(crate::fetch::identities(engine.shared(), bad.node, vec![bad.user], true).await);
        ann.find(&bad.user.to_string()).await.unwrap();
        until("it is asked for", || asked.load(Ordering::Relaxed) > 0).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(asked.load(Ordering::Relaxed) <= 4, "way {n}: {asked:?}");
        assert_eq!(ann.picture(hash, 128), None, "way {n}");
    }
    assert!(engine.healthy().await);
    stop(engine).await;
}
