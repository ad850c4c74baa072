//! The 24 recovery words (I6): shown after the password was typed, never kept by a page.

use askama::Template;
use axum::extract::State;
use chater_engine::view::Me;
use serde::Deserialize;

use super::{Faults, Frame, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::pages::shell::{Shell, page_with};
use crate::session::{CheckedForm, Session};

#[derive(Template)]
#[template(path = "pages/settings/words.html")]
struct WordsPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
    words: Vec<String>,
    faults: Faults,
}

async fn render(
    app: &App,
    session: &Session,
    look: &Look,
    words: Vec<String>,
    faults: Faults,
) -> PageResult {
    let shell = shell(app, session, look).await;
    let me = session.user.me()?;
    Ok(page_with(
        faults.status(),
        &WordsPage {
            look,
            shell,
            frame: Frame::new("sessions", &me, false),
            me,
            words,
            faults,
        },
    ))
}

/// `/settings/words`: asks for the password.
pub(crate) async fn show(State(app): State<App>, session: Session, look: Look) -> PageResult {
    render(&app, &session, &look, Vec::new(), Faults::default()).await
}

/// The password.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    password: String,
}

/// Shows the words. Pages are never kept by browsers (`no-store`), and neither are these.
pub(crate) async fn reveal(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<PasswordForm>,
) -> PageResult {
    match session.user.recovery_words(form.password).await {
        Ok(words) => render(&app, &session, &look, words, Faults::default()).await,
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "password")?;
            render(&app, &session, &look, Vec::new(), faults).await
        }
    }
}
