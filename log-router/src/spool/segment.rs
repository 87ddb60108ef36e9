//! A file of the spool: a first line that says what it is, then entries of length, checksum and content.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::Crc;

use super::SpoolError;

/// The number is the form of the file; another one is refused.
const MAGIC: &[u8] = b"log-router spool 1\n";
/// All forms begin so.
const FAMILY: &[u8] = b"log-router spool ";
/// Length and checksum before each entry.
pub(super) const FRAME_BYTES: u64 = 8;
/// A longer entry was never written.
const LONGEST: u32 = 256 * 1024 * 1024;
const EXTENSION: &str = "segment";

/// Where the first entry of a segment begins.
pub(super) const FIRST: u64 = MAGIC.len() as u64;

/// An entry's bytes and where the next begins; or that nothing more can be read here.
pub(super) enum Read {
    Entry { bytes: Vec<u8>, next: u64 },
    End,
    Damaged,
}

/// The path of a segment.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.{EXTENSION}"))
}

/// The numbers of all segments, oldest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            numbers.extend(path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Begins a new segment; on disk once the first entry is.
pub(super) fn create(folder: &Path, number: u64) -> io::Result<File> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path(folder, number))?;
    file.write_all(MAGIC)?;
    // The name must outlive a power cut too.
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Opens a segment to be read.
pub(super) fn open(folder: &Path, number: u64) -> Result<File, SpoolError> {
    let path = path(folder, number);
    let failed = |source| SpoolError::Io { path: path.clone(), source };
    let file = File::open(&path).map_err(failed)?;
    let mut beginning = [0; MAGIC.len()];
    let length = read_up_to(&file, &mut beginning, 0).map_err(failed)?;
    let beginning = beginning.get(..length).unwrap_or_default();
    if beginning.len() == MAGIC.len() && beginning != MAGIC && beginning.starts_with(FAMILY) {
        return Err(SpoolError::Format { path });
    }
    Ok(file)
}

/// Appends an entry and waits for the disk; the bytes it took.
pub(super) fn append(file: &mut File, content: &[u8]) -> io::Result<u64> {
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(content.len() + 8);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&checksum(content).to_le_bytes());
    frame.extend_from_slice(content);
    file.write_all(&frame)?;
    file.sync_data()?;
    Ok(frame.len() as u64)
}

/// Reads the entry at an offset.
pub(super) fn read(file: &File, offset: u64) -> io::Result<Read> {
    let mut frame = [0; 8];
    match read_up_to(file, &mut frame, offset)? {
        0 => return Ok(Read::End),
        8 => {}
        _ => return Ok(Read::Damaged),
    }
    let [l0, l1, l2, l3, c0, c1, c2, c3] = frame;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if length > LONGEST {
        return Ok(Read::Damaged);
    }
    let mut bytes = vec![0; length as usize];
    let count = read_up_to(file, &mut bytes, offset + FRAME_BYTES)?;
    if count < bytes.len() || checksum(&bytes) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Ok(Read::Damaged);
    }
    Ok(Read::Entry { bytes, next: offset + FRAME_BYTES + u64::from(length) })
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
