//! What happened to a group, or to the homes of somebody, in one line between the messages.

use chater_engine::view::{Happened, Note};

use super::time::{self, Stamp};
use crate::i18n::{Arg, Look, text_with};

/// A list item without an author's bubble.
pub(crate) struct NoteItem {
    pub(crate) n: u64,
    pub(crate) at_ms: i64,
    pub(crate) at: Stamp,
    pub(crate) text: String,
    /// Whether the safety number is worth a look now (I11).
    pub(crate) check: bool,
}

impl NoteItem {
    pub(crate) fn of(note: &Note, look: &Look) -> Self {
        Self {
            n: note.n,
            at_ms: note.at_ms,
            at: time::moment(look, note.at_ms),
            text: words(note, look),
            check: matches!(note.what, Happened::Home(_)),
        }
    }
}

/// The sentence. Of what the reader did it speaks as of you.
fn words(note: &Note, look: &Look) -> String {
    let none = String::new;
    let (by, own, what) = match &note.what {
        Happened::Founded => ("note-founded-by", "note-founded-own", none()),
        Happened::Added(people, more) => {
            let names: Vec<&str> = people.iter().map(|p| p.display_name.as_str()).collect();
            let mut names = names.join(", ");
            if *more > 0 {
                names.push(' ');
                names.push_str(&look.n("note-more", *more));
            }
            ("note-added-by", "note-added-own", names)
        }
        Happened::Joined => ("note-joined-by", "note-joined-own", none()),
        Happened::Removed(person) => (
            "note-removed-by",
            "note-removed-own",
            person.display_name.clone(),
        ),
        Happened::Left => ("note-left-by", "note-left-own", none()),
        Happened::Role(person, true) => (
            "note-admin-by",
            "note-admin-own",
            person.display_name.clone(),
        ),
        Happened::Role(person, false) => (
            "note-member-by",
            "note-member-own",
            person.display_name.clone(),
        ),
        Happened::Rules => ("note-rules-by", "note-rules-own", none()),
        Happened::Renamed(title) => ("note-renamed-by", "note-renamed-own", title.clone()),
        Happened::Pictured => ("note-pictured-by", "note-pictured-own", none()),
        // Of one's own homes the settings tell.
        Happened::Home(node) => ("note-home", "note-home", node.clone()),
        Happened::HomeEnded(node) => ("note-home-ended", "note-home-ended", node.clone()),
    };
    let name = note.by.display_name.clone();
    text_with(
        look.lang,
        if note.own { own } else { by },
        &[("a", Arg::from(name)), ("b", Arg::from(what))],
    )
}
