//! Values as bytes, each with a check of its own.
//!
//! redb checks its pages when a journal is opened for writing, but not on every read. So a value carries eight bytes
//! of BLAKE3 over its table, its key and itself: a value that changed, or that lies under another key, is never taken.

use crate::error::Trouble;

const CHECK: usize = 8;

/// A value being written.
#[derive(Default)]
pub(crate) struct Out(Vec<u8>);

impl Out {
    pub(crate) fn u8(mut self, x: u8) -> Out {
        self.0.push(x);
        self
    }

    pub(crate) fn u32(mut self, x: u32) -> Out {
        self.0.extend(x.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, x: u64) -> Out {
        self.0.extend(x.to_le_bytes());
        self
    }

    pub(crate) fn i64(self, x: i64) -> Out {
        self.u64(x as u64)
    }

    pub(crate) fn f64(self, x: f64) -> Out {
        self.u64(x.to_bits())
    }

    pub(crate) fn bytes(mut self, x: &[u8]) -> Out {
        self.0.extend(x);
        self
    }

    /// The bytes to store under `key` of `table`.
    pub(crate) fn seal(mut self, table: &str, key: &[u8]) -> Vec<u8> {
        let check = check(table, key, &self.0);
        self.0.extend(check);
        self.0
    }
}

/// A value being read.
pub(crate) struct In<'a> {
    table: &'a str,
    rest: &'a [u8],
}

impl<'a> In<'a> {
    /// The value under `key` of `table`, its check verified.
    pub(crate) fn open(table: &'a str, key: &[u8], stored: &'a [u8]) -> Result<In<'a>, Trouble> {
        match stored.split_last_chunk::<CHECK>() {
            Some((rest, found)) if *found == check(table, key, rest) => Ok(In { table, rest }),
            _ => Err(Trouble::Damage(format!("an entry of `{table}` does not match its check"))),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Trouble> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.malformed())?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Trouble> {
        Ok(self.take::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Trouble> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Trouble> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Trouble> {
        self.take().map(i64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Result<f64, Trouble> {
        self.u64().map(f64::from_bits)
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Trouble> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed()) }
    }

    /// The check holds, but the bytes are no such value.
    pub(crate) fn malformed(&self) -> Trouble {
        Trouble::Damage(format!("an entry of `{}` is not of this format", self.table))
    }
}

fn check(table: &str, key: &[u8], value: &[u8]) -> [u8; CHECK] {
    let mut hasher = blake3::Hasher::new();
    // Lengths in front, so that no table, key and value run into each other.
    hasher.update(&[table.len() as u8]).update(table.as_bytes());
    hasher.update(&(key.len() as u32).to_le_bytes()).update(key).update(value);
    let mut short = [0; CHECK];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_changes_are_noticed() {
        let sealed = Out::default().u8(3).u32(70_000).i64(-5).f64(f64::MIN_POSITIVE).bytes(b"abc").seal("t", b"k");
        let mut value = In::open("t", b"k", &sealed).expect("as sealed");
        assert_eq!(value.u8().ok(), Some(3));
        assert_eq!(value.u32().ok(), Some(70_000));
        assert_eq!(value.i64().ok(), Some(-5));
        assert_eq!(value.f64().ok(), Some(f64::MIN_POSITIVE));
        assert_eq!(value.rest(), b"abc");
        for i in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[i] ^= 0x10;
            assert!(In::open("t", b"k", &flipped).is_err(), "byte {i}");
            assert!(In::open("t", b"k", &sealed[..i]).is_err(), "cut at {i}");
        }
        assert!(In::open("t", b"l", &sealed).is_err(), "another key");
        assert!(In::open("u", b"k", &sealed).is_err(), "another table");
    }
}
