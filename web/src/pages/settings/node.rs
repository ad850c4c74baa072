//! «Мой узел», for its owner: name and registration, who lives here, what lies on the disk.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use chater_engine::id::UserId;
use chater_engine::view::{NodeSettings, Resident, Storage};
use chater_engine::{Error, Registration};
use serde::Deserialize;

use super::{Faults, Frame, Saved, shell};
use crate::app::App;
use crate::error::{PageResult, Problem};
use crate::hosts::Place;
use crate::house::Home;
use crate::i18n::{Arg, Lang, Look, text_with};
use crate::pages::auth::Empty;
use crate::pages::fragment::Avatar;
use crate::pages::qr;
use crate::pages::shell::{Shell, page_with, see_other};
use crate::pages::time::{self, Stamp};
use crate::session::{CheckedForm, Session};

struct Row {
    resident: Resident,
    avatar: Avatar,
    seen: Option<Stamp>,
    /// How much of the disk they fill, and may.
    room: String,
}

#[derive(Template)]
#[template(path = "pages/settings/node.html")]
struct NodePage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    node: NodeSettings,
    rows: Vec<Row>,
    storage: Storage,
    /// As typed.
    keep_days: String,
    /// The home network, and the first address there as a picture.
    home: Home,
    home_picture: String,
    /// Whether the node is a relay, and whether that is set from outside.
    relay: (bool, bool),
    /// A link just made, with whose password it sets (none = an invitation).
    link: Option<(Option<String>, String)>,
    faults: Faults,
}

impl NodePage<'_> {
    fn policy(&self) -> &'static str {
        policy_word(self.node.registration)
    }

    fn size(&self, bytes: &u64) -> String {
        size_text(self.look.lang, *bytes)
    }
}

/// The word of a form for a policy.
pub(crate) fn policy_word(policy: Registration) -> &'static str {
    match policy {
        Registration::Open => "open",
        Registration::Invite => "invite",
        Registration::Closed => "closed",
    }
}

/// The policy of a form's word.
pub(crate) fn policy(word: Option<&str>) -> Option<Registration> {
    match word {
        Some("open") => Some(Registration::Open),
        Some("invite") => Some(Registration::Invite),
        Some("closed") => Some(Registration::Closed),
        _ => None,
    }
}

/// Bytes as people read them: one decimal below ten.
pub(crate) fn size_text(lang: Lang, bytes: u64) -> String {
    let (unit, tenths) = match bytes {
        0..1_048_576 => ("size-kb", bytes * 10 / 1024),
        1_048_576..1_073_741_824 => ("size-mb", bytes * 10 / 1_048_576),
        _ => ("size-gb", bytes * 10 / 1_073_741_824),
    };
    let number = if tenths < 100 {
        format!("{}.{}", tenths / 10, tenths % 10)
    } else {
        (tenths / 10).to_string()
    };
    let number = number.strip_suffix(".0").unwrap_or(&number);
    let number = match lang {
        Lang::Ru => number.replace('.', ","),
        Lang::En => number.to_owned(),
    };
    text_with(lang, unit, &[("a", Arg::from(number))])
}

/// `/settings/node`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
) -> PageResult {
    let saved = saved.saved.is_some();
    let typed = Typed::default();
    render(&app, &session, &look, saved, typed, None, Faults::default()).await
}

/// The page again with what was typed as the days to keep pictures, and what is wrong with it.
pub(super) async fn render_typed(
    app: &App,
    session: &Session,
    look: &Look,
    days: String,
    faults: Faults,
) -> PageResult {
    let typed = Typed {
        days: Some(days),
        ..Typed::default()
    };
    render(app, session, look, false, typed, None, faults).await
}

