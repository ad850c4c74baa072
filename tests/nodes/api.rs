//! The HTTP API and the socket under good and bad input: one clear answer each, and nothing changes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chater_tests::{Answer, Frame, PASSWORD, Person, TestNode, story};
use serde_json::{Value, json};

/// Two people of one node, with a chat.
async fn two_people() -> (TestNode, Person, Person, String) {
    let node = TestNode::start("dom").await;
    let (alice, bob) = (node.registers("alice").await, node.registers("bob").await);
    let chat = alice.opens(&bob).await;
    (node, alice, bob, chat)
}

/// An error object with this code, in words, and no secrets of the machine in it.
fn is_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        answer.text()
    );
    let message = answer.json()["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        !message.is_empty() && !message.contains("panicked") && !message.contains(".rs"),
        "{message}"
    );
}

#[test]
fn the_main_calls_have_their_forms() {
    story(60, async {
        let (node, alice, bob, chat) = two_people().await;
        let me = alice.api.get("/me").await.expect(200).json();
        assert_eq!(
            (&me["nick"], &me["address"], &me["node"]),
            (&json!("alice"), &json!("alice@dom"), &json!("dom"))
        );
        assert_eq!(me["user_id"].as_str().unwrap().len(), 64);
        assert_eq!(alice.token().len(), 4 + 64);
        assert!(alice.token().starts_with("cht_"));

        let again = alice.api.post("/chats", &json!({"with": "bob"})).await;
        assert_eq!(
            (again.status, again.json()["id"].as_str()),
            (200, Some(chat.as_str()))
        );
        for with in ["bob@dom", bob.user_id.as_str()] {
            assert_eq!(alice.opens_with(with).await, chat);
        }
        let message = alice.sends(&chat, "один\nдва").await;
        let keys: BTreeSet<&str> = message
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        for key in [
            "id",
            "chat_id",
            "n",
            "client_id",
            "author",
            "text",
            "sent_at",
            "received_at",
            "state",
            "late",
            "reply_to",
        ] {
            assert!(keys.contains(key), "{key} in {keys:?}");
        }
        let sent_at = message["sent_at"].as_str().unwrap();
        assert!(sent_at.len() == 24 && sent_at.ends_with('Z'), "{sent_at}");
        let answer = alice
            .tries_to_send(&chat, &json!({"text": "reply", "reply_to": message["id"]}))
            .await
            .expect(201);
        assert_eq!(answer.json()["message"]["reply_to"], message["id"]);

        let found = alice
            .api
            .get("/people?q=bo&wait_ms=0")
            .await
            .expect(200)
            .json();
        assert_eq!(found["here"][0]["user_id"], bob.user_id.as_str());
        let nobody = alice
            .api
            .get("/people?q=b&wait_ms=0")
            .await
            .expect(200)
            .json();
        assert_eq!(nobody["here"], json!([]), "one letter lists nobody");

        let about = alice.api.get("/node").await.expect(200).json();
        assert_eq!(
            (&about["name"], about["node_id"].as_str()),
            (&json!("dom"), Some(node.node_id().as_str()))
        );
        let document = node.api().get("/openapi.json").await.expect(200).json();
        for path in [
            "/api/v1/users",
            "/api/v1/sessions",
            "/api/v1/chats",
            "/api/v1/chats/{chat_id}/messages",
            "/api/v1/people",
        ] {
            assert!(
                document["paths"][path].is_object()
                    || document["paths"][path.replace("{chat_id}", "{id}").as_str()].is_object(),
                "{path}"
            );
        }
        let metrics = node
            .api()
            .request("GET", "/metrics", &[], b"")
            .await
            .unwrap()
            .expect(200);
        let text = metrics.text();
        for line in [
            "# TYPE chater_links gauge",
            "chater_mailboxes 0",
            "chater_letters_total{what=\"kept\"} 0",
            "chater_communities 1",
            "chater_nodes_blocked 0",
            "chater_nodes_asking 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
        let group = alice
            .api
            .post("/chats", &json!({"title": "all", "members": [bob.user_id]}))
            .await
            .expect(201)
            .json();
        assert_eq!(
            (&group["kind"], &group["title"], &group["members"]),
            (&json!("group"), &json!("all"), &json!(2))
        );
        let id = group["id"].as_str().unwrap().to_owned();
        let members = alice
            .api
            .get(&format!("/chats/{id}/members"))
            .await
            .expect(200)
            .json();
        assert_eq!(members["members"][0]["role"], "owner");
        assert_eq!(members["members"][1]["nick"], "bob");
        for title in ["", "  ", &"x".repeat(65)] {
            let bad = alice
                .api
                .post("/chats", &json!({"title": title, "members": []}))
                .await;
            is_error(&bad, 422, "invalid");
        }
        let mine = format!("/chats/{id}/members/{}", alice.user_id);
        is_error(&bob.api.call("DELETE", &mine, None).await, 403, "forbidden");
        let direct = alice
            .api
            .post("/chats", &json!({"with": bob.user_id}))
            .await
            .json();
        let direct = format!("/chats/{}/members", direct["id"].as_str().unwrap());
        is_error(
            &alice
                .api
                .post(&direct, &json!({"members": [bob.user_id]}))
                .await,
            422,
            "not_a_group",
        );
        let path = format!("/chats/{id}/members/{}", bob.user_id);
        alice.api.call("DELETE", &path, None).await.expect(204);
        let left = bob.api.get("/chats").await.expect(200).json();
        assert!(
            left["chats"]
                .as_array()
                .unwrap()
                .iter()
                .all(|chat| chat["id"] != json!(id))
        );
    });
}

#[test]
fn bad_bodies_have_one_answer_each_and_change_nothing() {
    story(60, async {
        let (_node, alice, _bob, chat) = two_people().await;
        let path = format!("/api/v1/chats/{chat}/messages");
        let json_type = ("Content-Type", "application/json");
        for (kind, body, status) in [
            (json_type, b"{".to_vec(), 400),
            (json_type, b"".to_vec(), 400),
            (json_type, b"{\"text\":\"\xff\"}".to_vec(), 400),
            (json_type, b"{\"text\":5}".to_vec(), 422),
            (json_type, b"{}".to_vec(), 422),
            (json_type, b"[]".to_vec(), 422),
            (
                ("Content-Type", "text/plain"),
                b"{\"text\":\"hi\"}".to_vec(),
                415,
            ),
            (
                json_type,
                format!("{{\"text\":\"{}\"}}", "a".repeat(70_000)).into_bytes(),
                413,
            ),
            (json_type, vec![b'['; 60_000], 422),
        ] {
            let answer = alice
                .api
                .request("POST", &path, &[kind], &body)
                .await
                .unwrap();
            let shown = String::from_utf8_lossy(body.get(..20).unwrap_or(&body)).into_owned();
            assert!(
                answer.status == status
                    || [400, 422].contains(&answer.status) && [400, 422].contains(&status),
                "{shown}: {}",
                answer.status
            );
            assert!(!answer.code().is_empty(), "{shown}: {}", answer.text());
        }
        // A body that says it is huge is refused before it is read.
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n{{",
            alice.api.address.port(),
            alice.token()
        );
        let answer = alice.api.raw(head.as_bytes()).await.unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 413"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
        for (method, path, status) in [
            ("PUT", "/users", 405),
            ("DELETE", "/chats", 405),
            ("GET", "/sessions", 405),
            ("GET", "/nothing", 404),
            ("GET", "/chats?limit=abc", 422),
            ("GET", "/chats?cursor=nonsense", 422),
        ] {
            let answer = alice.api.call(method, path, None).await;
            assert!(
                answer.status == status || [400, 422].contains(&answer.status) && status == 422,
                "{method} {path}: {}",
                answer.status
            );
        }
        assert_eq!(alice.history(&chat).await.len(), 0);
    });
}

#[test]
fn texts_have_their_bounds() {
    story(60, async {
        let (_node, alice, bob, chat) = two_people().await;
        let text = async |text: &str| alice.tries_to_send(&chat, &json!({"text": text})).await;
        let long = "ж".repeat(8_001);
        let heavy = "👪".repeat(8_000);
        for bad in [
            "",
            " ",
            "\n\t ",
            "a\u{0}b",
            "a\u{7}b",
            "a\u{1b}[31mb",
            long.as_str(),
            heavy.repeat(2).as_str(),
        ] {
            let answer = text(bad).await;
            assert_eq!(
                (answer.status, answer.field().as_str()),
                (422, "text"),
                "{:?}: {}",
                bad.chars().take(9).collect::<String>(),
                answer.text()
            );
        }
        for good in [
            "a",
            " a ",
            "a\tb\nc",
            "\u{202e}abc",
            "<script>alert(1)</script>",
            &"ж".repeat(8_000),
            &"👪".repeat(8_000),
        ] {
            assert_eq!(
                text(good).await.expect(201).json()["message"]["text"],
                good,
                "kept as typed"
            );
        }
        assert_eq!(
            text("a\r\nb").await.expect(201).json()["message"]["text"],
            "a\nb"
        );
        for bad in ["", "a b", "a/b", &"a".repeat(65)] {
            let answer = alice
                .tries_to_send(&chat, &json!({"text": "x", "client_id": bad}))
                .await;
            assert_eq!(
                (answer.status, answer.field().as_str()),
                (422, "client_id"),
                "{bad:?}"
            );
        }
        assert_eq!(bob.history(&chat).await.len(), 8);
    });
}

#[test]
fn the_same_client_id_is_the_same_message() {
    story(60, async {
        let (mut node, alice, bob, chat) = two_people().await;
        let body = json!({"text": "once", "client_id": "key-1"});
        let first = alice.tries_to_send(&chat, &body).await.expect(201).json();
        let second = alice.tries_to_send(&chat, &body).await.expect(200).json();
        assert_eq!(first["message"]["id"], second["message"]["id"]);
        let other = alice
            .tries_to_send(&chat, &json!({"text": "else", "client_id": "key-1"}))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&other["message"]["id"], &other["message"]["text"]),
            (&first["message"]["id"], &json!("once"))
        );
        // At the same time, over both ways, and after a restart.
        let twice = json!({"text": "twice", "client_id": "key-2"});
        let (one, two) = tokio::join!(
            alice.tries_to_send(&chat, &twice),
            alice.tries_to_send(&chat, &twice)
        );
        assert_eq!(one.json()["message"]["id"], two.json()["message"]["id"]);
        assert_eq!(
            BTreeSet::from([one.status, two.status]),
            BTreeSet::from([200, 201])
        );
        let mut socket = alice.listens().await;
        assert_eq!(
            socket.sends(&chat, "once", "key-1").await["id"],
            first["message"]["id"]
        );
        node.restart().await;
        assert_eq!(
            alice.tries_to_send(&chat, &body).await.expect(200).json()["message"]["id"],
            first["message"]["id"]
        );
        // It is the author's own key, so Bob may use the same word.
        bob.tries_to_send(&chat, &body).await.expect(201);
        assert_eq!(alice.history(&chat).await.len(), 3);
    });
}

