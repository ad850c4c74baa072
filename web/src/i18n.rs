//! Texts in two languages, and `Look`: how one person wants to see the pages.
//!
//! Texts live in `web/locales/{ru,en}/*.ftl`; a test (`pages/texts.rs`) keeps both catalogues and their uses equal.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Display;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request::Parts};
use chater_engine::view::Preferences;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, langid};

use crate::app::App;
use crate::session::MaybeSession;

fluent_templates::static_loader! {
    static TEXTS = {
        locales: "./locales",
        fallback_language: "ru",
        // Isolation marks around every name would end up in titles and labels.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static RU: LanguageIdentifier = langid!("ru");
static EN: LanguageIdentifier = langid!("en");

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lang {
    /// Russian.
    #[default]
    Ru,
    /// English.
    En,
}

impl Lang {
    /// `ru` or `en`; anything else is none.
    #[must_use]
    pub(crate) fn parse(code: &str) -> Option<Self> {
        match code {
            "ru" => Some(Self::Ru),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The code for `<html lang>`.
    #[must_use]
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    fn id(self) -> &'static LanguageIdentifier {
        match self {
            Self::Ru => &RU,
            Self::En => &EN,
        }
    }

    /// The first of our languages in `Accept-Language`, by weight.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let wanted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut best: Option<(Self, f32)> = None;
        for part in wanted.split(',').take(32) {
            let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
            let weight = weight.trim().parse::<f32>().unwrap_or(0.0);
            let primary = tag.trim().split('-').next().unwrap_or_default();
            if let Some(lang) = Self::parse(&primary.to_ascii_lowercase())
                && weight > best.map_or(0.0, |(_, known)| known)
            {
                best = Some((lang, weight));
            }
        }
        best.map(|(lang, _)| lang)
    }
}

/// A value put into a text.
#[derive(Debug, Clone)]
pub(crate) enum Arg<'a> {
    /// Shown as it is.
    Text(Cow<'a, str>),
    /// Shown in digits; chooses the plural form.
    Number(i64),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u32> for Arg<'_> {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Arg<'_> {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A number that a text counts; templates hand over references.
pub(crate) trait Count {
    /// As a text's number.
    fn count(self) -> i64;
}

macro_rules! counts {
    ($($number:ty)*) => {$(
        impl Count for $number {
            fn count(self) -> i64 {
                i64::try_from(self).unwrap_or(i64::MAX)
            }
        }
    )*};
}
counts!(u32 u64 usize);

impl<T: Count + Copy> Count for &T {
    fn count(self) -> i64 {
        (*self).count()
    }
}

/// The text of a key. An unknown key shows itself, so that a page never fails over a text.
#[must_use]
pub(crate) fn text(lang: Lang, key: &str) -> String {
    TEXTS
        .try_lookup(lang.id(), key)
        .unwrap_or_else(|| key.to_owned())
}

/// The text of a key with values in it.
#[must_use]
pub(crate) fn text_with(lang: Lang, key: &str, args: &[(&'static str, Arg<'_>)]) -> String {
    find_text(lang, key, args).unwrap_or_else(|| key.to_owned())
}

/// Like `text_with`, but none for an unknown key (keys made of an error's words).
pub(crate) fn find_text(lang: Lang, key: &str, args: &[(&'static str, Arg<'_>)]) -> Option<String> {
    let args: HashMap<Cow<'static, str>, FluentValue<'_>> = args
        .iter()
        .map(|(name, arg)| {
            let value = match arg {
                Arg::Text(text) => FluentValue::from(text.as_ref()),
                Arg::Number(number) => FluentValue::from(*number),
            };
            (Cow::Borrowed(*name), value)
        })
        .collect();
    TEXTS.try_lookup_with_args(lang.id(), key, &args)
}

/// Light or dark; absent follows the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// `light` or `dark`; anything else is none.
    #[must_use]
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            _ => None,
        }
    }

    /// The value of `data-theme`.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The colour of the header, `--surface` in tokens.css, for the frame of a window.
    #[must_use]
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Light => "#fffdf9",
            Self::Dark => "#171f20",
        }
    }
}

/// How one person sees the pages: language, theme, time zone. Taken from the request; never refuses one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    /// The language (Q19).
    pub lang: Lang,
    /// The theme; none follows the system.
    pub theme: Option<Theme>,
    /// The zone of the browser at the last login; none = UTC, marked so.
    pub zone: Option<chrono_tz::Tz>,
    /// What the user switched on and off; the usual for those who are not signed in.
    pub preferences: Preferences,
    /// Path and query of this page, to come back to after the language was switched.
    pub here: String,
}

impl Look {
    /// The text of a key.
    #[must_use]
    pub(crate) fn t(&self, key: &str) -> String {
        text(self.lang, key)
    }

    /// A text that counts: `$n`.
    #[must_use]
    pub(crate) fn n(&self, key: &str, count: impl Count) -> String {
        text_with(self.lang, key, &[("n", Arg::Number(count.count()))])
    }

    /// A text with one value `$a`.
    #[must_use]
    pub(crate) fn a(&self, key: &str, value: impl Display) -> String {
        text_with(self.lang, key, &[("a", Arg::from(value.to_string()))])
    }

    /// The address of a static file.
    #[must_use]
    pub(crate) fn asset(&self, path: &str) -> String {
        crate::assets::asset(path)
    }

    /// The other language, for the switch.
    #[must_use]
    pub(crate) fn other(&self) -> Lang {
        match self.lang {
            Lang::Ru => Lang::En,
            Lang::En => Lang::Ru,
        }
    }

    /// The look of a request: user, cookie, `Accept-Language` if the node says `auto`, the node's language.
    pub(crate) async fn of(parts: &mut Parts, app: &App) -> Self {
        let suffix = app.engine.cookie_suffix();
        let session = MaybeSession::from_request_parts(parts, app)
            .await
            .ok()
            .and_then(|found| found.0);
        let (chosen, preferences) = session
            .and_then(|s| s.user.me().ok())
            .map(|me| (me.settings, me.preferences))
            .unwrap_or_default();
        let setting = app.config.default_language.as_str();
        let lang = chosen
            .language
            .as_deref()
            .and_then(Lang::parse)
            .or_else(|| Lang::parse(cookie(&parts.headers, &lang_cookie(&suffix))?))
            .or_else(|| {
                if setting == "auto" {
                    Lang::accepted(&parts.headers)
                } else {
                    None
                }
            })
            .or_else(|| Lang::parse(setting))
            .unwrap_or_default();
        let theme = chosen
            .theme
            .as_deref()
            .and_then(Theme::parse)
            .or_else(|| Theme::parse(cookie(&parts.headers, &theme_cookie(&suffix))?));
        let zone = chosen
            .time_zone
            .as_deref()
            .and_then(|name| name.parse().ok());
        let here = parts
            .uri
            .path_and_query()
            .map(|path| path.as_str().to_owned())
            .unwrap_or_default();
        Self {
            lang,
            theme,
            zone,
            preferences,
            here,
        }
    }
}

/// Name of the language cookie (Q18).
pub(crate) fn lang_cookie(suffix: &str) -> String {
    format!("chater_lang_{suffix}")
}

/// Name of the theme cookie (Q18).
pub(crate) fn theme_cookie(suffix: &str) -> String {
    format!("chater_theme_{suffix}")
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

impl FromRequestParts<App> for Look {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app).await)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    /// English, as somebody new sees the pages.
    pub(crate) fn look() -> super::Look {
        super::Look {
            lang: super::Lang::En,
            ..super::Look::default()
        }
    }
}
