//! How far a container's log has been dealt with: what has to be remembered so that a restart neither misses nor
//! repeats a line.
//!
//! The two streams of a container are interleaved in one file and long lines come in pieces, so one offset is not
//! enough: while a line on one stream is unfinished, the other stream may be far ahead. Each stream has its own.

pub mod store;

use serde::{Deserialize, Serialize};

use crate::record::PerStream;

/// A place in a container's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The file that the offsets count in; absent where the lines come from the engine's API.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<FileIdentity>,
    /// Time of the newest record that nothing unfinished lies before, in nanoseconds of Unix time: where to ask the
    /// engine's API to go on.
    pub time: i64,
    /// The places in the streams.
    pub streams: PerStream<StreamPosition>,
}

/// A place in one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPosition {
    /// Records of this stream that begin before this byte of the file have been dealt with.
    pub offset: u64,
    /// Time of the last line.
    pub time: i64,
    /// How many lines of this stream with that time have been dealt with.
    pub count: u32,
}

impl Position {
    /// The byte of the file to read on from.
    pub fn offset(&self) -> u64 {
        self.streams.stdout.offset.min(self.streams.stderr.offset)
    }
}

/// Which file it is, whatever it is called after the next rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// The inode's number, which may be used again after the file is deleted.
    pub inode: u64,
    /// The first record, which differs from file to file by its time.
    pub first: Fingerprint,
}

/// The beginning of a file: as many bytes of it as there were, up to [`Fingerprint::LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// How many bytes.
    pub length: u64,
    /// Their FNV-1a hash.
    pub hash: u64,
}

impl Fingerprint {
    /// Longer than the fixed parts of a record with its time.
    pub const LONGEST: usize = 256;

    /// Of the beginning of a file.
    pub fn of(beginning: &[u8]) -> Self {
        let beginning = beginning.get(..Self::LONGEST).unwrap_or(beginning);
        let hash = beginning.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { length: beginning.len() as u64, hash }
    }

    /// Whether a file that begins with these bytes can be the one.
    pub fn matches(&self, beginning: &[u8]) -> bool {
        usize::try_from(self.length)
            .ok()
            .and_then(|length| beginning.get(..length))
            .is_some_and(|beginning| Self::of(beginning) == *self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_beginning_also_after_it_grew() {
        let fingerprint = Fingerprint::of(b"{\"log\":\"a");
        assert!(fingerprint.matches(b"{\"log\":\"a and more"));
        assert!(!fingerprint.matches(b"{\"log\":\"b and more"));
        assert!(!fingerprint.matches(b"{\"log"), "shorter than it was: truncated");
        let long = [b'x'; 1000];
        assert_eq!(Fingerprint::of(&long).length, 256);
        assert!(Fingerprint::of(&long).matches(&long));
    }
}
