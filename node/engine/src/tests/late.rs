//! Messages that come long after their place.

use super::groups::Three;
use super::*;

fn hours_later(engine: &Engine, hours: i64) {
    let shared = engine.shared();
    shared.skew_ms.store(hours * 3_600_000, Ordering::Relaxed);
}

/// L5, L6: bob's node is cut off while he writes; hours later it is back. Where the others have gone on talking his message
/// stands above what they said, and is marked; he reads theirs in order, and nothing is marked. Whoever comes in
/// later reads all of it in order, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_hours_ago_stands_in_its_place_and_says_that_it_came_late() {
    let three = Three::start().await;
    let [ann, bob, cat] = &three.people[..] else {
        panic!("three");
    };
    let chat = three.group(&[1, 2]).await;
    say(ann, chat, "начало").await;
    for who in [bob, cat] {
        sees(who, chat, "начало").await;
    }
    for other in [0, 2] {
        cut(&three.engines[1], &three.engines[other]).await;
    }
    let far = say(bob, chat, "издалека").await;
    for n in [0, 2] {
        hours_later(&three.engines[n], 3);
    }
    say(ann, chat, "без него").await;
    sees(cat, chat, "без него").await;
    for engine in &three.engines {
        hours_later(engine, 5);
    }
    for other in [0, 2] {
        heal(&three.engines[1], &three.engines[other]).await;
    }
    for who in [ann, bob, cat] {
        until("in the place of the rule", || {
            texts(who, chat) == ["начало", "издалека", "без него"]
        })
        .await;
    }
    let late = |who: &UserHandle| -> Vec<String> {
        let late = all(who, chat).into_iter().filter(|m| m.late);
        late.filter_map(|m| m.text).collect()
    };
    for who in [ann, cat] {
        assert_eq!(late(who), ["издалека"]);
        let seen = one(who, chat, far.id);
        let hours = (seen.received_at_ms - seen.sent_at_ms) / 3_600_000;
        assert!((4..=5).contains(&hours), "{hours}");
    }
    assert_eq!(late(bob), Vec::<String>::new());
    three.stop().await;
}
