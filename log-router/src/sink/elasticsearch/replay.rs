//! `log-router dead-letter replay`: sends the dead letters again, after a mapping was mended for example.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{self, Outcome};
use super::bulk::gzip;
use super::dead_letters::path_of;
use super::target::Target;

/// Letters in one request.
const AT_ONCE: usize = 500;
const AT_ONCE_BYTES: usize = 2 * 1024 * 1024;

/// What became of a file's letters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Stored now, or found to be stored.
    pub stored: u64,
    /// Refused again; they are in the file again.
    pub refused: u64,
    /// Not tried any more, because the server answered something else: `None` where it did not.
    pub stopped: Option<String>,
}

#[derive(Deserialize)]
struct Letter<'a> {
    index: String,
    id: String,
    #[serde(borrow)]
    document: &'a RawValue,
}

/// Sends the letters of a route whose files begin with `stem`. What is not stored stays in the file; a running router
/// may add to it meanwhile.
pub(super) async fn replay(target: &Target, stem: &Path) -> io::Result<Report> {
    let file = path_of(stem);
    let mut working = file.as_os_str().to_owned();
    working.push(".replaying");
    let working = PathBuf::from(working);
    let mut report = Report::default();
    // One that was left behind by a run that was killed comes first.
    if !working.exists() {
        match fs::rename(&file, &working) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(report),
            renamed => renamed?,
        }
    }
    let mut letters = BufReader::new(File::open(&working)?).split(b'\n');
    loop {
        let mut some: Vec<Vec<u8>> = Vec::new();
        while some.len() < AT_ONCE && some.iter().map(Vec::len).sum::<usize>() < AT_ONCE_BYTES {
            let Some(letter) = letters.next() else { break };
            some.push(letter?);
        }
        if some.is_empty() {
            break;
        }
        if report.stopped.is_none() {
            send(target, &mut some, &mut report).await;
        }
        keep(&file, &some)?;
    }
    fs::remove_file(&working)?;
    Ok(report)
}

/// Sends letters; those that are not stored are left in the list.
async fn send(target: &Target, letters: &mut Vec<Vec<u8>>, report: &mut Report) {
    let mut body = Vec::new();
    let mut sent = Vec::new();
    let mut left = Vec::new();
    for letter in std::mem::take(letters) {
        if let Ok(parsed) = serde_json::from_slice::<Letter<'_>>(&letter) {
            let action = serde_json::json!({"create": {"_index": parsed.index, "_id": parsed.id}});
            body.extend_from_slice(format!("{action}\n{}\n", parsed.document).as_bytes());
            sent.push(letter);
        } else {
            // Cut off by a crash, or not ours: nothing that could be sent.
            report.refused += 1;
            left.push(letter);
        }
    }
    if !sent.is_empty() {
        let answer = target.client.bulk(gzip(&body)).await;
        let outcomes = answer.and_then(|answer| {
            if answer.is_success() { answer::read(&answer, sent.len()) } else { Err(answer.told()) }
        });
        match outcomes {
            Ok(outcomes) => {
                for (letter, outcome) in sent.into_iter().zip(outcomes) {
                    match outcome {
                        Outcome::Stored | Outcome::Known { .. } => report.stored += 1,
                        Outcome::Rejected { .. } => {
                            report.refused += 1;
                            left.push(letter);
                        }
                        Outcome::Later { reason, .. } => {
                            report.stopped.get_or_insert(reason);
                            left.push(letter);
                        }
                    }
                }
            }
            Err(problem) => {
                report.stopped = Some(problem);
                left.extend(sent);
            }
        }
    }
    *letters = left;
}

fn keep(file: &Path, letters: &[Vec<u8>]) -> io::Result<()> {
    if letters.is_empty() {
        return Ok(());
    }
    let mut file = File::options().create(true).append(true).open(file)?;
    for letter in letters {
        let mut line = letter.clone();
        line.push(b'\n');
        file.write_all(&line)?;
    }
    file.sync_data()
}
