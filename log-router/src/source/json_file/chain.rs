//! The files of one log: the engine writes to `<id>-json.log` and, when that is full, renames it to `….1`, the old `….1`
//! to `….2` and so on, and deletes the oldest. A file that is open here can be read to its end whatever happens to its
//! name.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::position::{FileIdentity, Fingerprint};

/// A rotation renames file after file; a list made meanwhile is made again.
const ATTEMPTS: usize = 5;
/// What a rotation takes at most, in nanoseconds; filling a file takes longer.
const ONE_ROTATION: i128 = 10_000_000;
/// Files that are held open for a sink that takes nothing; the engine keeps two or three by default.
const MOST_FILES: usize = 64;

/// One open file.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    inode: u64,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { file, inode })
    }

    /// Reads what lies at `offset`, up to the length of the buffer; 0 at the end.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// How long it is now.
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// The inode's number.
    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    /// When its name changed last or was taken away, in nanoseconds of Unix time.
    fn changed(&self) -> Option<i128> {
        let status = self.file.metadata().ok()?;
        Some(i128::from(status.ctime()) * 1_000_000_000 + i128::from(status.ctime_nsec()))
    }

    /// Whether this is the file that a position speaks of.
    pub(super) fn is(&self, identity: &FileIdentity) -> bool {
        self.inode == identity.inode && self.begins_with(&identity.first)
    }

    /// Whether the file still begins as it did; it does not once it has been truncated and written anew.
    pub(super) fn begins_with(&self, first: &Fingerprint) -> bool {
        let mut beginning = [0; Fingerprint::LONGEST];
        let length = self.read_at(&mut beginning, 0).unwrap_or(0);
        first.matches(beginning.get(..length).unwrap_or_default())
    }
}

/// What a look at the folder brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The newest file is the one known; its size.
    Same(u64),
    /// Newer files have been added.
    Rotated,
    /// Newer files have been added, but files between them and the one known are lost.
    Missed,
    /// There is no file by the log's name (in the middle of a rotation, or the container is gone).
    Absent,
}

/// The files of a log that are not read to their end yet, oldest first.
#[derive(Debug)]
pub(super) struct Chain {
    path: PathBuf,
    files: VecDeque<LogFile>,
}

impl Chain {
    /// Opens all files that there are.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // What stands in the way shows best on the file itself.
        LogFile::open(path)?;
        Ok(Self { path: path.to_owned(), files: open_all(path)?.into() })
    }

    /// The file to read.
    pub(super) fn front(&self) -> Option<&LogFile> {
        self.files.front()
    }

    /// Whether newer files wait behind the front.
    pub(super) fn has_next(&self) -> bool {
        self.files.len() > 1
    }

    /// Leaves the front behind.
    pub(super) fn advance(&mut self) {
        self.files.pop_front();
    }

    /// Leaves all files before that of the position behind; false if it is not here.
    pub(super) fn advance_to(&mut self, identity: &FileIdentity) -> bool {
        let Some(index) = self.files.iter().position(|file| file.is(identity)) else { return false };
        self.files.drain(..index);
        true
    }

    /// Looks whether the log has been rotated, and opens what came since. Costs one system call where nothing
    /// happened.
    pub(super) fn refresh(&mut self) -> io::Result<Seen> {
        let newest = match fs::metadata(&self.path) {
            Ok(newest) => newest,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seen::Absent),
            Err(error) => return Err(error),
        };
        let Some(known) = self.files.back().map(LogFile::inode) else {
            self.files = open_all(&self.path)?.into();
            return Ok(Seen::Rotated);
        };
        if newest.ino() == known || self.files.len() >= MOST_FILES {
            return Ok(Seen::Same(newest.size()));
        }
        let mut files = open_all(&self.path)?;
        let found = files.iter().position(|file| file.inode == known);
        files.drain(..found.map_or(0, |index| index + 1));
        // A log with a single file has only its newest, which follows directly.
        let missed = found.is_none() && files.len() > 1 && !self.is_followed_by(&files);
        self.files.extend(files);
        Ok(if missed { Seen::Missed } else { Seen::Rotated })
    }

    /// Whether the first of these files came right after the newest one known, which is deleted: a rotation deletes the
    /// oldest file and renames the next in one go, and both take the time of that.
    fn is_followed_by(&self, files: &[LogFile]) -> bool {
        let deleted = self.files.back().and_then(LogFile::changed);
        let renamed = files.first().and_then(LogFile::changed);
        deleted.zip(renamed).is_some_and(|(deleted, renamed)| renamed - deleted < ONE_ROTATION)
    }
}

