//! A node moves to another folder by `backup` and `restore` while its neighbour goes on, with `doctor` looking on.

use std::os::unix::fs::PermissionsExt;

use chater_tests::{Ended, PASSWORD, Person, TestNode, linked, story};
use serde_json::{Value, json};

async fn doctor(node: &TestNode) -> Ended {
    // Free ports, whatever else runs on this machine.
    node.asks(&[
        "doctor",
        "--web-addr",
        "127.0.0.1:0",
        "--p2p-addr",
        "/ip4/127.0.0.1/tcp/0",
    ])
    .await
}

fn texts(messages: &[Value]) -> Vec<String> {
    let text = |message: &Value| message["text"].as_str().unwrap_or_default().to_owned();
    messages.iter().map(text).collect()
}

#[test]
fn a_moved_node_goes_on_where_it_was() {
    story(120, async {
        let mut old = TestNode::start("dom").await;
        let far = TestNode::start_linked("far", &old).await;
        let (ann, bob) = (old.registers("ann").await, far.registers("bob").await);
        linked(&ann, &bob).await;
        let chat = ann.opens(&bob).await;
        ann.sends(&chat, "first").await;
        bob.sees("first").await;
        for n in 0..20 {
            ann.sends(&chat, &format!("ann {n}")).await;
            bob.sends(&chat, &format!("bob {n}")).await;
        }
        ann.sees("bob 19").await;
        bob.sees("ann 19").await;
        old.down().await;

        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("moving");
        let words = file.to_str().unwrap().to_owned();
        let backup = old.asks(&["backup", &words]).await;
        assert_eq!(backup.code, Some(0), "{backup:?}");
        // Written while nobody is at home.
        let meanwhile = bob.sends(&chat, "while you moved").await;

        // A copy that was cut or changed is refused, and the folder stays as it was.
        let whole = std::fs::read(&file).unwrap();
        let mut new = TestNode::named("dom").with(&["--peer", &far.p2p()]);
        let bad = base.path().join("bad");
        for damaged in [
            whole[..whole.len() / 2].to_vec(),
            // Without the list of checksums at its end.
            whole[..whole.len() - 2_000].to_vec(),
            {
                let mut changed = whole.clone();
                changed[whole.len() / 2] ^= 1;
                changed
            },
        ] {
            std::fs::write(&bad, damaged).unwrap();
            let refused = new.asks(&["restore", bad.to_str().unwrap()]).await;
            assert_eq!(refused.code, Some(1), "{refused:?}");
            assert_eq!(refused.err.trim().lines().count(), 1, "{refused:?}");
            assert!(!new.folder().join("node.key").exists());
        }

        let restored = new.asks(&["restore", &words]).await;
        assert_eq!(restored.code, Some(0), "{restored:?}");
        let found = doctor(&new).await;
        assert_eq!(found.code, Some(0), "{found:?}");
        // What doctor looks for: a key that others may read.
        let key = new.folder().join("node.key");
        let mode = |mode| std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o644);
        let found = doctor(&new).await;
        assert_eq!(found.code, Some(1), "{found:?}");
        assert!(found.out.contains('✗'), "{found:?}");
        mode(0o600);

        new.up().await;
        assert_eq!(new.node_id(), old.node_id());
        let found = doctor(&new).await;
        assert_eq!(found.code, Some(0), "{found:?}");
        let login = json!({"nick": "ann", "password": PASSWORD});
        let answer = new.api().post("/sessions", &login).await.expect(201);
        let ann = Person::new(&new, "ann", &answer.json());
        linked(&ann, &bob).await;
        ann.sees("while you moved").await;
        bob.sees_state(&chat, &meanwhile, "delivered").await;
        let sent = ann.sends(&chat, "settled in").await;
        bob.sees("settled in").await;
        ann.sees_state(&chat, &sent, "delivered").await;
        bob.sends(&chat, "good").await;
        ann.sees("good").await;
        let (here, there) = (ann.history(&chat).await, bob.history(&chat).await);
        assert_eq!(here.len(), 44);
        assert_eq!(texts(&here), texts(&there));
    });
}
