//! «Почему никого не видно»: what the node found out about itself, with what to do about it.

use askama::Template;
use axum::extract::State;
use chater_engine::view::{Check, Verdict};

use super::auth::Empty;
use super::settings::node::size_text;
use super::shell::{Shell, page, see_other};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Arg, Lang, Look, text_with};
use crate::session::{CheckedForm, Session};

struct Row {
    dot: &'static str,
    word: String,
    text: String,
}

#[derive(Template)]
#[template(path = "pages/network_help.html")]
struct HelpPage<'a> {
    look: &'a Look,
    shell: Shell,
    rows: Vec<Row>,
    address: Option<String>,
}

/// `/network/help`.
pub(crate) async fn show(State(app): State<App>, session: Session, look: Look) -> PageResult {
    let shell = Shell::new(&app, &session, look.t("help-network"))
        .await
        .section("network");
    let checks = app.engine.checks().await?;
    Ok(page(&HelpPage {
        look: &look,
        shell,
        rows: checks.iter().map(|check| row(&look, check)).collect(),
        address: app.engine.node().addresses.into_iter().next(),
    }))
}

fn row(look: &Look, check: &Check) -> Row {
    let (dot, word) = match check.verdict {
        Verdict::Good => ("", look.t("check-good")),
        Verdict::Warning => ("wait", look.t("check-warning")),
        Verdict::Bad => ("off", look.t("check-bad")),
    };
    Row {
        dot,
        word,
        text: words(look.lang, check),
    }
}

/// The sentence for a check.
pub(crate) fn words(lang: Lang, check: &Check) -> String {
    let values: Vec<(&'static str, Arg<'_>)> = check
        .values
        .iter()
        .map(|(name, value)| match value.parse::<u64>() {
            Ok(mib) if *name == "mib" => ("size", Arg::from(size_text(lang, mib << 20))),
            _ => (*name, Arg::from(value.clone())),
        })
        .collect();
    text_with(lang, key(check.code), &values)
}

fn key(code: &'static str) -> &'static str {
    match code {
        "ports" => "check-ports",
        "no-port" => "check-no-port",
        "interfaces" => "check-interfaces",
        "only-here" => "check-only-here",
        "lan-off" => "check-lan-off",
        "lan-socket" => "check-lan-socket",
        "lan-silent" => "check-lan-silent",
        "lan-well" => "check-lan-well",
        "nobody" => "check-nobody",
        "linked" => "check-linked",
        "dial-refused" => "check-dial-refused",
        "dial-timeout" => "check-dial-timeout",
        "dial-unreachable" => "check-dial-unreachable",
        "dial-another" => "check-dial-another",
        "dial-own" => "check-dial-own",
        "dial-name" => "check-dial-name",
        "dial-blocked" => "check-dial-blocked",
        "dial-other" => "check-dial-other",
        "reachable" => "check-reachable",
        "reachable-relay" => "check-reachable-relay",
        "not-reachable" => "check-not-reachable",
        "reach-unknown" => "check-reach-unknown",
        "router-opened" => "check-router-opened",
        "router-off" => "check-router-off",
        "router-asked" => "check-router-asked",
        "router-silent" => "check-router-silent",
        "router-inside" => "check-router-inside",
        "relaying" => "check-relaying",
        "clock-well" => "check-clock-well",
        "clock-late" => "check-clock-late",
        "clock-early" => "check-clock-early",
        "disk" => "check-disk",
        "disk-little" => "check-disk-little",
        "rights" => "check-rights",
        "rights-open" => "check-rights-open",
        // Never: the engine knows no other.
        other => other,
    }
}

/// Switches the relay on or off, on the page of the node (owner only; the engine checks).
pub(crate) async fn relay_on(session: Session, CheckedForm(_): CheckedForm<Empty>) -> PageResult {
    session.user.set_relay(true).await?;
    Ok(see_other("/settings/node?saved=1"))
}

/// See [`relay_on`].
pub(crate) async fn relay_off(session: Session, CheckedForm(_): CheckedForm<Empty>) -> PageResult {
    session.user.set_relay(false).await?;
    Ok(see_other("/settings/node?saved=1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_of_the_engine_has_its_words() {
        let engine = include_str!("../../../node/engine/src/check.rs");
        let code = engine.split("#[cfg(test)]").next().unwrap_or_default();
        // A code is a word in quotes with a dash or one of the few without.
        let named = code.split('"').skip(1).step_by(2).filter(|word| {
            word.contains('-')
                || [
                    "ports",
                    "interfaces",
                    "nobody",
                    "linked",
                    "reachable",
                    "relaying",
                    "disk",
                    "rights",
                ]
                .contains(word)
        });
        let mut count = 0;
        for word in named {
            let word: &'static str = word.to_owned().leak();
            assert_ne!(key(word), word, "no words for {word}");
            let values = [
                "n",
                "ports",
                "addresses",
                "address",
                "error",
                "nodes",
                "circuits",
                "minutes",
                "size",
            ];
            let values = values.map(|name| (name, Arg::from("7".to_owned())));
            for lang in [Lang::Ru, Lang::En] {
                assert_ne!(text_with(lang, key(word), &values), key(word), "{word}");
            }
            count += 1;
        }
        assert!(count > 25, "{count}");
    }
}
