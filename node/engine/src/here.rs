//! Who is there. Of this node's own people that is who has a page or a program open; it works both ways: whoever does
//! not show it is not shown that of others. Of people elsewhere only their node is known.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chater_protocol::id::{ChatId, UserId};
use chater_store::{Rows, StoreError, chats, groups, users};

use crate::Error;
use crate::actor::now_ms;
use crate::read::Reader;
use crate::shared::{Shared, lock};
use crate::update::News;
use crate::user::UserHandle;
use crate::view::Person;

/// How often it is looked who is there.
const LOOK: Duration = Duration::from_secs(2);
/// Looks without an open page after which somebody has gone: from one page to the next it is shorter.
const MISSED: u8 = 3;
/// People whose going is remembered at most.
const REMEMBERED: usize = 8_192;
/// In larger groups it is not counted who is there: every come and go would be news for all of them.
const COUNTED: usize = 200;

/// Who is here, and since when others are not.
#[derive(Default)]
pub(crate) struct Here {
    /// Those who show it, and how many looks in a row did not find them.
    present: HashMap<UserId, u8>,
    /// When somebody was last here, Unix ms; of this run of the node alone.
    left: HashMap<UserId, u64>,
}

/// Runs until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        if let Err(error) = look(&shared) {
            tracing::debug!(%error, "nobody could be told who is here");
        }
    }
}

/// Looks once and tells those who may know.
fn look(shared: &Shared) -> Result<(), StoreError> {
    let listening = shared.hub.listening();
    if listening.is_empty() && lock(&shared.here).present.is_empty() {
        return Ok(());
    }
    let rows = shared.store.read()?;
    let mut shown = Vec::new();
    for user in listening {
        if crate::preferences::of(&rows, user)?.presence {
            shown.push(user);
        }
    }
    let mut changed = Vec::new();
    {
        let mut here = lock(&shared.here);
        let Here { present, left } = &mut *here;
        for missed in present.values_mut() {
            *missed = missed.saturating_add(1);
        }
        for user in shown {
            if present.insert(user, 0).is_none() {
                changed.push((user, true));
            }
        }
        present.retain(|user, missed| {
            let stays = *missed < MISSED;
            if !stays {
                changed.push((*user, false));
                if left.len() >= REMEMBERED {
                    left.clear();
                }
                left.insert(*user, now_ms());
            }
            stays
        });
    }
    let changed: Vec<Moved> = changed
        .into_iter()
        .map(|(user, online)| (user, online, lock(&shared.here).seen_ms(user)))
        .collect();
    tell(shared, &rows, &changed)
}

/// Who came (`true`) or went, and when they were last seen, Unix ms.
pub(crate) type Moved = (UserId, bool, Option<i64>);

/// Tells those here who talk with somebody that came or went.
pub(crate) fn tell(shared: &Shared, rows: &impl Rows, moved: &[Moved]) -> Result<(), StoreError> {
    let may_know = |viewer: UserId| {
        Ok::<_, StoreError>(
            shared.hub.listens(viewer) && crate::preferences::of(rows, viewer)?.presence,
        )
    };
    let mut in_groups = BTreeSet::new();
    for (user, online, seen_at_ms) in moved {
        for no in chats::of_user(rows, *user)? {
            let Some(chat) = chats::chat(rows, no)? else {
                continue;
            };
            let Some((a, b)) = chat.users else {
                in_groups.insert((no, chat.id));
                continue;
            };
            let viewer = if a == *user { b } else { a };
            if may_know(viewer)? {
                let news = News::Presence {
                    user_id: *user,
                    online: *online,
                    seen_at_ms: *seen_at_ms,
                };
                shared.hub.tell(viewer, news);
            }
        }
    }
    for (no, chat_id) in in_groups {
        let members = groups::group(rows, no)?.unwrap_or_default().members;
        if members.len() > COUNTED {
            continue;
        }
        for (viewer, _) in members {
            if may_know(viewer)?
                && users::lives_here(rows, viewer)?
                && let Some(there) = Reader::new(shared, rows, viewer).present(no)?
            {
                shared.hub.tell(viewer, News::Present { chat_id, there });
            }
        }
    }
    Ok(())
}

impl UserHandle {
    /// How many members of a group are there, the viewer among them; none = not counted, or not to be known.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn present(&self, chat: ChatId) -> Result<Option<u32>, Error> {
        self.look(|reader| {
            let (no, ..) = reader.own_chat(chat)?;
            Ok(reader.present(no)?)
        })
    }
}

impl Here {
    fn seen_ms(&self, user: UserId) -> Option<i64> {
        let left = self.left.get(&user)?;
        i64::try_from(*left).ok()
    }
}

impl<R: Rows> Reader<'_, R> {
    /// See [`UserHandle::present`].
    fn present(&self, no: u32) -> Result<Option<u32>, StoreError> {
        let members = groups::group(self.rows(), no)?.unwrap_or_default().members;
        if members.is_empty() || members.len() > COUNTED || !self.preferences()?.presence {
            return Ok(None);
        }
        let mut there = 0;
        for (user, _) in members {
            let person = self.person(user)?;
            let linked = self.shared().is_linked(person.node_id);
            let is =
                user == self.viewer() || self.presence_of(&person, linked, None)?.0 == Some(true);
            there += u32::from(is);
        }
        Ok(Some(there))
    }

    /// Whether somebody is there and when they were, as far as the viewer may know. `linked` and `seen` tell it of
    /// the person's node.
    pub(crate) fn presence_of(
        &self,
        person: &Person,
        linked: bool,
        seen: Option<i64>,
    ) -> Result<(Option<bool>, Option<i64>), StoreError> {
        if !self.preferences()?.presence {
            return Ok((None, None));
        }
        if !person.here {
            return Ok((Some(linked), seen));
        }
        if !crate::preferences::of(self.rows(), person.user_id)?.presence {
            return Ok((None, None));
        }
        let here = lock(&self.shared().here);
        let online = here.present.contains_key(&person.user_id);
        Ok((Some(online), here.seen_ms(person.user_id)))
    }
}
