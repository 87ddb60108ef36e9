//! Lines on disk for as long as a sink takes nothing: what a rotation is about to delete, and what the engine's API would
//! have to hold back. First in, first out; each entry is a batch with a checksum and on disk before anyone relies on it.
//!
//! The spool keeps no cursor of its own: how far it is delivered stands beside the positions, so that both move at once.

mod entry;
mod segment;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::segment::Read;
use crate::position::Position;
use crate::record::Batch;

/// A segment takes no more entries once it has this many bytes: the oldest is deleted as a whole.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// Why a spool cannot be used.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// The folder or a file in it cannot be used.
    #[error("{}: {source}; the spool lies in --state.path", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Written by another version.
    #[error("{}: has a form that this log-router does not know; run the version that wrote it until the spool is empty, or move the folder away and lose what is in it", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
}

/// The place of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The number of the segment.
    pub segment: u64,
    /// The byte at which the entry begins.
    pub offset: u64,
}

/// Lines that had to go because the spool is full, or that cannot be read any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// How many.
    pub lines: u64,
    /// Whose.
    pub names: HashSet<String>,
    /// Times of the oldest and the newest, in nanoseconds of Unix time.
    pub times: Option<(i64, i64)>,
    /// Places up to which lines are lost; `None` where the container is gone.
    pub marks: Vec<(String, Option<Position>)>,
    /// A part could not be read, so nobody knows how many lines it had.
    pub damaged: bool,
}

#[derive(Debug)]
struct Known {
    at: Cursor,
    next: u64,
    ids: Vec<String>,
}

/// The spool of one route.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    most_bytes: u64,
    entries: VecDeque<Known>,
    /// By container: in how many entries it is, and the newest mark.
    containers: HashMap<String, (usize, Option<Position>)>,
    /// Sizes of the segments that are there, oldest first.
    segments: VecDeque<(u64, u64)>,
    writing: Option<File>,
    next_segment: u64,
    damage: Loss,
}

impl Spool {
    /// Opens a route's folder and looks through everything behind `delivered`. Makes nothing until there is something.
    pub fn open(folder: &Path, most_bytes: u64, delivered: Cursor) -> Result<Self, SpoolError> {
        let mut spool = Self {
            folder: folder.to_owned(),
            most_bytes,
            entries: VecDeque::new(),
            containers: HashMap::new(),
            segments: VecDeque::new(),
            writing: None,
            next_segment: delivered.segment + 1,
            damage: Loss::default(),
        };
        let numbers = match segment::list(folder) {
            Ok(numbers) => numbers,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(SpoolError::Io { path: folder.to_owned(), source }),
        };
        for number in numbers {
            spool.next_segment = spool.next_segment.max(number + 1);
            spool.look_through(number, delivered)?;
        }
        Ok(spool)
    }

    fn look_through(&mut self, number: u64, delivered: Cursor) -> Result<(), SpoolError> {
        let file = segment::open(&self.folder, number)?;
        let path = segment::path(&self.folder, number);
        let failed = |source| SpoolError::Io { path: path.clone(), source };
        self.segments.push_back((number, file.metadata().map_err(failed)?.len()));
        let mut at = Cursor { segment: number, offset: segment::FIRST };
        if number == delivered.segment {
            at.offset = at.offset.max(delivered.offset);
        }
        loop {
            match segment::read(&file, at.offset).map_err(failed)? {
                Read::Entry { bytes, next } => {
                    let known = entry::read_head(&bytes);
                    if at >= delivered
                        && let Some(head) = known
                    {
                        self.know(at, next, &head);
                    }
                    at.offset = next;
                }
                Read::End => return Ok(()),
                Read::Damaged => {
                    // The last entry of the last segment is one that a crash cut off: nobody relied on it.
                    self.damage.damaged = true;
                    return Ok(());
                }
            }
        }
    }

