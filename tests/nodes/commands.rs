//! Commands that do what the owner's pages do.

use chater_tests::{PASSWORD, TestNode, story};
use serde_json::json;

/// What the owner's pages do with people, mail and the relay, commands do as well; the log is told after a restart, too.
#[test]
fn commands_do_what_the_pages_of_the_owner_do() {
    story(90, async {
        let mut node = TestNode::named("dom").uncalled();
        node.up().await;
        let refused = node.asks(&["registration", "closed"]).await;
        assert_ne!(refused.code, Some(0), "without an owner: {refused:?}");
        let ann = node.registers("ann").await;
        let bob = node.registers("bob").await;
        for (words, said) in [
            (&["user", "quota", "bob", "5"][..], "Done"),
            (&["user", "quota", "BOB", "1"], "Done"),
            (&["user", "close", "bob"], "Done"),
            (&["user", "list"], "bob  bob  (closed)  0 / 1 MiB"),
            (&["user", "open", "bob"], "Done"),
            (&["mail"], "off, 200 MiB, 14 days"),
            (
                &["mail", "on", "--room", "50", "--days", "3"],
                "on, 50 MiB, 3 days",
            ),
            (&["mail", "off"], "off, 50 MiB, 3 days"),
            (&["relay", "on"], "Relay: on"),
            (&["relay"], "Relay: on"),
            (&["relay", "off"], "Relay: off"),
            (&["name", "Дача"], "дача"),
            (&["name"], "дача"),
            (&["registration"], "everyone who sees the node  (open)"),
            (&["registration", "closed"], "nobody  (closed)"),
            (&["registration", "invite"], "by invitation  (invite)"),
            (&["pictures"], "30 days"),
            (&["pictures", "0"], "for good"),
            (&["pictures", "365"], "365 days"),
            (&["backups"], "No backups yet"),
            (&["backups", "make"], ".tar  "),
        ] {
            let done = node.asks(words).await;
            assert_eq!(done.code, Some(0), "{words:?}: {done:?}");
            assert!(done.out.contains(said), "{words:?}: {done:?}");
        }
        for words in [
            &["user", "quota", "nobody", "5"][..],
            &["user", "quota", "bob", "0"],
            &["user", "close", "ann"],
            &["mail", "on", "--room", "9"],
            &["mail", "on", "--days", "91"],
            &["mail", "choose", "nobody"],
            &["name", ""],
            &["name", "dом"],
            &["name", &"x".repeat(33)],
            &["registration", "perhaps"],
            &["pictures", "366"],
            &["user", "link", "nobody"],
        ] {
            let refused = node.asks(words).await;
            assert_ne!(refused.code, Some(0), "{words:?}: {refused:?}");
        }
        assert_eq!(node.asks(&["name"]).await.out.trim(), "дача");
        let storage = ann.api.get("/node/storage").await.expect(200).json();
        assert_eq!(storage["keep_days"], 365);
        let told = ann.api.get("/node").await.expect(200).json();
        assert_eq!(told["name"], "дача");
        let refused = node.tries_to_register("eve", PASSWORD).await;
        assert_eq!(refused.code(), "invite_needed");
        let backups = ann.api.get("/node/backups").await.expect(200).json();
        let made = backups["backups"].as_array().unwrap();
        let listed = node.asks(&["backups"]).await;
        assert_eq!(made.len(), 1);
        assert!(listed.out.contains(made[0]["name"].as_str().unwrap()));
        bob.api.get("/me").await.expect(401);
        let people = ann.api.get("/node/people").await.expect(200).json();
        let row = people["people"].as_array().unwrap().iter();
        let row = row.into_iter().find(|row| row["nick"] == "bob").unwrap();
        assert_eq!(row["quota"], 1024 * 1024);
        assert_eq!(row["closed"], false);
        node.restart().await;
        let log = node.asks(&["log"]).await;
        assert!(
            log.out.lines().next().unwrap().contains("started"),
            "{log:?}"
        );
        for said in ["bob", "The relay was switched on"] {
            assert!(log.out.contains(said), "{said}: {log:?}");
        }
    });
}

/// What is set at the start stays, and the command says where it is set.
#[test]
fn commands_do_not_change_what_is_set_at_the_start() {
    story(60, async {
        let mut node = TestNode::named("dom").with(&["--registration", "open"]);
        node.up().await;
        node.registers("ann").await;
        for (words, said, why) in [
            (&["name", "shore"][..], "dom", "at the start (name)"),
            (
                &["registration", "closed"],
                "everyone who sees the node  (open)",
                "at the start (registration)",
            ),
        ] {
            let asked = node.asks(words).await;
            assert!(asked.out.contains(said), "{words:?}: {asked:?}");
            assert!(asked.err.contains(why), "{words:?}: {asked:?}");
            let told = node.asks(&words[..1]).await;
            assert!(told.out.contains(said), "{words:?}: {told:?}");
            assert!(told.err.is_empty(), "{words:?}: {told:?}");
        }
        node.registers("bob").await;
    });
}

/// A link made by the command sets a new password, once, and ends what was open.
#[test]
fn a_link_of_the_command_sets_a_new_password() {
    story(60, async {
        let node = TestNode::start("dom").await;
        node.registers("ann").await;
        let bob = node.registers("bob").await;
        let asked = node.asks(&["user", "link", "BOB"]).await;
        assert_eq!(asked.code, Some(0), "{asked:?}");
        let link = asked.out.lines().last().unwrap().trim();
        let place = format!("http://localhost:{}", node.web().port());
        let path = link.strip_prefix(&place).expect("opens on this computer");
        let api = node.api();
        let page = api.request("GET", path, &[], b"").await.unwrap();
        assert!(page.expect(200).text().contains("bob"));
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        let body = b"password=another+long+word";
        let set = api.request("POST", path, &headers, body).await.unwrap();
        set.expect(303);
        bob.api.get("/me").await.expect(401);
        let body = json!({"nick": "bob", "password": "another long word"});
        api.post("/sessions", &body).await.expect(201);
        let again = api.request("GET", path, &[], b"").await.unwrap();
        again.expect(404);
    });
}
