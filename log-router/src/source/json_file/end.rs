//! The end of a log, for who wants only what comes.

use std::path::Path;

use memchr::memrchr;

use super::chain::LogFile;
use crate::position::{FileIdentity, Fingerprint, Position, StreamPosition};
use crate::record::PerStream;

/// Longer than any record that the engine writes.
const TAIL_BYTES: u64 = 128 * 1024;

/// The place behind the last whole record of the newest file; `None` where there is none or it cannot be read.
pub fn end_of(path: &Path) -> Option<Position> {
    let file = LogFile::open(path).ok()?;
    let size = file.size();
    let mut beginning = [0; Fingerprint::LONGEST];
    let length = file.read_at(&mut beginning, 0).ok()?;
    let first = Fingerprint::of(beginning.get(..length)?);
    let from = size.saturating_sub(TAIL_BYTES);
    let mut tail = vec![0; usize::try_from(size - from).ok()?];
    let length = file.read_at(&mut tail, from).ok()?;
    let end = memrchr(b'\n', tail.get(..length)?)? as u64 + 1;
    let stream = StreamPosition { offset: from + end, ..StreamPosition::default() };
    Some(Position {
        file: Some(FileIdentity { inode: file.inode(), first }),
        time: 0,
        streams: PerStream { stdout: stream, stderr: stream },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    #[test]
    fn the_end_lies_behind_the_last_whole_record() {
        let root = FakeRoot::new();
        let path = root.file("log", "{\"a\"}\n{\"b\"}\n{\"c");
        assert_eq!(end_of(&path).unwrap().offset(), 12);
        assert!(end_of(&root.file("none", "{\"c")).is_none());
        assert!(end_of(&root.file("empty", "")).is_none());
        let long = format!("{}\n{}\n", "x".repeat(300_000), "y".repeat(10));
        assert_eq!(end_of(&root.file("long", &long)).unwrap().offset(), 300_012);
    }
}
