//! A backup: one tar file with the key, the store, the settings and the blobs, and a checksum of each.
//!
//! Tar, so that a person can look inside with tools they have; own code, because the few names allowed in it are the
//! whole defence against a hostile file (no paths, no links, no modes are ever taken from it).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The first entry: it says that this is a backup of a node, and of which form.
const MARK: &str = "chater-backup";
const FORM: &[u8] = b"1\n";
/// The last entry: a BLAKE3 of each file; a file cut short has none.
const CHECKSUMS: &str = "checksums";
const BLOCK: usize = 512;
/// More entries than any node has; a made-up file cannot keep us busy for ever.
const MOST_ENTRIES: usize = 1_000_000;
/// Bounds what is read into memory: `checksums` at about 140 bytes an entry.
const MOST_CHECKSUM_BYTES: u64 = 256 << 20;

/// Why a backup cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The disk.
    Io(io::Error),
    /// Not a backup, or a damaged one.
    Damaged(&'static str),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged("cut short")
        } else {
            Self::Io(error)
        }
    }
}

/// Writes the files, each under its name, to a backup.
///
/// # Errors
/// The disk is full or a file cannot be read.
pub fn write(out: &mut impl Write, files: &[(String, PathBuf)]) -> io::Result<u64> {
    let mut sums = String::new();
    entry(out, MARK, FORM.len() as u64, &mut &FORM[..])?;
    let mut total = 0;
    for (name, path) in files {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let sum = entry(out, name, size, &mut file.take(size))?;
        sums.push_str(&format!("{} {name}\n", sum.to_hex()));
        total += size;
    }
    entry(out, CHECKSUMS, sums.len() as u64, &mut sums.as_bytes())?;
    out.write_all(&[0; BLOCK * 2])?;
    Ok(total)
}

/// The files of a data folder that belong into a backup; `store` is a consistent copy of the store.
///
/// # Errors
/// The folder cannot be read.
pub fn files_of(folder: &Path, store: PathBuf) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = vec![
        (String::from("node.key"), folder.join("node.key")),
        (String::from("chater.redb"), store),
    ];
    let settings = folder.join("chater.toml");
    if settings.exists() {
        files.push((String::from("chater.toml"), settings));
    }
    let shelves = match std::fs::read_dir(folder.join("blobs")) {
        Ok(shelves) => shelves.collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    for shelf in shelves.into_iter().filter(|shelf| shelf.path().is_dir()) {
        for blob in std::fs::read_dir(shelf.path())? {
            let blob = blob?;
            let name = format!(
                "blobs/{}/{}",
                shelf.file_name().to_string_lossy(),
                blob.file_name().to_string_lossy()
            );
            if allowed(&name) {
                files.push((name, blob.path()));
            }
        }
    }
    Ok(files)
}

