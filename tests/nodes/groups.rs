//! Groups over real nodes: made, talked in, cut off in the middle, and alike everywhere in the end.

use std::collections::BTreeSet;
use std::time::Duration;

use chater_tests::{Person, founds, members, story, texts, village};
use serde_json::json;

async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    for _ in 0..600 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not in time: {what}");
}

/// A group of ten people on five nodes; two nodes are killed while everybody writes, a member is removed, and in
/// the end all have the same.
#[test]
fn five_nodes_two_of_them_killed_end_alike() {
    story(240, async {
        let (mut nodes, people) = village(&["north", "east", "south", "west", "port"]).await;
        let others: Vec<&Person> = people.iter().skip(1).collect();
        let chat = founds(&people[0], "Регата", &others).await;
        for person in &people {
            until("the group is there", || async {
                members(person, &chat).await.len() == 10
            })
            .await;
        }
        let mut said = BTreeSet::new();
        for round in 0..12 {
            for (n, person) in people.iter().enumerate() {
                let away = (4..8).contains(&round) && (2..6).contains(&n);
                if !away {
                    let text = format!("{n}-{round}");
                    person.sends(&chat, &text).await;
                    said.insert(text);
                }
            }
            if round == 3 {
                nodes[1].kill9().await;
                nodes[2].kill9().await;
            }
            if round == 7 {
                nodes[1].up().await;
                nodes[2].up().await;
            }
        }
        for person in &people {
            until("everybody has all", || async {
                texts(person, &chat)
                    .await
                    .into_iter()
                    .collect::<BTreeSet<_>>()
                    == said
            })
            .await;
        }
        let order = texts(&people[0], &chat).await;
        assert_eq!(order.len(), said.len(), "nothing doubled");
        for person in &people {
            assert_eq!(texts(person, &chat).await, order, "one order everywhere");
        }
        // Who is removed gets none of what follows.
        let gone = &people[9];
        let path = format!("/chats/{chat}/members/{}", gone.user_id);
        people[0].api.call("DELETE", &path, None).await.expect(204);
        for person in &people[..9] {
            until("all know it", || async {
                members(person, &chat).await.len() == 9
            })
            .await;
        }
        // A node of both a member and a former one shows the former nothing of it.
        for n in 0..20 {
            people[n % 9].sends(&chat, &format!("дальше {n}")).await;
        }
        until("the rest has it", || async {
            texts(&people[8], &chat).await.len() == order.len() + 20
        })
        .await;
        assert!(
            texts(gone, &chat)
                .await
                .iter()
                .all(|text| !text.starts_with("дальше"))
        );
        let body = json!({"text": "а я?"});
        assert_eq!(gone.tries_to_send(&chat, &body).await.status, 403);
    });
}

/// Somebody is added while the founder's node is gone, and reads what came before from whoever has it.
#[test]
fn a_late_member_reads_on_without_the_founder() {
    story(180, async {
        let (mut nodes, people) = village(&["one", "two", "three"]).await;
        let chat = founds(&people[0], "Архив", &[&people[2]]).await;
        until("two is in", || async {
            members(&people[2], &chat).await.len() == 2
        })
        .await;
        for n in 0..100 {
            people[if n % 2 == 0 { 0 } else { 2 }]
                .sends(&chat, &format!("{n}"))
                .await;
        }
        let role = format!("/chats/{chat}/members/{}", people[2].user_id);
        people[0]
            .api
            .call("PATCH", &role, Some(&json!({"role": "admin"})))
            .await
            .expect(200);
        until("two has all", || async {
            texts(&people[2], &chat).await.len() == 100
        })
        .await;
        until("two leads", || async {
            members(&people[2], &chat)
                .await
                .contains(&(people[2].user_id.clone(), "admin".to_owned()))
        })
        .await;
        nodes[0].kill9().await;
        let body = json!({"members": [people[4].address]});
        people[2]
            .api
            .post(&format!("/chats/{chat}/members"), &body)
            .await
            .expect(200);
        until("three reads it all", || async {
            texts(&people[4], &chat).await.len() == 100
        })
        .await;
        assert_eq!(
            texts(&people[4], &chat).await,
            texts(&people[2], &chat).await
        );
        people[4].sends(&chat, "я прочёл").await;
        nodes[0].up().await;
        until("the founder hears of it", || async {
            texts(&people[0], &chat).await.len() == 101
        })
        .await;
        assert_eq!(members(&people[0], &chat).await.len(), 3);
    });
}

/// The owner gives a group a picture; a member of another node sees it and its bytes, also after the owner's node is gone and
/// somebody of a third one is added; a stranger who knows its name does not.
#[test]
fn a_picture_goes_from_member_to_member() {
    story(120, async {
        let (mut nodes, people) = village(&["one", "two", "three"]).await;
        let (ann, bob, cat, dan) = (&people[0], &people[2], &people[4], &people[3]);
        let chat = founds(ann, "Палитра", &[bob]).await;
        until("bob is in", || async {
            members(bob, &chat).await.len() == 2
        })
        .await;
        let path = format!("/api/v1/chats/{chat}/picture");
        let file = include_bytes!("picture.png");
        let kind = [("Content-Type", "image/png")];
        for (who, body, status) in [
            (bob, &file[..], 403),
            (dan, &file[..], 404),
            (ann, &b""[..], 422),
            (ann, &b"<svg/>"[..], 422),
            (ann, &vec![7; 6 * 1024 * 1024][..], 422),
        ] {
            let answer = who.api.request("PUT", &path, &kind, body).await.unwrap();
            assert_eq!(answer.status, status, "{}", answer.text());
        }
        let role = format!("/chats/{chat}/members/{}", bob.user_id);
        let admin = json!({"role": "admin"});
        ann.api.call("PATCH", &role, Some(&admin)).await.expect(200);
        let set = ann.api.request("PUT", &path, &kind, file).await.unwrap();
        let shown = set.expect(200).json()["picture"].clone();
        let shown = shown.as_str().expect("a path").to_owned();
        let sees = async |who: &Person| {
            let all = who.chats().await;
            let found = all.into_iter().find(|one| one["id"] == chat.as_str());
            found.is_some_and(|one| one["picture"] == shown.as_str())
        };
        until("bob sees it", || sees(bob)).await;
        let bytes = async |who: &Person| {
            let answer = who.api.request("GET", &shown, &[], b"").await;
            answer.unwrap()
        };
        assert_eq!(
            bytes(bob).await.expect(200).header("content-type"),
            Some("image/webp")
        );
        bytes(dan).await.expect(404);
        until("bob leads", || async {
            members(bob, &chat)
                .await
                .contains(&(bob.user_id.clone(), "admin".to_owned()))
        })
        .await;
        nodes[0].kill9().await;
        let body = json!({"members": [cat.address]});
        let add = format!("/chats/{chat}/members");
        bob.api.post(&add, &body).await.expect(200);
        until("cat sees it", || sees(cat)).await;
        assert_eq!(bytes(cat).await.body, bytes(bob).await.body);
        bob.api
            .call("DELETE", &add.replace("members", "picture"), None)
            .await
            .expect(200);
        until("it is gone", || async { !sees(cat).await }).await;
        nodes[0].up().await;
        until("also there", || async { !sees(ann).await }).await;
    });
}
