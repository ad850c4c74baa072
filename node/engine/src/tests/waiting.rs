//! What an invitation to a group waits for.

use super::groups::Three;
use super::*;
use crate::view::{Preferences, Waiting, WhoWrites};

fn waiting(of: &UserHandle, chat: ChatId, who: &UserHandle) -> Option<Waiting> {
    let members = of.members(chat).unwrap();
    let member = members.iter().find(|m| m.person.user_id == who.id());
    member.unwrap().waiting
}

/// The owner sees whose node has not been there since, whose has it and has no answer, and who is in; a no looks like
/// no answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_waits_for_the_node_and_then_for_an_answer() {
    let three = Three::start().await;
    let [ann, bob, cat] = &three.people[..] else {
        panic!("three");
    };
    let dan = user(&three.engines[0], "dan").await;
    for who in [bob, cat, &dan] {
        who.set_preferences(Preferences {
            first: WhoWrites::Nobody,
            ..Preferences::default()
        })
        .await
        .unwrap();
    }
    cut(&three.engines[0], &three.engines[2]).await;
    cut(&three.engines[1], &three.engines[2]).await;
    let members = [bob.id(), cat.id(), dan.id()].into();
    let chat = ann.create_group("Лодка".to_owned(), members).await;
    let chat = chat.unwrap().id;
    say(ann, chat, "плывём").await;
    until("asked", || bob.chat(chat).is_ok()).await;
    // Its node has it; that this is known here takes a moment.
    until("acknowledged", || {
        waiting(ann, chat, bob) == Some(Waiting::Answer)
    })
    .await;
    assert_eq!(waiting(ann, chat, cat), Some(Waiting::Node));
    assert_eq!(waiting(ann, chat, &dan), Some(Waiting::Answer));
    assert_eq!(waiting(ann, chat, ann), None);

    // It stands among the requests by the names of those who are in, since nothing else is here yet.
    let asks = bob.chats(crate::Filter::Requests, 10, None).unwrap().chats;
    assert_eq!(asks.len(), 1);
    assert!(asks[0].title.starts_with("ann"), "{}", asks[0].title);
    bob.answer_request(chat, crate::RequestAnswer::Accept)
        .await
        .unwrap();
    dan.answer_request(chat, crate::RequestAnswer::Decline)
        .await
        .unwrap();
    sees(bob, chat, "плывём").await;
    until("in", || waiting(ann, chat, bob).is_none()).await;
    assert_eq!(bob.chat(chat).unwrap().title, "Лодка");
    assert_eq!(waiting(ann, chat, &dan), Some(Waiting::Answer));
    heal(&three.engines[0], &three.engines[2]).await;
    until("it is there", || cat.chat(chat).is_ok()).await;
    until("asked", || waiting(ann, chat, cat) == Some(Waiting::Answer)).await;
    three.stop().await;
}
