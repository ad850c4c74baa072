//! What lies on the disk of the node, for its owner: how long pictures that nobody uses are kept, and backups.

use askama::Template;
use axum::extract::{Query, State};
use chater_engine::view::{Backup, Me};
use serde::Deserialize;

use super::node::size_text;
use super::{Faults, Frame, Saved, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::pages::shell::{Shell, page_with, see_other};
use crate::pages::time::{self, Stamp};
use crate::session::{CheckedForm, Session};

struct Row {
    name: String,
    size: String,
    made: Stamp,
}

#[derive(Template)]
#[template(path = "pages/settings/backup.html")]
struct BackupPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
    /// One was made just now.
    made: bool,
    folder: String,
    rows: Vec<Row>,
    faults: Faults,
}

/// How long pictures are kept.
#[derive(Deserialize)]
pub(crate) struct KeepForm {
    #[serde(default)]
    pub(crate) days: String,
}

/// Saves how long pictures that nobody uses are kept (owner only; the engine checks).
pub(crate) async fn keep(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<KeepForm>,
) -> PageResult {
    // What is no number is out of bounds: the engine says so.
    let days = form.days.trim().parse().unwrap_or(u16::MAX);
    match session.user.set_keep_days(days).await {
        Ok(()) => Ok(see_other("/settings/node?saved=1#storage")),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "picture_days")?;
            super::node::render_typed(&app, &session, &look, form.days, faults).await
        }
    }
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    made: bool,
    faults: Faults,
) -> PageResult {
    let (folder, backups) = session.user.backups()?;
    let shell = shell(app, session, look).await;
    let me = session.user.me()?;
    let row = |backup: Backup| Row {
        size: size_text(look.lang, backup.size),
        made: time::moment(look, backup.made_ms),
        name: backup.name,
    };
    Ok(page_with(
        faults.status(),
        &BackupPage {
            look,
            shell,
            frame: Frame::new("node", &me, false),
            me,
            made,
            folder: folder.display().to_string(),
            rows: backups.into_iter().map(row).collect(),
            faults,
        },
    ))
}

/// `/settings/node/backup`: those that are there, and the question for the password.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
) -> PageResult {
    let made = saved.saved.is_some();
    render(&app, &session, &look, made, Faults::default()).await
}

/// The password.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    password: String,
}

/// Makes one.
pub(crate) async fn make(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<PasswordForm>,
) -> PageResult {
    match session.user.make_backup(form.password).await {
        Ok(_) => Ok(see_other("/settings/node/backup?saved=1")),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "password")?;
            render(&app, &session, &look, false, faults).await
        }
    }
}