#[test]
fn foreign_chats_look_like_no_chats() {
    story(60, async {
        let (node, alice, _bob, chat) = two_people().await;
        let message = alice.sends(&chat, "private").await;
        let mallory = node.registers("mallory").await;
        let id = message["id"].as_str().unwrap();
        let unknown = "ab".repeat(32);
        for chat in [
            chat.as_str(),
            unknown.as_str(),
            "nonsense",
            &chat.to_uppercase(),
        ] {
            for (method, path, body) in [
                ("GET", format!("/chats/{chat}/messages"), None),
                (
                    "POST",
                    format!("/chats/{chat}/messages"),
                    Some(json!({"text": "hi"})),
                ),
                (
                    "POST",
                    format!("/chats/{chat}/read"),
                    Some(json!({"message_id": id})),
                ),
                (
                    "PATCH",
                    format!("/chats/{chat}/messages/{id}"),
                    Some(json!({"text": "mine now"})),
                ),
                ("DELETE", format!("/chats/{chat}/messages/{id}"), None),
                ("GET", format!("/chats/{chat}/members"), None),
            ] {
                let answer = mallory.api.call(method, &path, body.as_ref()).await;
                is_error(&answer, 404, "not_found");
            }
        }
        let nobody = node.api().get(&format!("/chats/{chat}/messages")).await;
        is_error(&nobody, 401, "unauthorized");
        let mut socket = mallory.listens().await;
        socket.speaker.send_message(&chat, "hi", "a").await.unwrap();
        loop {
            match socket.listener.next().await {
                Frame::Error { error, .. } => break assert_eq!(error["code"], "not_found"),
                Frame::Reply { .. } => panic!("a stranger wrote into a chat"),
                _ => {}
            }
        }
        assert!(mallory.chats().await.is_empty());
        assert_eq!(alice.newest(&chat).await[0]["text"], "private");
    });
}

