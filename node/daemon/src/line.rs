//! The words of the command line, as they are typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::layer::Layer;

#[derive(Parser)]
#[command(
    name = "chater",
    version,
    about = "Your own chat server, linked with those of others",
    after_help = "Every option is also a key of chater.toml (data_dir, web_addr, ...)."
)]
pub(crate) struct Line {
    #[command(flatten)]
    pub(crate) settings: Layer,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start the node (also without any command)
    Run,
    /// How the running node is
    Status,
    /// Linked nodes
    Peers {
        #[command(subcommand)]
        action: Option<PeersAction>,
    },
    /// A link that brings another node here: without options one with addresses only
    Invite {
        /// Instead, a one-time code for somebody to register on this node
        #[arg(long)]
        user: bool,
        /// Into this community: the other node gets its secret
        #[arg(long, conflicts_with = "user")]
        community: Option<String>,
        /// For so many nodes, 1-1000
        #[arg(long, default_value_t = 1, requires = "community")]
        uses: u32,
        /// For so many days, 1-365
        #[arg(long, default_value_t = 7, requires = "community")]
        days: u32,
    },
    /// Come into a community by its link, or link to the node that an invitation names
    Join {
        /// chater:...
        link: String,
    },
    /// Communities of this node
    Community {
        #[command(subcommand)]
        action: Option<CommunityAction>,
    },
    /// Pages for phones and laptops of the home network: without a word tells how it stands
    Home {
        /// on, off
        #[arg(value_parser = ["on", "off"])]
        switch: Option<String>,
    },
    /// Silence a node: nothing is taken from it, sent to it or answered
    Block {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Take a block back
    Unblock {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Put a node on the list of those to be linked: without a word tells who is on it
    Allow {
        /// Name, id, address with /p2p/, link, or the first digits of the fingerprint
        node: Option<String>,
        /// Link listed nodes only: on, off
        #[arg(long, value_parser = ["on", "off"])]
        only: Option<String>,
    },
    /// Take a node off that list
    Disallow {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Mailboxes: without a word tells who keeps this node's mail, and whose it keeps
    Mail {
        #[command(subcommand)]
        action: Option<MailAction>,
    },
    /// Let nodes behind routers be reached through this one: without a word tells how it stands
    Relay {
        /// on, off
        #[arg(value_parser = ["on", "off"])]
        switch: Option<String>,
    },
    /// What the node is called: without a word tells
    Name {
        /// 1-32 letters of one script, digits, `.`, `_`, `-`
        name: Option<String>,
    },
    /// Who may register: without a word tells
    Registration {
        /// open, invite, closed
        #[arg(value_parser = ["open", "invite", "closed"])]
        policy: Option<String>,
    },
    /// How many days pictures of people elsewhere are kept with whom nobody here has a chat: without a number tells
    Pictures {
        /// 1-365; 0 = for good
        days: Option<u16>,
    },
    /// What happened to the node lately, the newest first
    Log,
    /// People of this node
    User {
        #[command(subcommand)]
        action: UserAction,
    },
    /// Copy key, messages and settings to one file
    Backup {
        /// Must not exist
        file: PathBuf,
    },
    /// Backups in the data folder: without a word lists them
    Backups {
        /// make: another one, of more than three the oldest goes
        #[arg(value_parser = ["make"])]
        make: Option<String>,
    },
    /// Unpack a backup into an empty data folder
    Restore {
        /// Made by backup
        file: PathBuf,
    },
    /// What may stand in the way, and what to do about it
    Doctor,
}

#[derive(Subcommand)]
pub(crate) enum PeersAction {
    /// Link to an address
    Add {
        /// /ip4/192.168.1.5/tcp/5001
        address: String,
    },
    /// Link a node that waits or was cut off
    Link {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Cut a node off: closed, and it waits until it is linked again
    Off {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum CommunityAction {
    /// Found one
    New {
        /// 1-64 characters
        name: String,
    },
    /// Leave one
    Leave {
        /// Name or id
        name: String,
    },
    /// Take part in the open one, which every linked node is in
    Open {
        /// on, off
        #[arg(value_parser = ["on", "off"])]
        switch: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum MailAction {
    /// Keep mail for other nodes
    On {
        /// Room for all of them, MiB: 10 at least
        #[arg(long)]
        room: Option<u64>,
        /// Days that a letter is kept, 1-90
        #[arg(long)]
        days: Option<u16>,
    },
    /// Keep none
    Off,
    /// Let a node that offers it keep this node's mail
    Choose {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Give a mailbox up
    Leave {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Throw the mail of a node away and keep none for it
    Evict {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
    /// Keep mail for it again
    Readmit {
        /// Name, id, or the first digits of the fingerprint
        node: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum UserAction {
    /// Who lives here
    List,
    /// Write everything a user can read to one JSON file (asks for their password)
    Export {
        /// Whose
        nick: String,
        /// Must not exist
        file: PathBuf,
    },
    /// How much somebody may fill of the disk
    Quota {
        /// Whose
        nick: String,
        /// MiB, 1-1048576
        #[arg(value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
        mib: u64,
    },
    /// Close an account: nobody can log in to it, its chats stay
    Close {
        /// Whose
        nick: String,
    },
    /// Open it again
    Open {
        /// Whose
        nick: String,
    },
    /// A link by which they set a new password themselves: a day, once
    Link {
        /// Whose
        nick: String,
    },
    /// Set a new password (asked for, or one line on standard input)
    Password {
        /// Whose
        nick: String,
    },
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn options_work_with_and_without_a_command() {
        for words in [
            &[
                "chater",
                "--web-addr",
                "127.0.0.1:0",
                "--web-addr",
                "[::1]:0",
                "--no-mdns",
            ][..],
            &[
                "chater",
                "run",
                "--web-addr",
                "127.0.0.1:0",
                "--web-addr",
                "[::1]:0",
                "--no-mdns",
            ],
        ] {
            let line = Line::try_parse_from(words).unwrap();
            assert_eq!(line.settings.web_addr, ["127.0.0.1:0", "[::1]:0"]);
            assert_eq!(line.settings.no_mdns, Some(true));
        }
        let line = Line::try_parse_from(["chater", "--no-mdns", "status"]).unwrap();
        assert!(matches!(line.command, Some(Command::Status)));
        assert!(Line::try_parse_from(["chater", "--colour", "red"]).is_err());
        assert!(
            Line::try_parse_from([
                "chater",
                "peers",
                "add",
                "/ip4/1.2.3.4/tcp/1",
                "--data-dir",
                "/d"
            ])
            .is_ok()
        );
    }
}
