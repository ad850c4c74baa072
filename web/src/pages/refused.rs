//! What somebody typed into a form of a group that was refused: it is shown again, with one sentence at its field.

use chater_engine::Error;
use chater_engine::view::GroupRules;

use super::settings::Faults;
use crate::error::PageError;
use crate::i18n::Look;

/// The form and its fields as they were typed.
#[derive(Debug, Default)]
pub(crate) enum Typed {
    /// No form was refused.
    #[default]
    Nothing,
    /// Another title.
    Title(String),
    /// What the owner allows, and the number of days as it was typed.
    Rules(GroupRules, String),
    /// For how many and for how many days a link counts.
    Link(String, String),
}

/// The form and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    typed: Typed,
    pub(crate) faults: Faults,
}

impl Refused {
    /// What the engine says of these fields; `field` is where it belongs when no field is named.
    pub(crate) fn new(
        look: &Look,
        error: Error,
        field: &'static str,
        typed: Typed,
    ) -> Result<Self, PageError> {
        let faults = Faults::from_engine(look, error, field)?;
        Ok(Self { typed, faults })
    }

    /// The rules as they were typed, else as they are.
    pub(crate) fn rules(&self, now: GroupRules) -> GroupRules {
        match self.typed {
            Typed::Rules(rules, _) => rules,
            _ => now,
        }
    }

    /// The title as it was typed, else as it is.
    pub(crate) fn title<'a>(&'a self, now: &'a str) -> &'a str {
        match &self.typed {
            Typed::Title(title) => title,
            _ => now,
        }
    }

    /// The days of the rules as they were typed, else as they are.
    pub(crate) fn days(&self, now: u16) -> String {
        match &self.typed {
            Typed::Rules(_, days) => days.clone(),
            _ => now.to_string(),
        }
    }

    /// For how many a link counts, and for how many days.
    pub(crate) fn link(&self) -> (&str, &str) {
        match &self.typed {
            Typed::Link(uses, days) => (uses, days),
            _ => ("1", "7"),
        }
    }

    pub(crate) fn in_title(&self) -> Option<&String> {
        matches!(self.typed, Typed::Title(_)).then(|| self.faults.of("title"))?
    }

    pub(crate) fn in_rules(&self) -> Option<&String> {
        let rules = matches!(self.typed, Typed::Rules(..));
        rules.then(|| self.faults.of("days").or(self.faults.of("history")))?
    }

    pub(crate) fn in_uses(&self) -> Option<&String> {
        matches!(self.typed, Typed::Link(..)).then(|| self.faults.of("uses"))?
    }

    pub(crate) fn in_days(&self) -> Option<&String> {
        matches!(self.typed, Typed::Link(..)).then(|| self.faults.of("days"))?
    }
}