#[test]
fn nicks_are_letters_of_one_script_and_look_like_no_other() {
    story(120, async {
        let node = TestNode::start("dom").await;
        node.registers("paypal").await;
        node.registers("Сова").await;
        for (bad, status) in [
            ("", 422),
            ("a", 422),
            (&"a".repeat(33), 422),
            ("al ice", 422),
            ("al\u{0}ice", 422),
            ("al\u{202e}ice", 422),
            ("al\u{200b}ice", 422),
            ("al@ice", 422),
            ("al/ice", 422),
            (".alice", 422),
            ("alice-", 422),
            ("alicе", 422), // the last letter is Cyrillic
            ("admin", 422),
            ("Система", 422),
            ("paypal", 409),
            ("PayPal", 409),
            ("paypaI", 409), // capital i for l
            ("раураl", 422), // Cyrillic with a Latin l
            ("сова", 409),
        ] {
            let answer = node.tries_to_register(bad, PASSWORD).await;
            assert_eq!(
                (answer.status, answer.field().as_str()),
                (status, "nick"),
                "{bad:?}: {}",
                answer.text()
            );
        }
        for good in ["Ёжик", "a.b-c_d", "x2"] {
            node.tries_to_register(good, PASSWORD).await.expect(201);
        }
        for bad in ["", "short", "123456789", &"a".repeat(1_025)] {
            let answer = node.tries_to_register("carol", bad).await;
            assert_eq!(
                (answer.status, answer.field().as_str()),
                (422, "password"),
                "{}",
                bad.len()
            );
        }
        node.tries_to_register("carol", "пароль из слов")
            .await
            .expect(201);
    });
}

