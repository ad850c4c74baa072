//! How pages look, and what keys do.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chater_engine::view::Me;
use serde::Deserialize;

use super::{Frame, Saved, on, opened};
use crate::app::App;
use crate::cookie;
use crate::error::PageResult;
use crate::i18n::{Lang, Look, Theme, lang_cookie, theme_cookie};
use crate::pages::shell::{Shell, local_path, page, see_other};
use crate::session::{CheckedForm, MaybeSession, Session};

/// A year: how long a browser remembers theme and language.
const YEAR_S: u32 = 31_536_000;

#[derive(Template)]
#[template(path = "pages/settings/look.html")]
struct LookPage<'a> {
    look: &'a Look,
    shell: Shell,
    frame: Frame,
    me: Me,
}

impl LookPage<'_> {
    fn theme(&self) -> &'static str {
        self.look.theme.map_or("system", Theme::as_str)
    }

    fn sizes(&self) -> [u16; 4] {
        [87, 100, 115, 130]
    }
}

/// `/settings/look`.
pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    look: Look,
    Query(saved): Query<Saved>,
) -> PageResult {
    let (shell, frame, me) = opened(&app, &session, &look, "look", &saved).await?;
    Ok(page(&LookPage {
        look: &look,
        shell,
        frame,
        me,
    }))
}

/// The whole section.
#[derive(Deserialize)]
pub(crate) struct SectionForm {
    theme: Option<String>,
    language: Option<String>,
    text_size: Option<u16>,
    enter_sends: Option<String>,
    up_edits: Option<String>,
}

/// Saves the section.
pub(crate) async fn save(
    State(app): State<App>,
    session: Session,
    CheckedForm(form): CheckedForm<SectionForm>,
) -> PageResult {
    let mut wanted = session.user.me()?.preferences;
    wanted.text_size = form.text_size.unwrap_or(wanted.text_size);
    wanted.enter_sends = on(&form.enter_sends);
    wanted.up_edits = on(&form.up_edits);
    session.user.set_preferences(wanted).await?;
    let look = LookForm {
        theme: form.theme,
        language: form.language,
        back: Some("/settings/look?saved=1".to_owned()),
    };
    choose(&app, Some(session), &look).await
}

/// Theme, language, and the page to come back to.
#[derive(Deserialize)]
pub(crate) struct LookForm {
    theme: Option<String>,
    language: Option<String>,
    back: Option<String>,
}

/// `/look`: works signed out as well, then only by cookies.
pub(crate) async fn save_anywhere(
    State(app): State<App>,
    MaybeSession(session): MaybeSession,
    CheckedForm(form): CheckedForm<LookForm>,
) -> PageResult {
    choose(&app, session, &form).await
}

async fn choose(app: &App, session: Option<Session>, form: &LookForm) -> PageResult {
    let theme = form.theme.as_deref().map(Theme::parse);
    let language = form.language.as_deref().and_then(Lang::parse);
    if let Some(session) = session {
        let mut settings = session.user.me()?.settings;
        if let Some(theme) = theme {
            settings.theme = theme.map(|theme| theme.as_str().to_owned());
        }
        if let Some(language) = language {
            settings.language = Some(language.code().to_owned());
        }
        session.user.set_settings(settings).await?;
    }
    let mut response = see_other(local_path(form.back.as_deref()));
    let suffix = app.engine.cookie_suffix();
    if let Some(theme) = theme {
        remember(
            app,
            &mut response,
            &theme_cookie(&suffix),
            theme.map(Theme::as_str),
        );
    }
    if let Some(language) = language {
        remember(
            app,
            &mut response,
            &lang_cookie(&suffix),
            Some(language.code()),
        );
    }
    Ok(response)
}

/// Sets a cookie for a year, or takes it away.
fn remember(app: &App, response: &mut Response, name: &str, value: Option<&str>) {
    let (value, age_s) = value.map_or(("", 0), |value| (value, YEAR_S));
    if let Some(line) = cookie::set(name, value, age_s, true, app.is_secure()) {
        response
            .headers_mut()
            .append(axum::http::header::SET_COOKIE, line);
    }
}

/// The zone of the browser, which it tells when it is another one than is known here.
#[derive(Deserialize)]
pub(crate) struct ZoneForm {
    #[serde(default)]
    zone: String,
}

/// Keeps the zone, for times drawn by the node. One that is none is passed over.
pub(crate) async fn save_zone(
    session: Session,
    CheckedForm(form): CheckedForm<ZoneForm>,
) -> PageResult {
    let mut settings = session.user.me()?.settings;
    if form.zone.parse::<chrono_tz::Tz>().is_ok() && settings.time_zone.as_ref() != Some(&form.zone)
    {
        settings.time_zone = Some(form.zone);
        session.user.set_settings(settings).await?;
    }
    Ok(see_other("/settings/look"))
}
