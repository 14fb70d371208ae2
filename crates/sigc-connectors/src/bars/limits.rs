//! Bounds on what a file may unpack to, so that a broken or hostile one cannot fill the memory.

use std::cell::Cell;
use std::io::{self, Read};

/// The most bytes a file may unpack to.
pub const MAX_UNPACKED: u64 = 4 << 30;

/// The most bytes of one line, header or row.
pub const MAX_LINE: u64 = 1 << 20;

/// Passes bytes on until the whole is larger than `left`, or one line is longer than [`MAX_LINE`].
///
/// The reader of the lines sets `since_line` to zero whenever it has finished one. It reads ahead, so what counts is
/// that no line makes it read on for much longer than a line may be.
pub(super) struct Limited<'a, R> {
    pub inner: R,
    pub left: u64,
    pub since_line: &'a Cell<u64>,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        let got = n as u64;
        if got > self.left {
            return Err(io::Error::other(format!("unpacks to more than {} GiB", MAX_UNPACKED >> 30)));
        }
        self.left -= got;
        // Counted before this read: a full buffer of short lines must not count as one long line.
        if n > 0 && self.since_line.get() > MAX_LINE {
            return Err(io::Error::other(format!("a line is longer than {} MiB", MAX_LINE >> 20)));
        }
        self.since_line.set(self.since_line.get() + got);
        Ok(n)
    }
}
