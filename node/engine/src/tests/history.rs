//! What those who come later may read (K6, K7), and that what some have comes to all (S2).

use chater_protocol::event::{Kind, Lane};
use chater_protocol::payload::{KeyShare, Payload as _};
use chater_protocol::seal::BoxFor;
use chater_protocol::wire::{Ack, KeyRequest, LogAnswer, LogRequest, Message as _};
use chater_store::chats;

use super::hostile::kem_of;
use super::outsiders::{Foe, group, group_ref};
use super::*;
use crate::shared::SystemRandom;
use crate::view::{GroupRules, History};

async fn keeps_history(of: &UserHandle, chat: ChatId) {
    let rules = GroupRules {
        everyone_adds: true,
        history: History::SinceJoin,
        read_marks: true,
    };
    of.set_rules(chat, rules).await.unwrap();
}

/// K6 among people of one node: the node has the keys of what was said before, but not for the newcomer.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_on_the_same_node_reads_what_the_group_allows() {
    let dir = Folder::new();
    let node = start(&dir, "node").await;
    let (ann, bob, cid) = (
        user(&node, "ann").await,
        user(&node, "bob").await,
        user(&node, "cid").await,
    );
    let chat = group(&ann, &[bob.id()]).await;
    keeps_history(&ann, chat).await;
    say(&ann, chat, "раньше").await;
    sees(&bob, chat, "раньше").await;
    ann.add_members(chat, [cid.id()].into()).await.unwrap();
    say(&ann, chat, "теперь").await;
    sees(&cid, chat, "теперь").await;
    assert_eq!(texts(&cid, chat), ["теперь"]);
    assert_eq!(all(&cid, chat).len(), 1);
    assert_eq!(texts(&bob, chat), ["раньше", "теперь"]);
    assert!(
        cid.find_in_chat(chat, "раньше", None)
            .await
            .unwrap()
            .messages
            .is_empty()
    );

    // Who goes and comes again keeps what was theirs, and does not get what was said meanwhile.
    ann.remove_member(chat, cid.id()).await.unwrap();
    say(&ann, chat, "без него").await;
    ann.add_members(chat, [cid.id()].into()).await.unwrap();
    say(&ann, chat, "снова").await;
    sees(&cid, chat, "снова").await;
    assert_eq!(texts(&cid, chat), ["теперь", "снова"]);
    stop(node).await;
}

/// K7: a newcomer names the key of what was said before, as its holder and as its maker long ago. Neither makes a node
/// hand the key out.
#[tokio::test(flavor = "multi_thread")]
async fn who_names_a_key_is_not_given_it() {
    let dir = Folder::new();
    let node = start(&dir, "node").await;
    let (ann, bob) = (user(&node, "ann").await, user(&node, "bob").await);
    let mut foe = Foe::at(&node, 70).await;
    let chat = group(&ann, &[bob.id()]).await;
    keeps_history(&ann, chat).await;
    say(&ann, chat, "тайна").await;
    let secret = {
        let rows = node.shared().store.read().unwrap();
        let no = chats::number(&rows, chat).unwrap().unwrap();
        chats::keys(&rows, no).unwrap().first().unwrap().0
    };
    ann.add_members(chat, [foe.bad.user].into()).await.unwrap();
    foe.has_seen(&node, chat);
    // A box for bob that opens to something else, one for itself, and all of it a day before.
    let card = kem_of(&node, bob.id());
    let mut who = BoxFor {
        group: chat,
        author: foe.bad.user,
        author_home: foe.bad.home,
        user: bob.id(),
        home: card.home,
        n: card.n,
    };
    let to_bob = who
        .seal(&foe.secret, &card.kem_pk, &mut SystemRandom)
        .unwrap();
    (who.user, who.home) = (foe.bad.user, foe.bad.home);
    let to_itself = who
        .seal(&foe.secret, &card.kem_pk, &mut SystemRandom)
        .unwrap();
    let named = |boxes| {
        KeyShare {
            key_id: secret,
            boxes,
        }
        .encode()
    };
    foe.earlier_ms = 86_400_000;
    let lies = [
        foe.event(Lane::Keys, Kind::KEY, named(Vec::new())),
        foe.event(Lane::Keys, Kind::KEY, named(vec![to_bob, to_itself])),
    ];
    assert_eq!(foe.push(&lies).await, [Ack::Committed; 2]);
    let request = KeyRequest {
        chat: group_ref(chat),
        user: foe.bad.user,
        home: foe.bad.home,
        key_ids: vec![secret],
    };
    let asked = || LogRequest::KeyRequest(request.clone()).encode();
    match foe.bad.asks(asked()).await {
        Some(LogAnswer::Keys(keys)) => assert_eq!(keys.len(), 0),
        other => panic!("{other:?}"),
    }
    // Where the group lets newcomers read all, it is given.
    let rules = GroupRules {
        everyone_adds: true,
        history: History::All,
        read_marks: true,
    };
    ann.set_rules(chat, rules).await.unwrap();
    match foe.bad.asks(asked()).await {
        Some(LogAnswer::Keys(keys)) => assert_eq!(keys.len(), 1),
        other => panic!("{other:?}"),
    }
    stop(node).await;
}

/// S2: somebody's node brings a message to one node of the group and is gone for good. The others are linked all the
/// time, hear of it by no gossip (it is too large), and nobody says anything more.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_was_brought_comes_to_the_others_without_a_word() {
    let dirs = [Folder::new(), Folder::new(), Folder::new()];
    let mut nodes = Vec::new();
    for (dir, name) in dirs.iter().zip(["here", "there", "far"]) {
        let config = Config {
            compare_every: Duration::from_millis(600),
            ..config(&dir.0, name)
        };
        nodes.push(Engine::start(config).await.unwrap());
    }
    let [here, there, far] = <[Engine; 3]>::try_from(nodes).unwrap_or_else(|_| panic!("three"));
    let (ann, bob, cid) = (
        user(&here, "ann").await,
        user(&there, "bob").await,
        user(&far, "cid").await,
    );
    link(&here, &there).await;
    link(&here, &far).await;
    link(&there, &far).await;
    let (with, and) = (
        ann.find("bob@there").await.unwrap().user_id,
        ann.find("cid@far").await.unwrap().user_id,
    );
    let chat = group(&ann, &[with, and]).await;
    say(&ann, chat, "все тут").await;
    sees(&bob, chat, "все тут").await;
    sees(&cid, chat, "все тут").await;
    cut(&here, &far).await;
    let large = "🜂".repeat(8_000);
    say(&ann, chat, &large).await;
    sees(&bob, chat, &large).await;
    stop(here).await;
    sees(&cid, chat, &large).await;
    stop(there).await;
    stop(far).await;
}

/// S10: what lacks is told with its author, and never called complete.
#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_is_told_with_its_author() {
    let dir = Folder::new();
    let node = start(&dir, "node").await;
    let ann = user(&node, "ann").await;
    let mut foe = Foe::at(&node, 70).await;
    let chat = group(&ann, &[foe.bad.user]).await;
    foe.has_seen(&node, chat);
    let key = foe.shares(&node, &[ann.id()]);
    let said = [foe.says("раз"), foe.says("два"), foe.says("три")];
    let [first, _, third] = said;
    assert_eq!(foe.push(&[key, first, third]).await, [Ack::Committed; 3]);
    assert_eq!(texts(&ann, chat), ["раз", "три"]);
    let found = ann.completeness(chat).await.unwrap();
    assert_eq!((found.missing, found.complete), (1, false));
    assert_eq!(found.of, ["mallory"]);
    stop(node).await;
}
