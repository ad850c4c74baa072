//! The styles of a message: `*bold*`, `_italic_`, `` `code` ``, fenced code, `> quote`, addresses. A text is only cut into
//! pieces here; the template escapes every one of them.

use std::borrow::Cow;

use chater_engine::view::Mention;

use super::words::{self, Piece};
use super::{emoji, host, named};

/// A line or several of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block<'a> {
    /// Words.
    Words(Vec<Run<'a>>),
    /// Lines that begin with `>`.
    Quote(Vec<Run<'a>>),
    /// Between two lines of three backticks.
    Code(&'a str),
}

/// Words of one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Run<'a> {
    /// Words, perhaps bold, perhaps italic.
    Plain {
        /// What is shown.
        text: Cow<'a, str>,
        /// Between asterisks.
        bold: bool,
        /// Between underscores.
        italic: bool,
    },
    /// Between backticks.
    Code(Cow<'a, str>),
    /// Members of the chat that are named.
    Mention {
        /// As it was typed.
        text: Cow<'a, str>,
        /// The reader is among them.
        own: bool,
    },
    /// An http(s) address.
    Link {
        /// Where it leads.
        url: Cow<'a, str>,
        /// What is shown.
        shown: String,
    },
}

/// A message's text, ready for the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marked<'a> {
    /// In order.
    pub(crate) blocks: Vec<Block<'a>>,
    /// The text as it was typed, where what is shown differs from it.
    pub(crate) raw: Option<&'a str>,
    /// One to three emoji alone.
    pub(crate) big: bool,
}

const FENCE: &str = "```";

/// Cuts a text into styled pieces; `mentions` are the places of it that name members of the chat.
pub(crate) fn marked<'a>(text: &'a str, mentions: &[Mention]) -> Marked<'a> {
    let mut marked = styles(text);
    named::mark(text, &mut marked.blocks, mentions);
    marked
}

/// A text as its reader sees it, without the marks of its styles: for one line of a card, a quote, a search.
pub(crate) fn plain(text: &str) -> String {
    let run = |run: &Run<'_>| match run {
        Run::Plain { text, .. } | Run::Code(text) | Run::Mention { text, .. } => text.to_string(),
        Run::Link { shown, .. } => shown.clone(),
    };
    let block = |block: &Block<'_>| match block {
        Block::Words(runs) | Block::Quote(runs) => runs.iter().map(run).collect(),
        Block::Code(text) => (*text).to_owned(),
    };
    let blocks: Vec<String> = styles(text).blocks.iter().map(block).collect();
    blocks.join("\n")
}

fn styles(text: &str) -> Marked<'_> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(at) = fence(rest) {
        let (before, from) = rest.split_at(at);
        let body = from.get(FENCE.len()..).unwrap_or_default();
        let Some(end) = fence(body).filter(|end| *end > 0) else {
            break;
        };
        lines(before.strip_suffix('\n').unwrap_or(before), &mut blocks);
        let (code, after) = body.split_at(end);
        // The rest of the opening line names a language at most.
        let code = code.split_once('\n').map_or(code, |(_, code)| code);
        blocks.push(Block::Code(code.strip_suffix('\n').unwrap_or(code)));
        let after = after.get(FENCE.len()..).unwrap_or_default();
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    lines(rest, &mut blocks);
    let plain = |run: &Run<'_>| match run {
        Run::Plain { bold, italic, .. } => !bold && !italic,
        Run::Link { url, shown } => url == shown,
        Run::Code(_) | Run::Mention { .. } => false,
    };
    let same = blocks
        .iter()
        .all(|block| matches!(block, Block::Words(runs) if runs.iter().all(plain)));
    Marked {
        blocks,
        raw: (!same).then_some(text),
        big: emoji::alone(text),
    }
}

/// Where a line begins with three backticks.
fn fence(text: &str) -> Option<usize> {
    if text.starts_with(FENCE) {
        return Some(0);
    }
    text.find("\n```").map(|at| at + 1)
}

/// Words and quotes; neighbouring lines of one kind are one block.
fn lines<'a>(text: &'a str, blocks: &mut Vec<Block<'a>>) {
    if text.is_empty() {
        return;
    }
    let mut from = 0;
    let mut quoted = None;
    let mut at = 0;
    for line in text.split_inclusive('\n').chain([""]) {
        let is = line.starts_with('>');
        let ends = line.is_empty();
        if let Some(was) = quoted
            && (ends || is != was)
        {
            let part = text.get(from..at).unwrap_or_default();
            // The line break before another block is the block itself; the one at the end of a text stays typed.
            let part = if ends {
                part
            } else {
                part.strip_suffix('\n').unwrap_or(part)
            };
            blocks.push(if was {
                Block::Quote(quote(part))
            } else {
                Block::Words(runs(part))
            });
            from = at;
        }
        quoted = Some(is);
        at += line.len();
    }
}

