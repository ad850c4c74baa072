//! A user and what they chose for themselves.

use chater_protocol::id::{Hash, HomeId};

use super::Person;

/// What a user chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// `ru` or `en`; none = the node's.
    pub language: Option<String>,
    /// `light` or `dark`; none = the system's.
    pub theme: Option<String>,
    /// IANA name of the browser's zone at the last login.
    pub time_zone: Option<String>,
}

/// Whose first message goes straight into the list (Q50).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhoWrites {
    /// Everybody's.
    Everyone,
    /// That of people in the own communities.
    #[default]
    Communities,
    /// Nobody's: new chats wait among the requests.
    Nobody,
}

/// Who finds somebody by a search; whoever knows the exact address does in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FoundBy {
    /// Nobody.
    Nobody,
    /// People with a chat in common.
    Contacts,
    /// Everybody of the communities of the node.
    #[default]
    Communities,
}

/// What a user switched on and off. Presence, read marks and typing work both ways; that a node is there, its
/// neighbours see in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferences {
    /// Size of the text, percent: 87, 100, 115 or 130.
    pub text_size: u16,
    /// Enter sends; else Ctrl Enter does.
    pub enter_sends: bool,
    /// The upper arrow in an empty field edits the last message.
    pub up_edits: bool,
    /// Shows people of this node that they are here, and is shown who is there.
    pub presence: bool,
    /// Tells, and is told, what was read.
    pub read_marks: bool,
    /// Tells, and is told, who types.
    pub typing: bool,
    /// Who may write first.
    pub first: WhoWrites,
    /// A sound with a notification.
    pub sound: bool,
    /// Notifications show the text.
    pub preview: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        chater_store::accounts::PreferencesRow::default().into()
    }
}

/// An open login of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The hash of its secret: names it, and opens nothing.
    pub id: Hash,
    /// What the browser said it is.
    pub device: String,
    /// A program with a token, not a browser.
    pub token: bool,
    /// Since when, Unix ms.
    pub created_ms: i64,
    /// Last use, Unix ms; kept to the hour.
    pub seen_ms: i64,
    /// The one that asks.
    pub current: bool,
}

/// A home of a user: where their account lives, or lived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Which.
    pub id: HomeId,
    /// The node, as it is written here.
    pub node: String,
    /// The one in use here.
    pub current: bool,
    /// When it was opened, Unix ms, if that is known here.
    pub since_ms: Option<i64>,
    /// When it ended, Unix ms; none = it is live.
    pub ended_ms: Option<i64>,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// As others see them.
    pub person: Person,
    /// What they chose.
    pub settings: Settings,
    /// What they switched on and off.
    pub preferences: Preferences,
    /// Who finds them.
    pub found_by: FoundBy,
    /// Whether they own the node.
    pub owner: bool,
    /// The data here was rolled back (I7): nothing can be written before the password is typed.
    pub stopped: bool,
}
