//! Who of this node's own people has a page or a program open: presence between people of one node. It works both
//! ways: whoever does not show it is not shown that of others. Of people elsewhere only their node is known.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chater_protocol::id::UserId;
use chater_store::{Rows, StoreError, chats, users};

use crate::actor::now_ms;
use crate::read::Reader;
use crate::shared::{Shared, lock};
use crate::update::News;
use crate::view::Person;

/// How often it is looked who is there.
const LOOK: Duration = Duration::from_secs(2);
/// Looks without an open page after which somebody has gone: from one page to the next it is shorter.
const MISSED: u8 = 3;
/// People whose going is remembered at most.
const REMEMBERED: usize = 8_192;

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
    for (user, online) in changed {
        tell(shared, &rows, user, online)?;
    }
    Ok(())
}

fn tell(shared: &Shared, rows: &impl Rows, user: UserId, online: bool) -> Result<(), StoreError> {
    let seen_at_ms = lock(&shared.here).seen_ms(user);
    for no in chats::of_user(rows, user)? {
        let Some((a, b)) = chats::chat(rows, no)?.and_then(|chat| chat.users) else {
            continue;
        };
        let viewer = if a == user { b } else { a };
        if shared.hub.listens(viewer)
            && users::lives_here(rows, viewer)?
            && crate::preferences::of(rows, viewer)?.presence
        {
            let news = News::Presence {
                user_id: user,
                online,
                seen_at_ms,
            };
            shared.hub.tell(viewer, news);
        }
    }
    Ok(())
}

impl Here {
    fn seen_ms(&self, user: UserId) -> Option<i64> {
        let left = self.left.get(&user)?;
        i64::try_from(*left).ok()
    }
}

impl<R: Rows> Reader<'_, R> {
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
