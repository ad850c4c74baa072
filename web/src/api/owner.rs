//! What the owner of the node sees and does: what happened, what lies on the disk, backups, people.

use axum::http::StatusCode;
use chater_engine::id::UserId;
use chater_engine::view;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Answer, At, Body, answer};
use super::shapes::{Text, time};
use crate::error::{ErrorAnswer, Problem};
use crate::i18n::Look;
use crate::pages::happened;
use crate::session::Bearer;

const MIB: u64 = 1024 * 1024;

/// What happened to the node lately.
#[derive(Serialize, ToSchema)]
pub(super) struct Log {
    /// Newest first, 200 at most.
    events: Vec<LogEvent>,
}

/// Something that happened. No text of a message is in it.
#[derive(Serialize, ToSchema)]
pub(super) struct LogEvent {
    /// When; of several in a row, the last.
    at: String,
    /// For programs: `started`, `linked`, `lost`, `registered`, `logins-stopped`, `backup-made`, `disk-failed` ...
    code: &'static str,
    /// For people, in the caller's language.
    message: String,
    /// How often in a row.
    times: u32,
}

/// What lies on the disk, bytes.
#[derive(Serialize, ToSchema)]
#[schema(as = Storage)]
pub(super) struct Sizes {
    /// People, chats and messages.
    messages: u64,
    /// Pictures of people and groups.
    pictures: u64,
    /// How many pictures.
    picture_count: u32,
    /// Mail kept for other nodes.
    mail: u64,
    /// The journal, of a fixed size.
    journal: u64,
    /// Backups made on this node.
    backups: u64,
    /// Free on the disk; null = the system does not say.
    free: Option<u64>,
    /// Days that pictures of people elsewhere are kept with whom nobody here has a chat; 0 = for good.
    keep_days: u16,
}

/// How long pictures that nobody uses are kept.
#[derive(Deserialize, ToSchema)]
pub(super) struct Keep {
    /// Days, 1 to 365; 0 = for good.
    keep_days: u16,
}

/// Backups in the data folder.
#[derive(Serialize, ToSchema)]
pub(super) struct Backups {
    /// The folder on the machine of the node.
    folder: String,
    /// Newest first, three at most.
    backups: Vec<BackupFile>,
}

/// A backup.
#[derive(Serialize, ToSchema)]
pub(super) struct BackupFile {
    /// The file's name.
    name: String,
    /// Bytes.
    size: u64,
    /// When it was made.
    made_at: String,
}

/// The owner's password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Confirm {
    /// A backup opens the whole node: having the token is not enough.
    password: String,
}

/// Who lives here.
#[derive(Serialize, ToSchema)]
pub(super) struct People {
    /// In order of registration.
    people: Vec<ResidentRow>,
}

/// Somebody of this node.
#[derive(Serialize, ToSchema)]
pub(super) struct ResidentRow {
    /// 64 hex digits.
    #[schema(value_type = String)]
    user_id: Text<UserId>,
    /// The nick.
    nick: String,
    /// The name shown.
    display_name: String,
    /// Owns the node.
    owner: bool,
    /// The owner closed this account.
    closed: bool,
    /// Registered.
    since: String,
    /// Last use of any login.
    seen: Option<String>,
    /// Bytes of what they wrote and of their picture.
    used: u64,
    /// Bytes they may fill.
    quota: u64,
}

/// What the owner changes about somebody.
#[derive(Deserialize, ToSchema)]
pub(super) struct ResidentChange {
    /// Close the account, or open it again.
    closed: Option<bool>,
    /// How much they may fill, MiB: 1 to 1,048,576.
    quota_mib: Option<u64>,
}

fn file(backup: view::Backup) -> BackupFile {
    BackupFile {
        name: backup.name,
        size: backup.size,
        made_at: time(backup.made_ms),
    }
}

fn row(resident: view::Resident) -> ResidentRow {
    ResidentRow {
        user_id: Text(resident.person.user_id),
        nick: resident.person.nick,
        display_name: resident.person.display_name,
        owner: resident.owner,
        closed: resident.closed,
        since: time(resident.since_ms),
        seen: resident.seen_ms.map(time),
        used: resident.room.used,
        quota: resident.room.quota,
    }
}