fn quote(text: &str) -> Vec<Run<'_>> {
    let bare: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix('>').unwrap_or(line))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    owned(runs(&bare.join("\n")))
}

fn owned(runs: Vec<Run<'_>>) -> Vec<Run<'static>> {
    let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    runs.into_iter()
        .map(|run| match run {
            Run::Plain { text, bold, italic } => Run::Plain {
                text: own(text),
                bold,
                italic,
            },
            Run::Code(text) => Run::Code(own(text)),
            Run::Mention { text, own: is } => Run::Mention {
                text: own(text),
                own: is,
            },
            Run::Link { url, shown } => Run::Link {
                url: own(url),
                shown,
            },
        })
        .collect()
}

fn runs(text: &str) -> Vec<Run<'_>> {
    let mut found = Vec::new();
    // Code first: nothing inside it is a style or an address.
    let mut rest = text;
    let mut plain_from = 0;
    let mut at = 0;
    while let Some(start) = rest.find('`') {
        let inner = rest.get(start + 1..).unwrap_or_default();
        let end = inner
            .find(['`', '\n'])
            .filter(|end| *end > 0 && inner.get(*end..).is_some_and(|t| t.starts_with('`')));
        match end {
            Some(end) => {
                linked(
                    text.get(plain_from..at + start).unwrap_or_default(),
                    &mut found,
                );
                found.push(Run::Code(inner.get(..end).unwrap_or_default().into()));
                at += start + end + 2;
                plain_from = at;
            }
            None => at += start + 1,
        }
        rest = text.get(at..).unwrap_or_default();
    }
    linked(text.get(plain_from..).unwrap_or_default(), &mut found);
    found
}

fn linked<'a>(text: &'a str, found: &mut Vec<Run<'a>>) {
    for piece in words::pieces(text) {
        match piece {
            Piece::Plain(text) => styled(text, false, false, found),
            Piece::Link(url) => found.push(Run::Link {
                url: url.into(),
                shown: host::shown(url).into_owned(),
            }),
        }
    }
}

/// `*` and `_` count at the edge of a word, on one line.
fn styled<'a>(text: &'a str, bold: bool, italic: bool, found: &mut Vec<Run<'a>>) {
    let mut plain_from = 0;
    let mut at = 0;
    while let Some(offset) = text.get(at..).and_then(|t| t.find(['*', '_'])) {
        let open = at + offset;
        at = open + 1;
        let is_bold = text.get(open..).is_some_and(|t| t.starts_with('*'));
        if (is_bold && bold) || (!is_bold && italic) {
            continue;
        }
        let Some(close) = closing(text, open, if is_bold { '*' } else { '_' }) else {
            continue;
        };
        push(
            text.get(plain_from..open).unwrap_or_default(),
            bold,
            italic,
            found,
        );
        let inner = text.get(open + 1..close).unwrap_or_default();
        styled(inner, bold || is_bold, italic || !is_bold, found);
        at = close + 1;
        plain_from = at;
    }
    push(
        text.get(plain_from..).unwrap_or_default(),
        bold,
        italic,
        found,
    );
}

fn push<'a>(text: &'a str, bold: bool, italic: bool, found: &mut Vec<Run<'a>>) {
    if !text.is_empty() {
        found.push(Run::Plain {
            text: text.into(),
            bold,
            italic,
        });
    }
}

