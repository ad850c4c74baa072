//! Groups over real nodes that cannot reach each other for a while, and what those get who come late or are out.

use std::collections::BTreeSet;
use std::time::Duration;

use chater_tests::{Person, TestNode, founds, linked, members, story, texts, village, within};
use serde_json::json;

/// Everything has to be everywhere after so long, on a busy machine.
const HEALED: Duration = Duration::from_secs(60);

async fn adds(who: &Person, chat: &str, whom: &Person) -> u16 {
    let body = json!({"members": [whom.user_id]});
    let path = format!("/chats/{chat}/members");
    who.api.post(&path, &body).await.status
}

async fn removes(who: &Person, chat: &str, whom: &Person) -> u16 {
    let path = format!("/chats/{chat}/members/{}", whom.user_id);
    who.api.call("DELETE", &path, None).await.status
}

async fn makes_admin(who: &Person, chat: &str, whom: &Person) -> u16 {
    let path = format!("/chats/{chat}/members/{}", whom.user_id);
    let body = json!({"role": "admin"});
    who.api.call("PATCH", &path, Some(&body)).await.status
}

/// Members and roles, by nick.
fn seats(list: &[(&Person, &str)]) -> BTreeSet<(String, String)> {
    let seat = |(who, role): &(&Person, &str)| (who.user_id.clone(), (*role).to_owned());
    list.iter().map(seat).collect()
}

async fn until_members(who: &Person, chat: &str, wanted: &BTreeSet<(String, String)>) {
    let what = format!("the members as {} sees them", who.nick);
    within(HEALED, &what, || async {
        (members(who, chat).await == *wanted).then_some(())
    })
    .await;
}

async fn until_texts(who: &Person, chat: &str, wanted: &BTreeSet<String>) {
    let what = format!("the {} messages at {}", wanted.len(), who.nick);
    within(HEALED, &what, || async {
        let here = texts(who, chat).await;
        (here.len() == wanted.len() && here.into_iter().collect::<BTreeSet<_>>() == *wanted)
            .then_some(())
    })
    .await;
}

/// Everybody has the same members, the same messages and the same order.
async fn alike(
    people: &[&Person],
    chat: &str,
    seats: &BTreeSet<(String, String)>,
    said: &BTreeSet<String>,
) {
    for who in people {
        until_members(who, chat, seats).await;
        until_texts(who, chat, said).await;
    }
    let order = texts(people[0], chat).await;
    for who in people {
        assert_eq!(texts(who, chat).await, order, "the order at {}", who.nick);
    }
}

async fn says(who: &Person, chat: &str, word: &str, count: usize, said: &mut BTreeSet<String>) {
    for n in 0..count {
        let text = format!("{word} {n}");
        who.sends(chat, &text).await;
        said.insert(text);
    }
}

/// B36. Two halves of a group that never run at the same time, each with an admin who acts: what either did is
/// new to the other when they meet. What must come of it is written first:
///
/// - Both admins try to remove each other. An admin's remove of an admin is void (M4), so their own nodes
///   refuse it, and both stay.
/// - Fox is added on one side; on the other he is added and removed again. Remove wins: he is out (M5).
/// - Eve is removed by an admin while the owner makes her one: the owner outranks (M4), she stays and leads.
/// - Dan is removed on one side and writes on the other: he is out, and what nobody had seen is void (M6).
#[test]
fn both_sides_of_a_partition_change_the_group_and_end_alike() {
    story(300, async {
        let (mut nodes, people) = village(&["one", "two", "three", "four"]).await;
        let [ann, _, bob, fox, cat, _, dan, eve] = &people[..] else {
            panic!("eight people");
        };
        cat.finds(fox).await;
        let chat = founds(ann, "Раскол", &[bob, cat, dan, eve]).await;
        for who in [bob, cat] {
            assert_eq!(makes_admin(ann, &chat, who).await, 200);
        }
        let before = seats(&[
            (ann, "owner"),
            (bob, "admin"),
            (cat, "admin"),
            (dan, "member"),
            (eve, "member"),
        ]);
        let mut said = BTreeSet::new();
        for who in [ann, bob, cat, dan, eve] {
            until_members(who, &chat, &before).await;
            says(who, &chat, &format!("вместе {}", who.nick), 2, &mut said).await;
        }
        alike(&[ann, bob, cat, dan, eve], &chat, &before, &said).await;

        // One side.
        nodes[2].down().await;
        nodes[3].down().await;
        assert_eq!(removes(bob, &chat, cat).await, 403);
        assert_eq!(adds(bob, &chat, fox).await, 200);
        assert_eq!(removes(ann, &chat, dan).await, 204);
        assert_eq!(makes_admin(ann, &chat, eve).await, 200);
        for who in [ann, bob] {
            says(who, &chat, &format!("слева {}", who.nick), 5, &mut said).await;
        }
        let left = seats(&[
            (ann, "owner"),
            (bob, "admin"),
            (cat, "admin"),
            (fox, "member"),
            (eve, "admin"),
        ]);
        alike(&[ann, bob, fox], &chat, &left, &said).await;

        // The other side, which has heard nothing of that.
        nodes[0].down().await;
        nodes[1].down().await;
        nodes[2].up().await;
        nodes[3].up().await;
        linked(cat, dan).await;
        until_members(cat, &chat, &before).await;
        assert_eq!(removes(cat, &chat, bob).await, 403);
        let mut void = BTreeSet::new();
        says(dan, &chat, "это не считается", 5, &mut void).await;
        let heard = |text: String| void.contains(&text);
        within(HEALED, "cat hears dan", || async {
            let here = texts(cat, &chat).await;
            (here.into_iter().filter(|text| heard(text.clone())).count() == 5).then_some(())
        })
        .await;
        assert_eq!(adds(cat, &chat, fox).await, 200);
        assert_eq!(removes(cat, &chat, fox).await, 204);
        assert_eq!(removes(cat, &chat, eve).await, 204);
        says(cat, &chat, "справа", 5, &mut said).await;

        // Healed.
        nodes[0].up().await;
        nodes[1].up().await;
        for (a, b) in [(ann, cat), (ann, dan), (bob, cat), (bob, dan)] {
            linked(a, b).await;
        }
        let after = seats(&[
            (ann, "owner"),
            (bob, "admin"),
            (cat, "admin"),
            (eve, "admin"),
        ]);
        alike(&[ann, bob, cat, eve], &chat, &after, &said).await;

        // Whoever is out reads nothing of what follows, though both live beside members.
        for n in 0..20 {
            says(
                [ann, bob, cat, eve][n % 4],
                &chat,
                &format!("дальше {n}"),
                1,
                &mut said,
            )
            .await;
        }
        alike(&[ann, bob, cat, eve], &chat, &after, &said).await;
        for out in [fox, dan] {
            let here = texts(out, &chat).await;
            assert!(here.iter().all(|text| !text.starts_with("дальше")));
            let body = json!({"text": "а я?"});
            assert_eq!(out.tries_to_send(&chat, &body).await.status, 403);
        }
    });
}

