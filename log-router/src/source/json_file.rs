//! Reading the files of Docker's json-file driver directly: cheap for the engine, exact to the byte after a restart, and
//! complete through rotations, which the engine's own `logs --follow` is not.

mod chain;
mod end;
mod packed;
mod record;
/// A record.
#[cfg(fuzzing)]
pub fn fuzz(line: &[u8]) {
    record::fuzz(line);
}

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};

use self::chain::{Chain, LogFile, Seen};
pub use self::end::end_of;
use super::assemble::{Assembler, Piece, Wanted};
use super::{Gap, Progress, Tallies};
use crate::container::Container;
use crate::position::{FileIdentity, Fingerprint, Position};
use crate::record::Batch;

/// Read at once; shared by all tails of a route, because no tail keeps anything in it.
const CHUNK_BYTES: usize = 256 * 1024;
/// A record is at most six times 16 KiB and its attributes; a longer one is damage.
const LONGEST_RECORD: usize = 2 * 1024 * 1024;

/// Memory for reading.
#[derive(Debug)]
pub struct Buffers {
    chunk: Vec<u8>,
    unescaped: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { chunk: vec![0; CHUNK_BYTES], unescaped: Vec::new() }
    }
}

/// Leaves all but the last records behind; gives where the first wanted one begins in the front file.
fn skip_to_last(chain: &mut Chain, last: u64, assembler: &mut Assembler) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let counts =
        chain.files().map(|file| count_lines(file, &mut chunk, u64::MAX)).collect::<io::Result<Vec<_>>>()?;
    let mut skip = counts.iter().map(|(lines, _)| lines).sum::<u64>().saturating_sub(last);
    assembler.skipped(skip);
    for (lines, _) in counts {
        if !chain.has_next() || skip < lines {
            break;
        }
        skip -= lines;
        chain.advance();
    }
    match chain.front() {
        Some(file) => Ok(count_lines(file, &mut chunk, skip)?.1),
        None => Ok(0),
    }
}

/// Counts lines up to `most`; gives also where the line behind them begins.
fn count_lines(file: &LogFile, chunk: &mut [u8], most: u64) -> io::Result<(u64, u64)> {
    let (mut lines, mut at, mut end) = (0, 0, 0);
    loop {
        let length = file.read_at(chunk, at)?;
        let found = chunk.get(..length).unwrap_or_default();
        for newline in memchr_iter(b'\n', found) {
            if lines == most {
                return Ok((lines, end));
            }
            lines += 1;
            end = at + newline as u64 + 1;
        }
        at += length as u64;
        if length == 0 || lines == most {
            return Ok((lines, end));
        }
    }
}

/// One container's log files.
#[derive(Debug)]
pub struct JsonFile {
    chain: Chain,
    /// Where the next record begins in the front file.
    read_to: u64,
    /// How the front file begins; known after the first read.
    first: Option<Fingerprint>,
    assembler: Assembler,
    tallies: Tallies,
}

impl JsonFile {
    /// Opens a log to go on behind a position, or from its beginning.
    pub fn open(path: &Path, wanted: Wanted, position: Option<&Position>) -> io::Result<Self> {
        let mut chain = Chain::open(path)?;
        let mut tallies = Tallies::default();
        let found = position.and_then(|p| p.file).filter(|identity| chain.advance_to(identity));
        let (assembler, read_to) = match position {
            None => {
                let last = wanted.last;
                let mut assembler = Assembler::start(wanted);
                let read_to = match last {
                    Some(last) => skip_to_last(&mut chain, last, &mut assembler)?,
                    None => 0,
                };
                (assembler, read_to)
            }
            Some(position) if found.is_some() => {
                (Assembler::resume_in_file(wanted, position), position.offset())
            }
            Some(position) => {
                if position.file.is_some() {
                    tallies.gap(Gap::Deleted, position.time);
                }
                (Assembler::resume_by_time(wanted, position), 0)
            }
        };
        Ok(Self { chain, read_to, first: found.map(|identity| identity.first), assembler, tallies })
    }

    /// Reads what there is, up to `limit` bytes in the batch, and marks how far it came.
    pub fn poll(
        &mut self,
        container: &Arc<Container>,
        buffers: &mut Buffers,
        batch: &mut Batch,
        limit: usize,
    ) -> io::Result<Progress> {
        self.look()?;
        let mut progress = Progress::default();
        while let Some(length) = self.fill(buffers)? {
            let chunk = buffers.chunk.get(..length).unwrap_or_default();
            let consumed = match memrchr(b'\n', chunk) {
                Some(end) => {
                    let records = chunk.get(..end).unwrap_or_default();
                    self.take(records, container, &mut buffers.unescaped, batch);
                    end + 1
                }
                None if length >= LONGEST_RECORD => {
                    self.tallies.damaged += 1;
                    length
                }
                // An unfinished record at the end of a file that nothing is written to any more.
                None if self.chain.has_next() => {
                    let broken = self.chain.front().is_some_and(LogFile::is_broken);
                    self.tallies.damaged += u64::from(length > 0 || broken);
                    self.next_file();
                    continue;
                }
                None => break,
            };
            self.read_to += consumed as u64;
            progress.bytes += consumed as u64;
            if batch.bytes() >= limit {
                progress.more = true;
                break;
            }
            // Small files are rotated away while a chunk is taken apart.
            self.look()?;
        }
        if buffers.chunk.len() > CHUNK_BYTES {
            buffers.chunk = vec![0; CHUNK_BYTES];
        }
        let flushed = self.assembler.flush_due(container, batch);
        self.mark(container, batch, progress.bytes > 0 || flushed);
        Ok(progress)
    }

