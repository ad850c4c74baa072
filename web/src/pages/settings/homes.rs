//! The homes of the account (I2): where it lives, and the end of a home on purpose (I8).

use askama::Template;
use axum::extract::{Query, State};
use chater_engine::Error;
use chater_engine::view::{Home, Me};
use serde::Deserialize;

use super::{Faults, Frame, Saved, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::pages::shell::{Shell, page_with, see_other};
use crate::pages::time::{self, Stamp};
use crate::session::{CheckedForm, Session};

struct Row {
    home: Home,
    since: Option<Stamp>,
    ended: Option<Stamp>,
}

#[derive(Template)]
#[template(path = "pages/settings/homes.html")]
struct HomesPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
    rows: Vec<Row>,
    /// What was chosen before an error.
    chosen: String,
    why: &'static str,
    faults: Faults,
}

/// `/settings/homes`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
) -> PageResult {
    let form = EndForm::default();
    render(
        &app,
        &session,
        &look,
        saved.saved.is_some(),
        form,
        Faults::default(),
    )
    .await
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    saved: bool,
    form: EndForm,
    faults: Faults,
) -> PageResult {
    let me = session.user.me()?;
    let now_ms = time::now_ms();
    let stamp = |ms: Option<i64>| ms.map(|ms| time::card(look, ms, now_ms));
    let row = |home: Home| Row {
        since: stamp(home.since_ms),
        ended: stamp(home.ended_ms),
        home,
    };
    Ok(page_with(
        faults.status(),
        &HomesPage {
            look,
            shell: shell(app, session, look).await,
            frame: Frame::new("sessions", &me, saved),
            me,
            rows: session.user.homes()?.into_iter().map(row).collect(),
            why: if form.is_stolen() { "stolen" } else { "gone" },
            chosen: form.home,
            faults,
        },
    ))
}

/// Which home ends, and why.
#[derive(Deserialize, Default)]
pub(crate) struct EndForm {
    #[serde(default)]
    home: String,
    /// `stolen`, else its node is gone.
    #[serde(default)]
    why: String,
    #[serde(default)]
    password: String,
}

impl EndForm {
    fn is_stolen(&self) -> bool {
        self.why == "stolen"
    }
}

/// Ends a home.
pub(crate) async fn end(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(mut form): CheckedForm<EndForm>,
) -> PageResult {
    let password = std::mem::take(&mut form.password);
    let faults = match form.home.parse() {
        Err(_) => Faults::one("home", look.t("homes-none")),
        Ok(home) => match session
            .user
            .end_home(home, form.is_stolen(), password)
            .await
        {
            Ok(()) => return Ok(see_other("/settings/homes?saved=1")),
            Err(Error::Forbidden) => Faults::one("home", look.t("homes-in-use")),
            Err(Error::NotFound) => Faults::one("home", look.t("homes-none")),
            Err(error) => Faults::from_engine(&look, error, "password")?,
        },
    };
    render(&app, &session, &look, false, form, faults).await
}
