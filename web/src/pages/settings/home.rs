//! A home that was rolled back (I7): the password opens a new one, so that its owner can write again.

use askama::Template;
use axum::extract::State;
use chater_engine::view::Me;
use serde::Deserialize;

use super::{Faults, Frame, shell};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::Look;
use crate::pages::shell::{Shell, page_with, see_other};
use crate::session::{CheckedForm, Session};

#[derive(Template)]
#[template(path = "pages/settings/home.html")]
struct HomePage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
    faults: Faults,
}

async fn render(app: &App, session: &Session, look: &Look, faults: Faults) -> PageResult {
    let me = session.user.me()?;
    if !me.stopped {
        return Ok(see_other("/"));
    }
    Ok(page_with(
        faults.status(),
        &HomePage {
            look,
            shell: shell(app, session, look).await,
            frame: Frame::new("sessions", &me, false),
            me,
            faults,
        },
    ))
}

/// `/settings/home`: says what happened and asks for the password.
pub(crate) async fn show(State(app): State<App>, session: Session, look: Look) -> PageResult {
    render(&app, &session, &look, Faults::default()).await
}

/// The password.
#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    password: String,
}

/// Opens the new home.
pub(crate) async fn renew(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<PasswordForm>,
) -> PageResult {
    match session.user.renew_home(form.password).await {
        Ok(()) => Ok(see_other("/")),
        Err(error) => {
            let faults = Faults::from_engine(&look, error, "password")?;
            render(&app, &session, &look, faults).await
        }
    }
}
