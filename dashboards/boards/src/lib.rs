//! The Grafana boards of Swarmscope. `dashboards/*.json` is made from here (`make boards`), and a test fails where both
//! differ. One file for each board under `boards/`; what all share (colours, units, limits, links, variables, annotations)
//! has one place.

pub mod annotation;
pub mod board;
pub mod boards;
pub mod link;
pub mod panel;
pub mod query;
pub mod style;
pub mod variable;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the boards are kept.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// File names and contents of all boards.
pub fn files() -> Vec<(String, String)> {
    let file = |board: &board::Board| (board.id.file(), format!("{:#}\n", board.json()));
    boards::all().iter().map(file).collect()
}

/// Writes all boards into a folder.
pub fn write(folder: &Path) -> io::Result<()> {
    files().into_iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_has_what_the_code_says() {
        for (name, text) in files() {
            let there = fs::read_to_string(folder().join(&name)).unwrap_or_default();
            assert!(there == text, "dashboards/{name} differs from its source: run `make boards`");
        }
    }
}
