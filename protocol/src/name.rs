//! Nicks and names of nodes: one rule for pages, API and peers (I9, Q4-Q6).

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use unicode_security::MixedScript;

/// What is wrong with a nick or node name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Under 2 characters (node: 1).
    #[error("too short")]
    Short,
    /// Over 32 characters.
    #[error("too long")]
    Long,
    /// Something else than letters, ASCII digits, `. _ -`, or not at an end a letter or digit.
    #[error("characters that a name may not have")]
    Characters,
    /// Letters of more than one script.
    #[error("letters of more than one script")]
    Mixed,
    /// Kept for the program.
    #[error("reserved")]
    Reserved,
}

/// Names that would be mistaken for the program speaking (Q4).
const RESERVED: [&str; 6] = ["admin", "root", "system", "chater", "админ", "система"];

/// Longest name, characters.
const MAX: usize = 32;

/// Checks a nick and gives its folded form, by which nicks are compared (I9: PRECIS
/// UsernameCaseMapped, RFC 8265 section 3.3).
///
/// # Errors
/// See [`BadName`].
pub fn check_nick(nick: &str) -> Result<String, BadName> {
    let folded = fold(nick, 2)?;
    if RESERVED
        .iter()
        .any(|r| *r == folded || skeleton(r) == skeleton(&folded))
    {
        return Err(BadName::Reserved);
    }
    Ok(folded)
}

/// Checks the name of a node and gives it folded to lower case (Q5).
///
/// # Errors
/// See [`BadName`].
pub fn check_node_name(name: &str) -> Result<String, BadName> {
    fold(name, 1)
}

fn fold(name: &str, min: usize) -> Result<String, BadName> {
    let folded = UsernameCaseMapped::enforce(check_form(name, min)?)
        .map_err(|_| BadName::Characters)?
        .into_owned();
    // Folding may make other characters of some (dotted capital I becomes two): the folded form travels and is
    // checked by others, so it must be a name as well, and its own folded form.
    check_form(&folded, min)?;
    match UsernameCaseMapped::enforce(&*folded) {
        Ok(again) if *again == *folded => Ok(folded),
        _ => Err(BadName::Characters),
    }
}

fn check_form(name: &str, min: usize) -> Result<&str, BadName> {
    let length = name.chars().count();
    if length < min {
        return Err(BadName::Short);
    }
    if length > MAX {
        return Err(BadName::Long);
    }
    let allowed = |c: char| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let solid = |c: Option<char>| c.is_some_and(|c| c.is_alphabetic() || c.is_ascii_digit());
    if !name.chars().all(allowed) || !solid(name.chars().next()) || !solid(name.chars().last()) {
        return Err(BadName::Characters);
    }
    if !name.is_single_script() {
        return Err(BadName::Mixed);
    }
    Ok(name)
}

/// What a folded name looks like (UTS 39): equal skeletons look alike, so the second is refused.
/// Taken from the folded form, never from what was typed: it is case-sensitive (Q4).
#[must_use]
pub fn skeleton(folded: &str) -> String {
    unicode_security::skeleton(folded).collect()
}

/// The prefix form of a search: folded as nicks and names are, so «СОВ» finds «Сова».
#[must_use]
pub fn fold_query(text: &str) -> String {
    text.trim()
        .to_lowercase()
        .chars()
        .take(crate::limits::QUERY_MAX_CHARS)
        .collect()
}

/// The words by which a person is found: the nick, the display name and each of its words, folded.
#[must_use]
pub fn search_words(nick: &str, display_name: &str) -> Vec<String> {
    let name = fold_query(display_name);
    let mut words = vec![fold_query(nick), name.clone()];
    words.extend(name.split_whitespace().take(10).map(ToOwned::to_owned));
    words.retain(|w| !w.is_empty());
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nicks_of_one_script_are_folded() {
        assert_eq!(check_nick("Сова").as_deref(), Ok("сова"));
        assert_eq!(check_nick("Klen-2").as_deref(), Ok("klen-2"));
    }

    #[test]
    fn bad_nicks_are_refused() {
        assert_eq!(check_nick("a"), Err(BadName::Short));
        assert_eq!(check_nick(&"a".repeat(33)), Err(BadName::Long));
        assert_eq!(check_nick("cова"), Err(BadName::Mixed)); // a Latin c
        assert_eq!(check_nick("a b"), Err(BadName::Characters));
        assert_eq!(check_nick("a\u{202e}b"), Err(BadName::Characters));
        assert_eq!(check_nick("-ab"), Err(BadName::Characters));
        assert_eq!(check_nick("Admin"), Err(BadName::Reserved));
        assert_eq!(check_nick("Система"), Err(BadName::Reserved));
    }

    #[test]
    fn a_folded_name_is_a_name() {
        // Capital dotted I becomes i and a combining dot, which no name may have.
        assert_eq!(check_node_name("\u{130}zmir"), Err(BadName::Characters));
        assert_eq!(check_node_name("Ёлка").as_deref(), Ok("ёлка"));
    }

    #[test]
    fn a_person_of_many_words_is_found_by_nick() {
        let words = search_words("yak", "a b c d e f g h i j k l m n o p");
        assert!(
            words.len() <= 12 && words.contains(&"yak".to_owned()),
            "{words:?}"
        );
    }

    #[test]
    fn look_alikes_share_a_skeleton() {
        // Latin "paypal" style: Cyrillic "рас" looks like Latin "pac".
        assert_eq!(skeleton("рас"), skeleton("pac"));
        assert_ne!(skeleton("сова"), skeleton("сава"));
    }
}
