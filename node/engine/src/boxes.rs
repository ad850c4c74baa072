//! Boxes with an epoch secret for many homes (K2). Each costs two multiplications on the curve, and a removal from a
//! group of a thousand makes a thousand at once, while nothing else is written: so all cores make them.

use std::num::NonZero;
use std::thread;

use chater_protocol::id::Bytes;
use chater_protocol::payload::KeyBox;
use chater_protocol::seal::{BoxFor, EpochSecret};

use crate::shared::SystemRandom;

/// Fewer boxes than this are made faster than a thread is started.
const FEW: usize = 32;
/// Threads at most: the rest of the node has work, too.
const THREADS: usize = 4;

/// Seals a secret to these homes and their KEM keys. A box that cannot be made is left out: its key is no point.
pub(crate) fn seal_all(secret: &EpochSecret, homes: &[(BoxFor, Bytes<32>)]) -> Vec<KeyBox> {
    let seal = |part: &[(BoxFor, Bytes<32>)]| -> Vec<KeyBox> {
        let mut rng = SystemRandom;
        part.iter()
            .filter_map(|(who, kem)| who.seal(secret, kem, &mut rng).ok())
            .collect()
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(THREADS).min(homes.len() / FEW);
    if threads < 2 {
        return seal(homes);
    }
    let size = homes.len().div_ceil(threads);
    thread::scope(|scope| {
        let parts: Vec<_> = homes
            .chunks(size)
            .map(|part| scope.spawn(move || seal(part)))
            .collect();
        // A part whose thread failed is sealed with a later message (K5), like one without a card.
        let done = parts
            .into_iter()
            .map(|part| part.join().unwrap_or_default());
        done.flatten().collect()
    })
}
