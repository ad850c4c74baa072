//! Pictures of people and groups. The card of a person, the profile of a group names one by its hash; it is fetched from
//! the person's node, or from a member's, when somebody here is to be shown it, checked, made anew in the sizes that are
//! shown, and kept.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chater_network::Protocol;
use chater_protocol::blob::{BlobAnswer, BlobRequest, Piece, PieceAnswer};
use chater_protocol::id::{Hash, NodeId, UserId};
use chater_protocol::limits;
use chater_protocol::wire::Message as _;
use chater_store::blobs::BlobRow;
use chater_store::{Rows, StoreError, blobs as rows_of, chats, groups, homes, users};
use serde_bytes::ByteBuf;
use tokio::sync::{Notify, RwLock, Semaphore};

use crate::account::set_avatar;
use crate::actor::{From, now_ms};
use crate::blobs;
use crate::emblem;
use crate::error::{Error, Reason};
use crate::owner::KEEP_DAYS;
use crate::picture::{self, LARGE, PIXELS, PIXELS_OF_PEERS, SMALL, Square};
use crate::quota;
use crate::shared::{Shared, lock};
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::Me;

/// Pictures wanted at once; more are wanted again when their people are shown again.
const WANTED: usize = 1_024;
/// A picture that did not come is asked for again after so long, then twice as long, up to the last.
const AGAIN_MS: u64 = 10_000;
const AGAIN_MAX_MS: u64 = 60 * 60 * 1000;
/// Wanted pictures are looked at this often, and at once when one is wanted.
const LOOK: Duration = Duration::from_secs(5);
/// Pictures opened at once: each may take a hundred megabytes.
const OPENED: usize = 1;
/// Those that wait for it.
const WAITING: usize = 8;

/// Whose picture it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    /// A person's, and where it is.
    Person(UserId, NodeId),
    /// A group's, by its number here: any member's node has it.
    Group(u32),
}

struct Want {
    whom: Whom,
    next_ms: u64,
    pause_ms: u64,
}

/// Pictures that are named and not here.
pub(crate) struct Avatars {
    wanted: Mutex<HashMap<Hash, Want>>,
    wake: Notify,
    opened: Semaphore,
    places: Semaphore,
    /// Held for reading from the first file of a picture to the commit that names it, for writing while
    /// what nothing names is taken away.
    files: RwLock<()>,
}

impl Default for Avatars {
    fn default() -> Self {
        Self {
            wanted: Mutex::default(),
            wake: Notify::new(),
            opened: Semaphore::new(OPENED),
            places: Semaphore::new(OPENED + WAITING),
            files: RwLock::new(()),
        }
    }
}

impl Avatars {
    pub(crate) fn want(&self, hash: Hash, whom: Whom) {
        let mut wanted = lock(&self.wanted);
        if wanted.len() < WANTED && !wanted.contains_key(&hash) {
            let want = Want {
                whom,
                next_ms: 0,
                pause_ms: AGAIN_MS,
            };
            wanted.insert(hash, want);
            self.wake.notify_one();
        }
    }

    /// A node came: what it may have is asked for at once.
    pub(crate) fn came(&self, node: NodeId) {
        let mut any = false;
        for want in lock(&self.wanted).values_mut() {
            if !matches!(want.whom, Whom::Person(_, at) if at != node) {
                want.next_ms = 0;
                any = true;
            }
        }
        if any {
            self.wake.notify_one();
        }
    }

    /// Opens a picture off the async threads, one at a time.
    async fn open(&self, bytes: Vec<u8>, pixels: u64) -> Result<Square, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        let _turn = self.opened.acquire().await.map_err(|_| Error::Stopping)?;
        let made = tokio::task::spawn_blocking(move || picture::square(&bytes, pixels)).await;
        // A decoder that panicked did so over a picture.
        made.unwrap_or(Err(picture::BadPicture::Damaged))
            .map_err(|bad| Error::invalid("photo", bad.reason()))
    }
}

/// The picture to show of a person: only one that is here. One that is not is fetched.
pub(crate) fn shown(
    shared: &Shared,
    rows: &impl Rows,
    user: UserId,
    node: NodeId,
    named: Option<Hash>,
) -> Result<Option<String>, StoreError> {
    let Some(hash) = named else { return Ok(None) };
    // What came for a group is that group's until it comes for the card.
    if rows_of::blob(rows, hash)?.is_some_and(|row| row.kind != emblem::KIND) {
        return Ok(Some(hash.to_string()));
    }
    if node != shared.node_id {
        shared.avatars.want(hash, Whom::Person(user, node));
    }
    Ok(None)
}

