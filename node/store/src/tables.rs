//! Every table, its key and value; the version of the layout is in the name. `u`, `c` ... are the ids
//! of users, chats; numbers are big-endian; rows are CBOR arrays whose first item is the row's version.
//!
//! All but `meta` live in **one** tree of redb, each behind its own number: a message touches eight of
//! them, and as trees of their own that was eight roots to open, check and write again at every commit
//! (0.45 ms against 0.31 ms). A number is never used again: a new layout is a new table with a new
//! number and a numbered step in `migrate.rs`.

use redb::TableDefinition;

/// A tree of redb as we use it: bytes to bytes.
pub(crate) type Tree = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Schema, counters, what is looked at before anything else.
pub(crate) const META: Tree = TableDefinition::new("meta_v1");
/// Everything else.
pub(crate) const ROWS: Tree = TableDefinition::new("rows_v1");

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal),* $(,)?) => {
        /// A table of the store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Table { $($(#[$doc])* $name = $number),* }

        impl Table {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Name with version, for people.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What its keys begin with in the common tree.
            pub(crate) fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

tables! {
    /// name -> bytes: schema u32, store id, boot u64, owner u, counters u32, `settings` SavedSettings, `relay` u8, `home` u8, `keep_days` u16, `mail` RulesRow, `only_listed` u8
    Meta = 0, "meta_v1",
    /// user 32, home 16, state 1 -> signed home record
    Homes = 1, "homes_v1",
    /// node 32, user 32, home 16 -> empty, or 1 when the node itself has given the record (I12): who lives where (live and retired)
    NodeHomes = 2, "node_homes_v1",
    /// user 32, home 16 -> signed KEM card
    KemCards = 3, "kem_cards_v1",
    /// user 32 -> CardRow: signed profile card, got at
    Cards = 4, "cards_v1",
    /// folded word, 0, user 32 -> empty, or 1 of somebody found by contacts only: prefix search of people
    CardWords = 5, "card_words_v1",
    /// user 32 -> UserRow of a user who lives here
    Users = 6, "users_v1",
    /// folded nick -> user 32
    Nicks = 7, "nicks_v1",
    /// skeleton -> user 32
    Skeletons = 8, "skeletons_v1",
    /// BLAKE3 of the secret 32 -> SessionRow
    Sessions = 9, "sessions_v1",
    /// user 32, BLAKE3 of the secret 32 -> ()
    UserSessions = 10, "user_sessions_v1",
    /// BLAKE3 of the code 32 -> InviteRow: registration codes
    Invites = 11, "invites_v1",
    /// node 32 -> NodeRow
    Nodes = 12, "nodes_v1",
    /// node_no u32 -> node 32
    NodeNos = 13, "node_nos_v1",
    /// folded name, 0, first seen u64, node 32 -> ()
    NodeNames = 14, "node_names_v1",
    /// address text -> since u64: addresses typed by the owner
    TypedAddresses = 15, "typed_addresses_v1",
    /// chat_no u32 -> ChatRow
    Chats = 16, "chats_v1",
    /// chat id 32 -> chat_no u32
    ChatIds = 17, "chat_ids_v1",
    /// user 32, chat_no u32 -> empty, or 1 of a former member of a group: members, local and remote
    Members = 18, "members_v1",
    /// feed_no u32 -> FeedRow
    Feeds = 19, "feeds_v1",
    /// chat_no u32, author 32, home 16, lane 1 -> feed_no u32
    FeedIds = 20, "feed_ids_v1",
    /// feed_no u32, seq u64, branch u8 (above 255 that and the number u32) -> wire bytes as received
    Events = 21, "events_v1",
    /// event id 32 -> feed_no u32, seq u64, branch u8, n u64, eff u64, cap u64, flags u8, rank u8; above 255 that, and branch u32
    EventIds = 22, "event_ids_v1",
    /// chat_no u32, eff u64, author 32, home 16, lane 1, seq u64, rank u8 (above 255 that and the number u32) -> n u64, kind u16, feed_no u32, [0, branch u8 if not the rank], client id of a local author: the order of L5
    Timeline = 23, "timeline_v1",
    /// chat_no u32, n u64 -> feed_no u32, seq u64, branch u8, kind u16, author 32, arrived ms u64; above 255 that, and branch u32
    Arrivals = 24, "arrivals_v1",
    /// chat_no u32, named id 32, child id 32 -> child's author 32, child's ts u64, in deps u8: who names an event of the chat, here or not yet
    Children = 25, "children_v1",
    /// chat_no u32, missing id 32 -> (): what a chat lacks
    ChatLacking = 26, "chat_lacking_v1",
    /// due at ms u64, event id 32 -> (): events from the future, shown at arrival time until then (L6)
    Ahead = 27, "ahead_v1",
    /// target id 32, eff u64, author 32, home 16, lane 1, seq u64, branch as in `events` -> feed_no u32, branch u8, kind u16; above 255 that, and branch u32: edits, deletes, reactions
    Amends = 28, "amends_v1",
    /// user 32, chat_no u32 -> InboxRow
    Inbox = 29, "inbox_v1",
    /// chat_no u32, user 32 -> counter u64, message id 32, eff u64: read marks of members
    Marks = 30, "marks_v1",
    /// feed_no u32, node_no u32, up to seq u64 -> time ms u64: what a node has committed; the last row is the cursor
    Acks = 31, "acks_v1",
    /// chat_no u32, home 16, lane 1 -> first seq that does not count u64: cuts of retired homes (I8)
    Cuts = 32, "cuts_v1",
    /// chat_no u32, key_id 32 -> KeyRow
    Keys = 33, "keys_v1",
    /// user 32, chat_no u32, client_id -> event id 32, time ms u64
    ClientIds = 34, "client_ids_v1",
    /// feed_no u32, seq u64, node_no u32 -> time ms u64: events of ours that a node refused for good
    Refused = 35, "refused_v1",
    /// user 32 -> PreferencesRow: what a user switched on and off; none = nothing yet
    Preferences = 60, "preferences_v1",
    /// BLAKE3 32 -> BlobRow: files in the folder `blobs`
    Blobs = 61, "blobs_v1",
    /// user 32 -> since ms u64: accounts that the owner closed
    Closed = 62, "closed_v1",
    /// BLAKE3 of the code 32 -> ResetRow: links for a new password
    Resets = 63, "resets_v1",
    /// user 32 -> bytes u64: of the events that a user of this node wrote; none = not counted yet
    Written = 64, "written_v1",
    /// user 32 -> bytes u64: how much a user may fill; none = what is usual
    Quotas = 65, "quotas_v1",
    /// user 32, home 16 -> OldKemsRow: sealing keys of homes here that were replaced, while mail may wait for them
    OldKems = 66, "old_kems_v1",
    /// user 32 -> MovedRow: whose words were typed here, and made a home of another node's user (I7)
    Moved = 67, "moved_v1",
    /// n u64 -> DiaryRow: what happened to the node lately, 200 rows
    Diary = 68, "diary_v1",
    /// user 32, home 16, state 1 -> heard ms u64: homes of people known here that appeared or ended since (I11)
    HomeNews = 69, "home_news_v1",
    /// user 32, chat_no u32, n u64 -> 0 = this message, 1 = everything up to it: what a user deleted for themselves
    Hidden = 36, "hidden_v1",
    /// chat_no u32 -> GroupRow: title and members of a group
    Groups = 37, "groups_v1",
    /// chat_no u32, home 16, lane 1, seq u64, branch as in `events` if it is not 0 -> empty: events of a group that do not count (M6), or 1: of a branch that is not shown (L7)
    Void = 38, "void_v1",
    /// user 32, chat_no u32 -> n u64: the last event that somebody who is out of a group may see
    Left = 39, "left_v1",
    /// chat_no u32, BLAKE3 of the secret 32 -> TicketRow: invitation links of groups
    Tickets = 40, "tickets_v1",
    /// chat_no u32, home 16, lane 1 -> ForkRow: feeds that fork (L7)
    Forks = 41, "forks_v1",
    /// node 32 -> signed node card
    NodeCards = 50, "node_cards_v1",
    /// node 32 -> MailboxRow: who keeps mail for this node
    Mailboxes = 51, "mailboxes_v1",
    /// node 32 -> ClientRow: whose mail is kept here
    MailClients = 52, "mail_clients_v1",
    /// node 32, n u64 -> LetterRow: letters kept for other nodes
    Letters = 53, "letters_v1",
    /// feed_no u32, node_no u32, mailbox's node_no u32 -> DepositRow: what was left for a node in a mailbox of its own
    Deposits = 54, "deposits_v1",
    /// community id 32 -> CommunityRow: communities of this node; that of `open` only when it is switched off
    Communities = 45, "communities_v1",
    /// community id 32, hash of the secret 32 -> InviteRow: links that let nodes in
    CommunityInvites = 46, "community_invites_v1",
    /// community id 32 -> ListRow: the block list of its founder
    BlockLists = 47, "block_lists_v1",
    /// node 32 -> since ms u64: nodes that the owner has cut off; they wait for the owner like unknown ones
    NodesOff = 48, "nodes_off_v1",
    /// node 32 -> since ms u64: nodes that the owner has put on the list of those to be linked
    AllowedNodes = 49, "allowed_nodes_v1",
}