/// What was typed into the forms of the page.
#[derive(Default)]
struct Typed {
    settings: Option<SettingsForm>,
    days: Option<String>,
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    saved: bool,
    typed: Typed,
    link: Option<(Option<String>, String)>,
    faults: Faults,
) -> PageResult {
    let keep_days = typed.days;
    // Asked first: whoever does not own the node gets no part of the page.
    let mut node = session.user.node_settings()?;
    if let Some(typed) = typed.settings {
        node.name = typed.name.unwrap_or(node.name);
        node.registration = policy(typed.registration.as_deref()).unwrap_or(node.registration);
    }
    let shell = shell(app, session, look).await;
    let me = session.user.me()?;
    let home = app.house.now();
    let storage = session.user.storage()?;
    let now_ms = time::now_ms();
    let row = |resident: Resident| Row {
        avatar: Avatar::person(&resident.person, "m", false),
        seen: resident.seen_ms.map(|ms| time::card(look, ms, now_ms)),
        room: {
            let values = [
                ("a", Arg::from(size_text(look.lang, resident.room.used))),
                ("b", Arg::from(size_text(look.lang, resident.room.quota))),
            ];
            text_with(look.lang, "room-used", &values)
        },
        resident,
    };
    Ok(page_with(
        faults.status(),
        &NodePage {
            look,
            shell,
            frame: Frame::new("node", &me, saved),
            node,
            rows: session.user.residents()?.into_iter().map(row).collect(),
            keep_days: keep_days.unwrap_or_else(|| storage.keep_days.to_string()),
            storage,
            home_picture: home
                .urls
                .first()
                .and_then(|url| qr::picture(url))
                .unwrap_or_default(),
            home,
            relay: session.user.relay()?,
            link,
            faults,
        },
    ))
}

/// The node's name and who may register.
#[derive(Deserialize)]
pub(crate) struct SettingsForm {
    pub(crate) name: Option<String>,
    pub(crate) registration: Option<String>,
}

/// Saves both.
pub(crate) async fn save(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<SettingsForm>,
) -> PageResult {
    let saved = session
        .user
        .save_node_settings(form.name.clone(), policy(form.registration.as_deref()))
        .await;
    match saved {
        Ok(()) => Ok(see_other("/settings/node?saved=1")),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "name")?;
            let typed = Typed {
                settings: Some(form),
                ..Typed::default()
            };
            render(&app, &session, &look, false, typed, None, faults).await
        }
    }
}

pub(super) fn user_id(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| Problem::new(404, "not_found"))
}

/// Closes an account.
pub(crate) async fn close(
    session: Session,
    Path(user): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.set_closed(user_id(&user)?, true).await?;
    Ok(see_other("/settings/node?saved=1"))
}

/// Opens an account again.
pub(crate) async fn reopen(
    session: Session,
    Path(user): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    session.user.set_closed(user_id(&user)?, false).await?;
    Ok(see_other("/settings/node?saved=1"))
}

/// Makes a link for a new password and shows it, once.
pub(crate) async fn password_link(
    State(app): State<App>,
    session: Session,
    look: Look,
    headers: HeaderMap,
    Path(user): Path<String>,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    let user = user_id(&user)?;
    let code = session.user.password_link(user).await?;
    let person = session
        .user
        .residents()?
        .into_iter()
        .find(|resident| resident.person.user_id == user)
        .ok_or(Error::NotFound)?
        .person;
    let link = format!("{}/reset/{code}", origin(&app, &headers));
    let link = Some((Some(person.display_name), link));
    let typed = Typed::default();
    render(&app, &session, &look, false, typed, link, Faults::default()).await
}

/// Makes an invitation for one person and shows it.
pub(crate) async fn invite(
    State(app): State<App>,
    session: Session,
    look: Look,
    headers: HeaderMap,
    CheckedForm(_): CheckedForm<Empty>,
) -> PageResult {
    let link = invitation(&app, &session, &headers).await?;
    let link = Some((None, link));
    let typed = Typed::default();
    render(&app, &session, &look, false, typed, link, Faults::default()).await
}

/// A link by which one person may register.
pub(crate) async fn invitation(
    app: &App,
    session: &Session,
    headers: &HeaderMap,
) -> Result<String, Error> {
    let code = session.user.invite_user().await?;
    Ok(format!("{}/invite/{code}", origin(app, headers)))
}

/// The address by which others reach the node: the public one, else the one by which this page was opened. What only this
/// computer can open is of no use to a phone: then the one in the home network, if there is one.
pub(crate) fn origin(app: &App, headers: &HeaderMap) -> String {
    if let Some(url) = &app.config.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    // One of our own names: the guard has looked at it.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or("localhost");
    if Place::parse(host).is_none_or(|place| place.is_loopback())
        && let Some(url) = app.house.now().urls.into_iter().next()
    {
        return url;
    }
    format!("http://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 KB"),
            (1_536, "1.5 KB"),
            (1_048_575, "1023 KB"),
            (5_242_880, "5 MB"),
            (1_610_612_736, "1.5 GB"),
        ] {
            assert_eq!(size_text(Lang::En, bytes), text, "{bytes}");
        }
    }
}