/// Writes a picture and what is shown of it; gives the bytes on the disk. `came` is what was hashed.
fn keep(shared: &Shared, hash: Hash, came: &[u8], made: &Square) -> Result<u64, Error> {
    let dir = &shared.config.data_dir;
    let files = [
        (hash, came),
        (blobs::shown(hash, LARGE), &made.large[..]),
        (blobs::shown(hash, SMALL), &made.small[..]),
    ];
    for (name, bytes) in files {
        blobs::write(dir, name, bytes).map_err(|error| {
            tracing::error!(%error, "a picture cannot be written");
            if error.kind() == std::io::ErrorKind::StorageFull {
                Error::StorageFull
            } else {
                Error::Internal
            }
        })?;
    }
    Ok(files.iter().map(|(_, bytes)| bytes.len() as u64).sum())
}

fn row(size: u64, now_ms: u64) -> BlobRow {
    BlobRow {
        v: 1,
        size,
        kind: 0,
        came_ms: now_ms,
    }
}

/// Opens a picture that somebody chose, keeps its files, and has `name` put the row beside what names it.
pub(crate) async fn take(
    shared: &Arc<Shared>,
    bytes: Vec<u8>,
    name: impl AsyncFnOnce(Hash, BlobRow) -> Result<(), Error>,
) -> Result<(), Error> {
    let made = shared.avatars.open(bytes, PIXELS).await?;
    let _files = shared.avatars.files.read().await;
    let hash = blobs::hash_of(&made.large);
    let kept = {
        let shared = shared.clone();
        tokio::task::spawn_blocking(move || keep(&shared, hash, &made.large, &made)).await
    };
    let size = kept.map_err(|_| Error::Internal)??;
    name(hash, row(size, now_ms())).await
}

impl UserHandle {
    /// Chooses a picture: PNG, JPEG or WebP up to 5 MB. It is cut square, made anew without what the
    /// camera wrote, and told to others by its hash.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `photo`: empty, another kind, too large, moving, damaged; [`Error::Busy`].
    pub async fn set_avatar(&self, bytes: Vec<u8>) -> Result<Me, Error> {
        let shared = self.shared();
        let user = self.id();
        take(shared, bytes, async |hash, row| {
            self.run(move |turn| {
                quota::check_picture(turn, user, row.size)?;
                set_avatar(turn, user, Some(hash))?;
                rows_of::put(turn.tx, hash, &row)?;
                tell(turn, user)
            })
            .await
        })
        .await?;
        shared.greet.notify_one();
        self.me()
    }

    /// A picture of a person, or of a group in one's list, as it is shown: WebP, `side` pixels (128 or 512); none = not
    /// here. Reads the disk.
    #[must_use]
    pub fn picture(&self, hash: Hash, side: u32) -> Option<Vec<u8>> {
        bytes(self.shared(), hash, side, self.id())
    }

    /// Takes the picture away.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn remove_avatar(&self) -> Result<Me, Error> {
        let user = self.id();
        self.run(move |turn| {
            set_avatar(turn, user, None)?;
            tell(turn, user)
        })
        .await?;
        self.shared().greet.notify_one();
        self.me()
    }
}

/// The cards of chats with that person change for those who look at them.
fn tell(turn: &mut Turn<'_, '_>, user: UserId) -> Result<(), Fail> {
    turn.effects.people_changed = true;
    for no in chats::of_user(turn.tx, user)? {
        let users = chats::chat(turn.tx, no)?.and_then(|chat| chat.users);
        for viewer in users.into_iter().flat_map(|(a, b)| [a, b]) {
            if viewer != user && turn.is_local(viewer)? {
                turn.card_changed(viewer, no);
            }
        }
    }
    Ok(())
}

/// A picture as it is shown, WebP of 128 or 512 pixels; none = not here, or not for that user.
fn bytes(shared: &Shared, hash: Hash, side: u32, viewer: UserId) -> Option<Vec<u8>> {
    let rows = shared.store.read().ok()?;
    let row = rows_of::blob(&rows, hash).ok()??;
    if row.kind == emblem::KIND && !emblem::may_see(&rows, viewer, hash).ok()? {
        return None;
    }
    blobs::read(&shared.config.data_dir, blobs::shown(hash, side))
}

