//! Emoji: those offered first as reactions, and texts that are nothing else.

/// Offered first under a message.
pub(crate) const REACTIONS: [&str; 6] = ["👍", "❤", "😂", "😮", "😢", "🔥"];

/// Offered by the picker, most used first within faces, hands, signs, the world.
pub(crate) const PICKER: &str = "😀 😃 😄 😁 😆 😅 😂 🤣 🙂 😉 😊 😇 🥰 😍 😘 😋 😜 🤪 🤗 🤔 🤨 😐 🙄 😏 😒 😌 😔 😴 🤒 🤯 \
    🥳 😎 🤓 😕 😟 😮 😳 🥺 😢 😭 😱 😡 🤬 💀 💩 🤡 👻 🤖 👍 👎 👌 ✌ 🤞 🤘 👈 👉 👆 👇 👋 ✋ 👏 🙌 🤝 🙏 💪 👀 🧠 ❤ 🧡 💛 \
    💚 💙 💜 🖤 💔 💯 ✨ ⭐ 🔥 💥 🎉 🎁 🏆 ⚽ 🎵 🎮 📷 💻 📱 💡 📌 ✅ ❌ ❓ ❗ ⏰ 🐶 🐱 🦊 🐻 🦉 🐟 🐝 🌲 🍁 🌹 🌞 🌙 ☁ 🌧 \
    ❄ 🌊 ⛺ 🏠 🚗 🚲 ✈ 🚤 🍎 🍓 🍕 🍞 🍰 ☕ 🍵 🍺";

/// Whether a text is one to three emoji and nothing else: then they are shown large.
pub(crate) fn alone(text: &str) -> bool {
    let mut rest = text.trim();
    let mut count = 0;
    while !rest.is_empty() {
        let Some(length) = first(rest) else {
            return false;
        };
        count += 1;
        rest = rest
            .get(length..)
            .unwrap_or_default()
            .trim_start_matches(' ');
    }
    (1..=3).contains(&count)
}

/// How many bytes the emoji at the start of a text has; none if it begins with something else.
fn first(text: &str) -> Option<usize> {
    let mut letters = text
        .char_indices()
        .map(|(at, c)| (at + c.len_utf8(), c))
        .peekable();
    let (mut end, c) = letters.next()?;
    // Two letters make a flag; a digit with a frame is a key.
    if is_flag(c) {
        return letters
            .next()
            .filter(|(_, c)| is_flag(*c))
            .map(|(end, _)| end);
    }
    if c.is_ascii_digit() || matches!(c, '#' | '*') {
        let framed = letters.find(|(_, c)| *c != '\u{fe0f}')?;
        return (framed.1 == '\u{20e3}').then_some(framed.0);
    }
    if !is_base(c) {
        return None;
    }
    while let Some((to, c)) = letters.peek().copied() {
        match c {
            '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}' => {
                letters.next();
                end = to;
            }
            '\u{200d}' => {
                letters.next();
                end = letters.next().filter(|(_, c)| is_base(*c))?.0;
            }
            _ => break,
        }
    }
    Some(end)
}

fn is_flag(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

fn is_base(c: char) -> bool {
    matches!(c,
        '\u{1f004}' | '\u{1f0cf}' | '\u{1f170}'..='\u{1f19a}' | '\u{1f201}'..='\u{1f265}' | '\u{1f300}'..='\u{1faff}'
        | '\u{2600}'..='\u{27bf}' | '\u{231a}' | '\u{231b}' | '\u{2328}' | '\u{23cf}' | '\u{23e9}'..='\u{23fa}'
        | '\u{2b05}'..='\u{2b07}' | '\u{2b1b}' | '\u{2b1c}' | '\u{2b50}' | '\u{2b55}' | '\u{2934}' | '\u{2935}'
        | '\u{203c}' | '\u{2049}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}')
        && !matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_three_emoji_alone_are_large() {
        for text in [
            "👍",
            "❤️",
            "❤",
            "👨‍👩‍👧‍👦",
            "🇫🇮🇪🇪",
            "👍🏽 👍🏽",
            "1️⃣",
            " 🔥🔥🔥 ",
            "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
            "🤷🏻‍♀️",
        ] {
            assert!(alone(text), "{text}");
        }
        for text in [
            "",
            " ",
            "👍👍👍👍",
            "да 👍",
            "1",
            "12",
            "#",
            "👍.",
            "\u{200d}",
            "🇫",
            "©2026",
        ] {
            assert!(!alone(text), "{text}");
        }
        for emoji in REACTIONS.into_iter().chain(PICKER.split(' ')) {
            assert!(alone(emoji), "{emoji:?}");
            // What is offered is what a reaction may be: anything else would be refused when chosen.
            assert!(!emoji.chars().any(char::is_alphabetic));
        }
    }
}