/// Events of other nodes that a node has taken in since it started.
async fn received(node: &TestNode, who: &Person) -> u64 {
    let token = format!("Bearer {}", who.token());
    let headers = [("Authorization", token.as_str())];
    let answer = node.api().request("GET", "/metrics", &headers, b"").await;
    let text = answer.expect("an answer").expect(200).text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("chater_events_received_total "));
    line.expect("the counter").trim().parse().expect("a number")
}

/// Somebody on a sixth node is added while that node is down; whoever added them is killed before it comes up. The
/// other four have all it may read. Then that member is removed: of the next hundred messages its node gets none,
/// neither pushed nor by comparing anew after a restart.
#[test]
fn a_sixth_node_reads_without_its_inviter_and_nothing_once_it_is_out() {
    story(300, async {
        let (mut nodes, people) = village(&["one", "two", "three", "four", "five", "six"]).await;
        let inside: Vec<&Person> = people.iter().step_by(2).take(5).collect();
        let (ann, bob, late) = (inside[0], inside[1], &people[10]);
        bob.finds(late).await;
        let chat = founds(ann, "Шестой", &inside[1..]).await;
        assert_eq!(makes_admin(ann, &chat, bob).await, 200);
        let mut rows: Vec<(&Person, &str)> = inside.iter().map(|who| (*who, "member")).collect();
        rows[0].1 = "owner";
        rows[1].1 = "admin";
        for who in &inside {
            until_members(who, &chat, &seats(&rows)).await;
        }
        let mut said = BTreeSet::new();
        for who in &inside {
            says(who, &chat, &format!("было {}", who.nick), 25, &mut said).await;
        }
        alike(&inside, &chat, &seats(&rows), &said).await;

        nodes[5].down().await;
        assert_eq!(adds(bob, &chat, late).await, 200);
        rows.push((late, "member"));
        for who in &inside {
            until_members(who, &chat, &seats(&rows)).await;
        }
        nodes[1].kill9().await;
        nodes[5].up().await;
        until_members(late, &chat, &seats(&rows)).await;
        until_texts(late, &chat, &said).await;
        assert_eq!(texts(late, &chat).await, texts(ann, &chat).await);
        late.sends(&chat, "я прочёл").await;
        said.insert("я прочёл".to_owned());
        nodes[1].up().await;
        let all: Vec<&Person> = inside.iter().copied().chain([late]).collect();
        alike(&all, &chat, &seats(&rows), &said).await;

        // Out again. One event tells that node so; it is the last it gets.
        let had = texts(late, &chat).await;
        let before = received(&nodes[5], late).await;
        assert_eq!(removes(bob, &chat, late).await, 204);
        rows.pop();
        for who in &inside {
            until_members(who, &chat, &seats(&rows)).await;
        }
        within(HEALED, "the sixth is told", || async {
            let body = json!({"text": "а я?"});
            (late.tries_to_send(&chat, &body).await.status == 403).then_some(())
        })
        .await;
        for who in &inside {
            says(
                who,
                &chat,
                &format!("без шестого {}", who.nick),
                20,
                &mut said,
            )
            .await;
        }
        alike(&inside, &chat, &seats(&rows), &said).await;
        assert_eq!(texts(late, &chat).await, had);
        let told = received(&nodes[5], late).await - before;
        assert!(told <= 1, "{told} events reached a node that is out");

        // Not by asking either: a node that starts compares what it has with everybody it meets.
        nodes[5].restart().await;
        for who in &inside {
            linked(late, who).await;
        }
        says(ann, &chat, "и потом", 1, &mut said).await;
        alike(&inside, &chat, &seats(&rows), &said).await;
        assert_eq!(texts(late, &chat).await, had);
        assert_eq!(received(&nodes[5], late).await, 0);
    });
}