    fn know(&mut self, at: Cursor, next: u64, head: &entry::Head) {
        let ids: Vec<String> = head.ids().map(str::to_owned).collect();
        for id in &ids {
            self.containers.entry(id.clone()).or_default().0 += 1;
        }
        for (id, position) in &head.marks {
            if let Some((_, mark)) = self.containers.get_mut(id) {
                mark.clone_from(position);
            }
        }
        self.entries.push_back(Known { at, next, ids });
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many batches wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many lines wait: for tests, which look from outside.
    #[cfg(test)]
    pub(crate) fn lines(&mut self) -> usize {
        let mut lines = 0;
        while let Some((at, batch)) = self.read_front() {
            lines += batch.line_count();
            self.pop(at);
        }
        lines
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Whether lines or marks of a container wait.
    pub fn has(&self, id: &str) -> bool {
        self.containers.contains_key(id)
    }

    /// How far a container has been read into the spool.
    pub fn read_position(&self, id: &str) -> Option<&Position> {
        self.containers.get(id)?.1.as_ref()
    }

    /// What could not be read since this was asked last.
    pub fn take_damage(&mut self) -> Option<Loss> {
        let damage = std::mem::take(&mut self.damage);
        (damage != Loss::default()).then_some(damage)
    }

    /// Puts a batch behind all others, waits for the disk, and gives its place; blocks.
    pub fn append(&mut self, batch: &Batch) -> io::Result<Cursor> {
        let mut bytes = Vec::with_capacity(batch.bytes() + 4096);
        entry::write(batch, &mut bytes);
        let mut file = match self.writing.take() {
            Some(file) if self.segments.back().is_some_and(|(_, size)| *size < self.segment_bytes()) => file,
            _ => self.new_segment()?,
        };
        let Some((number, size)) = self.segments.back_mut() else {
            return Err(io::Error::other("no segment"));
        };
        let at = Cursor { segment: *number, offset: *size };
        // After an error the rest of the segment is of no use: the next entry begins another.
        let next = at.offset + segment::append(&mut file, &bytes)?;
        *size = next;
        self.writing = Some(file);
        if let Some(head) = entry::read_head(&bytes) {
            self.know(at, next, &head);
        }
        Ok(at)
    }

    fn segment_bytes(&self) -> u64 {
        SEGMENT_BYTES.min(self.most_bytes / 4)
    }

    fn new_segment(&mut self) -> io::Result<File> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let number = self.next_segment;
        let file = segment::create(&self.folder, number)?;
        self.next_segment += 1;
        self.segments.push_back((number, segment::FIRST));
        Ok(file)
    }

    /// Drops the oldest segments until the rest and `held` more bytes fit. Entries in `elsewhere` are no loss: somebody
    /// still has their lines. The newest segment stays whatever its size.
    pub fn shrink(&mut self, held: u64, elsewhere: impl Fn(Cursor) -> bool) -> Loss {
        let mut loss = Loss::default();
        while self.segments.len() > 1 && self.bytes() + held > self.most_bytes {
            let Some((number, _)) = self.segments.pop_front() else { break };
            let file = segment::open(&self.folder, number);
            while let Some(entry) = self.entries.pop_front_if(|entry| entry.at.segment == number) {
                self.forget(&entry.ids);
                if elsewhere(entry.at) {
                    continue;
                }
                let summary =
                    file.as_ref().ok().and_then(|file| match segment::read(file, entry.at.offset) {
                        Ok(Read::Entry { bytes, .. }) => entry::read_head(&bytes),
                        _ => None,
                    });
                match summary {
                    Some(summary) => loss.add(summary),
                    None => loss.damaged = true,
                }
            }
            self.delete(number);
        }
        loss
    }

    /// The place of the oldest batch.
    pub fn front(&self) -> Option<Cursor> {
        self.entries.front().map(|entry| entry.at)
    }

    /// The oldest batch; blocks. One that cannot be read any more is left out and counted as damage.
    pub fn read_front(&mut self) -> Option<(Cursor, Batch)> {
        loop {
            let at = self.front()?;
            let batch = segment::open(&self.folder, at.segment).ok().and_then(|file| {
                match segment::read(&file, at.offset) {
                    Ok(Read::Entry { bytes, .. }) => entry::read(&bytes),
                    _ => None,
                }
            });
            match batch {
                Some(batch) => return Some((at, batch)),
                None => self.damage.damaged = true,
            }
            self.pop(at);
        }
    }

    /// The batch at this place is dealt with: where the next begins.
    pub fn pop(&mut self, at: Cursor) -> Option<Cursor> {
        let entry = self.entries.pop_front_if(|entry| entry.at == at)?;
        self.forget(&entry.ids);
        Some(Cursor { offset: entry.next, ..at })
    }

    /// Deletes segments that lie wholly before a place, once that is remembered on disk.
    pub fn sweep(&mut self, delivered: Cursor) {
        if self.entries.is_empty()
            && self.segments.back().is_some_and(|(number, _)| *number <= delivered.segment)
        {
            self.writing = None;
        }
        let oldest = self.front().map_or(u64::MAX, |front| front.segment);
        while let Some(&(number, _)) = self.segments.front()
            && number < oldest
            && (number < delivered.segment || self.writing.is_none() && number == delivered.segment)
        {
            self.segments.pop_front();
            self.delete(number);
        }
    }

    fn delete(&self, number: u64) {
        // What cannot be deleted is found at the next start, and is behind the cursor then.
        let _left = fs::remove_file(segment::path(&self.folder, number));
    }

    fn forget(&mut self, ids: &[String]) {
        for id in ids {
            if let Some((count, _)) = self.containers.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    self.containers.remove(id);
                }
            }
        }
    }
}

impl Loss {
    fn add(&mut self, head: entry::Head) {
        self.lines += head.lines;
        self.names.extend(head.names().map(str::to_owned));
        if head.lines > 0 {
            let (from, to) = self.times.unwrap_or(head.times);
            self.times = Some((from.min(head.times.0), to.max(head.times.1)));
        }
        self.marks.extend(head.marks);
    }
}

/// An entry of the spool: what can be read is the same when it is written and read again.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    entry::read_head(bytes);
    let Some(batch) = entry::read(bytes) else { return };
    let mut again = Vec::new();
    entry::write(&batch, &mut again);
    let read =
        entry::read(&again).map(|batch| batch.lines().map(|line| line.text.to_vec()).collect::<Vec<_>>());
    assert_eq!(read, Some(batch.lines().map(|line| line.text.to_vec()).collect()));
}

#[cfg(test)]
mod tests;
