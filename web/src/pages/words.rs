//! A text in pieces: plain words and links, or what fits a query. Nothing is marked up here; the template escapes every
//! piece.

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Shown as it is.
    Plain(&'a str),
    /// An http(s) address.
    Link(&'a str),
}

/// Cuts a text into plain words and addresses that begin with `http://` or `https://`.
///
/// A host may have letters of any alphabet; where it mixes them it is shown as punycode (`host.rs`). One with a user name
/// before it stays plain.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut plain_from = 0;
    let mut at = 0;
    while let Some(start) = next_scheme(rest) {
        let from = at + start;
        let tail = text.get(from..).unwrap_or_default();
        let length = link_length(tail);
        if length > 0 {
            if let Some(plain) = text.get(plain_from..from).filter(|plain| !plain.is_empty()) {
                found.push(Piece::Plain(plain));
            }
            found.push(Piece::Link(tail.get(..length).unwrap_or_default()));
            plain_from = from + length;
            at = plain_from;
        } else {
            at = from + "http".len();
        }
        rest = text.get(at..).unwrap_or_default();
    }
    if let Some(plain) = text.get(plain_from..).filter(|plain| !plain.is_empty()) {
        found.push(Piece::Plain(plain));
    }
    found
}

fn next_scheme(text: &str) -> Option<usize> {
    match (text.find("http://"), text.find("https://")) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// How many bytes belong to the address at the start of the text; 0 = it is none.
fn link_length(text: &str) -> usize {
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '«' | '»' | '`'))
        .unwrap_or(text.len());
    let whole = text.get(..end).unwrap_or_default();
    let mut link = whole;
    loop {
        let cut = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '…']);
        // A closing bracket belongs to the address only if it was opened in it.
        let cut = match cut.strip_suffix(')') {
            Some(inner) if cut.matches(')').count() > cut.matches('(').count() => inner,
            _ => cut,
        };
        if cut.len() == link.len() {
            break;
        }
        link = cut;
    }
    let host = link.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let fine = !host.is_empty()
        && !host.ends_with(':')
        && host.starts_with(|c: char| c.is_alphanumeric() || c == '[')
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
    if fine { link.len() } else { 0 }
}

/// The part of `name` that fits `query` (letter by letter, capitals alike): before, match, after.
pub(crate) fn matching<'a>(name: &'a str, query: &str) -> (&'a str, &'a str, &'a str) {
    let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
    let wanted: Vec<char> = query.trim().chars().map(lower).collect();
    let letters: Vec<(usize, char)> = name.char_indices().map(|(at, c)| (at, lower(c))).collect();
    let found = letters
        .windows(wanted.len().max(1))
        .find(|window| !wanted.is_empty() && window.iter().map(|(_, c)| c).eq(wanted.iter()));
    let Some(start) = found.and_then(|window| window.first()).map(|(at, _)| *at) else {
        return (name, "", "");
    };
    let tail = name.get(start..).unwrap_or_default();
    let length = tail
        .char_indices()
        .nth(wanted.len())
        .map_or(tail.len(), |(at, _)| at);
    (
        name.get(..start).unwrap_or_default(),
        tail.get(..length).unwrap_or_default(),
        tail.get(length..).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_links() {
        assert_eq!(
            pieces("см. (https://a.example/x_(y)). Ещё http://b.example!"),
            [
                Piece::Plain("см. ("),
                Piece::Link("https://a.example/x_(y)"),
                Piece::Plain("). Ещё "),
                Piece::Link("http://b.example"),
                Piece::Plain("!"),
            ]
        );
    }

    #[test]
    fn other_schemes_and_users_stay_plain() {
        for text in [
            "javascript:alert(1)",
            "http://",
            "https://me@evil.example",
            "http://http://",
        ] {
            assert_eq!(pieces(text), [Piece::Plain(text)], "{text}");
        }
        assert_eq!(pieces(""), []);
        let typed = "https://пример.испытание/а";
        assert_eq!(pieces(typed), [Piece::Link(typed)]);
    }

    #[test]
    fn the_match_is_found_in_any_case() {
        assert_eq!(matching("Совёнок", "сов"), ("", "Сов", "ёнок"));
        assert_eq!(matching("Мой дом", "ДОМ"), ("Мой ", "дом", ""));
        assert_eq!(matching("Клён", "xyz"), ("Клён", "", ""));
        assert_eq!(matching("Клён", ""), ("Клён", "", ""));
    }
}
