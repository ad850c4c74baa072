//! What happened to a node, for its owner: the names are for programs and for the store, the words stand with the pages.

/// What a happening names, as one word of its row.
trait Word: Sized {
    fn word(&self) -> String;
    fn read(word: &str) -> Option<Self>;
}

impl Word for String {
    fn word(&self) -> String {
        self.clone()
    }

    fn read(word: &str) -> Option<Self> {
        Some(word.to_owned())
    }
}

impl Word for bool {
    fn word(&self) -> String {
        if *self { "on" } else { "off" }.to_owned()
    }

    fn read(word: &str) -> Option<Self> {
        match word {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        }
    }
}

macro_rules! happenings {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$about:meta])* $field:ident: $kind:ty),+ $(,)? })? = $code:literal),+ $(,)?) => {
        /// Something that happened to the node.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Happening {
            $($(#[$doc])* $name $({ $($(#[$about])* $field: $kind),+ })?),+
        }

        impl Happening {
            /// A word for programs, which never changes.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self { $(Self::$name $({ $($field: _),+ })? => $code),+ }
            }

            /// What it names, for its row.
            pub(crate) fn words(&self) -> Vec<String> {
                match self { $(Self::$name $({ $($field),+ })? => vec![$($($field.word()),+)?]),+ }
            }

            /// Reads it back; none = of another version of the program.
            pub(crate) fn read(code: &str, words: &[String]) -> Option<Self> {
                let mut words = words.iter();
                let found = match code {
                    $($code => Self::$name $({ $($field: Word::read(words.next()?)?),+ })?,)+
                    _ => return None,
                };
                words.next().is_none().then_some(found)
            }
        }
    };
}

happenings! {
    /// The node started; its version.
    Started {
        /// Which.
        version: String,
    } = "started",
    /// Another node was linked.
    Linked {
        /// Its name here.
        node: String,
    } = "linked",
    /// A linked node went away.
    Lost {
        /// Its name here.
        node: String,
    } = "lost",
    /// An unknown node waits for the owner.
    Waits {
        /// Its name here.
        node: String,
    } = "waits",
    /// The owner linked a node.
    LetIn {
        /// Its name here.
        node: String,
    } = "let-in",
    /// The owner cut a node off.
    CutOff {
        /// Its name here.
        node: String,
    } = "cut-off",
    /// The owner blocked a node.
    Blocked {
        /// Its name here.
        node: String,
    } = "blocked",
    /// The owner took that back.
    Unblocked {
        /// Its name here.
        node: String,
    } = "unblocked",
    /// A node was closed for a while: what it sent was malformed or forged.
    Misbehaved {
        /// Its name here.
        node: String,
    } = "misbehaved",
    /// The owner put a node on the list of those to be linked.
    Allowed {
        /// Its name here.
        node: String,
    } = "allowed",
    /// The owner took it off.
    Disallowed {
        /// Its name here.
        node: String,
    } = "disallowed",
    /// Nodes on the list alone are linked, or all again.
    OnlyListed {
        /// The list alone counts.
        on: bool,
    } = "only-listed",
    /// A code for one registration was made.
    PersonInvited = "person-invited",
    /// The first one registered, and owns the node.
    Owned {
        /// Whose.
        nick: String,
    } = "owned",
    /// Somebody registered.
    Registered {
        /// Whose.
        nick: String,
    } = "registered",
    /// Somebody registered by a code.
    CameInvited {
        /// Whose.
        nick: String,
    } = "came-invited",
    /// The owner closed an account.
    Closed {
        /// Whose.
        nick: String,
    } = "closed",
    /// The owner opened it again.
    Opened {
        /// Whose.
        nick: String,
    } = "opened",
    /// The owner made a link for a new password.
    PasswordLink {
        /// Whose.
        nick: String,
    } = "password-link",
    /// Somebody got a new password by that link, or by the command.
    PasswordSet {
        /// Whose.
        nick: String,
    } = "password-set",
    /// Too many failed logins: those of an address, or of a nick, have to wait.
    LoginsStopped {
        /// An address of the network, or a nick of this node.
        from: String,
    } = "logins-stopped",
    /// A backup was made.
    BackupMade {
        /// Its name.
        file: String,
    } = "backup-made",
    /// The disk does not read or write.
    DiskFailed = "disk-failed",
    /// The disk has no room.
    DiskFull = "disk-full",
    /// It works again.
    DiskWorks = "disk-works",
    /// A community was founded.
    Founded {
        /// The community's name.
        name: String,
    } = "founded",
    /// A community was entered.
    Joined {
        /// The community's name.
        name: String,
    } = "joined",
    /// A community was left.
    Left {
        /// The community's name.
        name: String,
    } = "left",
    /// A link into a community was made.
    NodeInvited {
        /// The community's name.
        name: String,
    } = "node-invited",
    /// A node came into a community by a link.
    NodeCame {
        /// The community's name.
        name: String,
        /// Its name here.
        node: String,
    } = "node-came",
    /// Mail is kept for a node from now on.
    MailAdmitted {
        /// Its name here.
        node: String,
    } = "mail-admitted",
    /// The owner threw the mail of a node out.
    MailEvicted {
        /// Its name here.
        node: String,
    } = "mail-evicted",
    /// A node was chosen to keep our mail.
    MailChosen {
        /// Its name here.
        node: String,
    } = "mail-chosen",
    /// The pages were opened to the home network, or closed.
    HomeNetwork {
        /// On, or off.
        on: bool,
    } = "home-network",
    /// The relay was switched.
    Relay {
        /// On, or off.
        on: bool,
    } = "relay",
    /// Name of the node or registration were saved.
    SettingsSaved = "settings-saved",
    /// Somebody has used up their room.
    QuotaReached {
        /// Whose.
        nick: String,
    } = "quota-reached",
}

/// When something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Unix ms; of several in a row, the last.
    pub at_ms: i64,
    /// What.
    pub what: Happening,
    /// How often in a row.
    pub times: u32,
}