/// Answers one request of `/chater/blob/1`: any linked node may have what cards name, a member's what its group does.
pub(crate) async fn serve(shared: &Arc<Shared>, peer: NodeId, request: BlobRequest) -> BlobAnswer {
    const REFUSED: BlobAnswer = BlobAnswer::Refused(0);
    let BlobRequest::Piece(asked) = request;
    let within = lock(&shared.rates).pieces.take(&peer, now_ms()).is_ok();
    if !within || shared.links.brings_mail_alone(shared, peer) {
        return REFUSED;
    }
    let shared = shared.clone();
    let found = tokio::task::spawn_blocking(move || {
        let rows = shared.store.read().ok()?;
        // Only what a row names: the sizes that are shown are nobody else's business.
        let row = rows_of::blob(&rows, asked.hash).ok()??;
        if row.kind == emblem::KIND && !emblem::may_have(&rows, peer, asked.hash).ok()? {
            return None;
        }
        let bytes = blobs::read(&shared.config.data_dir, asked.hash)?;
        let from = usize::try_from(asked.from).ok()?;
        let rest = bytes.get(from..).filter(|rest| !rest.is_empty())?;
        let piece = rest.get(..limits::BLOB_PIECE.min(rest.len()))?;
        Some(PieceAnswer {
            size: bytes.len() as u64,
            bytes: ByteBuf::from(piece.to_vec()),
        })
    });
    found
        .await
        .ok()
        .flatten()
        .map_or(REFUSED, BlobAnswer::Piece)
}

/// Fetches what is wanted, until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    sweep(&shared).await;
    loop {
        let _ = tokio::time::timeout(LOOK, shared.avatars.wake.notified()).await;
        let now = now_ms();
        let due: Vec<(Hash, Whom)> = lock(&shared.avatars.wanted)
            .iter()
            .filter(|(_, want)| want.next_ms <= now)
            .map(|(hash, want)| (*hash, want.whom))
            .collect();
        for (hash, whom) in due {
            let from = sources(&shared, whom);
            if from.is_empty() {
                continue;
            }
            let done = !is_named(&shared, whom, hash) || fetch(&shared, hash, whom, &from).await;
            let mut wanted = lock(&shared.avatars.wanted);
            if done {
                wanted.remove(&hash);
            } else if let Some(want) = wanted.get_mut(&hash) {
                want.next_ms = now_ms().saturating_add(want.pause_ms);
                want.pause_ms = (want.pause_ms * 2).min(AGAIN_MAX_MS);
            }
        }
    }
}

/// Linked nodes that may have it.
fn sources(shared: &Shared, whom: Whom) -> Vec<NodeId> {
    let mut nodes = match whom {
        Whom::Person(_, node) => vec![node],
        Whom::Group(no) => {
            let look = shared
                .store
                .read()
                .and_then(|rows| emblem::nodes(&rows, no));
            look.unwrap_or_default()
        }
    };
    nodes.retain(|node| shared.is_linked(*node));
    nodes
}

/// Whether the card or the profile still names this picture, and it is not here.
fn is_named(shared: &Shared, whom: Whom, hash: Hash) -> bool {
    let look = shared.store.read().and_then(|rows| match whom {
        Whom::Person(user, _) => {
            let card = homes::card(&rows, user)?;
            Ok(card.is_some_and(|(card, _)| card.avatar == Some(hash)))
        }
        // It may have come in the meantime, for another group or chosen here.
        Whom::Group(no) => {
            Ok(emblem::is_named(&rows, no, hash)? && rows_of::blob(&rows, hash)?.is_none())
        }
    });
    look.unwrap_or(false)
}

/// Fetches one picture; whether it need not be tried again.
async fn fetch(shared: &Arc<Shared>, hash: Hash, whom: Whom, from: &[NodeId]) -> bool {
    let mut came = None;
    for node in from {
        came = download(shared, hash, *node).await;
        if came.is_some() {
            break;
        }
    }
    let Some(came) = came else {
        return false;
    };
    let made = match shared.avatars.open(came.clone(), PIXELS_OF_PEERS).await {
        Ok(made) => made,
        Err(Error::Invalid { reason, .. }) => {
            // It is what the card names, and no picture: no other try will change that.
            tracing::debug!(%reason, ?whom, "the picture of a peer is refused");
            return reason != Reason::Empty;
        }
        Err(_) => return false,
    };
    let _files = shared.avatars.files.read().await;
    let kept = {
        let shared = shared.clone();
        tokio::task::spawn_blocking(move || keep(&shared, hash, &came, &made)).await
    };
    let Ok(Ok(size)) = kept else { return false };
    let told = shared
        .inputs
        .run(From::Others, move |turn| {
            let row = row(size, turn.now_ms);
            turn.durable();
            match whom {
                Whom::Person(user, _) => {
                    rows_of::put(turn.tx, hash, &row)?;
                    tell(turn, user)
                }
                Whom::Group(no) => {
                    emblem::put(turn, hash, row)?;
                    emblem::tell(turn, no)
                }
            }
        })
        .await;
    told.is_ok()
}

