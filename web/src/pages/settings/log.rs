//! What happened to the node lately, for its owner; the page follows the news.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use chater_engine::view::{Happening, LogEntry};
use serde::Deserialize;

use super::{Frame, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Arg, Lang, Look, text_with};
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
pub(crate) fn words(lang: Lang, what: &Happening) -> String {
    let t = |key| text_with(lang, key, &[]);
    let a = |key, value: &str| text_with(lang, key, &[("a", Arg::from(value))]);
    match what {
        Happening::Started { version } => a("log-started", version),
        Happening::Linked { node } => a("log-linked", node),
        Happening::Lost { node } => a("log-lost", node),
        Happening::Waits { node } => a("log-waits", node),
        Happening::LetIn { node } => a("log-let-in", node),
        Happening::CutOff { node } => a("log-cut-off", node),
        Happening::Blocked { node } => a("log-blocked", node),
        Happening::Unblocked { node } => a("log-unblocked", node),
        Happening::Misbehaved { node } => a("log-misbehaved", node),
        Happening::Allowed { node } => a("log-allowed", node),
        Happening::Disallowed { node } => a("log-disallowed", node),
        Happening::OnlyListed { on: true } => t("log-only-listed-on"),
        Happening::OnlyListed { on: false } => t("log-only-listed-off"),
        Happening::PersonInvited => t("log-person-invited"),
        Happening::Owned { nick } => a("log-owned", nick),
        Happening::Registered { nick } => a("log-registered", nick),
        Happening::CameInvited { nick } => a("log-came-invited", nick),
        Happening::Closed { nick } => a("log-closed", nick),
        Happening::Opened { nick } => a("log-opened", nick),
        Happening::PasswordLink { nick } => a("log-password-link", nick),
        Happening::PasswordSet { nick } => a("log-password-set", nick),
        Happening::LoginsStopped { from } => a("log-logins-stopped", from),
        Happening::BackupMade { file } => a("log-backup-made", file),
        Happening::DiskFailed => t("log-disk-failed"),
        Happening::DiskFull => t("log-disk-full"),
        Happening::DiskWorks => t("log-disk-works"),
        Happening::Founded { name } => a("log-founded", name),
        Happening::Joined { name } => a("log-joined", name),
        Happening::Left { name } => a("log-left", name),
        Happening::NodeInvited { name } => a("log-node-invited", name),
        Happening::NodeCame { name, node } => {
            let values = [
                ("a", Arg::from(name.as_str())),
                ("b", Arg::from(node.as_str())),
            ];
            text_with(lang, "log-node-came", &values)
        }
        Happening::MailAdmitted { node } => a("log-mail-admitted", node),
        Happening::MailEvicted { node } => a("log-mail-evicted", node),
        Happening::MailChosen { node } => a("log-mail-chosen", node),
        Happening::HomeNetwork { on: true } => t("log-home-network-on"),
        Happening::HomeNetwork { on: false } => t("log-home-network-off"),
        Happening::Relay { on: true } => t("log-relay-on"),
        Happening::Relay { on: false } => t("log-relay-off"),
        Happening::SettingsSaved => t("log-settings-saved"),
        Happening::QuotaReached { nick } => a("log-quota-reached", nick),
    }
}

fn line(look: &Look, happened: &LogEntry) -> Line {
    Line {
        text: words(look.lang, &happened.what),
        at: time::moment(look, happened.at_ms),
        times: happened.times,
        trouble: matches!(
            happened.what,
            Happening::DiskFailed
                | Happening::DiskFull
                | Happening::LoginsStopped { .. }
                | Happening::Misbehaved { .. }
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
