//! The owner's list of nodes: while it alone counts, nobody else is linked, and nothing is lost by that.

use chater_protocol::id::NodeId;

use super::*;
use crate::error::{Error, Reason};

fn id(engine: &Engine) -> NodeId {
    engine.shared().node_id
}

fn linked(a: &Engine, b: &Engine) -> bool {
    a.shared().is_linked(id(b)) && b.shared().is_linked(id(a))
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_list_alone_counts_nobody_else_is_linked() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (left, right, ann, bob, chat) = nodes::pair(&a, &b).await;
    let lab = start(&c, "lab").await;
    let cid = user(&lab, "cid").await;
    link(&left, &lab).await;
    say(&ann, chat, "before").await;
    sees(&bob, chat, "before").await;

    assert_eq!(
        left.allow_node(id(&left), true).await,
        Err(Error::invalid("node", Reason::Own))
    );
    assert_eq!(left.allow_node(id(&lab), false).await, Err(Error::NotFound));
    assert_eq!(
        bob.allow_only(true).await,
        Ok(()),
        "an owner, of another node"
    );
    bob.allow_only(false).await.unwrap();
    until("linked again", || linked(&left, &right)).await;
    ann.allow_node(id(&lab), true).await.unwrap();
    // A link that both sides make at once may be made anew in this moment.
    until("the list alone changes nothing", || linked(&left, &right)).await;
    ann.allow_only(true).await.unwrap();
    until("closed", || !right.shared().is_linked(id(&left))).await;
    // Who was known is not found, what is written waits; who is listed has noticed nothing.
    assert_eq!(found(&ann, "bob").await, Vec::<String>::new());
    assert_eq!(found(&ann, "cid").await, ["cid@lab"]);
    assert_eq!(found(&cid, "bob").await, Vec::<String>::new());
    let waits = say(&ann, chat, "meanwhile").await;
    // The other side dials in vain, and typing an address without a node says why that does not help.
    let address = left.node().addresses.first().unwrap().clone();
    right.add_peer(&address).await.unwrap();
    let bare = right.node().addresses.first().unwrap().clone();
    let bare = bare.split("/p2p/").next().unwrap().to_owned();
    assert_eq!(
        left.add_peer(&bare).await,
        Err(Error::invalid("address", Reason::Unlisted))
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!left.shared().is_linked(id(&right)));
    assert_eq!(
        one(&ann, chat, waits.id).state,
        crate::view::MessageState::Stored
    );
    let list = left.allowed().unwrap();
    assert!(list.only && list.nodes.iter().all(|node| node.node_id == id(&lab)));

    // It outlives a restart.
    let ids = (ann.id(), bob.id());
    stop(left).await;
    drop(ann);
    let left = start(&a, "left").await;
    until("the guest is back", || linked(&left, &lab)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!left.shared().is_linked(id(&right)));

    // Off again: all is as it was.
    left.allow_only(false).await.unwrap();
    until("linked", || linked(&left, &right)).await;
    sees(&bob, chat, "meanwhile").await;
    assert_eq!(left.allowed().unwrap().nodes.len(), 1, "the list stays");
    let ann = left.handle(ids.0, None);
    assert_eq!(found(&ann, "bob").await, ["bob@right"]);
    for engine in [left, right, lab] {
        stop(engine).await;
    }
}

/// The node whose link is followed, and the one that the owner links by hand, go onto the list.
#[tokio::test(flavor = "multi_thread")]
async fn whom_the_owner_links_goes_onto_the_list() {
    let (a, b, c) = (Folder::new(), Folder::new(), Folder::new());
    let (dom, port, lab) = (
        start(&a, "dom").await,
        start(&b, "port").await,
        start(&c, "lab").await,
    );
    let yard = dom.found_community("yard").await.unwrap();
    let invite = dom.invite_node(yard, 5, 1).await.unwrap();
    port.allow_only(true).await.unwrap();
    // A link that leads nowhere leaves nothing behind.
    let mut wrong = chater_protocol::invite::Invite::parse(&invite).unwrap();
    wrong.token.0[0] ^= 1;
    assert!(port.enter_community(&wrong.to_text()).await.is_err());
    assert!(port.allowed().unwrap().nodes.is_empty());
    until("let go", || !port.shared().is_linked(id(&dom))).await;
    assert_eq!(port.enter_community(&invite).await, Ok(yard));
    until("linked", || linked(&port, &dom)).await;
    let address = lab.node().addresses.first().unwrap().clone();
    port.add_peer(&address).await.unwrap();
    until("linked", || linked(&port, &lab)).await;
    let listed: Vec<NodeId> = port
        .allowed()
        .unwrap()
        .nodes
        .iter()
        .map(|n| n.node_id)
        .collect();
    assert!(listed.len() == 2 && listed.contains(&id(&dom)) && listed.contains(&id(&lab)));
    // Off the list it is closed.
    port.allow_node(id(&lab), false).await.unwrap();
    until("closed", || !lab.shared().is_linked(id(&port))).await;
    for engine in [dom, port, lab] {
        stop(engine).await;
    }
}
