//! The pieces that a page and the live socket draw alike: a message, a card of the list, a person found.

use askama::Template;
use chater_engine::view::{Chat, ChatKind, Message, MessageState, Person, Reach, Reaction};

use super::markup::{self, Block, Marked, Run};
use super::time::{self, Stamp};
use super::words;
use crate::i18n::{Arg, Look, text_with};

/// What the header says of this node; as names of [`super::shell::Shell`], which draws the same.
struct Header<'a> {
    node: &'a str,
    links: usize,
    connecting: bool,
}

#[derive(Template)]
#[template(path = "partials/pill.html")]
struct Pill<'a> {
    look: &'a Look,
    shell: Header<'a>,
}

/// The inside of the pill in the header: this node, and how many it is linked with.
pub(crate) fn pill(look: &Look, node: &str, links: usize, connecting: bool) -> String {
    let shell = Header {
        node,
        links,
        connecting,
    };
    Pill { look, shell }.render().unwrap_or_default()
}

/// A round picture: the first letter of a name on a colour of the id (Q3).
#[derive(Template)]
#[template(path = "partials/avatar.html")]
pub(crate) struct Avatar {
    size: &'static str,
    hue: u8,
    /// The address of the chosen picture, and its side on the page, pixels.
    picture: Option<String>,
    side: u16,
    letter: Option<String>,
    group: bool,
    online: bool,
}

impl Avatar {
    /// Of a person; `size` is `""`, `m`, `xs` or `xl`.
    pub(crate) fn person(person: &Person, size: &'static str, online: bool) -> Self {
        Self {
            size,
            hue: hue(person.user_id.as_bytes()),
            // The small one is sharp on dense screens up to 64 pixels.
            picture: picture(person.avatar.as_deref(), size),
            side: side(size),
            letter: letter(&person.display_name),
            group: false,
            online,
        }
    }

    /// Of a chat: the other person, or a group.
    pub(crate) fn chat(chat: &Chat, size: &'static str) -> Self {
        match (&chat.with, chat.kind) {
            (Some(person), ChatKind::Direct) => {
                Self::person(person, size, chat.online == Some(true))
            }
            _ => Self {
                size,
                hue: hue(chat.id.as_bytes()),
                picture: picture(chat.picture.as_deref(), size),
                side: side(size),
                letter: None,
                group: true,
                online: false,
            },
        }
    }
}

fn picture(hash: Option<&str>, size: &str) -> Option<String> {
    hash.map(|hash| super::avatar::path(hash, if size == "xl" { 512 } else { 128 }))
}

/// The side of a picture on the page, pixels.
fn side(size: &str) -> u16 {
    match size {
        "xl" => 88,
        "m" => 42,
        "xs" => 32,
        _ => 52,
    }
}

fn hue(id: &[u8]) -> u8 {
    id.first().map_or(1, |byte| byte % 8 + 1)
}

fn letter(name: &str) -> Option<String> {
    name.chars()
        .next()
        .filter(|c| c.is_alphabetic())
        .map(|c| c.to_uppercase().collect())
}

/// What stands muted beside the bold name (Q8).
pub(crate) fn beside(person: &Person) -> String {
    if person.display_name != person.nick {
        person.address.clone()
    } else if person.here {
        String::new()
    } else {
        person
            .address
            .split_once('@')
            .map_or_else(String::new, |(_, node)| format!("@{node}"))
    }
}

/// The words for a delivery mark; they name the node of the other person where the chat is known.
pub(crate) fn state_words(
    look: &Look,
    state: MessageState,
    reach: Option<&Reach>,
    with: Option<&Person>,
) -> String {
    if let Some(words) = reach.and_then(|reach| reach_words(look, reach)) {
        return words;
    }
    let node = with
        .filter(|person| !person.here)
        .map(|person| &person.node);
    match (state, node) {
        (MessageState::Stored, Some(node)) => look.a("js-state-stored-for", node),
        (MessageState::Stored, None) => look.t("js-state-stored"),
        (MessageState::Delivered | MessageState::Received, Some(node)) => {
            look.a("js-state-delivered-to", node)
        }
        (MessageState::Delivered | MessageState::Received, None) => look.t("js-state-delivered"),
        (MessageState::Read, _) => look.t("js-state-read"),
        (MessageState::Failed, _) => look.t("js-state-failed"),
    }
}

