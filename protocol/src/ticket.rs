//! Invitation links of groups (M9): they name the group, the node that brings people in, and a secret for it.

use crate::id::{Bytes, ChatId, NodeId};
use crate::{array_struct, codec, limits, text};

/// What a link begins with.
const SCHEME: &str = "chater:join/";
/// Addresses in one link.
const ADDRESSES: usize = 8;
/// Bytes of a link.
const SIZE: usize = 2_048;

array_struct! {
    /// What a link says.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Ticket {
        /// 1.
        pub v: u8,
        /// The group.
        pub group: ChatId,
        /// Its title when the link was made, for people; up to 64 characters.
        pub title: String,
        /// The node of the admin or member who made it.
        pub node: NodeId,
        /// Where that node was then: multiaddrs, 8 at most.
        pub addrs: Vec<String>,
        /// The secret.
        pub token: Bytes<16>,
    }
}

array_struct! {
    /// The wish to come in by a link; only of the node of a live home of that user.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Join {
        /// The group.
        pub group: ChatId,
        /// The secret of the link.
        pub token: Bytes<16>,
        /// Who wants in.
        pub user: crate::id::UserId,
    }
}

impl Ticket {
    /// The link as text: `chater:join/` and base 58.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{SCHEME}{}",
            bs58::encode(codec::encode(self)).into_string()
        )
    }

    /// Reads a link; none for whatever is none.
    #[must_use]
    pub fn parse(link: &str) -> Option<Self> {
        let link = link.trim();
        if link.len() > SIZE {
            return None;
        }
        let bytes = bs58::decode(link.strip_prefix(SCHEME)?).into_vec().ok()?;
        let ticket: Self = codec::decode_canonical(&bytes, SIZE).ok()?;
        let fits = ticket.v == 1
            && ticket.addrs.len() <= ADDRESSES
            && text::check_line(&ticket.title, limits::NAME_CHARS).is_ok();
        fits.then_some(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            v: 1,
            group: ChatId([1; 32]),
            title: "Поход".into(),
            node: NodeId([2; 32]),
            addrs: vec!["/ip4/192.0.2.1/tcp/5001".into()],
            token: Bytes([3; 16]),
        }
    }

    #[test]
    fn a_link_comes_back_as_it_was_and_others_are_none() {
        let link = ticket().to_text();
        assert_eq!(Ticket::parse(&format!("  {link}\n")), Some(ticket()));
        for cut in 0..link.len() {
            assert_eq!(Ticket::parse(link.get(..cut).unwrap_or_default()), None);
        }
        let many = Ticket {
            addrs: vec!["a".into(); 9],
            ..ticket()
        };
        assert_eq!(Ticket::parse(&many.to_text()), None);
        let evil = Ticket {
            title: "a\u{202e}b".into(),
            ..ticket()
        };
        assert_eq!(Ticket::parse(&evil.to_text()), None);
        assert_eq!(Ticket::parse("https://example.org"), None);
    }
}
