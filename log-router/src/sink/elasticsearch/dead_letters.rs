//! Lines that a server can never store, kept in a file for people to look at.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;
use tracing::warn;

use super::event::{Events, write_id, write_index};
use crate::record::Line;
use crate::time::Utc;

/// A file that is full takes no more; the metric goes on counting.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The file of one route.
#[derive(Debug)]
pub(super) struct DeadLetters {
    path: Option<PathBuf>,
    /// It was told that there is something in the file, or that it cannot be written.
    told: bool,
}

#[derive(Serialize)]
struct Letter<'a> {
    reason: &'a str,
    index: &'a str,
    id: &'a str,
    document: &'a RawValue,
}

impl DeadLetters {
    /// `stem` is the file's path without its ending; without one, lines are only counted.
    pub(super) fn new(stem: Option<PathBuf>) -> Self {
        let path = stem.map(|stem| {
            let mut path = stem.into_os_string();
            path.push(".dead-letters.ndjson");
            PathBuf::from(path)
        });
        Self { path, told: false }
    }

    /// Appends a line.
    pub(super) fn add(&mut self, line: &Line<'_>, reason: &str, events: &Events) {
        let result = self.path.as_deref().map_or(Ok(()), |path| append(path, line, reason, events));
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let file = self.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        match result {
            Ok(()) => warn!(
                container.name = line.container.name,
                reason, file, "the server can never store a line; see dead letters"
            ),
            Err(error) => {
                warn!(container.name = line.container.name, reason, file, %error, "a dead letter could not be written");
            }
        }
    }
}

fn append(path: &Path, line: &Line<'_>, reason: &str, events: &Events) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|file| file.len() >= MOST_BYTES) {
        return Err(io::Error::other("the file is full"));
    }
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).map_err(io::Error::other)
    };
    let document = RawValue::from_string(text(&|out| events.write_document(line, out))?)?;
    let index = text(&|out| write_index(&Utc::from_nanos(line.time), out))?;
    let id = text(&|out| write_id(line, out))?;
    let mut letter = serde_json::to_vec(&Letter { reason, index: &index, id: &id, document: &document })?;
    letter.push(b'\n');
    File::options().create(true).append(true).open(path)?.write_all(&letter)
}
