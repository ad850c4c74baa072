//! Somebody with an account, who can do what people do.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, Api};
use crate::node::TestNode;
use crate::socket::Socket;
use crate::wait::{PATIENCE, until, within};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// A signed-in user of one node.
#[derive(Debug, Clone)]
pub struct Person {
    /// The nick as typed.
    pub nick: String,
    /// 64 hex digits.
    pub user_id: String,
    /// `nick@node`.
    pub address: String,
    /// The id of the node.
    pub node_id: String,
    /// The API as this user.
    pub api: Api,
}

impl Person {
    /// From the answer to a registration or login.
    ///
    /// # Panics
    /// It has another form.
    #[must_use]
    pub fn new(node: &TestNode, nick: &str, answer: &Value) -> Self {
        let text = |value: &Value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("a text in {answer}"))
                .to_owned()
        };
        let user = &answer["user"];
        Self {
            nick: nick.into(),
            user_id: text(&user["user_id"]),
            address: text(&user["address"]),
            node_id: text(&user["node_id"]),
            api: Api {
                address: node.web(),
                token: Some(text(&answer["token"])),
            },
        }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        self.api.token.as_deref().unwrap_or_default()
    }

    /// Opens a live socket.
    ///
    /// # Panics
    /// It is refused.
    pub async fn listens(&self) -> Socket {
        self.listens_after(None).await
    }

    /// Opens a live socket that begins after an update.
    ///
    /// # Panics
    /// It is refused.
    pub async fn listens_after(&self, after: Option<u64>) -> Socket {
        Socket::open(self.api.address, self.token(), after)
            .await
            .expect("a socket")
    }

    /// Searches until that person is found; gives the row.
    pub async fn finds(&self, other: &Self) -> Value {
        let query: String = other.nick.chars().take(4).collect();
        let path = format!("/people?q={query}&wait_ms=1000");
        within(
            Duration::from_secs(30),
            &format!("{} finds {}", self.nick, other.nick),
            || async {
                let answer = self.api.get(&path).await;
                // Where no node is linked yet a search ends at once: who asks without end is told to wait.
                if answer.status == 429 {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    return None;
                }
                let found = answer.expect(200).json();
                let rows = ["here", "elsewhere"]
                    .iter()
                    .filter_map(|group| found[*group].as_array())
                    .flatten();
                rows.into_iter()
                    .find(|row| row["user_id"] == other.user_id.as_str())
                    .cloned()
            },
        )
        .await
    }

    /// Finds somebody and opens the chat with them; gives the chat's id.
    pub async fn opens(&self, other: &Self) -> String {
        self.finds(other).await;
        self.opens_with(&other.user_id).await
    }

    /// Opens a chat with an address, nick or user id; gives the chat's id.
    ///
    /// # Panics
    /// It is refused.
    pub async fn opens_with(&self, with: &str) -> String {
        let answer = self.api.post("/chats", &json!({"with": with})).await;
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Sends a message; gives it as stored.
    ///
    /// # Panics
    /// It is refused.
    pub async fn sends(&self, chat: &str, text: &str) -> Value {
        let answer = self
            .tries_to_send(chat, &json!({"text": text}))
            .await
            .expect(201);
        let message = answer.json()["message"].clone();
        assert_eq!(message["text"], text);
        message
    }

    /// Tries to send.
    pub async fn tries_to_send(&self, chat: &str, body: &Value) -> Answer {
        self.api
            .post(&format!("/chats/{chat}/messages"), body)
            .await
    }

    /// The chats.
    ///
    /// # Panics
    /// The list has another form.
    pub async fn chats(&self) -> Vec<Value> {
        let answer = self.api.get("/chats?limit=100").await.expect(200).json();
        answer["chats"].as_array().expect("chats").clone()
    }

    /// The newest messages of a chat, oldest first.
    ///
    /// # Panics
    /// The page has another form.
    pub async fn newest(&self, chat: &str) -> Vec<Value> {
        let answer = self
            .api
            .get(&format!("/chats/{chat}/messages?limit=200"))
            .await
            .expect(200)
            .json();
        answer["messages"].as_array().expect("messages").clone()
    }

    /// The whole history of a chat, oldest first, page by page.
    ///
    /// # Panics
    /// The pages do not fit together.
    pub async fn history(&self, chat: &str) -> Vec<Value> {
        self.newest_of(chat, usize::MAX).await
    }

    /// Whole pages of the newest messages of a chat, oldest first, until there are so many.
    ///
    /// # Panics
    /// The pages do not fit together.
    pub async fn newest_of(&self, chat: &str, many: usize) -> Vec<Value> {
        let mut pages: Vec<Vec<Value>> = Vec::new();
        let mut path = format!("/chats/{chat}/messages?limit=200");
        loop {
            let page = self.api.get(&path).await.expect(200).json();
            pages.push(page["messages"].as_array().expect("messages").clone());
            match page["next"].as_str() {
                Some(next) if pages.iter().map(Vec::len).sum::<usize>() < many => {
                    path = format!("/chats/{chat}/messages?limit=200&before={next}");
                }
                _ => break,
            }
        }
        let all: Vec<Value> = pages.into_iter().rev().flatten().collect();
        let ids: BTreeSet<&str> = all
            .iter()
            .filter_map(|message| message["id"].as_str())
            .collect();
        assert_eq!(ids.len(), all.len(), "a message stands on two pages");
        all
    }

    /// Waits until a message with that text is there, in any chat; gives it.
    pub async fn sees(&self, text: &str) -> Value {
        until(&format!("{} sees {text:?}", self.nick), || async {
            for chat in self.chats().await {
                let id = chat["id"].as_str().unwrap_or_default().to_owned();
                if let Some(found) = self
                    .newest(&id)
                    .await
                    .into_iter()
                    .find(|message| message["text"] == text)
                {
                    return Some(found);
                }
            }
            None
        })
        .await
    }

    /// Waits until an own message has come so far; `read` counts as delivered.
    pub async fn sees_state(&self, chat: &str, message: &Value, wanted: &str) {
        self.sees_state_within(PATIENCE, chat, message, wanted)
            .await;
    }

    /// [`Self::sees_state`] with a deadline of its own.
    pub async fn sees_state_within(
        &self,
        limit: Duration,
        chat: &str,
        message: &Value,
        wanted: &str,
    ) {
        within(
            limit,
            &format!("{wanted} of {}", message["text"]),
            || async {
                let now = self
                    .newest(chat)
                    .await
                    .into_iter()
                    .find(|other| other["id"] == message["id"])?;
                (now["state"] == wanted || wanted == "delivered" && now["state"] == "read")
                    .then_some(())
            },
        )
        .await;
    }

    /// Marks everything up to a message as read.
    pub async fn reads(&self, chat: &str, message: &Value) {
        let answer = self
            .api
            .post(
                &format!("/chats/{chat}/read"),
                &json!({"message_id": message["id"]}),
            )
            .await;
        assert!((200..300).contains(&answer.status), "{}", answer.text());
    }
}
