//! Times as a person reads them, for the first paint and for browsers without scripts; `time.js` does the same later.

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Timelike, Utc};

use crate::i18n::{Arg, Look, text_with};

/// One moment, ready for `<time>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// RFC 3339 in UTC, for scripts.
    pub(crate) iso: String,
    /// What is shown.
    pub(crate) text: String,
    /// Date and time in full.
    pub(crate) full: String,
}

/// The moment in the zone of the reader.
#[derive(Clone, Copy)]
struct Local {
    date: NaiveDate,
    hour: u32,
    minute: u32,
}

fn local(look: &Look, ms: i64) -> Local {
    let utc = DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default();
    let naive = match look.zone {
        Some(zone) => zone.from_utc_datetime(&utc.naive_utc()).naive_local(),
        None => utc.naive_utc(),
    };
    Local {
        date: naive.date(),
        hour: naive.hour(),
        minute: naive.minute(),
    }
}

fn iso(ms: i64) -> String {
    let utc = DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default();
    utc.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// One of the names in a list text such as `months`.
fn named(look: &Look, key: &str, number: u32) -> String {
    let index = usize::try_from(number).unwrap_or_default();
    look.t(key)
        .split(' ')
        .nth(index)
        .unwrap_or_default()
        .to_owned()
}

fn day_month(look: &Look, key: &str, date: NaiveDate) -> String {
    let args = [
        ("day", Arg::from(date.day())),
        ("month", Arg::from(named(look, key, date.month0()))),
    ];
    text_with(look.lang, "date-day-month", &args)
}

fn clock_text(look: &Look, at: Local) -> String {
    let zone = if look.zone.is_some() { "" } else { " UTC" };
    format!("{:02}:{:02}{zone}", at.hour, at.minute)
}

fn full(look: &Look, at: Local) -> String {
    format!(
        "{}, {}",
        long_day(look, at.date, None),
        clock_text(look, at)
    )
}

fn long_day(look: &Look, date: NaiveDate, today: Option<NaiveDate>) -> String {
    match today {
        Some(today) if date == today => look.t("js-day-today"),
        Some(today) if Some(date) == today.pred_opt() => look.t("js-day-yesterday"),
        Some(today) if date.year() == today.year() => day_month(look, "months", date),
        _ => {
            let day = day_month(look, "months", date);
            text_with(
                look.lang,
                "date-with-year",
                &[
                    ("day", Arg::from(day)),
                    ("year", Arg::from(date.year().to_string())),
                ],
            )
        }
    }
}

/// `14:42`, for a message.
pub(crate) fn clock(look: &Look, ms: i64) -> Stamp {
    let at = local(look, ms);
    Stamp {
        iso: iso(ms),
        text: clock_text(look, at),
        full: full(look, at),
    }
}

/// Today `14:42`, then «вчера», the day of the week, `9 мая`, `09.05.25`: for a card.
pub(crate) fn card(look: &Look, ms: i64, now_ms: i64) -> Stamp {
    let (at, today) = (local(look, ms), local(look, now_ms).date);
    let days = today.signed_duration_since(at.date).num_days();
    let text = match days {
        0 => clock_text(look, at),
        1 => look.t("js-yesterday"),
        2..=6 => named(look, "week-days", at.date.weekday().num_days_from_monday()),
        _ if at.date.year() == today.year() => day_month(look, "months-short", at.date),
        _ => format!(
            "{:02}.{:02}.{:02}",
            at.date.day(),
            at.date.month(),
            at.date.year().rem_euclid(100)
        ),
    };
    Stamp {
        iso: iso(ms),
        text,
        full: full(look, at),
    }
}

/// Date and time in full.
pub(crate) fn moment(look: &Look, ms: i64) -> Stamp {
    let at = local(look, ms);
    let text = full(look, at);
    Stamp {
        iso: iso(ms),
        full: text.clone(),
        text,
    }
}

/// The date chip above the first message of a day.
pub(crate) fn day(look: &Look, ms: i64, now_ms: i64) -> Stamp {
    let at = local(look, ms);
    let text = long_day(look, at.date, Some(local(look, now_ms).date));
    Stamp {
        iso: iso(ms),
        full: text.clone(),
        text,
    }
}

/// Whether two moments are on one day for the reader.
pub(crate) fn same_day(look: &Look, one_ms: i64, other_ms: i64) -> bool {
    local(look, one_ms).date == local(look, other_ms).date
}

/// Now, for a page.
pub(crate) fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Lang;

    const NOON: i64 = 1_778_587_200_000; // Tuesday, 2026-05-12T12:00:00Z
    const DAY: i64 = 86_400_000;

    fn look(lang: Lang, zone: &str) -> Look {
        Look {
            lang,
            zone: zone.parse().ok(),
            ..Look::default()
        }
    }

    #[test]
    fn a_card_tells_less_of_older_times() {
        let look = look(Lang::Ru, "Europe/Moscow");
        let text = |days: i64| card(&look, NOON - days * DAY, NOON).text;
        assert_eq!([text(0), text(1), text(2)], ["15:00", "вчера", "вс"]);
        assert_eq!([text(11), text(400)], ["1 мая", "07.04.25"]);
    }

    #[test]
    fn an_unknown_zone_is_marked() {
        assert_eq!(clock(&look(Lang::En, ""), NOON).text, "12:00 UTC");
        assert_eq!(clock(&look(Lang::En, "Asia/Tokyo"), NOON).text, "21:00");
    }

    #[test]
    fn days_are_those_of_the_reader() {
        let tokyo = look(Lang::En, "Asia/Tokyo");
        assert!(!same_day(&tokyo, NOON, NOON + 4 * 3_600_000));
        assert!(same_day(&look(Lang::En, ""), NOON, NOON + 4 * 3_600_000));
        assert_eq!(day(&tokyo, NOON - DAY, NOON).text, "Yesterday");
        assert_eq!(day(&tokyo, NOON - 400 * DAY, NOON).text, "April 7, 2025");
    }
}
