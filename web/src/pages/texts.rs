//! Both catalogues have the same keys; every key used exists; none is unused; and templates carry no inline style.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::assets::SCRIPT_KEYS;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn keys(lang: &str) -> BTreeSet<String> {
    let folder = root().join("locales").join(lang);
    let mut text = String::new();
    for file in std::fs::read_dir(folder).expect("a folder").flatten() {
        text += &std::fs::read_to_string(file.path()).expect("a catalogue");
    }
    text.lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(" =").map(|(key, _)| key.to_owned()))
        .collect()
}

/// The text of every file below a folder with one of these endings.
fn sources(folder: &Path, endings: &[&str], found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, endings, found);
        } else if endings
            .iter()
            .any(|ending| path.to_string_lossy().ends_with(ending))
        {
            let text = std::fs::read_to_string(&path).expect("a text");
            found.push((path, text));
        }
    }
}

fn all() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(&root().join("templates"), &[".html"], &mut found);
    sources(&root().join("src"), &[".rs"], &mut found);
    sources(&root().join("static/js"), &[".js"], &mut found);
    found
}

/// The literal that follows each occurrence of `call` up to the closing quote.
fn literals<'a>(text: &'a str, call: &str) -> Vec<&'a str> {
    text.split(call)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[test]
fn catalogues_have_equal_keys() {
    assert_eq!(keys("ru"), keys("en"));
}

#[test]
fn every_key_used_exists() {
    let known = keys("ru");
    for (path, text) in all() {
        if path.ends_with("src/pages/texts.rs") {
            continue;
        }
        for call in [
            ".t(\"",
            "look.n(\"",
            "look.a(\"",
            "look.lang, \"",
            " t(\"",
            "(t(\"",
            "{t(\"",
            "find_text(lang, \"",
        ] {
            for key in literals(&text, call) {
                assert!(known.contains(key), "{}: no text for {key}", path.display());
            }
        }
    }
}

#[test]
fn no_key_is_unused() {
    let files = all();
    // Chosen by words of an error or by a status; the other parts of the crate name those.
    let chosen = |key: &str| key.starts_with("error-") || key.starts_with("api-");
    // Chosen in scripts by the state of a message.
    let built = [
        "js-state-sending",
        "js-state-stored",
        "js-state-delivered",
        "js-state-read",
        "js-state-failed",
    ];
    for key in keys("ru") {
        let quoted = format!("\"{key}\"");
        let used = files.iter().any(|(path, text)| {
            !path.ends_with("src/pages/texts.rs")
                && !path.ends_with("src/assets.rs")
                && text.contains(&quoted)
        });
        assert!(
            used || chosen(&key) || built.contains(&key.as_str()),
            "{key} is not used"
        );
    }
}

#[test]
fn scripts_get_exactly_the_keys_made_for_them() {
    let made: BTreeSet<String> = keys("ru")
        .into_iter()
        .filter(|key| key.starts_with("js-"))
        .collect();
    let served: BTreeSet<String> = SCRIPT_KEYS.iter().map(|key| (*key).to_owned()).collect();
    assert_eq!(made, served);
}

#[test]
fn templates_need_no_inline_style_or_script() {
    for (path, text) in all() {
        if path.extension().is_some_and(|ending| ending == "html") {
            assert!(!text.contains(" style="), "{}", path.display());
            assert!(
                !text.contains("<script>") && !text.contains(" onclick="),
                "{}",
                path.display()
            );
        }
    }
}
