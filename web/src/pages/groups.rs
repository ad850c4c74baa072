//! Groups: a new one, and what their members do with them. Forms first; people are found by the same search as
//! everywhere, over all nodes.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chater_engine::Error;
use chater_engine::id::{ChatId, UserId};
use chater_engine::view::{GroupRules, Person};
use serde::Deserialize;

use super::ask::Ask;
use super::chat::chat_id;
use super::fragment::Avatar;
use super::info;
use super::refused::{Refused, Typed};
use super::shell::{Shell, page, page_with, see_other};
use crate::api::members::history;
use crate::app::App;
use crate::error::{PageError, PageResult, Problem};
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

/// People offered before anybody was searched for: those one talks with.
const OFFERED: usize = 30;

/// The form of a new group, or of more members. Whoever is chosen has a field `with-<user id>`.
#[derive(Deserialize, Default)]
pub(crate) struct GroupForm {
    #[serde(default)]
    title: String,
    #[serde(default)]
    q: String,
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

impl GroupForm {
    /// Somebody is being looked for; nothing is done yet.
    fn only_looks(&self) -> bool {
        self.rest.contains_key("find")
    }

    fn chosen(&self) -> BTreeSet<UserId> {
        let names = self.rest.keys().filter_map(|key| key.strip_prefix("with-"));
        names.filter_map(|id| id.parse().ok()).collect()
    }
}

struct Row {
    id: String,
    avatar: Avatar,
    person: Person,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "pages/group.html")]
struct GroupPage<'a> {
    look: &'a Look,
    shell: Shell,
    /// The group that gets more members; none = a new one.
    chat: Option<String>,
    title: &'a str,
    q: &'a str,
    searched: bool,
    /// Ids of those who are in already, and of the reader: the script does not offer them.
    without: String,
    rows: Vec<Row>,
    title_error: Option<String>,
    error: Option<String>,
}

/// Draws the form with those chosen, those found, and those one talks with.
async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    chat: Option<ChatId>,
    form: &GroupForm,
    error: Option<&Error>,
) -> Result<Response, PageError> {
    let mut people: Vec<(Person, bool)> = Vec::new();
    let mut seen = BTreeSet::from([session.user.id()]);
    if let Some(chat) = chat {
        let members = session.user.members(chat)?;
        seen.extend(members.into_iter().map(|member| member.person.user_id));
    }
    let without: Vec<String> = seen.iter().map(ToString::to_string).collect();
    for id in form.chosen() {
        if let Ok(person) = session.user.find(&id.to_string()).await
            && seen.insert(person.user_id)
        {
            people.push((person, true));
        }
    }
    let q = form.q.trim();
    let searched = !q.is_empty();
    let mut unknown = false;
    if q.contains('@') {
        match session.user.find(q).await {
            Ok(person) if seen.insert(person.user_id) => people.push((person, false)),
            Ok(_) => {}
            Err(_) => unknown = true,
        }
    } else if searched {
        let wait = std::time::Duration::from_millis(1_500);
        for person in super::search::found_people(&session.user, q, wait).await? {
            if seen.insert(person.user_id) {
                people.push((person, false));
            }
        }
    } else {
        for chat in session.user.find_chats("", OFFERED)? {
            if let Some(person) = chat.with.filter(|person| seen.insert(person.user_id)) {
                people.push((person, false));
            }
        }
    }
    let rows: Vec<Row> = people
        .into_iter()
        .map(|(person, chosen)| Row {
            id: person.user_id.to_string(),
            avatar: Avatar::person(&person, "m", false),
            person,
            chosen,
        })
        .collect();
    let (mut title_error, mut said) = (None, None);
    let mut status = StatusCode::OK;
    if let Some(error) = error {
        let problem = Problem::from(error.clone());
        status = problem.status;
        let text = Some(problem.page_text(look));
        match error {
            Error::Invalid { field: "title", .. } => title_error = text,
            _ => said = text,
        }
    } else if unknown {
        said = Some(look.t("search-none"));
    }
    let name = look.t(if chat.is_some() {
        "group-add"
    } else {
        "menu-group"
    });
    let shell = Shell::new(app, session, name).await.section("group");
    Ok(page_with(
        status,
        &GroupPage {
            look,
            shell,
            chat: chat.map(|chat| chat.to_string()),
            title: &form.title,
            q,
            searched,
            without: without.join(" "),
            rows,
            title_error,
            error: said,
        },
    ))
}

/// `/groups/new`.
pub(crate) async fn show(State(app): State<App>, session: Session, look: Look) -> PageResult {
    render(&app, &session, &look, None, &GroupForm::default(), None).await
}

/// Looks for people, or founds the group.
pub(crate) async fn create(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<GroupForm>,
) -> PageResult {
    if form.only_looks() {
        return render(&app, &session, &look, None, &form, None).await;
    }
    match session
        .user
        .create_group(form.title.clone(), form.chosen())
        .await
    {
        Ok(chat) if form.rest.contains_key("then") => {
            Ok(see_other(&format!("/c/{}/picture", chat.id)))
        }
        Ok(chat) => Ok(see_other(&format!("/c/{}", chat.id))),
        Err(error) => render(&app, &session, &look, None, &form, Some(&error)).await,
    }
}

