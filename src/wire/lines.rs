//! Lines of bounded length from any reader.

use std::io::{self, BufRead, Read};

/// Longest line read, in bytes; the rest of a longer one is skipped.
pub const MAX_LINE: usize = 4 << 20;

/// One line, by number.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// Its bytes without the newline; at most [`MAX_LINE`] and one more where it was too long.
    pub bytes: Vec<u8>,
}

impl Line {
    /// True if the line was longer than [`MAX_LINE`] and cut.
    pub fn is_cut(&self) -> bool {
        self.bytes.len() > MAX_LINE
    }

    /// True if there is nothing on it.
    pub fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// Reads lines, bounded in memory whatever the input.
pub struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `reader`.
    pub fn new(reader: R) -> Lines<R> {
        Lines { reader, number: 0 }
    }

    /// The next line, or `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let limit = MAX_LINE as u64 + 1;
        if self.reader.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        } else if bytes.len() > MAX_LINE {
            self.reader.skip_until(b'\n')?;
        }
        if self.number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Ok(Some(Line { number: self.number, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let input = [vec![b'x'; MAX_LINE + 5], b"\nnext\n\nlast".to_vec()].concat();
        let mut lines = Lines::new(io::BufReader::new(input.as_slice()));
        let mut next = || lines.next_line().expect("memory reads");
        let first = next().expect("a line");
        assert!(first.is_cut() && first.number == 1);
        assert_eq!(next(), Some(Line { number: 2, bytes: b"next".to_vec() }));
        assert!(next().expect("a line").is_blank());
        assert_eq!(next(), Some(Line { number: 4, bytes: b"last".to_vec() }));
        assert_eq!(next(), None);
    }
}
