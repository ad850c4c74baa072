//! The sentence for a wrong value, by its field and what is wrong with it.

use chater_engine::Reason;

/// Texts of their own for a field and a reason; the others share `error-<reason>`.
const FIELD_TEXTS: [(&str, &[&str]); 26] = [
    (
        "photo",
        &["empty", "characters", "long", "animated", "malformed"],
    ),
    (
        "words",
        &["empty", "short", "long", "characters", "malformed", "wrong"],
    ),
    ("old", &["empty", "wrong"]),
    (
        "name",
        &["empty", "long", "characters", "mixed", "reserved"],
    ),
    (
        "nick",
        &[
            "empty",
            "short",
            "long",
            "control",
            "characters",
            "mixed",
            "reserved",
            "malformed",
        ],
    ),
    ("password", &["empty", "short", "long", "wrong"]),
    ("text", &["empty", "long", "control"]),
    ("with", &["empty", "malformed"]),
    ("address", &["empty", "malformed", "unlisted"]),
    ("display_name", &["long", "control"]),
    ("about", &["long"]),
    ("client_id", &["malformed", "characters", "long"]),
    ("invite", &["empty", "malformed"]),
    ("q", &["long"]),
    ("code", &["malformed", "wrong", "unreachable", "later"]),
    ("uses", &["malformed", "long"]),
    ("days", &["malformed", "empty"]),
    ("history", &["malformed"]),
    ("quota", &["malformed"]),
    ("keep_days", &["malformed"]),
    ("picture_days", &["malformed"]),
    ("room", &["malformed"]),
    ("mailbox", &["long"]),
    ("community", &["empty", "many"]),
    (
        "link",
        &[
            "malformed",
            "wrong",
            "unreachable",
            "expired",
            "used",
            "revoked",
            "other",
            "own",
            "blocked",
        ],
    ),
    ("node", &["own", "malformed"]),
];

/// The key of the text for a wrong value.
pub(crate) fn reason_key(field: &str, reason: Reason) -> String {
    let reason = reason.as_str();
    let own = FIELD_TEXTS
        .iter()
        .any(|(name, reasons)| *name == field && reasons.contains(&reason));
    if own {
        format!("error-{field}-{reason}")
    } else {
        format!("error-{reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::is_text;
    use super::*;

    #[test]
    fn every_reason_has_a_text() {
        use Reason::{Characters, Control, Empty, Long, Malformed, Mixed, Reserved, Short};
        for (field, reasons) in FIELD_TEXTS {
            for reason in reasons {
                assert!(
                    is_text(&format!("error-{field}-{reason}")),
                    "{field} {reason}"
                );
            }
        }
        for reason in [
            Empty, Short, Long, Control, Characters, Mixed, Reserved, Malformed,
        ] {
            for field in FIELD_TEXTS
                .iter()
                .map(|(field, _)| *field)
                .chain(["anything"])
            {
                let key = reason_key(field, reason);
                assert!(is_text(&key), "no text for {key}");
            }
        }
    }
}