/// `/c/{chat}/add`: who else is to come in.
pub(crate) async fn show_add(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
) -> PageResult {
    let chat = chat_id(&chat)?;
    render(
        &app,
        &session,
        &look,
        Some(chat),
        &GroupForm::default(),
        None,
    )
    .await
}

/// Looks for people, or adds those chosen.
pub(crate) async fn add(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    CheckedForm(form): CheckedForm<GroupForm>,
) -> PageResult {
    let chat = chat_id(&chat)?;
    if form.only_looks() {
        return render(&app, &session, &look, Some(chat), &form, None).await;
    }
    match session.user.add_members(chat, form.chosen()).await {
        Ok(()) => Ok(see_other(&format!("/c/{chat}/info"))),
        Err(error) => render(&app, &session, &look, Some(chat), &form, Some(&error)).await,
    }
}

/// What is done with one member.
#[derive(Deserialize)]
pub(crate) struct MemberForm {
    /// `remove`, `admin` or `member`.
    #[serde(default)]
    act: String,
}

/// Asks before a member is taken out: that changes the keys, and cannot be taken back.
pub(crate) async fn ask_remove(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path((chat, user)): Path<(String, String)>,
) -> PageResult {
    let id = chat_id(&chat)?;
    let wanted: UserId = user.parse().map_err(|_| Error::NotFound)?;
    let members = session.user.members(id)?.into_iter();
    let mut names = members.map(|member| (member.person.user_id, member.person.display_name));
    let (_, name) = names
        .find(|(user, _)| *user == wanted)
        .ok_or(Error::NotFound)?;
    Ok(page(&Ask {
        look: &look,
        shell: Shell::new(&app, &session, look.t("group-remove")).await,
        title: look.a("group-remove-ask", name),
        hint: look.t("group-remove-hint"),
        action: format!("/c/{chat}/members/{user}"),
        act: "remove",
        verb: look.t("group-remove"),
        back: format!("/c/{chat}/info"),
    }))
}

/// Takes a member out, or gives or takes the rank of an admin.
pub(crate) async fn member(
    session: Session,
    Path((chat, user)): Path<(String, String)>,
    CheckedForm(form): CheckedForm<MemberForm>,
) -> PageResult {
    let chat = chat_id(&chat)?;
    let user: UserId = user.parse().map_err(|_| Error::NotFound)?;
    match form.act.as_str() {
        "remove" => session.user.remove_member(chat, user).await?,
        "admin" => session.user.set_role(chat, user, true).await?,
        "member" => session.user.set_role(chat, user, false).await?,
        _ => return Err(Problem::new(400, "bad_form").into()),
    }
    Ok(see_other(&format!("/c/{chat}/info")))
}

/// A new title.
#[derive(Deserialize)]
pub(crate) struct TitleForm {
    #[serde(default)]
    title: String,
}

/// Gives the group another title.
pub(crate) async fn rename(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    CheckedForm(form): CheckedForm<TitleForm>,
) -> PageResult {
    let chat = chat_id(&chat)?;
    match session.user.rename_group(chat, form.title.clone()).await {
        Ok(_) => Ok(see_other(&format!("/c/{chat}/info"))),
        Err(error) => {
            let refused = Refused::new(&look, error, "title", Typed::Title(form.title))?;
            info::draw(&app, &session, &look, chat, false, &refused).await
        }
    }
}

/// What the owner allows.
#[derive(Deserialize)]
pub(crate) struct RulesForm {
    everyone_adds: Option<String>,
    #[serde(default)]
    history: String,
    #[serde(default)]
    days: String,
    read_marks: Option<String>,
}

/// Changes the rules of the group.
pub(crate) async fn rules(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
    CheckedForm(form): CheckedForm<RulesForm>,
) -> PageResult {
    let chat = chat_id(&chat)?;
    let rules = GroupRules {
        everyone_adds: form.everyone_adds.is_some(),
        history: history(&form.history, form.days.trim().parse().ok())?,
        read_marks: form.read_marks.is_some(),
    };
    match session.user.set_rules(chat, rules).await {
        Ok(_) => Ok(see_other(&format!("/c/{chat}/info"))),
        Err(error) => {
            let refused = Refused::new(&look, error, "days", Typed::Rules(rules, form.days))?;
            info::draw(&app, &session, &look, chat, false, &refused).await
        }
    }
}

/// Asks before the group is left: nobody comes back alone.
pub(crate) async fn ask_leave(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(chat): Path<String>,
) -> PageResult {
    let title = session.user.chat(chat_id(&chat)?)?.title;
    Ok(page(&Ask {
        look: &look,
        shell: Shell::new(&app, &session, look.t("group-leave")).await,
        title: look.a("group-leave-ask", title),
        hint: look.t("group-leave-hint"),
        action: format!("/c/{chat}/leave"),
        act: "",
        verb: look.t("group-leave"),
        back: format!("/c/{chat}/info"),
    }))
}

/// Leaves the group.
pub(crate) async fn leave(
    session: Session,
    Path(chat): Path<String>,
    CheckedForm(_): CheckedForm<BTreeMap<String, String>>,
) -> PageResult {
    let chat = chat_id(&chat)?;
    session.user.remove_member(chat, session.user.id()).await?;
    Ok(see_other(&format!("/c/{chat}")))
}
