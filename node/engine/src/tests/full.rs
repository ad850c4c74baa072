//! A group that is full.

use chater_protocol::id::{Bytes, UserId};
use chater_protocol::identity::{HomeRecord, KemCard};
use chater_protocol::key::SigningKey;
use chater_protocol::limits;
use chater_store::{homes, nodes};

use super::*;
use crate::actor::From;
use crate::error::{Error, Reason};

/// People of a node that was never met, as that node would have given them.
async fn strangers(engine: &Engine, many: usize) -> Vec<UserId> {
    let made = engine.shared().inputs.run(From::Local, move |turn| {
        let key = |what: u8, no: usize| {
            let mut seed = [what; 32];
            seed[..8].copy_from_slice(&(no as u64).to_be_bytes());
            SigningKey::from_seed(&seed)
        };
        let node_id = chater_protocol::id::NodeId(key(3, 0).public().0);
        nodes::ensure(turn.tx, node_id, 2, turn.now_ms)?;
        let mut users = Vec::new();
        for no in 0..many {
            let (root, home) = (key(1, no), key(2, no));
            let user = UserId(root.public().0);
            let record = HomeRecord {
                v: 1,
                user,
                sign_pk: home.public(),
                node_id,
                state: 0,
                ts: turn.now_ms,
            };
            homes::put_home(turn.tx, &record, &record.sign(&root))?;
            homes::confirm(turn.tx, &record)?;
            let kem = KemCard {
                v: 1,
                user,
                home: record.id(),
                n: 0,
                suite: 1,
                // Nobody opens what is sealed to it: any point of the curve does.
                kem_pk: Bytes(home.public().0),
                ts: turn.now_ms,
            };
            homes::put_kem(turn.tx, &kem, &kem.sign(&home))?;
            users.push(user);
        }
        Ok(users)
    });
    made.await.unwrap()
}

/// A group takes as many members as it may have, in parts, and not one more until somebody goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_group_takes_nobody_more() {
    let dir = Folder::new();
    let engine = start(&dir, "dom").await;
    let ann = user(&engine, "ann").await;
    // Beside the owner as many as fit, and one.
    let people = strangers(&engine, limits::MEMBERS).await;
    let (last, fit) = people.split_last().unwrap();
    let mut parts = fit.chunks(200);
    let first = parts.next().unwrap().iter().copied().collect();
    let group = ann.create_group("full".to_owned(), first).await.unwrap();
    for part in parts {
        let part = part.iter().copied().collect();
        ann.add_members(group.id, part).await.unwrap();
    }
    assert_eq!(ann.members(group.id).unwrap().len(), limits::MEMBERS);
    let more = ann.add_members(group.id, [*last].into()).await;
    assert_eq!(more, Err(Error::invalid("members", Reason::Long)));
    assert_eq!(ann.members(group.id).unwrap().len(), limits::MEMBERS);
    // Who is in takes no place again, and a place that is left can be taken.
    ann.add_members(group.id, [fit[0]].into()).await.unwrap();
    ann.remove_member(group.id, fit[0]).await.unwrap();
    ann.add_members(group.id, [*last].into()).await.unwrap();
    stop(engine).await;
}
