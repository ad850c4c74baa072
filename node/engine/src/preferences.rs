//! What a user switched on and off. Read marks and typing work both ways: whoever does not tell is not
//! told.

use chater_protocol::id::UserId;
use chater_store::accounts::{self, PreferencesRow};
use chater_store::{Rows, StoreError, users};

use crate::error::{Error, Reason};
use crate::turn::{Fail, Turn};
use crate::user::UserHandle;
use crate::view::{Preferences, WhoWrites};

/// Sizes of the text that pages know, percent.
const TEXT_SIZES: [u16; 4] = [87, 100, 115, 130];

impl From<PreferencesRow> for Preferences {
    fn from(row: PreferencesRow) -> Self {
        Self {
            text_size: row.text_size,
            enter_sends: row.enter_sends,
            up_edits: row.up_edits,
            presence: row.presence,
            read_marks: row.read_marks,
            typing: row.typing,
            first: match row.first {
                0 => WhoWrites::Everyone,
                2 => WhoWrites::Nobody,
                _ => WhoWrites::Communities,
            },
            sound: row.sound,
            preview: row.preview,
        }
    }
}

/// What a user switched on and off.
pub(crate) fn of(rows: &impl Rows, user: UserId) -> Result<Preferences, StoreError> {
    Ok(accounts::preferences(rows, user)?.into())
}

/// How a chat that somebody else begins stands at first: in the list, or among the requests (Q50).
/// Every linked node is in the community `open`, so "my communities" lets all of them in.
pub(crate) fn first_state(rows: &impl Rows, user: UserId) -> Result<u8, StoreError> {
    Ok(match of(rows, user)?.first {
        WhoWrites::Everyone | WhoWrites::Communities => 0,
        WhoWrites::Nobody => 1,
    })
}

/// The same for somebody of a node that shares no community with this one.
pub(crate) fn stranger_state(rows: &impl Rows, user: UserId) -> Result<u8, StoreError> {
    Ok(match of(rows, user)?.first {
        WhoWrites::Everyone => 0,
        WhoWrites::Communities | WhoWrites::Nobody => 1,
    })
}

fn set(turn: &mut Turn<'_, '_>, user: UserId, wanted: Preferences) -> Result<(), Fail> {
    if !TEXT_SIZES.contains(&wanted.text_size) {
        return Err(Error::invalid("text_size", Reason::Malformed).into());
    }
    if !users::lives_here(turn.tx, user)? {
        return Err(Error::NotFound.into());
    }
    turn.durable();
    let row = PreferencesRow {
        v: 1,
        text_size: wanted.text_size,
        enter_sends: wanted.enter_sends,
        up_edits: wanted.up_edits,
        presence: wanted.presence,
        read_marks: wanted.read_marks,
        typing: wanted.typing,
        first: match wanted.first {
            WhoWrites::Everyone => 0,
            WhoWrites::Communities => 1,
            WhoWrites::Nobody => 2,
        },
        sound: wanted.sound,
        preview: wanted.preview,
    };
    accounts::put_preferences(turn.tx, user, &row)?;
    Ok(())
}

impl UserHandle {
    /// Keeps what the user switched on and off; it counts from this moment on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a size of the text that pages do not know.
    pub async fn set_preferences(&self, wanted: Preferences) -> Result<(), Error> {
        let user = self.id();
        self.run(move |turn| set(turn, user, wanted)).await
    }
}
