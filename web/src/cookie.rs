//! Cookies: read one, write one. Nothing else of RFC 6265 is needed here.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// The longest a browser keeps a cookie (400 days). A session itself ends on the node, 30 days after
/// its last use (Q18), so the cookie need not be renewed with every page.
pub(crate) const LONGEST_S: u32 = 400 * 24 * 60 * 60;

/// The value of a cookie; the first one when a name comes twice.
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"'))
}

/// What may stand in a cookie of ours: no separators, no spaces, a bounded length.
fn is_plain(value: &str) -> bool {
    value.len() <= 256
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-./+".contains(&b))
}

/// A `Set-Cookie` line. `age_s` 0 removes the cookie. None if the value has characters no cookie of
/// ours has.
pub(crate) fn set(
    name: &str,
    value: &str,
    age_s: u32,
    http_only: bool,
    secure: bool,
) -> Option<HeaderValue> {
    if !is_plain(value) || !is_plain(name) {
        return None;
    }
    let mut line = format!("{name}={value}; Path=/; Max-Age={age_s}; SameSite=Lax");
    if http_only {
        line.push_str("; HttpOnly");
    }
    if secure {
        line.push_str("; Secure");
    }
    HeaderValue::from_str(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (COOKIE, HeaderValue::from_static(line)))
            .collect()
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let table: [(&[&'static str], Option<&str>); 9] = [
            (&["chater_ab=1"], Some("1")),
            (&["x=2; chater_ab=1; y=3"], Some("1")),
            (&["x=2", "chater_ab=1"], Some("1")),
            (&["chater_ab=\"1\""], Some("1")),
            (&["chater_ab=1; chater_ab=2"], Some("1")),
            (&["chater_abc=1"], None),
            (&["xchater_ab=1"], None),
            (&["chater_ab"], None),
            (&[";;; = ;"], None),
        ];
        for (lines, expected) in table {
            assert_eq!(find(&headers(lines), "chater_ab"), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_cookie_is_written_with_its_guards() {
        let line = set("chater_ab", "s3cret", LONGEST_S, true, true);
        let expected = "chater_ab=s3cret; Path=/; Max-Age=34560000; SameSite=Lax; HttpOnly; Secure";
        assert_eq!(line, Some(HeaderValue::from_static(expected)));
        assert_eq!(set("chater_ab", "a; Domain=evil", 1, true, false), None);
    }
}
