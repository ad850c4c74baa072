//! Groups over real nodes: made, talked in, cut off in the middle, and alike everywhere in the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// What ten people have written so far, each over several connections at once and without a pause.
#[derive(Default)]
struct Flood {
    over: AtomicBool,
    /// Of each person how many messages were accepted.
    accepted: [AtomicUsize; 10],
    /// Requests that were under way when their node died, or came while it was gone.
    broken: AtomicUsize,
}

impl Flood {
    /// Writes until it is over; gives what was accepted. What got no answer is asked for again under the same client id: it may
    /// be kept already, and must never be there twice.
    async fn writes(
        self: Arc<Self>,
        n: usize,
        pen: usize,
        who: Person,
        chat: String,
    ) -> Vec<String> {
        let (path, mut said) = (format!("/chats/{chat}/messages"), Vec::new());
        while !self.over.load(Ordering::Relaxed) {
            let text = format!("{n}-{pen}-{}", said.len());
            let body = json!({"text": text, "client_id": text});
            loop {
                match who.api.try_call("POST", &path, Some(&body)).await {
                    Ok(answer) => {
                        assert!([200, 201].contains(&answer.status), "{}", answer.text());
                        break;
                    }
                    Err(_) => {
                        self.broken.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
            self.accepted[n].fetch_add(1, Ordering::Relaxed);
            said.push(text);
        }
        said
    }

    /// Waits until each of these people has written so many more.
    async fn goes_on(&self, people: &[usize], more: usize) {
        let now = |n: usize| self.accepted[n].load(Ordering::Relaxed);
        let wanted: Vec<_> = people.iter().map(|n| (*n, now(*n) + more)).collect();
        until("the flood goes on", || async {
            wanted.iter().all(|(n, wanted)| now(*n) >= *wanted)
        })
        .await;
    }
}

/// A group of ten people on five nodes who all write without a pause, three messages of each under way at any time; two nodes
/// are killed in the middle of that and come back while the others write on, a member is removed, and in the end all have
/// the same: nothing accepted is lost, nothing is there twice.
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
        let flood = Arc::new(Flood::default());
        let pens = (0..30).map(|at| {
            let (n, pen) = (at / 3, at % 3);
            let writes = flood
                .clone()
                .writes(n, pen, people[n].clone(), chat.clone());
            tokio::spawn(writes)
        });
        let pens: Vec<_> = pens.collect();
        let (dying, living) = ([2, 3, 4, 5], [0, 1, 6, 7, 8, 9]);
        flood.goes_on(&dying, 4).await;
        flood.goes_on(&living, 1).await;
        nodes[1].kill9().await;
        nodes[2].kill9().await;
        flood.goes_on(&living, 8).await;
        assert!(
            flood.broken.load(Ordering::Relaxed) > 0,
            "nobody was cut off"
        );
        nodes[1].up().await;
        nodes[2].up().await;
        flood.goes_on(&dying, 4).await;
        flood.over.store(true, Ordering::Relaxed);
        let mut said = BTreeSet::new();
        for pen in pens {
            said.extend(pen.await.expect("all accepted"));
        }
        println!("{} messages of ten people", said.len());
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
