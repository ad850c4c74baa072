//! Hosts of links as people should see them: letters of several alphabets are shown as punycode, since one of them may
//! pass for another.

use std::borrow::Cow;

/// Which alphabet a letter belongs to; none for what all share (digits, hyphen).
fn alphabet(c: char) -> Option<u32> {
    match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => Some(1),
        '\u{370}'..='\u{3ff}' => Some(2),
        '\u{400}'..='\u{52f}' => Some(3),
        c if c.is_ascii() => None,
        // Coarse on purpose: what is not one block of letters is shown as punycode, which harms nobody.
        c => Some(u32::from(c) >> 8 | 0x1_0000),
    }
}

/// An address as it is shown: unchanged, or with its host in punycode where the host mixes alphabets.
pub(crate) fn shown(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.into();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, tail) = rest.split_at(end);
    if place.is_ascii() {
        return url.into();
    }
    let mut alphabets = place.chars().filter_map(alphabet);
    let first = alphabets.next();
    if alphabets.all(|other| Some(other) == first) {
        return url.into();
    }
    let labels: Vec<Cow<'_, str>> = place.split('.').map(label).collect();
    format!("{scheme}://{}{tail}", labels.join(".")).into()
}

fn label(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    // A port stands behind the last label.
    let (name, port) = text.split_once(':').map_or((text, ""), |(name, _)| {
        (name, text.get(name.len()..).unwrap_or_default())
    });
    match punycode(&name.to_lowercase()) {
        Some(code) => format!("xn--{code}{port}").into(),
        None => "xn--?".into(),
    }
}

/// RFC 3492; none only for labels no host can have.
fn punycode(label: &str) -> Option<String> {
    const BASE: u32 = 36;
    let digit = |d: u32| {
        let d = u8::try_from(d).ok()?;
        Some(char::from(if d < 26 { b'a' + d } else { b'0' + d - 26 }))
    };
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    let total = u32::try_from(label.chars().count()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let (mut n, mut delta, mut bias, mut done) = (128_u32, 0_u32, 72_u32, basic);
    while done < total {
        let next = label.chars().map(u32::from).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(done + 1)?)?;
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta = delta.checked_add(1)?;
            } else if c == n {
                let (mut q, mut k) = (delta, BASE);
                loop {
                    let t = k.saturating_sub(bias).clamp(1, 26);
                    if q < t {
                        break;
                    }
                    out.push(digit(t + (q - t) % (BASE - t))?);
                    q = (q - t) / (BASE - t);
                    k += BASE;
                }
                out.push(digit(q)?);
                bias = adapted(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(out)
}

fn adapted(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punycode_is_that_of_the_registries() {
        for (label, code) in [
            ("пример", "e1afmkfd"),
            ("bücher", "bcher-kva"),
            (
                "почемужеонинеговорятпорусски",
                "b1abfaaepdrnnbgefbadotcwatmq2g4l",
            ),
            ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
            ("αβγ", "mxacd"),
        ] {
            assert_eq!(punycode(label).as_deref(), Some(code), "{label}");
        }
    }

    #[test]
    fn one_alphabet_is_shown_as_typed_and_several_are_not() {
        for fine in [
            "https://example.com/путь?a=б",
            "https://пример.испытание/а",
            "http://bücher.example",
        ] {
            assert_eq!(shown(fine), fine);
        }
        assert_eq!(shown("https://аpple.com/x"), "https://xn--pple-43d.com/x");
        assert_eq!(
            shown("https://пример.com:8080/"),
            "https://xn--e1afmkfd.com:8080/"
        );
    }
}
