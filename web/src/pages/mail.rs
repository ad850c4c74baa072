//! «Кто хранит мою почту / чью храню я»: mailboxes, both ways (S11). Everybody of the node may look; the
//! owner chooses, volunteers and evicts.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chater_engine::id::NodeId;
use chater_engine::view::{KeptFor, Mail, Mailbox, MailboxState};
use chater_engine::{Error, MailRules};
use serde::Deserialize;

use super::actions::NoFields;
use super::ask::Ask;
use super::auth::invalid;
use super::settings::Faults;
use super::settings::node::size_text;
use super::shell::{Shell, page, page_with, see_other};
use super::time::{self, Stamp};
use crate::app::App;
use crate::error::{PageResult, Problem};
use crate::i18n::Look;
use crate::session::{CheckedForm, Session};

const MIB: u64 = 1024 * 1024;

/// A node that keeps our mail.
struct Own {
    id: String,
    mailbox: Mailbox,
    state: String,
    dot: &'static str,
    collected: Option<Stamp>,
}

/// A node whose mail is kept here.
struct Client {
    id: String,
    kept: KeptFor,
    size: String,
    oldest: Option<Stamp>,
    collected: Option<Stamp>,
}

#[derive(Template)]
#[template(path = "pages/mail.html")]
struct MailPage<'a> {
    look: &'a Look,
    shell: Shell,
    owner: bool,
    saved: bool,
    mine: Vec<Own>,
    offers: Vec<(String, String, bool)>,
    clients: Vec<Client>,
    rules: MailRules,
    fixed: bool,
    quota: String,
    days: String,
    used: String,
    room: String,
    faults: Faults,
}

/// Whether something was saved just now.
#[derive(Deserialize)]
pub(crate) struct Saved {
    saved: Option<String>,
}

fn node(text: &str) -> Result<NodeId, Problem> {
    NodeId::from_peer_id(text).map_err(|_| Problem::new(404, "not_found"))
}

/// `/network/mail`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
) -> PageResult {
    let saved = saved.saved.is_some();
    render(&app, &session, &look, saved, None, Faults::default()).await
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    saved: bool,
    typed: Option<RulesForm>,
    faults: Faults,
) -> PageResult {
    let mail = session.user.mail()?;
    let shell = Shell::new(app, session, look.t("mail"))
        .await
        .section("network");
    let now_ms = time::now_ms();
    let stamp = |ms: Option<i64>| ms.map(|ms| time::card(look, ms, now_ms));
    let used: u64 = mail.kept.iter().map(|kept| kept.bytes).sum();
    let Mail {
        mut rules,
        fixed,
        mine,
        offers,
        kept,
    } = mail;
    let (mut quota, mut days) = ((rules.bytes / MIB).to_string(), rules.days.to_string());
    if let Some(typed) = typed {
        rules.offers = typed.offers.is_some();
        (quota, days) = (typed.quota, typed.days);
    }
    let own = |mailbox: Mailbox| {
        let (dot, state) = match (mailbox.state, mailbox.linked) {
            (MailboxState::Refused, _) => ("off", look.t("mail-refused")),
            (MailboxState::Asked, _) => ("wait", look.t("mail-asked")),
            (MailboxState::Keeps, true) => ("", look.t("mail-keeps")),
            (MailboxState::Keeps, false) => ("off", look.t("mail-keeps-away")),
        };
        Own {
            id: mailbox.node_id.to_peer_id(),
            collected: stamp(mailbox.collected_ms),
            mailbox,
            state,
            dot,
        }
    };
    let client = |kept: KeptFor| Client {
        id: kept.node_id.to_peer_id(),
        size: size_text(look.lang, kept.bytes),
        oldest: stamp(kept.oldest_ms),
        collected: stamp(kept.collected_ms),
        kept,
    };
    let offers = offers.into_iter();
    let shown = MailPage {
        look,
        shell,
        owner: session.user.me()?.owner,
        saved,
        mine: mine.into_iter().map(own).collect(),
        offers: offers
            .map(|offer| (offer.node_id.to_peer_id(), offer.name, offer.linked))
            .collect(),
        clients: kept.into_iter().map(client).collect(),
        used: size_text(look.lang, used),
        room: size_text(look.lang, rules.bytes),
        rules,
        fixed,
        quota,
        days,
        faults,
    };
    Ok(page_with(shown.faults.status(), &shown))
}

