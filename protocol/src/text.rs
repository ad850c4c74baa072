//! Rules for texts of people, the same for local ones and those of peers (Q30, B37).

use crate::limits;

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Nothing, or only white space.
    #[error("empty")]
    Empty,
    /// Too many characters or bytes.
    #[error("too long")]
    Long,
    /// Control or direction characters.
    #[error("control characters")]
    Control,
}

/// Characters that turn the direction of a line; in names they can make one look like another.
fn turns(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A message text as stored: CR LF becomes LF.
///
/// # Errors
/// Empty or white space only, over 8,000 characters or 32,000 bytes, control characters other than
/// LF and TAB.
pub fn message_text(text: &str) -> Result<String, BadText> {
    let text = text.replace("\r\n", "\n");
    check_message(&text)?;
    Ok(text)
}

/// Checks a message text that is used as it is.
///
/// # Errors
/// As [`message_text`].
pub fn check_message(text: &str) -> Result<(), BadText> {
    if text.trim().is_empty() {
        return Err(BadText::Empty);
    }
    if text.len() > limits::TEXT_BYTES || text.chars().count() > limits::TEXT_CHARS {
        return Err(BadText::Long);
    }
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err(BadText::Control);
    }
    Ok(())
}

/// One line: display name, title. May be empty.
///
/// # Errors
/// Over `max` characters, any control or direction character.
pub fn check_line(text: &str, max: usize) -> Result<(), BadText> {
    if text.chars().count() > max {
        return Err(BadText::Long);
    }
    if text
        .chars()
        .any(|c| c.is_control() || turns(c) || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return Err(BadText::Control);
    }
    Ok(())
}

/// Several lines: about. May be empty.
///
/// # Errors
/// Over `max` characters, control characters other than LF, direction characters.
pub fn check_block(text: &str, max: usize) -> Result<(), BadText> {
    if text.chars().count() > max {
        return Err(BadText::Long);
    }
    if text
        .chars()
        .any(|c| (c.is_control() && c != '\n') || turns(c))
    {
        return Err(BadText::Control);
    }
    Ok(())
}

/// One reaction: short, no letters, digits alone or controls.
///
/// # Errors
/// Empty, too long, or with characters no emoji has.
pub fn check_emoji(text: &str) -> Result<(), BadText> {
    if text.is_empty() {
        return Err(BadText::Empty);
    }
    if text.len() > limits::EMOJI_BYTES {
        return Err(BadText::Long);
    }
    if text
        .chars()
        .any(|c| c.is_alphabetic() || c.is_control() || c.is_whitespace() || turns(c))
        || text.is_ascii()
    {
        return Err(BadText::Control);
    }
    Ok(())
}
