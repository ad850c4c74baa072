//! Accounts of real nodes: an old backup that writes again, and forms that are not one's own.

use std::collections::BTreeSet;

use chater_tests::{Answer, Api, PASSWORD, Person, TestNode, linked, story, until};
use serde_json::{Value, json};

async fn log_in(node: &TestNode, nick: &str) -> Person {
    let login = json!({"nick": nick, "password": PASSWORD});
    let answer = node.api().post("/sessions", &login).await.expect(201);
    Person::new(node, nick, &answer.json())
}

async fn texts(person: &Person, chat: &str) -> BTreeSet<String> {
    let messages = person.newest(chat).await;
    messages
        .iter()
        .filter_map(|message| message["text"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn an_old_backup_writes_again_after_a_login() {
    story(180, async {
        let dacha = TestNode::start("dacha").await;
        let mut dom = TestNode::start_linked("dom", &dacha).await;
        let (alice, bob) = (dom.registers("alice").await, dacha.registers("bob").await);
        linked(&alice, &bob).await;
        let chat = alice.opens(&bob).await;
        let first = alice.sends(&chat, "before the copy").await;
        alice.sees_state(&chat, &first, "delivered").await;
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("copy").to_str().unwrap().to_owned();
        assert_eq!(dom.asks(&["backup", &file]).await.code, Some(0));

        // Both go on; then the disk of dom is gone.
        alice.sends(&chat, "after the copy").await;
        bob.sees("after the copy").await;
        bob.sends(&chat, "an answer").await;
        alice.sees("an answer").await;
        dom.kill9().await;
        let mut again = TestNode::named("dom").with(&["--peer", &dacha.p2p()]);
        assert_eq!(again.asks(&["restore", &file]).await.code, Some(0));
        again.up().await;
        assert_eq!(again.node_id(), dom.node_id());

        // Her login of then is still open, and writing stops as soon as the newer messages are met.
        let old = Person {
            api: Api {
                address: again.web(),
                token: alice.api.token.clone(),
            },
            ..alice.clone()
        };
        let mut forked = BTreeSet::new();
        let refused = loop {
            let text = format!("unlucky {}", forked.len());
            let answer = old.tries_to_send(&chat, &json!({"text": text})).await;
            if answer.status == 409 {
                break answer;
            }
            assert_eq!(answer.status, 201, "{}", answer.text());
            forked.insert(text);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        assert_eq!(refused.code(), "home_stopped");
        assert!(
            !refused.json()["error"]["message"]
                .as_str()
                .unwrap()
                .is_empty()
        );

        // The password opens a new home: she writes, he reads and answers, and nothing is lost.
        let alice = log_in(&again, "alice").await;
        assert_eq!(alice.user_id, bob.finds(&alice).await["user_id"]);
        let new = alice.sends(&chat, "here again").await;
        bob.sees("here again").await;
        alice.sees_state(&chat, &new, "delivered").await;
        bob.sends(&chat, "welcome back").await;
        alice.sees("welcome back").await;
        let mut wanted: BTreeSet<String> = forked;
        for text in [
            "before the copy",
            "after the copy",
            "an answer",
            "here again",
            "welcome back",
        ] {
            wanted.insert(text.to_owned());
        }
        for person in [&alice, &bob] {
            until("one history on both sides", || async {
                (texts(person, &chat).await == wanted).then_some(())
            })
            .await;
        }
        // It is one account with one home: a restart changes nothing.
        again.restart().await;
        let alice = log_in(&again, "alice").await;
        alice.sends(&chat, "after a restart").await;
        bob.sees("after a restart").await;
    });
}

/// A browser without a browser: a cookie and the token of its forms.
struct Browser {
    api: Api,
    cookie: String,
    csrf: String,
}

impl Browser {
    async fn registers(node: &TestNode, nick: &str) -> Self {
        let api = node.api();
        let body = format!("nick={nick}&password={}", PASSWORD.replace(' ', "+"));
        let answer = post(&api, "/register", "", body.as_bytes(), FORM).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let mut browser = Self {
            api,
            cookie,
            csrf: String::new(),
        };
        let page = browser.get("/settings/profile").await.expect(200).text();
        let after = page.split("name=\"_csrf\" value=\"").nth(1).unwrap();
        browser.csrf = after.split('"').next().unwrap().to_owned();
        browser
    }

    async fn get(&self, path: &str) -> Answer {
        let headers = [("Cookie", self.cookie.as_str())];
        self.api.request("GET", path, &headers, b"").await.unwrap()
    }

    /// Posts a form with the token of `whose`.
    async fn sends(&self, path: &str, fields: &str, whose: &Self) -> Answer {
        let body = format!("_csrf={}&{fields}", whose.csrf);
        post(&self.api, path, &self.cookie, body.as_bytes(), FORM).await
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

async fn post(api: &Api, path: &str, cookie: &str, body: &[u8], kind: &str) -> Answer {
    let origin = format!("http://localhost:{}", api.address.port());
    let headers = [
        ("Cookie", cookie),
        ("Origin", origin.as_str()),
        ("Content-Type", kind),
    ];
    api.request("POST", path, &headers, body).await.unwrap()
}

#[test]
fn every_form_wants_its_own_session() {
    story(90, async {
        let node = TestNode::start("dom").await;
        let owner = Browser::registers(&node, "alice").await;
        let guest = Browser::registers(&node, "mallory").await;
        let forms = [
            ("/settings/profile", "display_name=x"),
            ("/settings/look", "theme=dark"),
            ("/settings/privacy", "first=nobody"),
            ("/settings/notify", "sound=on"),
            ("/settings/zone", "zone=Asia/Tokyo"),
            ("/settings/sessions/others", ""),
            ("/settings/sessions/end", "id=00"),
            (
                "/settings/sessions/password",
                "old=correct+horse+battery&password=another+password",
            ),
            ("/settings/words", "password=correct+horse+battery"),
            ("/settings/home", "password=correct+horse+battery"),
            ("/settings/avatar/remove", ""),
            ("/settings/node", "name=mine"),
            ("/settings/node/invite", ""),
            ("/settings/node/home/on", ""),
            ("/settings/node/keep", "days=7"),
            ("/settings/node/backup", "password=correct+horse+battery"),
            ("/welcome", "display_name=x"),
            ("/welcome/node", "name=mine"),
            ("/welcome/invite", ""),
        ];
        for (path, fields) in forms {
            // The token of another session, none, and nobody signed in.
            assert_eq!(
                guest.sends(path, fields, &owner).await.status,
                403,
                "{path}"
            );
            let bare = post(&guest.api, path, &guest.cookie, fields.as_bytes(), FORM).await;
            assert_eq!(bare.status, 403, "{path} without a token");
            let nobody = post(&guest.api, path, "", fields.as_bytes(), FORM).await;
            assert!(
                [303, 401, 403].contains(&nobody.status),
                "{path} signed out: {}",
                nobody.status
            );
            assert!(!nobody.text().contains("words"), "{path}");
        }
        let unchanged = owner.get("/settings/profile").await.expect(200).text();
        assert!(unchanged.contains("alice") && !unchanged.contains("mallory"));

        // What was typed into a page of an older session is not lost: it is sent again by a click. No page repeats a secret.
        let typed = "display_name=%3Cb%3ERys%3C%2Fb%3E&about=by+the+river";
        let stale = guest.sends("/settings/profile", typed, &owner).await.text();
        assert!(stale.contains("by the river") && !stale.contains("<b>Rys"));
        assert!(stale.contains(&format!("value=\"{}\"", guest.csrf)));
        let again = guest.sends("/settings/profile", typed, &guest).await;
        assert_eq!(again.status, 303);
        let secret = "old=correct+horse+battery&password=another+password";
        let path = "/settings/sessions/password";
        let refused = guest.sends(path, secret, &owner).await.text();
        assert!(!refused.contains("correct") && !refused.contains("another"));

        // The owner's part is nobody else's, whatever is sent.
        let me: Value = {
            let person = log_in(&node, "alice").await;
            person.api.get("/me").await.expect(200).json()
        };
        let id = me["user_id"].as_str().unwrap();
        for path in [
            "/settings/node".to_owned(),
            "/settings/node/invite".to_owned(),
            "/settings/node/home/on".to_owned(),
            "/settings/node/home/off".to_owned(),
            "/settings/node/keep".to_owned(),
            "/settings/node/backup".to_owned(),
            format!("/settings/node/{id}/room"),
            format!("/settings/node/{id}/close"),
            format!("/settings/node/{id}/open"),
            format!("/settings/node/{id}/password"),
            "/welcome/node".to_owned(),
            "/welcome/invite".to_owned(),
        ] {
            let answer = guest.sends(&path, "name=mine", &guest).await;
            assert_eq!(answer.status, 403, "{path}");
        }
        let room = format!("/settings/node/{id}/room");
        for path in [
            "/settings/node",
            "/settings/node/log",
            "/settings/node/backup",
            &room,
            "/welcome/node",
            "/welcome/invite",
        ] {
            assert_eq!(guest.get(path).await.status, 403, "{path}");
        }
        // Ids of nothing, of another form, and of somebody else's login.
        let none = "0".repeat(64);
        for id in ["", "zz", "../../x", none.as_str()] {
            let fields = format!("id={id}");
            let answer = guest.sends("/settings/sessions/end", &fields, &guest).await;
            assert_eq!(answer.status, 404, "{id}");
        }
        let page = owner.get("/settings/sessions").await.expect(200).text();
        let others: Vec<&str> = page
            .split("name=\"id\" value=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(others.len(), 1, "the login of the program");
        let fields = format!("id={}", others[0]);
        let answer = guest.sends("/settings/sessions/end", &fields, &guest).await;
        assert_eq!(answer.status, 404);
    });
}

#[test]
fn bad_values_are_answered_at_their_field() {
    story(90, async {
        let node = TestNode::start("dom").await;
        let alice = Browser::registers(&node, "alice").await;
        let long = "x".repeat(70);
        let cases = [
            (
                "/settings/profile",
                format!("display_name={long}"),
                "name-error",
            ),
            (
                "/settings/profile",
                "display_name=a%00b".to_owned(),
                "name-error",
            ),
            (
                "/settings/profile",
                format!("display_name=ok&about={}", "y".repeat(501)),
                "about-error",
            ),
            (
                "/settings/sessions/password",
                "old=&password=another+password".to_owned(),
                "old-error",
            ),
            (
                "/settings/sessions/password",
                "old=nonsense&password=another+password".to_owned(),
                "old-error",
            ),
            (
                "/settings/sessions/password",
                format!("old=nonsense&password={}", "z".repeat(2_000)),
                "password-error",
            ),
            ("/settings/words", "password=".to_owned(), "password-error"),
            ("/welcome", format!("display_name={long}"), "name-error"),
            ("/recover", "words=&password=".to_owned(), "words-error"),
            (
                "/recover",
                format!("words={}&password=x", "word+".repeat(2_000)),
                "words-error",
            ),
        ];
        for (path, fields, place) in cases {
            let answer = alice.sends(path, &fields, &alice).await;
            assert_eq!(answer.status, 422, "{path} {place}");
            let page = answer.text();
            let said = page
                .split(&format!("id=\"{place}\""))
                .nth(1)
                .unwrap_or_else(|| panic!("{path}: nothing at {place}"));
            assert!(said.contains("role=\"alert\""), "{path}");
            // What was typed is kept, passwords and words never.
            if fields.contains("display_name=x") {
                assert!(page.contains(&long), "{path}");
            }
            for secret in ["nonsense", "another password", "zzzz", "word word"] {
                assert!(!page.contains(secret), "{path} shows {secret}");
            }
        }
        // Choices that no form offers change nothing.
        let answer = alice
            .sends("/settings/look", "theme=pink&text_size=9999", &alice)
            .await;
        assert_eq!(answer.status, 422);
        let answer = alice
            .sends("/settings/look", "text_size=many", &alice)
            .await;
        assert_eq!(answer.status, 422);
        for zone in ["Mars/Olympus", "<script>", "../../etc/passwd", ""] {
            let fields = format!("zone={zone}");
            let answer = alice.sends("/settings/zone", &fields, &alice).await;
            assert_eq!(answer.status, 303);
        }
        let page = alice.get("/settings/look").await.expect(200).text();
        assert!(page.contains("data-zone=\"\""));

        // Files: another kind of form, a foreign token, and more than is read at all.
        let part = |csrf: &str, bytes: &str| {
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"_csrf\"\r\n\r\n{csrf}\r\n--b\r\n\
                 Content-Disposition: form-data; name=\"photo\"; filename=\"p\"\r\n\r\n{bytes}\r\n--b--\r\n"
            )
        };
        let kind = "multipart/form-data; boundary=b";
        let send = |body: String, kind: &'static str| {
            let (api, cookie) = (alice.api.clone(), alice.cookie.clone());
            async move { post(&api, "/settings/avatar", &cookie, body.as_bytes(), kind).await }
        };
        assert_eq!(send(part("stale", "x"), kind).await.status, 403);
        assert_eq!(send("photo=x".to_owned(), FORM).await.status, 415);
        let refused = send(part(&alice.csrf, "GIF89a"), kind).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains("id=\"photo-error\""));
        let cut = send(part(&alice.csrf, "x").replace("--b--", ""), kind).await;
        assert_eq!(cut.status, 400);
        let head = format!(
            "POST /settings/avatar HTTP/1.1\r\nHost: localhost:{0}\r\nOrigin: http://localhost:{0}\r\nCookie: {1}\r\n\
             Content-Type: {kind}\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n",
            alice.api.address.port(),
            alice.cookie
        );
        let answer = alice.api.raw(head.as_bytes()).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 413"));
    });
}

#[test]
fn the_list_is_arranged_by_ones_own_forms_alone() {
    story(90, async {
        let node = TestNode::start("dom").await;
        let alice = Browser::registers(&node, "alice").await;
        let eve = Browser::registers(&node, "eve").await;
        let bob = node.registers("bob").await;
        let chat = bob
            .api
            .post("/chats", &json!({"with": "alice"}))
            .await
            .expect(201)
            .json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        bob.sends(&chat, "hello").await;
        let path = |what: &str| format!("/c/{chat}/{what}");
        for (what, on) in [
            ("pin", "1"),
            ("archive", "1"),
            ("mute", "ever"),
            ("unread", "0"),
        ] {
            let fields = format!("on={on}");
            let foreign = alice.sends(&path(what), &fields, &eve).await;
            assert_eq!(
                foreign.status, 403,
                "{what} with the token of another session"
            );
            let stranger = eve.sends(&path(what), &fields, &eve).await;
            assert_eq!(stranger.status, 404, "{what} in a chat of others");
            for bad in ["on=2", "on=", "", "on=%00"] {
                let answer = alice.sends(&path(what), bad, &alice).await;
                assert_eq!(answer.status, 422, "{what} {bad}");
            }
        }
        let page = alice.get("/").await.expect(200).text();
        assert!(page.contains("data-filters=\"1\"") && !page.contains("data-pinned"));
        assert_eq!(eve.get(&path("menu")).await.status, 404);
        assert_eq!(alice.sends(&path("pin"), "on=1", &alice).await.status, 303);
        let page = alice.get("/").await.expect(200).text();
        assert!(page.contains("data-pinned"));
    });
}
