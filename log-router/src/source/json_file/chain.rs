//! The files of one log: the engine writes to `<id>-json.log` and, when that is full, renames it to `….1`, the old `….1`
//! to `….2` and so on, and deletes the oldest. A file that is open here can be read to its end whatever happens to its
//! name.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::packed::Packed;
use crate::position::{FileIdentity, Fingerprint};

/// What the names of packed files end in.
const PACKED: &str = "gz";

/// A rotation renames file after file; a list made meanwhile is made again.
const ATTEMPTS: usize = 5;
/// What a rotation takes at most, in nanoseconds; filling a file takes longer.
const ONE_ROTATION: i128 = 10_000_000;
/// Files that are held open for a sink that takes nothing; the engine keeps two or three by default.
const MOST_FILES: usize = 64;

/// One open file.
#[derive(Debug)]
pub(super) struct LogFile {
    content: Content,
    inode: u64,
}

#[derive(Debug)]
enum Content {
    Plain(File),
    /// Behind a lock because reading moves it; nobody else ever holds that.
    Packed(Box<Mutex<Packed>>),
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        let packed = path.extension().is_some_and(|extension| extension == PACKED);
        let content = if packed {
            Content::Packed(Box::new(Mutex::new(Packed::new(file)?)))
        } else {
            Content::Plain(file)
        };
        Ok(Self { content, inode })
    }

    /// Reads what lies at `offset`, up to the length of the buffer; 0 at the end.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = match &self.content {
            Content::Plain(file) => file,
            Content::Packed(packed) => {
                return packed.lock().unwrap_or_else(PoisonError::into_inner).read_at(buffer, offset);
            }
        };
        loop {
            match file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// How long it is on disk now.
    pub(super) fn size(&self) -> u64 {
        self.status().map_or(0, |status| status.len())
    }

    fn is_deleted(&self) -> bool {
        self.status().is_ok_and(|status| status.nlink() == 0)
    }

    fn status(&self) -> io::Result<Metadata> {
        match &self.content {
            Content::Plain(file) => file.metadata(),
            Content::Packed(packed) => packed.lock().unwrap_or_else(PoisonError::into_inner).file.metadata(),
        }
    }

    /// The inode's number.
    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    /// When its name changed last or was taken away, in nanoseconds of Unix time.
    fn changed(&self) -> Option<i128> {
        let Content::Plain(file) = &self.content else { return None };
        let status = file.metadata().ok()?;
        Some(i128::from(status.ctime()) * 1_000_000_000 + i128::from(status.ctime_nsec()))
    }

    /// Whether this is the file that a position speaks of. Packing makes another file of the same content.
    pub(super) fn is(&self, identity: &FileIdentity) -> bool {
        (self.inode == identity.inode || self.is_packed()) && self.begins_with(&identity.first)
    }

    /// Whether this is a file that is open already, packed meanwhile or not.
    fn is_same(&self, known: &Self) -> bool {
        if self.inode == known.inode {
            return true;
        }
        let mut beginning = [0; Fingerprint::LONGEST];
        let length = if self.is_packed() { known.read_at(&mut beginning, 0).unwrap_or(0) } else { 0 };
        length > 0 && self.begins_with(&Fingerprint::of(beginning.get(..length).unwrap_or_default()))
    }

    fn is_packed(&self) -> bool {
        matches!(self.content, Content::Packed(_))
    }

    /// Whether it turned out to end before its end.
    pub(super) fn is_broken(&self) -> bool {
        match &self.content {
            Content::Plain(_) => false,
            Content::Packed(packed) => packed.lock().unwrap_or_else(PoisonError::into_inner).broken,
        }
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

    /// All files, oldest first.
    pub(super) fn files(&self) -> impl Iterator<Item = &LogFile> {
        self.files.iter()
    }

    /// Whether newer files wait behind the front.
    pub(super) fn has_next(&self) -> bool {
        self.files.len() > 1
    }

    /// Whether the front has no name any more.
    pub(super) fn is_deleted(&self) -> bool {
        self.front().is_some_and(LogFile::is_deleted)
    }

    /// Whether the engine, which keeps so many files, deletes the front with its next rotation.
    pub(super) fn is_last_kept(&self, kept_files: Option<usize>) -> bool {
        kept_files.is_some_and(|kept| self.files.len() >= kept)
    }

    /// The sizes of all deleted files.
    pub(super) fn deleted_bytes(&self) -> u64 {
        self.files.iter().filter(|file| file.is_deleted()).map(LogFile::size).sum()
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
        let Some(known) = self.files.back() else {
            self.files = open_all(&self.path)?.into();
            return Ok(Seen::Rotated);
        };
        if newest.ino() == known.inode || self.files.len() >= MOST_FILES {
            return Ok(Seen::Same(newest.size()));
        }
        let mut files = open_all(&self.path)?;
        let found = files.iter().position(|file| file.is_same(known));
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

#[derive(Debug, PartialEq, Eq)]
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
    names.sort_unstable_by(|a, b| b.age.cmp(&a.age).then_with(|| a.path.cmp(&b.path)));
    // While a file is being packed it has both names; the whole one comes first.
    names.dedup_by(|packed, plain| packed.age == plain.age);
    Ok(names)
}

fn age_of(name: &OsStr, log: &OsStr) -> Option<u32> {
    match name.as_bytes().strip_prefix(log.as_bytes())? {
        [] => Some(0),
        [b'.', rest @ ..] => {
            let digits = rest.strip_suffix(b".gz").unwrap_or(rest);
            std::str::from_utf8(digits).ok()?.parse().ok().filter(|age| *age > 0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;
    use std::io::Write as _;

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
        for other in ["a.log.1.gz.tmp", "a.log.x", "b.log", "a.log.0"] {
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

    fn pack(path: &Path) {
        let packed = File::create(format!("{}.gz", path.display())).unwrap();
        let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        packed.write_all(&fs::read(path).unwrap()).unwrap();
        packed.finish().unwrap();
    }

    #[test]
    fn packed_files_are_read_in_their_place() {
        let root = FakeRoot::new();
        let log = root.file("a.log", "one");
        let mut chain = Chain::open(&log).unwrap();
        rotate(&log, 3);
        root.file("a.log", "two");
        pack(&log.with_extension("log.1"));
        assert_eq!(content(&Chain::open(&log).unwrap()), ["one", "two"], "both names are one file");
        fs::remove_file(log.with_extension("log.1")).unwrap();
        assert_eq!(chain.refresh().unwrap(), Seen::Rotated);
        assert_eq!(content(&chain), ["one", "two"], "the packed file is the one that is open");
        let reopened = Chain::open(&log).unwrap();
        assert_eq!(content(&reopened), ["one", "two"]);
        let identity = FileIdentity { inode: 1, first: Fingerprint::of(b"on") };
        assert!(Chain::open(&log).unwrap().advance_to(&identity), "another file, the same content");
        let front = reopened.front().unwrap();
        let mut buffer = [0; 2];
        assert_eq!((front.read_at(&mut buffer, 1).unwrap(), &buffer), (2, b"ne"));
        assert_eq!((front.read_at(&mut buffer, 0).unwrap(), &buffer), (2, b"on"), "back again");
        assert!(!front.is_broken());
        root.file("a.log.1.gz", &fs::read(log.with_extension("log.1.gz")).unwrap()[..12]);
        let broken = Chain::open(&log).unwrap();
        let mut buffer = [0; 100];
        let length = broken.front().unwrap().read_at(&mut buffer, 0).unwrap();
        assert_eq!(
            broken.front().unwrap().read_at(&mut buffer, length as u64).unwrap(),
            0,
            "no error for ever"
        );
        assert!(broken.front().unwrap().is_broken());
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