#[test]
fn wrong_passwords_tell_nothing_and_are_slowed_down() {
    story(120, async {
        let node = TestNode::start("dom").await;
        node.registers("alice").await;
        let login = async |nick: &str, password: &str| {
            node.api()
                .post("/sessions", &json!({"nick": nick, "password": password}))
                .await
        };
        let (wrong, unknown) = (
            login("alice", "wrong password").await,
            login("nobody", "wrong password").await,
        );
        is_error(&wrong, 401, "bad_login");
        is_error(&unknown, 401, "bad_login");
        assert_eq!(wrong.json(), unknown.json());
        let mut slowed = None;
        for _ in 0..8 {
            let answer = login("alice", "wrong password").await;
            if answer.status == 429 {
                slowed = Some(answer);
                break;
            }
            is_error(&answer, 401, "bad_login");
        }
        let slowed = slowed.expect("five tries a minute");
        assert!(
            slowed
                .header("retry-after")
                .is_some_and(|seconds| seconds.parse::<u32>().unwrap() >= 1)
        );
    });
}

#[test]
fn an_ended_session_is_over_at_once() {
    story(60, async {
        let (node, alice, _bob, chat) = two_people().await;
        let mut socket = alice.listens().await;
        assert!(matches!(socket.listener.next().await, Frame::Hello { .. }));
        let answer = alice.api.call("DELETE", "/sessions/current", None).await;
        assert_eq!(answer.status, 204);
        assert_eq!(socket.hears_close().await, 4401);
        is_error(&alice.api.get("/me").await, 401, "unauthorized");
        is_error(
            &alice.tries_to_send(&chat, &json!({"text": "hi"})).await,
            401,
            "unauthorized",
        );
        let again = node
            .api()
            .post("/sessions", &json!({"nick": "alice", "password": PASSWORD}))
            .await
            .expect(201);
        Person::new(&node, "alice", &again.json())
            .sends(&chat, "back")
            .await;
    });
}

