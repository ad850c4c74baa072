//! The question before something that cannot be taken back: its object in the title, its verb on the button.

use askama::Template;

use super::shell::Shell;
use crate::i18n::Look;

/// A page that asks.
#[derive(Template)]
#[template(path = "pages/ask.html")]
pub(crate) struct Ask<'a> {
    pub(crate) look: &'a Look,
    pub(crate) shell: Shell,
    /// The question, with the name of what it is about.
    pub(crate) title: String,
    /// What follows from it.
    pub(crate) hint: String,
    /// Where the form goes.
    pub(crate) action: String,
    /// What the form says besides, as its field `act`; may be empty.
    pub(crate) act: &'static str,
    /// The verb.
    pub(crate) verb: String,
    /// Where one goes who does not want it.
    pub(crate) back: String,
}