/// All files of a log, oldest first, as they were at one moment.
fn open_all(path: &Path) -> io::Result<Vec<LogFile>> {
    let mut listed = list(path)?;
    let mut files = Vec::new();
    for _ in 0..ATTEMPTS {
        files = listed.iter().filter_map(|name| LogFile::open(&name.path).ok()).collect();
        let now = list(path)?;
        let same = now == listed && files.iter().map(LogFile::inode).eq(listed.iter().map(|name| name.inode));
        if same {
            break;
        }
        listed = now;
    }
    Ok(files)
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// 0 is the log itself, 1 the file before it and so on.
    age: u32,
    path: PathBuf,
    inode: u64,
}

/// The names of a log's files, oldest first.
fn list(path: &Path) -> io::Result<Vec<Name>> {
    let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(age) = age_of(&entry.file_name(), file) {
            names.push(Name { age, path: entry.path(), inode: entry.ino() });
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

fn age_of(name: &OsStr, log: &OsStr) -> Option<u32> {
    match name.as_bytes().strip_prefix(log.as_bytes())? {
        [] => Some(0),
        [b'.', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok().filter(|age| *age > 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    fn content(chain: &Chain) -> Vec<String> {
        let text = |file: &LogFile| {
            let mut buffer = [0; 100];
            let length = file.read_at(&mut buffer, 0).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        chain.files.iter().map(text).collect()
    }

    /// Longer than [`ONE_ROTATION`], as filling a file takes.
    fn pause() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    fn rotate(log: &Path, keep: u32) {
        let name =
            |age: u32| if age == 0 { log.to_owned() } else { log.with_extension(format!("log.{age}")) };
        for age in (0..keep).rev() {
            if name(age).exists() {
                fs::rename(name(age), name(age + 1)).unwrap();
            }
        }
    }

    #[test]
    fn files_come_oldest_first() {
        let root = FakeRoot::new();
        for (name, content) in [("a.log", "newest"), ("a.log.1", "1"), ("a.log.2", "2"), ("a.log.10", "10")] {
            root.file(name, content);
        }
        for other in ["a.log.1.gz", "a.log.x", "b.log", "a.log.0"] {
            root.file(other, "other");
        }
        let chain = Chain::open(&root.path().join("a.log")).unwrap();
        assert_eq!(content(&chain), ["10", "2", "1", "newest"]);
    }

    #[test]
    fn rotations_between_two_looks_are_followed() {
        let root = FakeRoot::new();
        let log = root.file("a.log", "one");
        let mut chain = Chain::open(&log).unwrap();
        assert_eq!(chain.refresh().unwrap(), Seen::Same(3));
        for text in ["two", "three", "four"] {
            rotate(&log, 3);
            root.file("a.log", text);
        }
        assert_eq!(chain.refresh().unwrap(), Seen::Rotated);
        assert_eq!(content(&chain), ["one", "two", "three", "four"]);
        assert_eq!(chain.refresh().unwrap(), Seen::Same(4));
    }

    #[test]
    fn a_file_that_is_open_outlives_its_deletion() {
        let root = FakeRoot::new();
        let log = root.file("a.log", "one");
        let mut chain = Chain::open(&log).unwrap();
        fs::remove_file(&log).unwrap();
        assert_eq!(chain.refresh().unwrap(), Seen::Absent);
        root.file("a.log", "two");
        assert_eq!(chain.refresh().unwrap(), Seen::Rotated, "max-file=1: no file can lie between");
        assert_eq!(content(&chain), ["one", "two"]);
        for text in ["three", "four"] {
            pause();
            rotate(&log, 1);
            root.file("a.log", text);
        }
        assert_eq!(chain.refresh().unwrap(), Seen::Rotated, "the first file that is left follows directly");
        assert_eq!(content(&chain), ["one", "two", "three", "four"]);
        for text in ["five", "six", "seven"] {
            pause();
            rotate(&log, 1);
            root.file("a.log", text);
        }
        assert_eq!(chain.refresh().unwrap(), Seen::Missed);
        assert_eq!(content(&chain), ["one", "two", "three", "four", "six", "seven"]);
    }

    #[test]
    fn a_position_finds_its_file_by_inode_and_beginning() {
        let root = FakeRoot::new();
        let log = root.file("a.log", "one");
        let chain = Chain::open(&log).unwrap();
        let inode = chain.front().unwrap().inode();
        rotate(&log, 2);
        root.file("a.log", "two");
        let identity = FileIdentity { inode, first: Fingerprint::of(b"one") };
        let mut chain = Chain::open(&log).unwrap();
        assert!(chain.advance_to(&identity));
        assert_eq!(content(&chain), ["one", "two"]);
        let other = FileIdentity { first: Fingerprint::of(b"other"), ..identity };
        assert!(!chain.advance_to(&other), "the inode has been used again");
    }
}