#[test]
fn a_thousand_messages_in_a_second_are_bounded_and_none_is_lost() {
    story(120, async {
        let (_node, alice, bob, chat) = two_people().await;
        let mut socket = alice.listens().await;
        let started = Instant::now();
        let (mut sent, mut kept, mut refused) = (0, Vec::new(), 0);
        while kept.len() + refused < 1_000 {
            while sent < 1_000 && sent < kept.len() + refused + 200 {
                socket
                    .speaker
                    .feed_message(&chat, &format!("n{sent}"), &format!("n{sent}"))
                    .await
                    .unwrap();
                sent += 1;
            }
            socket.speaker.flush().await.unwrap();
            match socket.listener.next().await {
                Frame::Reply { id, .. } => kept.push(id.as_str().unwrap().to_owned()),
                Frame::Error { error, .. } => {
                    assert_eq!(error["code"], "too_many");
                    refused += 1;
                }
                Frame::Closed(code) => panic!("closed {code}"),
                _ => {}
            }
        }
        let seconds = usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
        println!(
            "{} kept, {refused} refused in {:?}",
            kept.len(),
            started.elapsed()
        );
        assert!(
            kept.len() >= 300 && kept.len() <= 300 + 31 * seconds,
            "{} kept in {seconds} s",
            kept.len()
        );
        let over = alice
            .tries_to_send(&chat, &json!({"text": "one more"}))
            .await;
        if over.status != 201 {
            is_error(&over, 429, "too_many");
            assert!(over.header("retry-after").is_some());
        }
        let history: BTreeSet<String> = bob
            .history(&chat)
            .await
            .iter()
            .map(|message| message["text"].as_str().unwrap().to_owned())
            .collect();
        for text in &kept {
            assert!(history.contains(text), "{text} was acknowledged");
        }
        assert!(
            history.len() <= kept.len() + 1,
            "what was refused is not there"
        );
    });
}

#[test]
fn bad_frames_are_answered_and_too_many_end_the_socket() {
    story(60, async {
        let (_node, alice, _bob, chat) = two_people().await;
        let mut socket = alice.listens().await;
        socket.speaker.say_text("not json").await.unwrap();
        loop {
            if let Frame::Error { error, .. } = socket.listener.next().await {
                assert_eq!(error["code"], "bad_frame");
                break;
            }
        }
        // It still works, and an unknown type is no crime.
        socket
            .speaker
            .say(&json!({"type": "fly", "id": 7}))
            .await
            .unwrap();
        socket.sends(&chat, "still here", "a").await;
        for _ in 0..12 {
            let _ = socket.speaker.say_text("{").await;
        }
        assert_eq!(socket.hears_close().await, 1008);

        let mut socket = alice.listens().await;
        socket.speaker.say_bytes(&[1, 2, 3]).await.unwrap();
        assert_eq!(socket.hears_close().await, 1003);
        let mut socket = alice.listens().await;
        let _ = socket.speaker.say_text(&"a".repeat(70_000)).await;
        assert!([1009, 1006].contains(&socket.hears_close().await));
        assert_eq!(alice.history(&chat).await.len(), 1);
    });
}

