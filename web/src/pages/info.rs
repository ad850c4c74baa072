//! The details of a chat: who it is, how the chat stands in the own list, the number to compare. A page of its own; on
//! wide windows the script shows the same part beside the conversation.

use askama::Template;
use axum::extract::{Path, Query, State};
use chater_engine::id::{ChatId, UserId};
use chater_engine::view::{
    Chat, ChatKind, ChatState, Completeness, GroupRules, History, Member, MemberRole, Person,
    Waiting,
};
use serde::Deserialize;

use super::arrange::is_muted;
use super::chat::{chat_id, presence};
use super::fragment::Avatar;
use super::join::LinkRow;
use super::qr;
use super::refused::Refused;
use super::shell::{Shell, page, page_with};
use super::time::{self, Stamp};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Arg, Look, text_with};
use crate::session::Session;

/// Whether only the part is wanted, for the script.
#[derive(Deserialize)]
pub(crate) struct Asked {
    part: Option<String>,
}

/// What is told. A section for the members of a group goes between the buttons and the number.
#[derive(Template)]
#[template(path = "partials/info.html")]
struct Info<'a> {
    look: &'a Look,
    csrf: &'a str,
    chat: &'a Chat,
    avatar: Avatar,
    status: String,
    seen: Option<Stamp>,
    muted: bool,
    number: Option<Number>,
    group: Option<String>,
}

/// The members of a group, and what the reader may do with it.
#[derive(Template)]
#[template(path = "partials/group.html")]
struct GroupPart<'a> {
    look: &'a Look,
    csrf: &'a str,
    chat: String,
    group: Group,
    /// A form of it that was refused.
    refused: &'a Refused,
    /// What the nodes of the members say of the chat (S10).
    sync: String,
    /// Invitation links that still count.
    links: Vec<LinkRow>,
}

struct Group {
    title: String,
    count: u32,
    /// Names the group and takes members out.
    leads: bool,
    may_add: bool,
    /// Decides what is allowed.
    owns: bool,
    rules: GroupRules,
    may_leave: bool,
    rows: Vec<MemberRow>,
}

struct MemberRow {
    avatar: Avatar,
    person: Person,
    own: bool,
    /// Key of the word for the role.
    role: Option<&'static str>,
    admin: bool,
    /// Key of what the invitation waits for.
    waits: Option<&'static str>,
    may_remove: bool,
    may_rank: bool,
}

impl Group {
    fn of(chat: &Chat, members: Vec<Member>, me: UserId) -> Self {
        let mine = members.iter().find(|member| member.person.user_id == me);
        let mine = mine
            .filter(|_| chat.state == ChatState::Open)
            .map(|member| member.role);
        let leads = mine.is_some_and(|mine| mine >= MemberRole::Admin);
        let rules = chat.rules.unwrap_or(GroupRules {
            everyone_adds: false,
            history: History::All,
            read_marks: true,
        });
        let row = |member: Member| MemberRow {
            avatar: Avatar::person(&member.person, "m", false),
            own: member.person.user_id == me,
            role: match member.role {
                MemberRole::Owner => Some("group-owner"),
                MemberRole::Admin => Some("group-admin"),
                MemberRole::Member => None,
            },
            admin: member.role == MemberRole::Admin,
            waits: member.waiting.map(|waiting| match waiting {
                Waiting::Answer => "waits-answer",
                Waiting::Node => "waits-node",
            }),
            may_remove: leads && mine.is_some_and(|mine| mine > member.role),
            may_rank: mine == Some(MemberRole::Owner) && member.role != MemberRole::Owner,
            person: member.person,
        };
        Self {
            title: chat.title.clone(),
            count: chat.members,
            leads,
            may_add: leads || (mine.is_some() && rules.everyone_adds),
            owns: mine == Some(MemberRole::Owner),
            rules,
            may_leave: mine.is_some_and(|mine| mine != MemberRole::Owner),
            rows: members.into_iter().map(row).collect(),
        }
    }
}

