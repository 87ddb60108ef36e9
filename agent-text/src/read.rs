//! Reading small kernel files into a reused buffer, and taking their text apart without allocating.
//!
//! `/proc` and `/sys` files have no useful size and change while they are read: open, read to the end, parse.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memchr::memchr;

/// The kernel writes a file record by record into a page of its own and hands out whole records, so it gives less than was
/// asked for where it has come to the end, or where the next record does not fit any more. As long as records are shorter
/// than half a page, an answer of less than half a page is the former.
const HALF_A_PAGE: usize = 2048;

/// A buffer that keeps its memory between reads.
#[derive(Debug, Default)]
pub struct Scratch {
    buffer: Vec<u8>,
    filled: usize,
}

impl Scratch {
    /// The whole content of a file, valid until the next read.
    pub fn read(&mut self, path: &Path) -> io::Result<&[u8]> {
        self.read_from(File::open(path)?)
    }

    /// The rest of anything readable.
    pub fn read_from(&mut self, source: impl Read) -> io::Result<&[u8]> {
        self.fill(source, 0)
    }

    /// Reads to the end, which is also where less than `enough` bytes come and more would have fitted.
    fn fill(&mut self, mut source: impl Read, enough: usize) -> io::Result<&[u8]> {
        /// What the kernel gives at once of most files. Longer ones make the buffer grow, once.
        const FIRST: usize = 4096;
        if self.buffer.is_empty() {
            self.buffer = vec![0; FIRST];
        }
        self.filled = 0;
        loop {
            let Some(free) = self.buffer.get_mut(self.filled..).filter(|free| !free.is_empty()) else {
                self.buffer.resize(self.buffer.len() * 2, 0);
                continue;
            };
            let asked = free.len();
            match source.read(free) {
                Ok(0) => break,
                Ok(count) => {
                    self.filled += count;
                    if count < asked.min(enough) {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.content())
    }

    /// The whole content of an open file from its beginning, wherever its own position is.
    pub fn read_open(&mut self, file: &File) -> io::Result<&[u8]> {
        self.read_from(FromStart { file, offset: 0 })
    }

    /// The same for kernel files whose records are shorter than half a page, or that are written in one go: saves asking for
    /// the end.
    pub fn read_records(&mut self, file: &File) -> io::Result<&[u8]> {
        self.fill(FromStart { file, offset: 0 }, HALF_A_PAGE)
    }

    /// What the last read gave.
    pub fn content(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }
}

/// A kernel file whose descriptor is kept: the content is fresh at each read, only opening is saved, which costs
/// more than the read itself.
///
/// Not for files that are replaced (renamed over), and not for many devices that come and go.
#[derive(Debug)]
pub struct KeptFile {
    path: PathBuf,
    file: Option<File>,
    long_records: bool,
}

impl KeptFile {
    /// Nothing is opened before the first read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None, long_records: false }
    }

    /// For files with records of half a page or more: a line per device with a column per CPU, a zone, a mount. A file
    /// that the kernel writes in one go is not one of them, however long it is.
    #[must_use]
    pub fn long_records(self) -> Self {
        Self { long_records: true, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole content as it is now. A descriptor that no longer works is opened anew.
    pub fn read<'s>(&mut self, scratch: &'s mut Scratch) -> io::Result<&'s [u8]> {
        let read = if self.long_records { Scratch::read_open } else { Scratch::read_records };
        if let Some(file) = &self.file {
            if read(scratch, file).is_ok() {
                return Ok(scratch.content());
            }
            self.file = None;
        }
        read(scratch, self.file.insert(File::open(&self.path)?))
    }
}

struct FromStart<'f> {
    file: &'f File,
    offset: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not the standard library's way, which is a point where a thread can be cancelled and prepares for that.
        let count = rustix::io::pread(self.file, buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// The lines of a text without their ends; an unfinished last line counts.
pub fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text }
}

/// What [`lines`] gives. Not generic, so it is compiled here, for speed, wherever it is used.
#[derive(Debug, Clone)]
pub struct Lines<'t> {
    rest: &'t [u8],
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let line = self.rest.get(..end)?;
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}

/// The fields of a line, separated by any number of blanks and tabs.
pub fn fields(line: &[u8]) -> Fields<'_> {
    Fields { rest: line }
}

/// What [`fields`] gives.
#[derive(Debug, Clone)]
pub struct Fields<'t> {
    rest: &'t [u8],
}

impl<'t> Iterator for Fields<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let field = self.rest.get(start..)?;
        let end = field.iter().position(u8::is_ascii_whitespace).unwrap_or(field.len());
        self.rest = field.get(end..).unwrap_or_default();
        field.get(..end)
    }
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
    fn files_of_any_length_are_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut scratch = Scratch::default();
        for length in [0, 1, 2047, 2048, 2049, 4095, 4096, 4097, 6143, 6144, 10_000, 100_000, 3] {
            let content = vec![b'x'; length];
            std::fs::write(&path, &content).unwrap();
            assert_eq!(KeptFile::new(&path).read(&mut scratch).unwrap(), content);
            assert_eq!(KeptFile::new(&path).long_records().read(&mut scratch).unwrap(), content);
        }
    }

    #[test]
    fn the_kernels_files_are_read_whole() {
        let mut scratch = Scratch::default();
        for path in ["/proc/vmstat", "/proc/filesystems", "/proc/self/net/unix", "/proc/self/limits"] {
            // Numbers may change between two reads, the number of lines hardly.
            let same = (0..20).any(|_| {
                let whole = std::fs::read(path).unwrap();
                let content = KeptFile::new(path).read(&mut scratch).unwrap();
                lines(content).count() == lines(&whole).count()
            });
            assert!(same, "{path}");
        }
    }

    #[test]
    fn a_kept_file_is_fresh_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attribute");
        let mut scratch = Scratch::default();
        let mut kept = KeptFile::new(&path);
        assert_eq!(kept.read(&mut scratch).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, "first").unwrap();
        assert_eq!(kept.read(&mut scratch).unwrap(), b"first");
        std::fs::write(&path, "2nd").unwrap();
        assert_eq!(kept.read(&mut scratch).unwrap(), b"2nd");
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
