//! Every table, its key and value; the version of the layout is in the name. A new layout is a new
//! table and a numbered step in `migrate.rs`. `u`, `c` ... are the ids of users, chats; numbers are
//! big-endian; `..` are CBOR rows whose first item is the row's version.

use redb::TableDefinition;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// A table of the store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Table { $($(#[$doc])* $name),* }

        impl Table {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            pub(crate) fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
                TableDefinition::new(match self { $(Self::$name => $text),* })
            }
        }
    };
}

tables! {
    /// name -> bytes: schema u32, store id, boot u64, owner u, counters u32, saved settings
    Meta = "meta_v1",
    /// user 32, home 16, state 1 -> signed home record
    Homes = "homes_v1",
    /// node 32, user 32, home 16 -> (): who lives where (live and retired)
    NodeHomes = "node_homes_v1",
    /// user 32, home 16 -> signed KEM card
    KemCards = "kem_cards_v1",
    /// user 32 -> CardRow: signed profile card, got at
    Cards = "cards_v1",
    /// folded word, 0, user 32 -> (): prefix search of people
    CardWords = "card_words_v1",
    /// user 32 -> UserRow of a user who lives here
    Users = "users_v1",
    /// folded nick -> user 32
    Nicks = "nicks_v1",
    /// skeleton -> user 32
    Skeletons = "skeletons_v1",
    /// BLAKE3 of the secret 32 -> SessionRow
    Sessions = "sessions_v1",
    /// user 32, BLAKE3 of the secret 32 -> ()
    UserSessions = "user_sessions_v1",
    /// BLAKE3 of the code 32 -> InviteRow: registration codes
    Invites = "invites_v1",
    /// node 32 -> NodeRow
    Nodes = "nodes_v1",
    /// node_no u32 -> node 32
    NodeNos = "node_nos_v1",
    /// folded name, 0, first seen u64, node 32 -> ()
    NodeNames = "node_names_v1",
    /// address text -> since u64: addresses typed by the owner
    TypedAddresses = "typed_addresses_v1",
    /// chat_no u32 -> ChatRow
    Chats = "chats_v1",
    /// chat id 32 -> chat_no u32
    ChatIds = "chat_ids_v1",
    /// user 32, chat_no u32 -> (): members, local and remote
    Members = "members_v1",
    /// feed_no u32 -> FeedRow
    Feeds = "feeds_v1",
    /// chat_no u32, author 32, home 16, lane 1 -> feed_no u32
    FeedIds = "feed_ids_v1",
    /// feed_no u32, seq u64, branch u8 -> wire bytes as received
    Events = "events_v1",
    /// event id 32 -> feed_no u32, seq u64, branch u8, n u64, eff u64, cap u64, flags u8
    EventIds = "event_ids_v1",
    /// chat_no u32, eff u64, author 32, home 16, lane 1, seq u64, branch u8 -> n u64, kind u16, feed_no u32, client id of a local author: the order of L5
    Timeline = "timeline_v1",
    /// chat_no u32, n u64 -> feed_no u32, seq u64, branch u8, kind u16, author 32, arrived ms u64
    Arrivals = "arrivals_v1",
    /// chat_no u32, named id 32, child id 32 -> child's author 32, child's ts u64, in deps u8: who names an event of the chat, here or not yet
    Children = "children_v1",
    /// chat_no u32, missing id 32 -> (): what a chat lacks
    ChatLacking = "chat_lacking_v1",
    /// due at ms u64, event id 32 -> (): events from the future, shown at arrival time until then (L6)
    Ahead = "ahead_v1",
    /// target id 32, eff u64, author 32, home 16, lane 1, seq u64 -> feed_no u32, seq u64, branch u8, kind u16: edits, deletes, reactions
    Amends = "amends_v1",
    /// user 32, chat_no u32 -> InboxRow
    Inbox = "inbox_v1",
    /// chat_no u32, user 32 -> counter u64, message id 32, eff u64: read marks of members
    Marks = "marks_v1",
    /// feed_no u32, node_no u32, up to seq u64 -> time ms u64: what a node has committed; the last row is the cursor
    Acks = "acks_v1",
    /// chat_no u32, home 16, lane 1 -> first seq that does not count u64: cuts of retired homes (I8)
    Cuts = "cuts_v1",
    /// chat_no u32, key_id 32 -> KeyRow
    Keys = "keys_v1",
    /// user 32, chat_no u32, client_id -> event id 32, time ms u64
    ClientIds = "client_ids_v1",
}
