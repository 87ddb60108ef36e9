//! Boards against the types that Grafana publishes as `@grafana/schema`: `tests/boards/check.mjs`, with its pinned packages
//! from npm, which are kept in `~/.cache/swarmscope`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::board::{Board, Finding, Panel, text};

/// The rule of this file.
pub const RULES: [&str; 1] = ["schema"];

const SOURCES: [&str; 5] = ["board.ts", "check.mjs", "package-lock.json", "package.json", "tsconfig.json"];

/// Installs the packages where they are not, and gives the folder.
fn install() -> PathBuf {
    let cache = std::env::var("XDG_CACHE_HOME")
        .unwrap_or_else(|_| format!("{}/.cache", std::env::var("HOME").expect("HOME")));
    let folder = Path::new(&cache).join("swarmscope/board-types");
    fs::create_dir_all(&folder).expect("a folder in the cache");
    let lock = fs::read(from("package-lock.json")).expect("a file");
    let installed = folder.join("installed");
    let current = fs::read(&installed).is_ok_and(|there| there == lock);
    for name in SOURCES {
        fs::copy(from(name), folder.join(name)).expect("a copy");
    }
    if !current {
        let arguments = ["ci", "--no-fund", "--no-audit", "--ignore-scripts", "--loglevel=error"];
        let output = Command::new("npm")
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap_or_else(|error| panic!("npm (`make test` installs it): {error}"));
        assert!(output.status.success(), "npm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(&installed, lock).expect("a mark");
    }
    folder
}

fn from(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("boards").join(name)
}

/// Checks boards, all at once because the types are read for each run.
pub fn check(boards: &[Board]) -> Vec<Finding> {
    let folder = install();
    let files = boards.iter().map(|board| board.file.as_os_str());
    let output = Command::new("node")
        .arg(folder.join("check.mjs"))
        .args(files)
        .output()
        .unwrap_or_else(|error| panic!("node (`make test` installs it): {error}"));
    assert!(output.status.success(), "check.mjs: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| finding(boards, &serde_json::from_str(line).expect("JSON"))).collect()
}

fn finding(boards: &[Board], fault: &Value) -> Finding {
    let file = Path::new(text(fault, "/file"));
    let board = boards.iter().find(|board| board.file == file).expect("one of the boards");
    let (field, problem) = (text(fault, "/field"), text(fault, "/problem"));
    let all = board.rows().into_iter().map(|json| Panel { board, json }).chain(board.panels());
    match all.into_iter().find(|panel| !fault["panel"].is_null() && panel.json["id"] == fault["panel"]) {
        Some(panel) => panel.finding("schema", field, problem),
        None => board.finding("schema", field, problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fault at each level: a key that is misspelt, a value that is none, a type that is wrong.
    #[test]
    fn faults_are_found() {
        let mut board = Board::all().swap_remove(0);
        let folder = tempfile::tempdir().unwrap();
        board.file = folder.path().join("broken.json");
        let panels = &mut board.json["panels"];
        panels[0]["descripton"] = "misspelt".into();
        panels[1]["fieldConfig"]["defaults"]["custom"]["lineWidht"] = 1.into();
        panels[2]["options"]["nothing"] = 1.into();
        panels[3]["type"] = "graph".into();
        board.json["graphTooltip"] = 7.into();
        fs::write(&board.file, board.json.to_string()).unwrap();
        let found = check(std::slice::from_ref(&board));
        let text: Vec<_> = found.iter().map(ToString::to_string).collect();
        for (number, part) in
            ["descripton", "lineWidht", "nothing", "graph is none of", "/graphTooltip"].iter().enumerate()
        {
            assert!(text.iter().any(|line| line.contains(part)), "fault {number}: {text:#?}");
        }
        let title = board.panels()[0].title();
        assert!(text.iter().any(|line| line.contains(title)), "the panel's title: {text:#?}");
    }
}
