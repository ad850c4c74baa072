//! The line below the last own message that has waited for other nodes for more than a minute: which, and since when.

use askama::Template;
use chater_engine::view::{Chat, Message, MessageState};

use super::time::{self, Stamp};
use crate::error::PageError;
use crate::i18n::{Arg, Look, text_with};
use crate::session::Session;

/// Messages younger than this may be on their way.
const WAITS_MS: i64 = 60_000;
/// Nodes that are named.
const NAMED: usize = 3;

#[derive(Template)]
#[template(path = "partials/waits.html")]
struct Waits<'a> {
    look: &'a Look,
    text: String,
    since: Stamp,
}

/// The line, drawn; empty when nothing waits. `messages` end with the newest of the chat.
pub(crate) async fn drawn(
    session: &Session,
    look: &Look,
    chat: &Chat,
    messages: &[Message],
) -> Result<String, PageError> {
    let own = || messages.iter().rev().filter(|message| message.own);
    let Some(last) = own().next().filter(|it| it.state == MessageState::Stored) else {
        return Ok(String::new());
    };
    let (text, since) = match &chat.with {
        Some(with) if with.here || chat.node_online => return Ok(String::new()),
        Some(with) => {
            let since = chat.waiting_since_ms.unwrap_or(last.sent_at_ms);
            (look.a("node-away", &with.node), since)
        }
        None => {
            let path = session.user.path(chat.id, last.id).await?;
            let lacks = path
                .hops
                .into_iter()
                .filter(|it| it.at_ms.is_none() && it.away);
            let nodes: Vec<String> = lacks.map(|hop| hop.node).collect();
            if nodes.is_empty() {
                return Ok(String::new());
            }
            let named = nodes.iter().take(NAMED).map(String::as_str);
            let mut names = named.collect::<Vec<_>>().join(", ");
            if nodes.len() > NAMED {
                names.push_str(", …");
            }
            let args = [("a", Arg::from(names)), ("n", Arg::from(nodes.len()))];
            let waiting = own().take_while(|it| it.state == MessageState::Stored);
            let first = waiting.last().unwrap_or(last);
            (text_with(look.lang, "nodes-away", &args), first.sent_at_ms)
        }
    };
    if time::now_ms().saturating_sub(since) < WAITS_MS {
        return Ok(String::new());
    }
    let line = Waits {
        look,
        text,
        since: time::moment(look, since),
    };
    Ok(line.render().unwrap_or_default())
}
