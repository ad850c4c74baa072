//! Members of a chat who are named in a message: their names become pieces of their own.

use std::borrow::Cow;
use std::cmp::Reverse;

use chater_engine::view::Mention;

use super::markup::{Block, Run};

/// Marks the names in the blocks of a text; `mentions` are their places in the text as it was typed.
pub(super) fn mark(text: &str, blocks: &mut [Block<'_>], mentions: &[Mention]) {
    if mentions.is_empty() {
        return;
    }
    let mut names: Vec<(&str, bool)> = mentions
        .iter()
        .filter_map(|mention| Some((text.get(mention.from..mention.to)?, mention.own)))
        .collect();
    // Of two that begin alike the longer one is meant where it stands.
    names.sort_by_key(|(name, _)| Reverse(name.len()));
    for block in blocks {
        if let Block::Words(runs) | Block::Quote(runs) = block {
            *runs = std::mem::take(runs)
                .into_iter()
                .flat_map(|run| named(run, &names))
                .collect();
        }
    }
}

/// The pieces of one run between and with the names in it.
fn named<'a>(run: Run<'a>, names: &[(&str, bool)]) -> Vec<Run<'a>> {
    let Run::Plain { text, bold, italic } = run else {
        return vec![run];
    };
    let plain = |text: &str| Run::Plain {
        text: Cow::Owned(text.to_owned()),
        bold,
        italic,
    };
    let mut found = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(offset) = text.get(at..).and_then(|rest| rest.find('@')) {
        let sign = at + offset;
        let rest = text.get(sign..).unwrap_or_default();
        at = sign + 1;
        let before = text.get(..sign).and_then(|t| t.chars().next_back());
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '@' | '.' | '_' | '-')) {
            continue;
        }
        let ends = |name: &str| {
            let next = rest.get(name.len()..).and_then(|t| t.chars().next());
            next.is_none_or(|c| !c.is_alphanumeric())
        };
        let hit = names
            .iter()
            .find(|(name, _)| rest.starts_with(name) && ends(name));
        if let Some((name, own)) = hit {
            if sign > from {
                found.push(plain(text.get(from..sign).unwrap_or_default()));
            }
            found.push(Run::Mention {
                text: Cow::Owned((*name).to_owned()),
                own: *own,
            });
            at = sign + name.len();
            from = at;
        }
    }
    if found.is_empty() {
        return vec![Run::Plain { text, bold, italic }];
    }
    if from < text.len() {
        found.push(plain(text.get(from..).unwrap_or_default()));
    }
    found
}