/// How far a message of a group has come, in words; none where the state says it all.
pub(crate) fn reach_words(look: &Look, reach: &Reach) -> Option<String> {
    let some = |key, a: u32, b: u32| {
        let args = [("a", Arg::from(a)), ("n", Arg::from(b))];
        Some(text_with(look.lang, key, &args))
    };
    if reach.readers > 0 {
        some("state-read-some", reach.readers, reach.people)
    } else if reach.nodes > 0 && reach.nodes < reach.of_nodes {
        some("state-reached", reach.nodes, reach.of_nodes)
    } else {
        None
    }
}

/// The symbol of a delivery mark; «read» is the same pair, bold.
pub(crate) fn state_mark(state: MessageState) -> &'static str {
    match state {
        MessageState::Stored => "t-stored",
        MessageState::Delivered | MessageState::Received | MessageState::Read => "t-delivered",
        MessageState::Failed => "t-failed",
    }
}

/// One message: a list item.
#[derive(Template)]
#[template(path = "partials/message.html")]
pub(crate) struct MessageItem<'a> {
    pub(crate) look: &'a Look,
    pub(crate) m: &'a Message,
    /// First of a run of one author.
    pub(crate) first: bool,
    /// Last of it.
    pub(crate) last: bool,
    /// The one a link led to.
    pub(crate) at: bool,
    /// Of somebody else in a group: who it is, beside the last of a run.
    avatar: Option<Avatar>,
    /// The colour of the name, of four.
    hue: u8,
    sent: Stamp,
    marked: Marked<'a>,
    /// The words of the mark. A message that comes alone does not know its chat; the script puts the node's name in.
    pub(crate) state: String,
    mark: &'static str,
}

impl<'a> MessageItem<'a> {
    pub(crate) fn new(m: &'a Message, look: &'a Look) -> Self {
        Self {
            look,
            m,
            first: true,
            last: true,
            at: false,
            avatar: (m.in_group && !m.own).then(|| Avatar::person(&m.author, "xs", false)),
            hue: hue(m.author.user_id.as_bytes()) % 4,
            sent: time::clock(look, m.sent_at_ms),
            marked: m
                .text
                .as_deref()
                .map(|text| markup::marked(text, &m.mentions))
                .unwrap_or_default(),
            state: state_words(look, m.state, m.reach.as_ref(), None),
            mark: state_mark(m.state),
        }
    }

    /// Who reacted; the reader, who comes first, is «вы».
    fn named(&self, reaction: &Reaction) -> String {
        let mut names = reaction.names.clone();
        if reaction.mine
            && let Some(own) = names.first_mut()
        {
            *own = self.look.t("you");
        }
        names.join(", ")
    }

    fn received(&self) -> Stamp {
        time::moment(self.look, self.m.received_at_ms)
    }
}

/// One message as the page and the socket show it. A message that comes alone is a run of its own until the script
/// looks at its neighbours.
#[must_use]
pub(crate) fn message(message: &Message, look: &Look) -> String {
    MessageItem::new(message, look).render().unwrap_or_default()
}

/// One card of the chat list.
#[derive(Template)]
#[template(path = "partials/card.html")]
pub(crate) struct CardItem<'a> {
    look: &'a Look,
    chat: &'a Chat,
    selected: bool,
    filter: &'a str,
    avatar: Avatar,
    beside: String,
    active: Stamp,
    muted: bool,
    mark: &'static str,
    state: String,
}

impl CardItem<'_> {
    /// Of people elsewhere it is known only that their node is there.
    fn presence(&self) -> String {
        let here = self.chat.with.as_ref().is_none_or(|person| person.here);
        self.look.t(if here {
            "presence-here"
        } else {
            "presence-linked"
        })
    }

    fn draft(&self) -> Option<String> {
        self.chat
            .draft
            .as_deref()
            .filter(|draft| !draft.trim().is_empty())
            .map(cut)
    }

    fn snippet(&self) -> Option<String> {
        self.chat
            .last
            .as_ref()
            .and_then(|last| last.text.as_deref())
            .map(one_line)
    }

    fn group(&self) -> bool {
        self.chat.kind == ChatKind::Group
    }

    fn badge(&self) -> String {
        if self.chat.mentioned {
            "@".to_owned()
        } else if self.chat.unread > 99 {
            "99+".to_owned()
        } else {
            self.chat.unread.to_string()
        }
    }
}

