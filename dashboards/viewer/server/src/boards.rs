//! The folder of boards: Grafana's classic JSON, one board a file, read again for every request.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::answer::Refusal;

/// A board larger than this is none.
const MOST: u64 = 8 << 20;

/// What a list of boards shows of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name that links use.
    pub uid: String,
    /// The title.
    pub title: String,
    /// The tags.
    pub tags: Vec<String>,
    /// The file.
    pub file: PathBuf,
}

/// All boards of a folder, by title, and the files that are none, with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Boards {
    /// The good ones.
    pub entries: Vec<Entry>,
    /// File name and what is wrong with it.
    pub broken: BTreeMap<String, String>,
}

/// Reads a folder; a bad file stands in the list of the broken.
pub fn read_boards(folder: &Path) -> Result<Boards, Refusal> {
    let unreadable = |error: io::Error| Refusal::NotFound(format!("{}: {error}", folder.display()));
    let mut files: Vec<_> = fs::read_dir(folder)
        .map_err(unreadable)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut boards = Boards::default();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match read_board(&file).and_then(|text| parse_entry(&text, &file)) {
            Ok(entry) => match boards.entries.iter().find(|other| other.uid == entry.uid) {
                Some(other) => {
                    let error = format!("uid {} is that of {}", entry.uid, other.file.display());
                    boards.broken.insert(name, error);
                }
                None => boards.entries.push(entry),
            },
            Err(error) => {
                boards.broken.insert(name, error);
            }
        }
    }
    boards.entries.sort_by(|a, b| (&a.title, &a.uid).cmp(&(&b.title, &b.uid)));
    Ok(boards)
}

fn read_board(file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > MOST {
        return Err(format!("{size} bytes: a board has at most {MOST}"));
    }
    fs::read_to_string(file).map_err(|error| error.to_string())
}

fn parse_entry(text: &str, file: &Path) -> Result<Entry, String> {
    let board: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let field = |name: &str| {
        let value = board.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
        value.map(str::to_owned).ok_or_else(|| format!("has no {name}"))
    };
    let tags = board.get("tags").and_then(Value::as_array).into_iter().flatten();
    Ok(Entry {
        uid: field("uid")?,
        title: field("title")?,
        tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
        file: file.to_owned(),
    })
}

/// The JSON of one board, as it is in its file.
pub fn read_one(folder: &Path, uid: &str) -> Result<String, Refusal> {
    let boards = read_boards(folder)?;
    let unknown = || {
        let known: Vec<_> = boards.entries.iter().map(|entry| entry.uid.as_str()).collect();
        Refusal::NotFound(format!("there is no board {uid}; there are {}", known.join(", ")))
    };
    let entry = boards.entries.iter().find(|entry| entry.uid == uid).ok_or_else(unknown)?;
    read_board(&entry.file).map_err(|error| Refusal::NotFound(format!("{uid}: {error}")))
}

impl Boards {
    /// What the page is told of them: `home` first.
    pub fn json(&self, home: &str) -> (Value, Value) {
        let (mut first, rest): (Vec<_>, Vec<_>) = self.entries.iter().partition(|entry| entry.uid == home);
        first.extend(rest);
        let entries = first.iter().map(|e| json!({"uid": e.uid, "title": e.title, "tags": e.tags})).collect();
        let broken = self.broken.iter().map(|(file, error)| json!({"file": file, "error": error})).collect();
        (entries, broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn good_boards_are_listed_and_bad_ones_named() {
        let folder = folder(&[
            ("b.json", r#"{"uid":"bbb","title":"B","tags":["x"]}"#),
            ("a.json", r#"{"uid":"aaa","title":"Z"}"#),
            ("twice.json", r#"{"uid":"aaa","title":"Q"}"#),
            ("broken.json", "{\n  \"uid\": ,\n}"),
            ("nameless.json", r#"{"title":"T"}"#),
            ("README.md", "no board"),
        ]);
        let boards = read_boards(folder.path()).unwrap();
        let uids: Vec<_> = boards.entries.iter().map(|e| e.uid.as_str()).collect();
        assert_eq!(uids, ["bbb", "aaa"]);
        assert_eq!(boards.broken.keys().collect::<Vec<_>>(), ["broken.json", "nameless.json", "twice.json"]);
        assert!(boards.broken["broken.json"].contains("line 2"), "{:?}", boards.broken);
        assert_eq!(boards.broken["nameless.json"], "has no uid");
        let (entries, _) = boards.json("aaa");
        assert_eq!(entries[0]["uid"], "aaa");
    }

    #[test]
    fn a_board_is_found_by_its_uid_only() {
        let text = r#"{"uid":"aaa","title":"A"}"#;
        let folder = folder(&[("a.json", text)]);
        assert_eq!(read_one(folder.path(), "aaa").unwrap(), text);
        for uid in ["a", "../a", "a.json", ""] {
            assert!(matches!(read_one(folder.path(), uid), Err(Refusal::NotFound(_))), "{uid}");
        }
    }
}
