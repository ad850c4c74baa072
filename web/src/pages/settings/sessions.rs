//! Open logins and the password they came by.

use askama::Template;
use axum::extract::{Query, State};
use chater_engine::id::Hash;
use chater_engine::view::{Device, Me};
use serde::Deserialize;

use super::{Faults, Frame, Saved, shell};
use crate::app::App;
use crate::error::{PageResult, Problem};
use crate::i18n::{Arg, Look, text_with};
use crate::pages::auth::Empty;
use crate::pages::shell::{Shell, page_with, see_other};
use crate::pages::time::{self, Stamp};
use crate::session::{CheckedForm, Session};

struct Row {
    device: Device,
    /// Browser and system, in words.
    name: String,
    seen: Stamp,
}

#[derive(Template)]
#[template(path = "pages/settings/sessions.html")]
struct SessionsPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
    rows: Vec<Row>,
    faults: Faults,
    /// What a changed password could not do.
    locked: bool,
}

/// `/settings/sessions`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
) -> PageResult {
    let saved = saved.saved.unwrap_or_default();
    render(
        &app,
        &session,
        &look,
        !saved.is_empty(),
        saved == "locked",
        Faults::default(),
    )
    .await
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    saved: bool,
    locked: bool,
    faults: Faults,
) -> PageResult {
    let shell = shell(app, session, look).await;
    let me = session.user.me()?;
    let now_ms = time::now_ms();
    let row = |device: Device| Row {
        name: device_name(look, &device),
        seen: time::card(look, device.seen_ms, now_ms),
        device,
    };
    Ok(page_with(
        faults.status(),
        &SessionsPage {
            look,
            shell,
            frame: Frame::new("sessions", &me, saved),
            me,
            rows: session.user.sessions()?.into_iter().map(row).collect(),
            faults,
            locked,
        },
    ))
}

/// What a user agent says, in few words. Only names are taken from it, never its text.
fn device_name(look: &Look, device: &Device) -> String {
    if device.token {
        return look.t("session-program");
    }
    let text = device.device.as_str();
    let first = |names: &[(&str, &'static str)]| {
        names
            .iter()
            .find(|(mark, _)| text.contains(mark))
            .map(|(_, name)| *name)
    };
    // Chrome names Safari, Edge names both: the most telling mark comes first.
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("YaBrowser", "Yandex"),
        ("Firefox", "Firefox"),
        ("Chrom", "Chrome"),
        ("Safari", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => text_with(
            look.lang,
            "session-browser",
            &[("a", Arg::from(browser)), ("b", Arg::from(system))],
        ),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => look.t("session-unknown"),
    }
}

/// Which login to end.
#[derive(Deserialize)]
pub(crate) struct EndForm {
    #[serde(default)]
    id: String,
}

/// Ends one login.
pub(crate) async fn end(session: Session, CheckedForm(form): CheckedForm<EndForm>) -> PageResult {
    let id: Hash = form
        .id
        .parse()
        .map_err(|_| Problem::new(404, "not_found"))?;
    session.user.end_session(id).await?;
    Ok(see_other("/settings/sessions?saved=1"))
}

/// Ends all logins but this one.
pub(crate) async fn end_others(session: Session, CheckedForm(_): CheckedForm<Empty>) -> PageResult {
    session.user.end_other_sessions().await?;
    Ok(see_other("/settings/sessions?saved=1"))
}

/// The old password and the new one.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    old: String,
    #[serde(default)]
    password: String,
}

/// Changes the password; the other logins end.
pub(crate) async fn change_password(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<PasswordForm>,
) -> PageResult {
    match session.user.change_password(form.old, form.password).await {
        Ok(true) => Ok(see_other("/settings/sessions?saved=1")),
        Ok(false) => Ok(see_other("/settings/sessions?saved=locked")),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "old")?;
            render(&app, &session, &look, false, false, faults).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_by_known_names_alone() {
        let look = crate::i18n::tests::look();
        let named = |text: &str| {
            device_name(
                &look,
                &Device {
                    id: Hash([0; 32]),
                    device: text.to_owned(),
                    token: false,
                    created_ms: 0,
                    seen_ms: 0,
                    current: false,
                },
            )
        };
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0";
        assert_eq!(named(edge), "Edge, Windows");
        let phone =
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36";
        assert_eq!(named(phone), "Chrome, Android");
        assert_eq!(named("curl/8"), "Unknown device");
        assert_eq!(named("<b>Firefox</b>"), "Firefox");
    }
}
