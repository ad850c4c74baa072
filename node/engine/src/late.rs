//! What is said of a message besides its text: that it came long after its place (L6), that its author says something else
//! elsewhere (L7).

use chater_protocol::chat::order::Place;
use chater_protocol::event::Kind;
use chater_protocol::limits;
use chater_protocol::time::Timestamp;
use chater_store::{Rows, StoreError, events, forks};

use crate::read::{Reader, ms};

/// Messages looked at below one that came late.
const LOOKED: usize = 32;
/// What comes within this time came together, whatever its order.
const TOGETHER_MS: i64 = 5 * 60 * 1000;

impl<R: Rows> Reader<'_, R> {
    /// L7: from a fork on, and above what a cut has picked.
    pub(crate) fn is_forked(&self, no: u32, place: &Place) -> Result<bool, StoreError> {
        let fork = forks::fork(self.rows(), no, place.home, place.lane)?;
        Ok(fork.is_some_and(|fork| {
            let above = fork.tip.is_none_or(|(tip, _)| place.seq > tip);
            place.seq >= fork.at && above
        }))
    }

    /// L6: whether a message came long after its place, above what had long been here: whoever has read on past it must
    /// be told. What comes in order after a time away is no surprise.
    pub(crate) fn is_late(
        &self,
        no: u32,
        key: &[u8],
        eff: Timestamp,
        received_ms: i64,
    ) -> Result<bool, StoreError> {
        if received_ms - ms(eff.ms()) <= ms(limits::LATE_MS) {
            return Ok(false);
        }
        let (mut late, mut failed, mut looked) = (false, None, 0);
        events::timeline(self.rows(), no, Some(key), false, &mut |row| {
            if row.kind == Kind::MSG {
                looked += 1;
                match events::arrived_ms(self.rows(), no, row.n) {
                    Ok(at) => late = at.is_some_and(|at| ms(at) + TOGETHER_MS < received_ms),
                    Err(error) => failed = Some(error),
                }
            }
            !late && failed.is_none() && looked < LOOKED
        })?;
        failed.map_or(Ok(late), Err)
    }
}
