//! One account as a file, by the API and by the command: all that its user can read, nothing of anybody else.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use chater_tests::{Api, PASSWORD, TestNode, binary, founds, linked, story};
use serde_json::Value;

/// `chater user export`, with a password typed.
async fn exports(node: &TestNode, nick: &str, file: &Path, password: &str) -> Output {
    let mut command = Command::new(binary());
    command.args(["user", "export", nick]).arg(file);
    command.arg("--data-dir").arg(node.folder());
    command.args(["--language", "en"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a process");
    let typed = format!("{password}\n");
    let mut input = child.stdin.take().expect("its input");
    // A command that has ended already reads nothing.
    let _ = input.write_all(typed.as_bytes());
    drop(input);
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    ended.await.expect("no panic").expect("an end")
}

/// The texts of each chat, with its title or the nick of the other person.
fn said(export: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let chats = export["chats"].as_array().expect("chats").iter();
    let mut said: Vec<_> = chats
        .map(|row| {
            let messages = row["messages"].as_array().expect("messages").iter();
            let name = match &row["chat"]["with"]["nick"] {
                Value::Null => text(&row["chat"]["title"]),
                nick => text(nick),
            };
            (name, messages.map(|m| text(&m["text"])).collect())
        })
        .collect();
    said.sort();
    said
}

#[test]
fn an_export_has_all_that_one_can_read_and_nothing_else() {
    story(120, async {
        let dom = TestNode::start("dom").await;
        let far = TestNode::start_linked("far", &dom).await;
        let (ann, eve) = (dom.registers("ann").await, dom.registers("eve").await);
        let bob = far.registers("bob").await;
        linked(&ann, &bob).await;
        let (with_bob, with_eve) = (ann.opens(&bob).await, bob.opens(&eve).await);
        for n in 0..250 {
            ann.sends(&with_bob, &format!("line {n}")).await;
        }
        bob.sends(&with_eve, "not for ann").await;
        eve.sees("not for ann").await;
        let group = founds(&ann, "Boat", &[&bob]).await;
        ann.sends(&group, "in the boat").await;

        let by_api = ann.api.get("/me/export").await.expect(200);
        assert_eq!(by_api.header("content-type"), Some("application/json"));
        let kept = by_api.header("content-disposition").unwrap().to_owned();
        assert!(
            kept.starts_with("attachment") && kept.contains("ann"),
            "{kept}"
        );
        let by_api = by_api.json();
        assert_eq!(by_api["complete"], true);
        assert_eq!(by_api["user"]["user_id"], ann.user_id.as_str());
        let lines = (0..250).map(|n| format!("line {n}")).collect();
        let wanted = [
            ("Boat".to_owned(), vec!["in the boat".to_owned()]),
            ("bob".to_owned(), lines),
        ];
        assert_eq!(said(&by_api), wanted);
        let text = by_api.to_string();
        assert!(!text.contains("not for ann") && !text.contains(&eve.user_id));
        for secret in [PASSWORD, ann.token()] {
            assert!(!text.contains(secret));
        }
        let nobody = Api::new(dom.web());
        nobody.get("/me/export").await.expect(401);
        let theirs = eve.api.get("/me/export").await.expect(200).json();
        assert_eq!(said(&theirs).len(), 1);
        assert!(!theirs.to_string().contains("line 1"));

        // By the command: the password of the person, not the rights of the machine's owner.
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("ann.json");
        let wrong = exports(&dom, "ann", &file, "not the password").await;
        assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
        assert!(!file.exists());
        let unknown = exports(&dom, "zoe", &file, PASSWORD).await;
        assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
        let made = exports(&dom, "ann", &file, PASSWORD).await;
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let by_command: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(said(&by_command), wanted);
        assert_eq!(by_command["complete"], true);
        assert_eq!(by_command["user"], by_api["user"]);
        // What is there is not written over, and nothing is left in the node's folder.
        let before = std::fs::read(&file).unwrap();
        let again = exports(&dom, "ann", &file, PASSWORD).await;
        assert_eq!(again.status.code(), Some(1), "{again:?}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
        let left = std::fs::read_dir(dom.folder().join("backups"));
        assert_eq!(left.map_or(0, Iterator::count), 0, "a copy is left behind");
    });
}