    /// Opens what a rotation may take away, without reading: for as long as the sink takes nothing.
    pub fn look(&mut self) -> io::Result<()> {
        match self.chain.refresh()? {
            Seen::Same(size) => self.check_truncation(size),
            Seen::Missed => {
                self.tallies.gap(Gap::Deleted, self.assembler.newest());
                self.assembler.cut();
            }
            Seen::Rotated | Seen::Absent => {}
        }
        Ok(())
    }

    /// Whether the engine has deleted the file that is read, or will with one more rotation.
    pub fn is_urgent(&self, container: &Container) -> bool {
        self.chain.front().is_some_and(|file| !self.is_read(file))
            && (self.chain.is_deleted() || self.chain.is_last_kept(container.kept_files))
    }

    /// Bytes not yet read of deleted files that are held open.
    pub fn held_bytes(&self) -> u64 {
        self.chain.deleted_bytes().saturating_sub(if self.chain.is_deleted() { self.read_to } else { 0 })
    }

    fn is_read(&self, file: &LogFile) -> bool {
        !self.chain.has_next() && file.size() <= self.read_to
    }

    /// The container has ended and everything is read: passes on what has no newline.
    pub fn finish(&mut self, container: &Arc<Container>, batch: &mut Batch) {
        if self.assembler.is_unfinished() {
            self.assembler.finish(container, batch);
            self.mark(container, batch, true);
        }
    }

    /// Whether an event waits for lines that may belong to it.
    pub fn is_waiting(&self) -> bool {
        self.assembler.is_waiting()
    }

    /// Passes on events that wait for lines that may belong to them.
    pub fn flush(&mut self, container: &Arc<Container>, batch: &mut Batch) {
        if self.assembler.flush(container, batch) {
            self.mark(container, batch, true);
        }
    }

    /// What went wrong or was left out since this was asked last.
    pub fn take_tallies(&mut self) -> Tallies {
        let mut tallies = std::mem::take(&mut self.tallies);
        tallies.lines = self.assembler.take_tally();
        tallies
    }

    fn check_truncation(&mut self, size: u64) {
        // Only the newest file is ever truncated (max-file=1 on old engines, or by hand).
        if self.chain.has_next() || self.read_to == 0 || size == self.read_to {
            return;
        }
        let same = size > self.read_to
            && self.first.is_none_or(|first| self.chain.front().is_some_and(|file| file.begins_with(&first)));
        if !same {
            self.tallies.gap(Gap::Truncated, self.assembler.newest());
            self.assembler.cut();
            self.start_file();
        }
    }

    fn next_file(&mut self) {
        self.chain.advance();
        self.start_file();
    }

    fn start_file(&mut self) {
        self.read_to = 0;
        self.first = None;
        self.assembler.next_file();
    }

    /// Reads from where we are, with a bigger buffer where a record does not fit; `None` where there is no file.
    fn fill(&mut self, buffers: &mut Buffers) -> io::Result<Option<usize>> {
        let Some(file) = self.chain.front() else { return Ok(None) };
        loop {
            let length = file.read_at(&mut buffers.chunk, self.read_to)?;
            let chunk = buffers.chunk.get(..length).unwrap_or_default();
            if length == buffers.chunk.len() && length < LONGEST_RECORD && memchr(b'\n', chunk).is_none() {
                buffers.chunk.resize(length * 2, 0);
                continue;
            }
            if self.read_to == 0 && length > 0 {
                self.first = Some(Fingerprint::of(chunk));
            }
            return Ok(Some(length));
        }
    }

    /// Takes whole records apart; `records` is without the last newline.
    fn take(
        &mut self,
        records: &[u8],
        container: &Arc<Container>,
        unescaped: &mut Vec<u8>,
        batch: &mut Batch,
    ) {
        let mut rest = records;
        let mut offset = self.read_to;
        loop {
            let (line, after) = match memchr(b'\n', rest) {
                Some(end) => (rest.get(..end).unwrap_or_default(), rest.get(end + 1..)),
                None => (rest, None),
            };
            self.take_line(line, offset, container, unescaped, batch);
            offset += line.len() as u64 + 1;
            match after {
                Some(after) => rest = after,
                None => return,
            }
        }
    }

    fn take_line(
        &mut self,
        mut line: &[u8],
        mut offset: u64,
        container: &Arc<Container>,
        unescaped: &mut Vec<u8>,
        batch: &mut Batch,
    ) {
        loop {
            if let Some(record) = record::parse(line, unescaped) {
                if !self.tallies.gaps.is_empty() {
                    self.tallies.range.1.get_or_insert(record.time);
                }
                let piece = Piece { stream: record.stream, time: record.time, text: &record.log, offset };
                return self.assembler.push(piece, container, batch);
            }
            self.tallies.damaged += u64::from(!line.is_empty());
            let Some(next) = record::next_beginning(line) else { return };
            offset += next as u64;
            line = line.get(next..).unwrap_or_default();
        }
    }

    fn mark(&self, container: &Arc<Container>, batch: &mut Batch, changed: bool) {
        let identity = self.chain.front().zip(self.first);
        let file = identity.map(|(file, first)| FileIdentity { inode: file.inode(), first });
        if let Some(position) = self.assembler.position(file, self.read_to).filter(|_| changed) {
            batch.mark_at(&container.id, position);
        }
    }
}