#[test]
fn pages_of_a_history_fit_together() {
    story(120, async {
        let mut node = TestNode::named("dom").without_limits();
        node.up().await;
        let (alice, bob) = (node.registers("alice").await, node.registers("bob").await);
        let chat = alice.opens(&bob).await;
        let texts: Vec<String> = (0..523).map(|n| format!("m {n}")).collect();
        alice.listens().await.floods(&chat, &texts, 100).await;
        let all = bob.history(&chat).await;
        assert_eq!(
            all.iter()
                .map(|message| message["text"].as_str().unwrap())
                .collect::<Vec<_>>(),
            texts.iter().map(String::as_str).collect::<Vec<_>>()
        );
        let page = async |query: &str| {
            bob.api
                .get(&format!("/chats/{chat}/messages{query}"))
                .await
                .expect(200)
                .json()
        };
        assert_eq!(page("").await["messages"].as_array().unwrap().len(), 50);
        assert_eq!(
            page("?limit=1000").await["messages"]
                .as_array()
                .unwrap()
                .len(),
            200
        );
        let first = &all[0]["id"].as_str().unwrap();
        let after = page(&format!("?after={first}&limit=10")).await;
        assert_eq!(after["messages"][0]["text"], "m 1");
        assert_eq!(after["messages"].as_array().unwrap().len(), 10);
        let before = page(&format!(
            "?before={}&limit=10",
            all[5]["id"].as_str().unwrap()
        ))
        .await;
        assert_eq!(before["messages"].as_array().unwrap().len(), 5);
        assert_eq!(before["next"], Value::Null);
        let both = bob
            .api
            .get(&format!(
                "/chats/{chat}/messages?before={first}&after={first}"
            ))
            .await;
        assert_eq!(both.status, 422);
        let strange = bob
            .api
            .get(&format!(
                "/chats/{chat}/messages?before={}",
                "ab".repeat(32)
            ))
            .await;
        assert_eq!(strange.status, 404);
    });
}

#[test]
fn unread_counts_stop_at_a_hundred_and_go_to_nothing() {
    story(60, async {
        let (_node, alice, bob, chat) = two_people().await;
        let texts: Vec<String> = (0..120).map(|n| format!("u {n}")).collect();
        alice.listens().await.floods(&chat, &texts, 50).await;
        assert_eq!(bob.chats().await[0]["unread"], 100);
        let newest = bob.newest(&chat).await.last().unwrap().clone();
        bob.reads(&chat, &newest).await;
        assert_eq!(bob.chats().await[0]["unread"], 0);
        alice.sees_state(&chat, &newest, "read").await;
        assert_eq!(
            alice.chats().await[0]["unread"],
            0,
            "one's own are never unread"
        );
    });
}

#[test]
fn people_who_cannot_be_found_have_an_answer_each() {
    story(60, async {
        let (_node, alice, _bob, _chat) = two_people().await;
        for (with, status, code) in [
            ("nobody", 404, "not_found"),
            ("nobody@dom", 404, "not_found"),
            ("bob@nowhere", 404, "unknown_node"),
            ("alice", 422, "self"),
            ("alice@dom", 422, "self"),
        ] {
            is_error(
                &alice.api.post("/chats", &json!({"with": with})).await,
                status,
                code,
            );
        }
        for with in ["", "@", "bob@", "@dom", &"a".repeat(500)] {
            let answer = alice.api.post("/chats", &json!({"with": with})).await;
            assert!(
                [404, 422].contains(&answer.status),
                "{with:?}: {}",
                answer.status
            );
        }
        let unknown = alice
            .api
            .post("/chats", &json!({"with": "ab".repeat(32)}))
            .await;
        assert_eq!(unknown.status, 404);
        assert_eq!(alice.chats().await.len(), 1);
    });
}