impl Group {
    /// The word for what newcomers may read.
    fn history(&self) -> &'static str {
        match self.rules.history {
            History::All => "all",
            History::Days(_) => "days",
            History::SinceJoin => "since_join",
        }
    }

    /// For how many days back, if that is what is allowed.
    fn days(&self) -> u16 {
        match self.rules.history {
            History::Days(days) => days,
            _ => 30,
        }
    }
}

/// S10: what the nodes of the members say of the chat, in one line; empty where there is nobody to ask.
fn sync_words(look: &Look, found: &Completeness) -> String {
    if found.missing > 0 {
        let missing = look.n("missing", found.missing);
        let of = match found.of.join(", ") {
            names if names.is_empty() => names,
            names => format!(" ({names})"),
        };
        return format!("{missing}{of}, {}", look.n("asking", found.asked));
    }
    if found.nodes == 0 {
        return String::new();
    }
    if found.complete {
        return look.n("sync-with", found.equal);
    }
    let equal = found.equal.to_string();
    let nodes = found.nodes.to_string();
    text_with(
        look.lang,
        "sync-some",
        &[("a", Arg::from(equal)), ("b", Arg::from(nodes))],
    )
}

/// The safety number with one person (I11).
struct Number {
    /// Twelve groups of five digits, four in a line.
    lines: Vec<String>,
    picture: String,
}

#[derive(Template)]
#[template(path = "pages/info.html")]
struct InfoPage<'a> {
    look: &'a Look,
    shell: Shell,
    info: Info<'a>,
}

impl Number {
    fn of(session: &Session, person: &Person) -> Self {
        let digits = session.user.safety_number(person.user_id);
        let groups: Vec<&str> = digits
            .as_bytes()
            .chunks(5)
            .filter_map(|group| std::str::from_utf8(group).ok())
            .collect();
        Self {
            lines: groups.chunks(4).map(|line| line.join(" ")).collect(),
            picture: qr::picture(&digits).unwrap_or_default(),
        }
    }
}

/// `/c/{chat}/info`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    Query(asked): Query<Asked>,
) -> PageResult {
    let id = chat_id(&chat)?;
    draw(
        &app,
        &session,
        &look,
        id,
        asked.part.is_some(),
        &Refused::default(),
    )
    .await
}

/// The details, or only their part for the script; with the form that was refused.
pub(crate) async fn draw(
    app: &App,
    session: &Session,
    look: &Look,
    id: ChatId,
    part_only: bool,
    refused: &Refused,
) -> PageResult {
    let chat = session.user.chat(id)?;
    let (status, seen) = presence(&chat, look);
    let group = match chat.kind {
        ChatKind::Direct => None,
        ChatKind::Group => {
            let members = session.user.members(chat.id)?;
            let mut group = Group::of(&chat, members, session.user.id());
            group.rules = refused.rules(group.rules);
            let links = if group.may_add {
                session.user.links(chat.id).await?
            } else {
                Vec::new()
            };
            let part = GroupPart {
                links: links
                    .into_iter()
                    .map(|link| LinkRow::of(link, look))
                    .collect(),
                refused,
                look,
                csrf: &session.csrf,
                chat: chat.id.to_string(),
                group,
                sync: sync_words(look, &session.user.completeness(chat.id).await?),
            };
            Some(part.render().unwrap_or_default())
        }
    };
    let info = Info {
        look,
        csrf: &session.csrf,
        avatar: Avatar::chat(&chat, "xl"),
        status,
        seen,
        muted: is_muted(&chat, time::now_ms()),
        number: chat.with.as_ref().map(|with| Number::of(session, with)),
        group,
        chat: &chat,
    };
    if part_only {
        return Ok(page(&info));
    }
    let shell = Shell::new(app, session, chat.title.clone()).await;
    Ok(page_with(
        refused.faults.status(),
        &InfoPage {
            look,
            shell: shell.section("chats"),
            info,
        },
    ))
}
