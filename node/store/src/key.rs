//! Keys of tables: big-endian parts glued together, and reading them back.

/// Glues parts into a key.
#[must_use]
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The first key after all that begin with `prefix`; none = there is no end.
#[must_use]
pub fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|b| *b != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(b) = end.last_mut() {
        *b += 1;
    }
    Some(end)
}

/// The number of a branch, as the last part of a key: a byte, of those above 255 that and four more, so that keys sort by it.
#[must_use]
pub fn branch(number: u32) -> Vec<u8> {
    match u8::try_from(number) {
        Ok(byte) => vec![byte],
        Err(_) => join(&[&[u8::MAX], &number.to_be_bytes()]),
    }
}

/// Reads fixed-size parts of a row from the front; a short row gives none.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    /// A byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[b]| b)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    /// What [`branch`] has made, to the end.
    pub fn branch(&mut self) -> Option<u32> {
        let byte = self.u8()?;
        if self.0.is_empty() {
            Some(u32::from(byte))
        } else {
            self.u32()
        }
    }

    /// What is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_sort_by_their_numbers() {
        let numbers = [0, 1, 254, 255, 256, 257, 65_535, 65_536, u32::MAX];
        assert!(numbers.map(branch).is_sorted());
        for number in numbers {
            assert_eq!(Parts(&branch(number)).branch(), Some(number));
        }
    }

    #[test]
    fn the_end_of_a_prefix() {
        assert_eq!(after(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(after(&[0xff]), None);
        assert_eq!(after(&[]), None);
    }
}