#[test]
fn only_the_owner_links_nodes() {
    story(60, async {
        let (_node, alice, bob, _chat) = two_people().await;
        let peer = json!({"address": "/ip4/127.0.0.1/tcp/1"});
        is_error(&bob.api.post("/peers", &peer).await, 403, "forbidden");
        assert_eq!(alice.api.post("/peers", &peer).await.status, 202);
        let bad = alice
            .api
            .post("/peers", &json!({"address": "nonsense"}))
            .await;
        assert_eq!((bad.status, bad.field().as_str()), (422, "address"));
    });
}

#[test]
fn searches_are_bounded() {
    story(60, async {
        let (_node, alice, _bob, _chat) = two_people().await;
        let started = Instant::now();
        let mut refused = 0;
        for _ in 0..30 {
            let answer = alice.api.get("/people?q=bo&wait_ms=0").await;
            refused += u32::from(answer.status == 429);
        }
        assert!(
            refused > 0 || started.elapsed() > Duration::from_secs(5),
            "five a second"
        );
        let long = alice
            .api
            .get(&format!("/people?q={}&wait_ms=0", "b".repeat(5_000)))
            .await;
        assert!(
            [422, 429, 200, 414].contains(&long.status),
            "{}",
            long.status
        );
    });
}

#[test]
fn what_is_deleted_for_oneself_is_gone_here_alone() {
    story(60, async {
        let (node, alice, bob, chat) = two_people().await;
        let kept = alice.sends(&chat, "Ещё вода").await;
        let gone = bob.sends(&chat, "вода и мыло").await;
        let find = |q: &str| format!("/chats/{chat}/search?q={q}");
        let count = |answer: Answer| answer.json()["messages"].as_array().unwrap().len();
        assert_eq!(
            count(alice.api.get(&find("%D0%92%D0%9E%D0%94%D0%90")).await),
            2
        );
        let of = |message: &Value, what: &str| {
            format!(
                "/chats/{chat}/messages/{}{what}",
                message["id"].as_str().unwrap()
            )
        };
        alice
            .api
            .call("POST", &of(&gone, "/hide"), None)
            .await
            .expect(204);
        assert_eq!(
            count(alice.api.get(&find("%D0%B2%D0%BE%D0%B4%D0%B0")).await),
            1
        );
        assert_eq!(
            count(bob.api.get(&find("%D0%B2%D0%BE%D0%B4%D0%B0")).await),
            2
        );
        assert_eq!(alice.newest(&chat).await.len(), 1);

        let way = alice.api.get(&of(&kept, "/path")).await.expect(200).json();
        assert_eq!(way["hops"][0]["node"], "dom");
        assert_eq!(
            (&way["hops"][0]["here"], &way["read"]),
            (&json!(true), &json!(false))
        );
        is_error(&bob.api.get(&of(&kept, "/path")).await, 404, "not_found");

        alice
            .api
            .call("DELETE", &format!("/chats/{chat}"), None)
            .await
            .expect(204);
        assert!(alice.chats().await.is_empty());
        assert_eq!(bob.chats().await.len(), 1);
        bob.sends(&chat, "снова").await;
        assert_eq!(alice.newest(&chat).await.len(), 1);

        let eve = node.registers("eve").await;
        for (method, path) in [
            ("DELETE", format!("/chats/{chat}")),
            ("POST", of(&gone, "/hide")),
            ("GET", find("a")),
        ] {
            is_error(&eve.api.call(method, &path, None).await, 404, "not_found");
        }
        is_error(&bob.api.get(&find("")).await, 422, "invalid");
        is_error(&bob.api.get(&find(&"x".repeat(201))).await, 422, "invalid");
        assert_eq!(bob.newest(&chat).await.len(), 3);
    });
}
