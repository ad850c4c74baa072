//! Settings: what all sections share. Each section is a form of its own; with scripts its switches save
//! at once (`settings.js`), without them by a button.

pub(crate) mod home;
pub(crate) mod homes;
pub(crate) mod house;
pub(crate) mod log;
pub(crate) mod look;
pub(crate) mod node;
pub(crate) mod notify;
pub(crate) mod privacy;
pub(crate) mod profile;
pub(crate) mod room;
pub(crate) mod sessions;
pub(crate) mod storage;
pub(crate) mod words;

use axum::http::StatusCode;
use chater_engine::Error;
use chater_engine::view::Me;
use serde::Deserialize;

use super::auth::invalid;
use super::shell::Shell;
use crate::app::App;
use crate::error::PageError;
use crate::i18n::Look;
use crate::session::Session;

/// Whether a form was saved just now.
#[derive(Deserialize, Default)]
pub(crate) struct Saved {
    saved: Option<String>,
}

/// What stands around every section: the list of sections, what was saved.
pub(crate) struct Frame {
    /// Which section is open.
    part: &'static str,
    saved: bool,
    owner: bool,
    /// I7: nothing can be written before the password is typed.
    stopped: bool,
}

impl Frame {
    fn new(part: &'static str, me: &Me, saved: bool) -> Self {
        Self {
            part,
            saved,
            owner: me.owner,
            stopped: me.stopped,
        }
    }
}

/// The page around a section.
async fn shell(app: &App, session: &Session, look: &Look) -> Shell {
    Shell::new(app, session, look.t("settings"))
        .await
        .section("settings")
}

/// What every section needs that is only shown: the shell, what stands around it, and whose it is.
async fn opened(
    app: &App,
    session: &Session,
    look: &Look,
    part: &'static str,
    saved: &Saved,
) -> Result<(Shell, Frame, Me), Error> {
    let shell = shell(app, session, look).await;
    let me = session.user.me()?;
    let frame = Frame::new(part, &me, saved.saved.is_some());
    Ok((shell, frame, me))
}

/// What is wrong with the fields of a form: one sentence each.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(&'static str, String)>);

impl Faults {
    /// One wrong field.
    pub(crate) fn one(field: &'static str, text: String) -> Self {
        Self(vec![(field, text)])
    }

    /// The sentence for a field.
    pub(crate) fn of(&self, field: &str) -> Option<&String> {
        self.0
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, text)| text)
    }

    /// 422 when anything is wrong.
    pub(crate) fn status(&self) -> StatusCode {
        if self.0.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }

    /// What the engine refused, at the field it names; too many tries and what only the words can do stand
    /// at `field`. Everything else is a page of its own.
    pub(crate) fn from_engine(
        look: &Look,
        error: Error,
        field: &'static str,
    ) -> Result<Self, PageError> {
        match error {
            Error::Invalid { field, reason } => {
                Ok(Self::one(field, invalid(look, field, reason.as_str())))
            }
            Error::TooMany { retry_after_s } => {
                Ok(Self::one(field, look.n("login-slow", retry_after_s)))
            }
            Error::RootLocked => Ok(Self::one(field, look.t("api-root_locked"))),
            error => Err(error.into()),
        }
    }
}

/// A switch of a form: a box that is sent when it is on.
fn on(value: &Option<String>) -> bool {
    value.is_some()
}
