//! Reading small kernel files into a reused buffer, and taking their text apart without allocating.
//!
//! `/proc` and `/sys` files have no useful size and change while they are read: open, read to the end, parse.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A buffer that keeps its memory between reads.
#[derive(Debug, Default)]
pub struct Scratch {
    buffer: Vec<u8>,
}

impl Scratch {
    /// The whole content of a file, valid until the next read.
    pub fn read(&mut self, path: &Path) -> io::Result<&[u8]> {
        self.read_from(File::open(path)?)
    }

    /// The rest of anything readable.
    pub fn read_from(&mut self, mut source: impl Read) -> io::Result<&[u8]> {
        /// More than almost every kernel file, so that one read call is the rule.
        const FIRST: usize = 16 * 1024;
        if self.buffer.is_empty() {
            self.buffer.resize(FIRST, 0);
        }
        let mut filled = 0;
        loop {
            let Some(free) = self.buffer.get_mut(filled..).filter(|free| !free.is_empty()) else {
                self.buffer.resize(self.buffer.len() * 2, 0);
                continue;
            };
            match source.read(free) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.buffer.get(..filled).unwrap_or_default())
    }
}

/// The lines of a text without their ends; an unfinished last line counts.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The fields of a line, separated by any number of blanks and tabs.
pub fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

/// A decimal number without sign.
pub fn parse_u64(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Any decimal number.
pub fn parse_f64(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// A field as text, where it is text.
pub fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_read_after_a_long_one_shows_nothing_old() {
        let mut scratch = Scratch::default();
        let long = vec![b'x'; 100_000];
        assert_eq!(scratch.read_from(long.as_slice()).unwrap().len(), 100_000);
        assert_eq!(scratch.read_from(&b"short\n"[..]).unwrap(), b"short\n");
        assert_eq!(scratch.read_from(&b""[..]).unwrap(), b"");
    }

    #[test]
    fn numbers_are_strict() {
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        for bad in [&b""[..], b"-1", b"1.0", b" 1", b"0x1"] {
            assert_eq!(parse_u64(bad), None);
        }
    }

    proptest! {
        #[test]
        fn numbers_round_trip(value: u64) {
            prop_assert_eq!(parse_u64(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            for line in lines(&bytes) {
                for field in fields(line) {
                    parse_u64(field);
                    parse_f64(field);
                }
            }
        }
    }
}
