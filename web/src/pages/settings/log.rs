//! What happened to the node lately, for its owner; the page follows the news.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use chater_engine::view::{Happening, LogEntry};
use serde::Deserialize;

use super::{Frame, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Arg, Look, text_with};
use crate::pages::shell::{Shell, page_with};
use crate::pages::time::{self, Stamp};
use crate::session::Session;

struct Line {
    text: String,
    at: Stamp,
    /// How often in a row.
    times: u32,
    /// Something that the owner should look at.
    trouble: bool,
}

#[derive(Template)]
#[template(path = "pages/settings/log.html")]
struct LogPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "partials/log.html")]
struct Lines<'a> {
    look: &'a Look,
    lines: Vec<Line>,
}

/// What happened, in words.
pub(crate) fn words(look: &Look, what: &Happening) -> String {
    match what {
        Happening::Started { version } => look.a("log-started", version),
        Happening::Linked { node } => look.a("log-linked", node),
        Happening::Lost { node } => look.a("log-lost", node),
        Happening::Waits { node } => look.a("log-waits", node),
        Happening::LetIn { node } => look.a("log-let-in", node),
        Happening::CutOff { node } => look.a("log-cut-off", node),
        Happening::Blocked { node } => look.a("log-blocked", node),
        Happening::Unblocked { node } => look.a("log-unblocked", node),
        Happening::Allowed { node } => look.a("log-allowed", node),
        Happening::Disallowed { node } => look.a("log-disallowed", node),
        Happening::OnlyListed { on: true } => look.t("log-only-listed-on"),
        Happening::OnlyListed { on: false } => look.t("log-only-listed-off"),
        Happening::PersonInvited => look.t("log-person-invited"),
        Happening::Owned { nick } => look.a("log-owned", nick),
        Happening::Registered { nick } => look.a("log-registered", nick),
        Happening::CameInvited { nick } => look.a("log-came-invited", nick),
        Happening::Closed { nick } => look.a("log-closed", nick),
        Happening::Opened { nick } => look.a("log-opened", nick),
        Happening::PasswordLink { nick } => look.a("log-password-link", nick),
        Happening::PasswordSet { nick } => look.a("log-password-set", nick),
        Happening::LoginsStopped { from } => look.a("log-logins-stopped", from),
        Happening::BackupMade { file } => look.a("log-backup-made", file),
        Happening::DiskFailed => look.t("log-disk-failed"),
        Happening::DiskFull => look.t("log-disk-full"),
        Happening::DiskWorks => look.t("log-disk-works"),
        Happening::Founded { name } => look.a("log-founded", name),
        Happening::Joined { name } => look.a("log-joined", name),
        Happening::Left { name } => look.a("log-left", name),
        Happening::NodeInvited { name } => look.a("log-node-invited", name),
        Happening::NodeCame { name, node } => {
            let values = [
                ("a", Arg::from(name.as_str())),
                ("b", Arg::from(node.as_str())),
            ];
            text_with(look.lang, "log-node-came", &values)
        }
        Happening::MailAdmitted { node } => look.a("log-mail-admitted", node),
        Happening::MailEvicted { node } => look.a("log-mail-evicted", node),
        Happening::MailChosen { node } => look.a("log-mail-chosen", node),
        Happening::HomeNetwork { on: true } => look.t("log-home-network-on"),
        Happening::HomeNetwork { on: false } => look.t("log-home-network-off"),
        Happening::Relay { on: true } => look.t("log-relay-on"),
        Happening::Relay { on: false } => look.t("log-relay-off"),
        Happening::SettingsSaved => look.t("log-settings-saved"),
        Happening::QuotaReached { nick } => look.a("log-quota-reached", nick),
    }
}

fn line(look: &Look, happened: &LogEntry) -> Line {
    Line {
        text: words(look, &happened.what),
        at: time::moment(look, happened.at_ms),
        times: happened.times,
        trouble: matches!(
            happened.what,
            Happening::DiskFailed
                | Happening::DiskFull
                | Happening::LoginsStopped { .. }
                | Happening::QuotaReached { .. }
        ),
    }
}

/// Whether only the lines are wanted.
#[derive(Deserialize, Default)]
pub(crate) struct Part {
    part: Option<String>,
}

/// `/settings/node/log`; with `part` the lines alone.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(asked): Query<Part>,
) -> PageResult {
    let diary = session.user.diary()?;
    let lines = diary.iter().map(|it| line(&look, it)).collect();
    if asked.part.is_some() {
        let look = &look;
        return Ok(page_with(StatusCode::OK, &Lines { look, lines }));
    }
    let me = session.user.me()?;
    Ok(page_with(
        StatusCode::OK,
        &LogPage {
            look: &look,
            shell: shell(&app, &session, &look).await,
            frame: Frame::new("node", &me, false),
            lines,
        },
    ))
}