/// Where the style opened at `open` ends.
fn closing(text: &str, open: usize, mark: char) -> Option<usize> {
    let before = text.get(..open)?.chars().next_back();
    let inner = text.get(open + 1..)?;
    let starts = inner.chars().next()?;
    if before.is_some_and(char::is_alphanumeric) || starts.is_whitespace() || starts == mark {
        return None;
    }
    for (offset, c) in inner.char_indices() {
        if c == '\n' {
            return None;
        }
        if c != mark {
            continue;
        }
        let last = inner.get(..offset)?.chars().next_back()?;
        let next = inner.get(offset + 1..)?.chars().next();
        if !last.is_whitespace() && next.is_none_or(|c| !c.is_alphanumeric() && c != mark) {
            return Some(open + 1 + offset);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces in one line: `b(..)`, `i(..)`, `c(..)`, `a(..)`, `q[..]`, `pre(..)`, `@(..)`, `@!(..)`.
    fn drawn(text: &str) -> String {
        drawn_with(text, &[])
    }

    fn drawn_with(text: &str, mentions: &[Mention]) -> String {
        let run = |run: &Run<'_>| match run {
            Run::Plain { text, bold, italic } => match (bold, italic) {
                (true, true) => format!("bi({text})"),
                (true, false) => format!("b({text})"),
                (false, true) => format!("i({text})"),
                (false, false) => text.to_string(),
            },
            Run::Code(text) => format!("c({text})"),
            Run::Link { shown, .. } => format!("a({shown})"),
            Run::Mention { text, own } => format!("@{}({text})", if *own { "!" } else { "" }),
        };
        let all = |runs: &[Run<'_>]| runs.iter().map(run).collect::<String>();
        let blocks = marked(text, mentions).blocks;
        let parts: Vec<String> = blocks
            .iter()
            .map(|block| match block {
                Block::Words(runs) => all(runs),
                Block::Quote(runs) => format!("q[{}]", all(runs)),
                Block::Code(text) => format!("pre({text})"),
            })
            .collect();
        parts.join("|")
    }

    #[test]
    fn a_line_of_a_card_has_no_marks() {
        for (text, shown) in [
            ("*жирный* и _косой_", "жирный и косой"),
            ("> было\nстало `x`", "было\nстало x"),
            ("до\n```rust\nlet a;\n```", "до\nlet a;"),
            ("2*3*4 и snake_case_name", "2*3*4 и snake_case_name"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn styles_count_at_the_edge_of_words() {
        for (text, shown) in [
            ("*жирный* и _косой_", "b(жирный) и i(косой)"),
            ("*и _то_ и то*", "b(и )bi(то)b( и то)"),
            ("(*да*), «_нет_»!", "(b(да)), «i(нет)»!"),
            ("2*3*4 и snake_case_name", "2*3*4 и snake_case_name"),
            ("* список\n* ещё", "* список\n* ещё"),
            ("*не закрыт", "*не закрыт"),
            ("*через\nстроку*", "*через\nстроку*"),
            ("** и __ и ``", "** и __ и ``"),
            ("`*код*` и *`тоже`*", "c(*код*) и *c(тоже)*"),
            (
                "https://a.example/_x_/ *b*",
                "a(https://a.example/_x_/) b(b)",
            ),
            ("`https://a.example`", "c(https://a.example)"),
            ("", ""),
        ] {
            assert_eq!(drawn(text), shown, "{text:?}");
        }
    }

    #[test]
    fn quotes_and_code_are_blocks() {
        for (text, shown) in [
            ("> раз\n> *два*\nответ", "q[раз\nb(два)]|ответ"),
            ("сказал:\n>так\n", "сказал:|q[так]"),
            ("a > b", "a > b"),
            (
                "```\nlet x = *1*;\n> y\n```\nвот",
                "pre(let x = *1*;\n> y)|вот",
            ),
            ("см.\n```rust\nfn f() {}\n```", "см.|pre(fn f() {})"),
            ("```\nне закрыт", "```\nне закрыт"),
            ("a\n\nb", "a\n\nb"),
        ] {
            assert_eq!(drawn(text), shown, "{text:?}");
        }
    }

    fn typed(text: &str) -> Marked<'_> {
        marked(text, &[])
    }

    #[test]
    fn members_are_named_where_they_are_words() {
        let text = "@сова, *@сова-то* `@сова` @рысь https://a.example/@сова";
        let mention = |from: usize, name: &str, own: bool| Mention {
            from,
            to: from + name.len(),
            users: Vec::new(),
            own,
        };
        let rys = text.find("@рысь").unwrap_or_default();
        let mentions = [mention(0, "@сова", true), mention(rys, "@рысь", false)];
        let shown = "@!(@сова), @!(@сова)b(-то) c(@сова) @(@рысь) a(https://a.example/@сова)";
        assert_eq!(drawn_with(text, &mentions), shown);
        // Nothing that is typed differs from what is shown.
        assert_eq!(marked("@сова", &mentions[..1]).raw, None);
    }

    #[test]
    fn the_typed_text_is_kept_where_it_is_not_shown() {
        assert_eq!(typed("просто https://a.example/").raw, None);
        assert_eq!(typed("две\nстроки\n").raw, None);
        assert_eq!(typed("*да*").raw, Some("*да*"));
        assert_eq!(typed("> да").raw, Some("> да"));
        assert!(typed("https://аpple.com").raw.is_some());
        assert!(typed("🔥").big && !typed("🔥 да").big);
    }

    #[test]
    fn no_text_is_lost_or_fails() {
        for text in [
            "`",
            "``````",
            "```\n```",
            ">",
            ">\n>\n",
            "*",
            "_*_*",
            "*_*_",
            "\n\n",
            "`\n`",
            "*a *b* c*",
            "> ```\n> x\n> ```",
        ] {
            drawn(text);
        }
    }
}
