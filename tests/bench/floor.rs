//! What the machine itself costs: nothing built on it can be faster.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer as _, SigningKey};
use redb::{Database, Durability, TableDefinition};

/// The floor of this run, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    /// One durable commit of one small record, median.
    pub commit_ms: f64,
    /// One byte there and back over loopback TCP, median.
    pub round_trip_ms: f64,
    /// 1,000 messages signed by one node and checked by the other, in seconds of one core.
    pub signatures_s: f64,
}

/// Milliseconds of a duration.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The value below which `part` of all values lie.
pub(crate) fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    // In bounds: part <= 1.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small numbers"
    )]
    let place = (last as f64 * part).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// Measures all of it, in the folder where the nodes' data will be.
pub(crate) fn measure() -> Floor {
    Floor {
        commit_ms: commit(),
        round_trip_ms: round_trip(),
        signatures_s: signatures(),
    }
}

/// Strict checks as in L1; the bytes are those of a message of 100 characters.
fn signatures() -> f64 {
    let key = SigningKey::from_bytes(&[7; 32]);
    let bytes = [7u8; 300];
    let mut times = Vec::new();
    for _ in 0..1_000 {
        let started = Instant::now();
        let signature = key.sign(&bytes);
        key.verifying_key()
            .verify_strict(&bytes, &signature)
            .expect("a good signature");
        times.push(started.elapsed().as_secs_f64());
    }
    // The median of one, so that a moment taken by others does not count.
    quantile(&mut times, 0.5) * 1_000.0
}

fn commit() -> f64 {
    const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("floor");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = Database::create(folder.path().join("floor.redb")).expect("a store");
    let mut times = Vec::new();
    for n in 0..500u64 {
        let started = Instant::now();
        let mut transaction = database.begin_write().expect("a transaction");
        transaction
            .set_durability(Durability::Immediate)
            .expect("a durable one");
        transaction
            .open_table(TABLE)
            .expect("a table")
            .insert(n, &[7u8; 200][..])
            .expect("a record");
        transaction.commit().expect("a commit");
        times.push(ms(started.elapsed()));
    }
    quantile(&mut times, 0.5)
}

fn round_trip() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
    });
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let mut times = Vec::new();
    let mut byte = [1];
    for _ in 0..5_000 {
        let started = Instant::now();
        stream.write_all(&byte).expect("a byte there");
        stream.read_exact(&mut byte).expect("a byte back");
        times.push(ms(started.elapsed()));
    }
    drop(stream);
    echo.join().expect("the echo");
    quantile(&mut times, 0.5)
}