/// The bytes of a picture, piece by piece, if they are what was asked for.
async fn download(shared: &Arc<Shared>, hash: Hash, node: NodeId) -> Option<Vec<u8>> {
    let mut came: Vec<u8> = Vec::new();
    loop {
        let request = BlobRequest::Piece(Piece {
            hash,
            from: came.len() as u64,
        });
        let answer = shared
            .network
            .request(node, Protocol::Blob, request.encode())
            .await
            .ok()?;
        let Ok(BlobAnswer::Piece(piece)) = BlobAnswer::decode(&answer) else {
            return None;
        };
        // The size is known with the first piece: what is too large costs no more than that. Pieces are as long as they may
        // be, or a picture could be made to cost half a million requests (B32).
        let size = usize::try_from(piece.size).ok()?;
        let due = size.checked_sub(came.len())?.min(limits::BLOB_PIECE);
        if size > limits::AVATAR || due == 0 || piece.bytes.len() != due {
            return None;
        }
        came.extend_from_slice(&piece.bytes);
        if came.len() == size {
            break;
        }
    }
    (blobs::hash_of(&came) == hash).then_some(came)
}

/// Pictures that came before this time go when nobody here uses them.
fn unused(rows: &impl Rows, now_ms: u64) -> Result<u64, StoreError> {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    Ok(match rows_of::keep_days(rows)?.unwrap_or(KEEP_DAYS) {
        0 => 0,
        days => now_ms.saturating_sub(u64::from(days) * DAY_MS),
    })
}

/// Somebody elsewhere with whom nobody here has a chat: found by a search once.
fn is_nobodys(rows: &impl Rows, user: UserId) -> Result<bool, StoreError> {
    Ok(!users::lives_here(rows, user)? && chats::of_user(rows, user)?.is_empty())
}

/// Takes away pictures that neither card nor group names any more, those that nobody here has used for long, and files that
/// no row names.
pub(crate) async fn sweep(shared: &Arc<Shared>) {
    let _alone = shared.avatars.files.write().await;
    let old = || {
        let rows = shared.store.read()?;
        let kept = rows_of::all(&rows)?;
        let (mut named, mut of_groups) = (BTreeSet::new(), BTreeSet::new());
        let before = unused(&rows, now_ms())?;
        let aged: BTreeSet<Hash> = kept
            .iter()
            .filter(|(_, row)| row.came_ms < before)
            .map(|(hash, _)| *hash)
            .collect();
        if !kept.is_empty() {
            rows.each(chater_store::tables::Table::Cards, &[], &mut |key, _| {
                if let Ok(user) = UserId::try_from(key)
                    && let Ok(Some((card, _))) = homes::card(&rows, user)
                    && let Some(hash) = card.avatar
                    && !(aged.contains(&hash) && is_nobodys(&rows, user).unwrap_or(false))
                {
                    named.insert(hash);
                }
                true
            })?;
            of_groups = groups::pictures(&rows)?;
        }
        // What no card names any more is the group's alone.
        let old = kept.into_iter().filter(|(hash, row)| {
            let of_group = of_groups.contains(hash) && row.kind == emblem::KIND;
            !named.contains(hash) && !of_group
        });
        let old: Vec<(Hash, Option<BlobRow>)> = old
            .map(|(hash, row)| {
                let kind = emblem::KIND;
                let stays = of_groups.contains(&hash);
                (hash, stays.then_some(BlobRow { kind, ..row }))
            })
            .collect();
        Ok::<_, StoreError>(old)
    };
    let Ok(old) = old() else { return };
    if !old.is_empty() {
        let forgot = shared
            .inputs
            .run(From::Others, move |turn| {
                // Whose picture is gone is shown without one.
                turn.effects.people_changed = true;
                for (hash, row) in &old {
                    match row {
                        Some(row) => rows_of::put(turn.tx, *hash, row)?,
                        None => rows_of::forget(turn.tx, *hash)?,
                    }
                }
                Ok(())
            })
            .await;
        if forgot.is_err() {
            return;
        }
    }
    let shared = shared.clone();
    let swept = tokio::task::spawn_blocking(move || {
        let rows = shared.store.read()?;
        let mut keep = BTreeSet::new();
        for (hash, _) in rows_of::all(&rows)? {
            keep.extend([hash, blobs::shown(hash, LARGE), blobs::shown(hash, SMALL)]);
        }
        match blobs::sweep(&shared.config.data_dir, |hash| keep.contains(&hash)) {
            Ok(0) => {}
            Ok(gone) => tracing::debug!(gone, "files that nothing names are gone"),
            Err(error) => tracing::warn!(%error, "the folder blobs cannot be swept"),
        }
        Ok::<_, StoreError>(())
    });
    if let Ok(Err(error)) = swept.await {
        tracing::warn!(%error, "the pictures cannot be read");
    }
}
