//! A program's socket (`/api/v1/socket`), with the frames of Q33-Q36.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::wait::PATIENCE;

type Stream = WebSocketStream<TcpStream>;

/// What the node says.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// The first frame.
    Hello {
        /// Where the stream begins.
        seq: u64,
    },
    /// A message came or changed.
    Message {
        /// Place in the stream.
        seq: u64,
        /// Its chat.
        chat_id: String,
        /// As in the API.
        message: Value,
    },
    /// Own messages came further.
    State {
        /// Place in the stream.
        seq: u64,
        /// Their chat.
        chat_id: String,
        /// Which.
        ids: Vec<String>,
        /// How far.
        state: String,
    },
    /// A chat is new or changed.
    Chat {
        /// As in the API.
        chat: Value,
    },
    /// Somebody types.
    Typing {
        /// Where.
        chat_id: String,
        /// Who.
        user_id: String,
        /// Whether.
        on: bool,
    },
    /// Somebody came or went.
    Presence {
        /// Who.
        user_id: String,
        /// Whether.
        online: bool,
    },
    /// Answers to a search.
    People {
        /// Those found.
        rows: Vec<Value>,
        /// Whether more will come.
        done: bool,
    },
    /// Done.
    Reply {
        /// What was asked.
        id: Value,
        /// The message, after `send`.
        #[serde(default)]
        message: Value,
    },
    /// Not done.
    Error {
        /// What was asked.
        #[serde(default)]
        id: Value,
        /// As in the API.
        error: Value,
    },
    /// Something that the network page shows has changed.
    Network,
    /// Load everything again.
    Reload,
    /// The socket was closed, with this code.
    #[serde(skip)]
    Closed(u16),
    /// Something newer.
    #[serde(other)]
    Unknown,
}

/// One open socket. The two halves can work at the same time.
pub struct Socket {
    /// What we say.
    pub speaker: Speaker,
    /// What we hear.
    pub listener: Listener,
}

/// The half that writes.
pub struct Speaker(SplitSink<Stream, Message>);

/// The half that reads.
pub struct Listener {
    stream: SplitStream<Stream>,
    /// `seq` of the last frame that had one.
    pub seq: u64,
}

impl Socket {
    /// Opens it; `after` asks for what came since.
    ///
    /// # Errors
    /// The node refuses, or is gone.
    pub async fn open(
        address: SocketAddr,
        token: &str,
        after: Option<u64>,
    ) -> Result<Self, String> {
        let after = after.map_or_else(String::new, |seq| format!("?after={seq}"));
        let stream = connect(
            address,
            &format!("/api/v1/socket{after}"),
            &[("authorization", &format!("Bearer {token}"))],
        )
        .await?;
        let (speaker, listener) = stream.split();
        Ok(Self {
            speaker: Speaker(speaker),
            listener: Listener {
                stream: listener,
                seq: 0,
            },
        })
    }

