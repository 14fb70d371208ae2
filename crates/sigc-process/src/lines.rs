//! Lines of bounded length.

use std::io::{self, BufRead};

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With its line feed, which is not part of it.
    Whole,
    /// It was longer than allowed; its rest is unread.
    Cut,
    /// With the stream.
    Stream,
}

/// Reads the next line into `line`, whose old content is dropped.
pub(crate) fn read_line(from: &mut impl BufRead, most: usize, line: &mut Vec<u8>) -> io::Result<End> {
    line.clear();
    loop {
        let there = match from.fill_buf() {
            Ok(there) => there,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if there.is_empty() {
            return Ok(End::Stream);
        }
        let (part, whole) = match there.iter().position(|b| *b == b'\n') {
            Some(at) => (at, true),
            None => (there.len(), false),
        };
        let room = most - line.len();
        line.extend_from_slice(&there[..part.min(room)]);
        if part > room {
            from.consume(room);
            return Ok(End::Cut);
        }
        from.consume(part + usize::from(whole));
        if whole {
            return Ok(End::Whole);
        }
    }
}

/// Passes over the rest of a line.
pub(crate) fn skip_line(from: &mut impl BufRead) -> io::Result<End> {
    loop {
        let there = from.fill_buf()?;
        if there.is_empty() {
            return Ok(End::Stream);
        }
        match there.iter().position(|b| *b == b'\n') {
            Some(at) => {
                from.consume(at + 1);
                return Ok(End::Whole);
            }
            None => {
                let n = there.len();
                from.consume(n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_are_cut_where_they_are_too_long() {
        // A buffer of three bytes, so that lines span several.
        let mut from = BufReader::with_capacity(3, &b"ab\nabcdefgh\n\nabcd\nrest"[..]);
        let mut line = Vec::new();
        let mut next = |line: &mut Vec<u8>| {
            let end = read_line(&mut from, 4, line).expect("memory");
            if end == End::Cut {
                skip_line(&mut from).expect("memory");
            }
            (end, String::from_utf8(line.clone()).expect("text"))
        };
        assert_eq!(next(&mut line), (End::Whole, "ab".into()));
        assert_eq!(next(&mut line), (End::Cut, "abcd".into()));
        assert_eq!(next(&mut line), (End::Whole, String::new()));
        assert_eq!(next(&mut line), (End::Whole, "abcd".into()), "just as long as allowed");
        assert_eq!(next(&mut line), (End::Stream, "rest".into()));
    }
}