/// Characters of a text that one line may show.
const LINE: usize = 160;

/// The beginning of a text without the marks of its styles, for one line of a card or a quote.
pub(crate) fn one_line(text: &str) -> String {
    // A mark is cut off with what follows the line: only so much is looked at.
    let begin = text
        .char_indices()
        .nth(4 * LINE)
        .map_or(text.len(), |(at, _)| at);
    let shown = markup::plain(text.get(..begin).unwrap_or(text));
    cut(&shown)
}

/// The beginning of a line.
pub(crate) fn cut(line: &str) -> String {
    line.chars().take(LINE).collect()
}

/// One card of the chat list.
///
/// `filter` names the list it stands in: that stays beside the chat when it is opened.
#[must_use]
pub(crate) fn card(chat: &Chat, look: &Look, selected: bool, filter: &'static str) -> String {
    let now_ms = time::now_ms();
    let state = chat
        .last
        .as_ref()
        .map_or(MessageState::Received, |last| last.state);
    let item = CardItem {
        look,
        chat,
        selected,
        filter,
        avatar: Avatar::chat(chat, ""),
        beside: chat.with.as_ref().map(beside).unwrap_or_default(),
        active: time::card(
            look,
            chat.last
                .as_ref()
                .map_or(chat.active_at_ms, |last| last.sent_at_ms),
            now_ms,
        ),
        muted: super::arrange::is_muted(chat, now_ms),
        mark: state_mark(state),
        state: {
            let reach = chat.last.as_ref().and_then(|last| last.reach.as_ref());
            state_words(look, state, reach, chat.with.as_ref())
        },
    };
    item.render().unwrap_or_default()
}

/// One person found.
#[derive(Template)]
#[template(path = "partials/person.html")]
struct PersonItem<'a> {
    person: &'a Person,
    /// What the reader may know them from.
    context: Option<String>,
    avatar: Avatar,
    before: &'a str,
    hit: &'a str,
    after: &'a str,
}

/// One person found, the match underlined; a link to the confirmation.
#[must_use]
pub(crate) fn person(person: &Person, known: bool, query: &str, look: &Look) -> String {
    let (before, hit, after) = words::matching(&person.display_name, query);
    let avatar = Avatar::person(person, "m", false);
    PersonItem {
        person,
        context: known.then(|| look.t("search-has-group")),
        avatar,
        before,
        hit,
        after,
    }
    .render()
    .unwrap_or_default()
}

/// One chat found.
#[derive(Template)]
#[template(path = "partials/found_chat.html")]
struct FoundChat<'a> {
    look: &'a Look,
    chat: &'a Chat,
    avatar: Avatar,
    active: Stamp,
    before: &'a str,
    hit: &'a str,
    after: &'a str,
}

/// One chat that a search found, the match underlined; a link to it.
#[must_use]
pub(crate) fn found_chat(chat: &Chat, query: &str, look: &Look) -> String {
    let (before, hit, after) = words::matching(&chat.title, query);
    let at_ms = chat
        .last
        .as_ref()
        .map_or(chat.active_at_ms, |last| last.sent_at_ms);
    FoundChat {
        look,
        chat,
        avatar: Avatar::chat(chat, "m"),
        active: time::card(look, at_ms, time::now_ms()),
        before,
        hit,
        after,
    }
    .render()
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::api::shapes::tests::message;
    use crate::i18n::tests::look;

    #[test]
    fn a_late_message_says_when_it_came_and_a_fork_that_there_is_another() {
        let look = look();
        let mut shown = message();
        let plain = super::message(&shown, &look);
        assert!(!plain.contains("class=\"late\"") && !plain.contains("class=\"forked\""));
        shown.late = true;
        shown.forked = true;
        shown.received_at_ms = 1_700_000_000_000;
        let html = super::message(&shown, &look);
        assert!(html.contains(&look.t("late")) && html.contains(&look.t("forked")));
        assert!(html.contains("datetime=\"2023-11-14T22:13:20"), "{html}");
    }
}
