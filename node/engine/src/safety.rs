//! The number that two people compare to know that nobody stands between them (I11).

use chater_protocol::id::UserId;
use chater_protocol::identity;

use crate::user::UserHandle;

impl UserHandle {
    /// 60 digits, the same on both sides. It takes some milliseconds of work.
    #[must_use]
    pub fn safety_number(&self, other: UserId) -> String {
        identity::safety_number(self.id(), other)
    }
}