fn sizes(storage: view::Storage) -> Sizes {
    Sizes {
        messages: storage.messages,
        pictures: storage.pictures,
        picture_count: storage.picture_count,
        mail: storage.mail,
        journal: storage.journal,
        backups: storage.backups,
        free: storage.free,
        keep_days: storage.keep_days,
    }
}

/// What happened to the node lately; the owner's right.
#[utoipa::path(get, path = "/api/v1/node/log", tag = "node",
    responses((status = 200, body = Log), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn log(bearer: Bearer, look: Look) -> Answer {
    let events = bearer.user.diary()?.into_iter().map(|it| LogEvent {
        at: time(it.at_ms),
        code: it.what.code(),
        message: happened(look.lang, &it.what),
        times: it.times,
    });
    answer(
        StatusCode::OK,
        &Log {
            events: events.collect(),
        },
    )
}

/// What lies on the disk; the owner's right.
#[utoipa::path(get, path = "/api/v1/node/storage", tag = "node",
    responses((status = 200, body = Sizes), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn storage(bearer: Bearer) -> Answer {
    answer(StatusCode::OK, &sizes(bearer.user.storage()?))
}

/// How long pictures that nobody uses are kept; the owner's right.
#[utoipa::path(put, path = "/api/v1/node/storage", tag = "node", request_body = Keep,
    responses((status = 200, body = Sizes), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer)))]
pub(super) async fn keep(bearer: Bearer, Body(body): Body<Keep>) -> Answer {
    bearer.user.set_keep_days(body.keep_days).await?;
    answer(StatusCode::OK, &sizes(bearer.user.storage()?))
}

/// Backups in the data folder; the owner's right.
#[utoipa::path(get, path = "/api/v1/node/backups", tag = "node",
    responses((status = 200, body = Backups), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn backups(bearer: Bearer) -> Answer {
    let (folder, found) = bearer.user.backups()?;
    answer(
        StatusCode::OK,
        &Backups {
            folder: folder.display().to_string(),
            backups: found.into_iter().map(file).collect(),
        },
    )
}

/// Makes a backup in the data folder; the owner's right, with the password. Of more than three the oldest goes.
#[utoipa::path(post, path = "/api/v1/node/backups", tag = "node", request_body = Confirm,
    responses((status = 201, body = BackupFile), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 422, body = ErrorAnswer), (status = 429, body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn back_up(bearer: Bearer, Body(body): Body<Confirm>) -> Answer {
    let made = bearer.user.make_backup(body.password).await?;
    answer(StatusCode::CREATED, &file(made))
}

/// Who lives here; the owner's right.
#[utoipa::path(get, path = "/api/v1/node/people", tag = "node",
    responses((status = 200, body = People), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer)))]
pub(super) async fn people(bearer: Bearer) -> Answer {
    let people = bearer.user.residents()?.into_iter().map(row).collect();
    answer(StatusCode::OK, &People { people })
}

/// Closes or opens an account, says how much it may fill; the owner's right.
#[utoipa::path(patch, path = "/api/v1/node/people/{user_id}", tag = "node", request_body = ResidentChange,
    params(("user_id" = String, Path)),
    responses((status = 200, body = ResidentRow), (status = 401, body = ErrorAnswer), (status = 403, body = ErrorAnswer),
        (status = 404, body = ErrorAnswer), (status = 422, body = ErrorAnswer)))]
pub(super) async fn change(
    bearer: Bearer,
    At(id): At<String>,
    Body(body): Body<ResidentChange>,
) -> Answer {
    let gone = || Problem::new(404, "not_found");
    let user: UserId = id.parse().map_err(|_| gone())?;
    if let Some(mib) = body.quota_mib {
        let bytes = mib.saturating_mul(MIB);
        bearer.user.set_quota(user, bytes).await?;
    }
    if let Some(closed) = body.closed {
        bearer.user.set_closed(user, closed).await?;
    }
    let people = bearer.user.residents()?.into_iter();
    let mut found = people.filter(|resident| resident.person.user_id == user);
    let resident = found.next().ok_or_else(gone)?;
    answer(StatusCode::OK, &row(resident))
}
