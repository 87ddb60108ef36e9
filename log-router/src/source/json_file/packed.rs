//! Rotated files that the engine has packed (`compress=true`): read as if they were not.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

/// An open `….N.gz`; offsets are those of its content.
pub(super) struct Packed {
    pub file: File,
    reader: MultiGzDecoder<File>,
    /// How much of the content has been read.
    at: u64,
    /// It ended before its end.
    pub broken: bool,
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed").field("at", &self.at).field("broken", &self.broken).finish_non_exhaustive()
    }
}

impl Packed {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let reader = MultiGzDecoder::new(file.try_clone()?);
        Ok(Self { file, reader, at: 0, broken: false })
    }

    /// Reads what lies at `offset`, up to the length of the buffer; 0 at the end. Going back costs reading from the
    /// beginning.
    pub(super) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset < self.at {
            use std::io::Seek as _;
            self.file.rewind()?;
            self.reader = MultiGzDecoder::new(self.file.try_clone()?);
            self.at = 0;
        }
        if offset > self.at {
            let skipped = io::copy(&mut (&mut self.reader).take(offset - self.at), &mut io::sink());
            match skipped {
                Ok(skipped) => self.at += skipped,
                Err(error) => {
                    self.ended(&error);
                    return Ok(0);
                }
            }
        }
        let mut length = 0;
        while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(more) => {
                    length += more;
                    self.at += more as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if length == 0 => {
                    self.ended(&error);
                    break;
                }
                Err(_) => break,
            }
        }
        Ok(length)
    }

    /// A file that the engine could not finish, or damage: what could be read is all there is.
    fn ended(&mut self, error: &io::Error) {
        tracing::debug!(%error, "a packed log file ends early");
        self.broken = true;
    }
}