/// Unpacks a backup into an existing folder and checks every file. Gives the names, in the order of the file.
///
/// # Errors
/// It is no backup, or not a whole one. What was unpacked stays for the caller to throw away.
pub fn read(input: &mut impl Read, into: &Path) -> Result<Vec<String>, ReadError> {
    let (name, size) = header(input)?.ok_or(ReadError::Damaged("empty"))?;
    if name != MARK || size != FORM.len() as u64 {
        return Err(ReadError::Damaged("another kind of file"));
    }
    let form = contents(input, size)?;
    if form != FORM {
        return Err(ReadError::Damaged("made by a newer Chater"));
    }
    let (mut names, mut sums) = (Vec::new(), String::new());
    while let Some((name, size)) = header(input)? {
        if name == CHECKSUMS {
            if size > MOST_CHECKSUM_BYTES {
                return Err(ReadError::Damaged("too long"));
            }
            if contents(input, size)? != sums.as_bytes() {
                return Err(ReadError::Damaged("a checksum differs"));
            }
            return Ok(names);
        }
        if !allowed(&name)
            || names.contains(&name) && !name.starts_with("blobs/")
            || names.len() >= MOST_ENTRIES
        {
            return Err(ReadError::Damaged("a file that does not belong there"));
        }
        let path = into.join(&name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let mut hasher = blake3::Hasher::new();
        copy(input, size, |bytes| {
            hasher.update(bytes);
            file.write_all(bytes)
        })?;
        skip_padding(input, size)?;
        file.sync_all()?;
        sums.push_str(&format!("{} {name}\n", hasher.finalize().to_hex()));
        names.push(name);
    }
    Err(ReadError::Damaged("cut short"))
}

/// The only names a backup may hold.
fn allowed(name: &str) -> bool {
    let hex = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    if ["node.key", "chater.redb", "chater.toml"].contains(&name) {
        return true;
    }
    let mut parts = name.split('/');
    let (Some("blobs"), Some(shelf), Some(blob), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    shelf.len() == 2 && hex(shelf) && blob.len() == 64 && hex(blob)
}

/// One tar entry (ustar). Gives the BLAKE3 of its bytes.
fn entry(
    out: &mut impl Write,
    name: &str,
    size: u64,
    from: &mut impl Read,
) -> io::Result<blake3::Hash> {
    let mut block = [0u8; BLOCK];
    put(&mut block, 0, name.as_bytes());
    put(&mut block, 100, b"0000600\0");
    put(&mut block, 108, b"0000000\0");
    put(&mut block, 116, b"0000000\0");
    if size < 1 << 33 {
        put(&mut block, 124, format!("{size:011o}").as_bytes());
    } else {
        // Over 8 GiB: the binary form that GNU tar reads.
        put(&mut block, 124, &[0x80]);
        put(&mut block, 128, &size.to_be_bytes());
    }
    put(&mut block, 136, b"00000000000");
    put(&mut block, 148, b"        ");
    put(&mut block, 156, b"0");
    put(&mut block, 257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    out.write_all(&block)?;
    let mut hasher = blake3::Hasher::new();
    copy(from, size, |bytes| {
        hasher.update(bytes);
        out.write_all(bytes)
    })?;
    out.write_all(&vec![0; padding(size)])?;
    Ok(hasher.finalize())
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (slot, byte) in block.iter_mut().skip(at).zip(bytes) {
        *slot = *byte;
    }
}

fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}

/// Moves exactly `size` bytes.
fn copy(
    from: &mut impl Read,
    size: u64,
    mut to: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = size;
    while left > 0 {
        let want = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(part) = buffer.get_mut(..want) else {
            break;
        };
        from.read_exact(part)?;
        to(part)?;
        left -= want as u64;
    }
    Ok(())
}

/// Name and size of the next entry; none at the end.
fn header(input: &mut impl Read) -> Result<Option<(String, u64)>, ReadError> {
    let mut block = [0u8; BLOCK];
    input.read_exact(&mut block)?;
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let text = |from: usize, to: usize| {
        let bytes = field(from, to)
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        std::str::from_utf8(bytes)
            .map(str::trim)
            .map_err(|_| ReadError::Damaged("another kind of file"))
    };
    let number = |text: &str| {
        u64::from_str_radix(text, 8).map_err(|_| ReadError::Damaged("another kind of file"))
    };
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    if number(text(148, 156)?)? != sum {
        return Err(ReadError::Damaged("another kind of file"));
    }
    let size = match field(124, 136) {
        [0x80, 0, 0, 0, rest @ ..] => rest
            .iter()
            .fold(0u64, |size, byte| size << 8 | u64::from(*byte)),
        _ => number(text(124, 136)?)?,
    };
    Ok(Some((text(0, 100)?.to_owned(), size)))
}

/// A short entry, whole.
fn contents(input: &mut impl Read, size: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    copy(input, size, |part| {
        bytes.extend_from_slice(part);
        Ok(())
    })?;
    skip_padding(input, size)?;
    Ok(bytes)
}

fn skip_padding(input: &mut impl Read, size: u64) -> io::Result<()> {
    copy(input, padding(size) as u64, |_| Ok(()))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use super::*;

    fn sample(folder: &Path) -> Vec<u8> {
        let blob = "ab".repeat(32);
        std::fs::write(folder.join("node.key"), [7; 32]).unwrap();
        std::fs::write(folder.join("copy.redb"), vec![5; 100_000]).unwrap();
        std::fs::write(folder.join("chater.toml"), "name = \"a\"").unwrap();
        std::fs::create_dir_all(folder.join("blobs/ab")).unwrap();
        std::fs::write(folder.join("blobs/ab").join(&blob), "picture").unwrap();
        std::fs::write(folder.join("blobs/ab/half-written.new"), "x").unwrap();
        let mut bytes = Vec::new();
        let files = files_of(folder, folder.join("copy.redb")).unwrap();
        write(&mut bytes, &files).unwrap();
        bytes
    }

    #[test]
    fn what_goes_in_comes_out() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let bytes = sample(from.path());
        let names = read(&mut bytes.as_slice(), to.path()).unwrap();
        assert_eq!(names.len(), 4);
        assert_eq!(
            std::fs::read(to.path().join("chater.redb")).unwrap(),
            vec![5; 100_000]
        );
        assert_eq!(
            std::fs::read(to.path().join("node.key")).unwrap(),
            vec![7; 32]
        );
        assert_eq!(
            std::fs::read(to.path().join(format!("blobs/ab/{}", "ab".repeat(32)))).unwrap(),
            b"picture"
        );
    }

    #[test]
    fn a_cut_or_changed_backup_is_refused() {
        let from = tempfile::tempdir().unwrap();
        let bytes = sample(from.path());
        for cut in [0, 100, 512, 1024, 5_000, bytes.len() - 2_000] {
            let to = tempfile::tempdir().unwrap();
            assert!(
                matches!(
                    read(&mut &bytes[..cut], to.path()),
                    Err(ReadError::Damaged(_))
                ),
                "{cut}"
            );
        }
        for at in [600, 2_100, 4_000, 60_000] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let to = tempfile::tempdir().unwrap();
            let result = read(&mut bytes.as_slice(), to.path());
            // Padding is the one place where a changed byte means nothing.
            assert!(result.is_err() || at == 600, "{at}");
        }
    }

    #[test]
    fn only_names_of_a_node_are_unpacked() {
        for name in [
            "../evil",
            "/etc/passwd",
            "blobs/../x",
            "blobs/ab/../../x",
            "run.json",
            "blobs/AB/00",
            "node.key/x",
            "",
        ] {
            assert!(!allowed(name), "{name}");
        }
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(from.path().join("evil"), "x").unwrap();
        let mut bytes = Vec::new();
        write(&mut bytes, &[("../evil".into(), from.path().join("evil"))]).unwrap();
        assert!(matches!(
            read(&mut bytes.as_slice(), to.path()),
            Err(ReadError::Damaged(_))
        ));
        assert!(!to.path().parent().unwrap().join("evil").exists());
    }

    #[test]
    fn any_bytes_are_an_error_and_no_panic() {
        let to = tempfile::tempdir().unwrap();
        for seed in 0u8..=255 {
            let noise: Vec<u8> = (0..2_000u32)
                .map(|i| {
                    seed.wrapping_mul(31)
                        .wrapping_add((i.wrapping_mul(i) >> 3) as u8)
                })
                .collect();
            assert!(read(&mut noise.as_slice(), to.path()).is_err());
        }
    }
}