    /// A way to a socket with headers of one's own; gives the refusal as text.
    ///
    /// # Errors
    /// The status, when the node refuses.
    pub async fn knock(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<(), String> {
        connect(address, path, headers).await.map(drop)
    }

    /// Sends a message and waits for the reply that comes after the commit.
    ///
    /// # Panics
    /// It is refused.
    pub async fn sends(&mut self, chat: &str, text: &str, client_id: &str) -> Value {
        self.speaker
            .send_message(chat, text, client_id)
            .await
            .expect("an open socket");
        loop {
            match self.listener.next().await {
                Frame::Reply { id, message } if id == client_id => return message,
                Frame::Error { id, error } if id == client_id => panic!("refused: {error}"),
                Frame::Closed(code) => panic!("closed {code}"),
                _ => {}
            }
        }
    }

    /// Sends many messages, at most so many unanswered at once; gives their ids in the order of sending. The client
    /// id of each is its text with `-` for spaces.
    ///
    /// # Panics
    /// One is refused, or the socket closes.
    pub async fn floods(&mut self, chat: &str, texts: &[String], window: usize) -> Vec<String> {
        let keys: Vec<String> = texts.iter().map(|text| text.replace(' ', "-")).collect();
        let places: HashMap<&str, usize> = keys
            .iter()
            .enumerate()
            .map(|(place, key)| (key.as_str(), place))
            .collect();
        let mut ids = vec![String::new(); texts.len()];
        let (mut sent, mut done) = (0, 0);
        while done < texts.len() {
            while sent < texts.len() && sent < done + window {
                self.speaker
                    .feed_message(chat, &texts[sent], &keys[sent])
                    .await
                    .expect("an open socket");
                sent += 1;
            }
            self.speaker.flush().await.expect("an open socket");
            match self.listener.next().await {
                Frame::Reply { id, message } => {
                    let place = places[id.as_str().expect("our id")];
                    ids[place] = message["id"].as_str().expect("an id").to_owned();
                    done += 1;
                }
                Frame::Error { error, .. } => panic!("refused: {error}"),
                Frame::Closed(code) => panic!("closed {code}"),
                _ => {}
            }
        }
        ids
    }

    /// Waits for a message with that text.
    ///
    /// # Panics
    /// It does not come in time.
    pub async fn hears(&mut self, text: &str) -> Value {
        loop {
            match self.listener.next().await {
                Frame::Message { message, .. } if message["text"] == text => return message,
                Frame::Closed(code) => panic!("closed {code} before {text:?}"),
                _ => {}
            }
        }
    }

    /// Waits until an own message has come so far.
    ///
    /// # Panics
    /// It does not in time.
    pub async fn hears_state(&mut self, message_id: &str, wanted: &str) {
        loop {
            match self.listener.next().await {
                Frame::State { ids, state, .. }
                    if state == wanted && ids.iter().any(|id| id == message_id) =>
                {
                    return;
                }
                Frame::Message { message, .. }
                    if message["id"] == message_id && message["state"] == wanted =>
                {
                    return;
                }
                Frame::Closed(code) => panic!("closed {code} before {wanted}"),
                _ => {}
            }
        }
    }

    /// Waits for the end and gives its code.
    ///
    /// # Panics
    /// It stays open.
    pub async fn hears_close(&mut self) -> u16 {
        loop {
            if let Frame::Closed(code) = self.listener.next().await {
                return code;
            }
        }
    }
}

impl Speaker {
    /// Sends a message without waiting.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn send_message(
        &mut self,
        chat: &str,
        text: &str,
        client_id: &str,
    ) -> Result<(), Error> {
        let frame = json!({"type": "send", "id": client_id, "chat_id": chat, "text": text, "client_id": client_id});
        self.0.send(Message::text(frame.to_string())).await
    }

    /// Puts a message into the buffer; [`Self::flush`] sends it.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn feed_message(
        &mut self,
        chat: &str,
        text: &str,
        client_id: &str,
    ) -> Result<(), Error> {
        let frame = json!({"type": "send", "id": client_id, "chat_id": chat, "text": text, "client_id": client_id});
        self.0.feed(Message::text(frame.to_string())).await
    }

    /// Sends what was buffered.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.0.flush().await
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn say(&mut self, frame: &Value) -> Result<(), Error> {
        self.0.send(Message::text(frame.to_string())).await
    }

    /// Sends any text, also one that is no JSON.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn say_text(&mut self, text: &str) -> Result<(), Error> {
        self.0.send(Message::text(text.to_owned())).await
    }

    /// Sends bytes, which no node wants.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn say_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.send(Message::binary(bytes.to_vec())).await
    }
}

impl Listener {
    /// The next frame; `Closed` at the end.
    ///
    /// # Panics
    /// Nothing comes in [`PATIENCE`], or it is no frame.
    pub async fn next(&mut self) -> Frame {
        self.next_within(PATIENCE).await.expect("a frame in time")
    }

    /// The next frame, if there is one in time.
    ///
    /// # Panics
    /// It is no frame.
    pub async fn next_within(&mut self, limit: Duration) -> Option<Frame> {
        loop {
            let message = tokio::time::timeout(limit, self.stream.next()).await.ok()?;
            let frame = match message {
                Some(Ok(Message::Text(text))) => {
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
                }
                Some(Ok(Message::Close(frame))) => {
                    Frame::Closed(frame.map_or(1005, |frame| frame.code.into()))
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Frame::Closed(1006),
            };
            if let Frame::Hello { seq } | Frame::Message { seq, .. } | Frame::State { seq, .. } =
                &frame
            {
                self.seq = *seq;
            }
            return Some(frame);
        }
    }
}

async fn connect(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Stream, String> {
    let refused = |error: Error| match error {
        Error::Http(answer) => answer.status().as_u16().to_string(),
        other => other.to_string(),
    };
    let mut request = format!("ws://localhost:{}{path}", address.port())
        .into_client_request()
        .map_err(refused)?;
    for (name, value) in headers {
        let name = name
            .parse::<tokio_tungstenite::tungstenite::http::HeaderName>()
            .map_err(|error| error.to_string())?;
        request
            .headers_mut()
            .insert(name, value.parse().map_err(|_| String::from("a header"))?);
    }
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    stream
        .set_nodelay(true)
        .map_err(|error| error.to_string())?;
    tokio_tungstenite::client_async(request, stream)
        .await
        .map(|(stream, _)| stream)
        .map_err(refused)
}
