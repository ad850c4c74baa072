//! Settings: who one is, how pages look.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chater_engine::Error;
use chater_engine::view::Me;
use serde::Deserialize;

use super::auth::invalid;
use super::fragment::Avatar;
use super::shell::{Shell, local_path, page_with, see_other};
use crate::app::App;
use crate::error::PageResult;
use crate::i18n::{Lang, Look, Theme, lang_cookie, theme_cookie};
use crate::session::{CheckedForm, MaybeSession, Session};

/// Whether a form was saved just now.
#[derive(Deserialize)]
pub(crate) struct Saved {
    saved: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/settings.html")]
struct SettingsPage<'a> {
    look: &'a Look,
    shell: Shell,
    me: Me,
    avatar: Avatar,
    part: &'static str,
    saved: bool,
    name_error: Option<String>,
    about_error: Option<String>,
}

impl SettingsPage<'_> {
    fn theme(&self) -> &'static str {
        self.look.theme.map_or("system", Theme::as_str)
    }
}

/// `/settings/profile`.
pub(crate) async fn profile(
    app: State<App>,
    session: Session,
    look: Look,
    saved: Query<Saved>,
) -> PageResult {
    show(
        &app.0,
        &session,
        &look,
        "profile",
        saved.0.saved.is_some(),
        None,
    )
    .await
}

/// `/settings/look`.
pub(crate) async fn look(
    app: State<App>,
    session: Session,
    look: Look,
    saved: Query<Saved>,
) -> PageResult {
    show(
        &app.0,
        &session,
        &look,
        "look",
        saved.0.saved.is_some(),
        None,
    )
    .await
}

/// The typed profile that was refused.
struct Refused {
    form: ProfileForm,
    field: &'static str,
    text: String,
}

async fn show(
    app: &App,
    session: &Session,
    look: &Look,
    part: &'static str,
    saved: bool,
    refused: Option<Refused>,
) -> PageResult {
    let shell = Shell::new(app, session, look.t("settings"))
        .await
        .section("settings");
    let mut me = session.user.me()?;
    let avatar = Avatar::person(&me.person, "xl", false);
    let (mut status, mut name_error, mut about_error) = (StatusCode::OK, None, None);
    if let Some(refused) = refused {
        status = StatusCode::UNPROCESSABLE_ENTITY;
        me.person.display_name = refused.form.display_name;
        me.person.about = refused.form.about;
        let error = Some(refused.text);
        if refused.field == "about" {
            about_error = error
        } else {
            name_error = error
        }
    }
    Ok(page_with(
        status,
        &SettingsPage {
            look,
            shell,
            me,
            avatar,
            part,
            saved,
            name_error,
            about_error,
        },
    ))
}

/// Name and a line about oneself.
#[derive(Deserialize)]
pub(crate) struct ProfileForm {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    about: String,
}

/// Saves the profile.
pub(crate) async fn save_profile(
    State(app): State<App>,
    session: Session,
    look: Look,
    CheckedForm(form): CheckedForm<ProfileForm>,
) -> PageResult {
    match session
        .user
        .set_profile(form.display_name.clone(), form.about.clone())
        .await
    {
        Ok(_) => Ok(see_other("/settings/profile?saved=1")),
        Err(Error::Invalid { field, reason }) => {
            let text = invalid(&look, field, reason.as_str());
            show(
                &app,
                &session,
                &look,
                "profile",
                false,
                Some(Refused { form, field, text }),
            )
            .await
        }
        Err(error) => Err(error.into()),
    }
}

/// Theme, language, and the page to come back to.
#[derive(Deserialize)]
pub(crate) struct LookForm {
    theme: Option<String>,
    language: Option<String>,
    back: Option<String>,
}

/// `/look`: works signed out as well, then only by cookies.
pub(crate) async fn save_look(
    State(app): State<App>,
    MaybeSession(session): MaybeSession,
    CheckedForm(form): CheckedForm<LookForm>,
) -> PageResult {
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
        set_cookie(
            &app,
            &mut response,
            &theme_cookie(&suffix),
            theme.map(Theme::as_str),
        );
    }
    if let Some(language) = language {
        set_cookie(
            &app,
            &mut response,
            &lang_cookie(&suffix),
            Some(language.code()),
        );
    }
    Ok(response)
}

/// Sets a cookie for a year, or takes it away.
fn set_cookie(app: &App, response: &mut Response, name: &str, value: Option<&str>) {
    let secure = app
        .config
        .public_url
        .as_deref()
        .is_some_and(|url| url.starts_with("https://"));
    let (value, age) = value.map_or(("", 0), |value| (value, 31_536_000));
    let end = if secure { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{end}");
    if let Ok(line) = HeaderValue::from_str(&line) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}