/// The volunteer's switch.
#[derive(Deserialize)]
pub(crate) struct RulesForm {
    offers: Option<String>,
    #[serde(default)]
    quota: String,
    #[serde(default)]
    days: String,
}

/// Saves whether mail is kept for others (owner only; the engine checks).
pub(crate) async fn save(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<RulesForm>,
) -> PageResult {
    // What is no number is out of bounds: the engine says so.
    let rules = MailRules {
        offers: form.offers.is_some(),
        bytes: form
            .quota
            .trim()
            .parse::<u64>()
            .unwrap_or(0)
            .saturating_mul(MIB),
        days: form.days.trim().parse().unwrap_or(0),
    };
    match session.user.set_mail_rules(rules).await {
        Ok(()) => Ok(see_other("/network/mail?saved=1")),
        Err(Error::Invalid { field, reason }) => {
            let text = invalid(&look, field, reason.as_str());
            let faults = Faults::one(field, text);
            render(&app, &session, &look, false, Some(form), faults).await
        }
        Err(error) => Err(error.into()),
    }
}

/// A node named in a form.
#[derive(Deserialize)]
pub(crate) struct NodeForm {
    #[serde(default)]
    node: String,
}

/// Chooses a mailbox (owner only; the engine checks).
pub(crate) async fn choose(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<NodeForm>,
) -> PageResult {
    match session.user.choose_mailbox(node(&form.node)?).await {
        Ok(()) => Ok(see_other("/network/mail?saved=1")),
        Err(Error::Invalid { field, reason }) => {
            let faults = Faults::one("mailbox", invalid(&look, field, reason.as_str()));
            render(&app, &session, &look, false, None, faults).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks before a mailbox is left.
pub(crate) async fn ask_leave(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(id): Path<String>,
) -> PageResult {
    let wanted = node(&id)?;
    let mail = session.user.mail()?;
    let own = mail.mine.iter().find(|own| own.node_id == wanted);
    let name = own.map(|own| own.name.clone()).ok_or(Error::NotFound)?;
    let shown = Ask {
        look: &look,
        shell: Shell::new(&app, &session, look.t("mail-leave")).await,
        title: look.a("mail-leave-ask", name),
        hint: look.t("mail-leave-hint"),
        action: format!("/network/mail/leave/{id}"),
        act: "",
        back: "/network/mail".to_owned(),
        verb: look.t("mail-leave"),
    };
    Ok(page(&shown))
}

/// Leaves a mailbox.
pub(crate) async fn leave(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> PageResult {
    session.user.leave_mailbox(node(&id)?).await?;
    Ok(see_other("/network/mail?saved=1"))
}

/// Asks before the mail of a node is thrown away.
pub(crate) async fn ask_evict(
    State(app): State<App>,
    session: Session,
    look: Look,
    Path(id): Path<String>,
) -> PageResult {
    let wanted = node(&id)?;
    let mail = session.user.mail()?;
    let kept = mail.kept.iter().find(|kept| kept.node_id == wanted);
    let kept = kept.ok_or(Error::NotFound)?;
    let shown = Ask {
        look: &look,
        shell: Shell::new(&app, &session, look.t("mail-evict")).await,
        title: look.a("mail-evict-ask", &kept.name),
        hint: look.n("mail-evict-hint", kept.letters),
        action: format!("/network/mail/evict/{id}"),
        act: "",
        back: "/network/mail".to_owned(),
        verb: look.t("mail-evict"),
    };
    Ok(page_with(StatusCode::OK, &shown))
}

/// Throws the mail of a node away and keeps none for it.
pub(crate) async fn evict(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> PageResult {
    session.user.evict_mail(node(&id)?, true).await?;
    Ok(see_other("/network/mail?saved=1"))
}

/// Keeps mail for it again.
pub(crate) async fn readmit(
    session: Session,
    Path(id): Path<String>,
    CheckedForm(NoFields {}): CheckedForm<NoFields>,
) -> PageResult {
    session.user.evict_mail(node(&id)?, false).await?;
    Ok(see_other("/network/mail?saved=1"))
}
