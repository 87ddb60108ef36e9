//! `textfile`: metrics that others (cron jobs, backups) write into `*.prom` files.
//!
//! A file with an error is left out as a whole: half of it may be half-written.

mod merge;
mod parse;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::Scratch;
use tracing::{debug, warn};

use self::merge::Merged;
use self::parse::parse;
use super::Build;
use crate::flags::{Flag, Given, Takes};

const DIRECTORY: Flag = Flag {
    name: "collector.textfile.directory",
    takes: Takes::Values { what: "FOLDER" },
    help: "Folder of *.prom files to export; may be given several times",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[DIRECTORY];

pub(super) fn build(given: Given<'_>) -> Build {
    let folders: Vec<_> =
        given.values(&DIRECTORY).into_iter().filter(|v| !v.is_empty()).map(PathBuf::from).collect();
    Build::new(move |_| Textfile::new(folders.clone()))
}

#[derive(Debug)]
struct Textfile {
    folders: Vec<PathBuf>,
    /// Whether the last scrape met an error; only changes are logged loudly.
    failed: bool,
    scratch: Scratch,
}

impl Textfile {
    fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, failed: false, scratch: Scratch::default() }
    }

    fn report(&self, path: &Path, error: &dyn std::fmt::Display) {
        let path = path.display();
        if self.failed {
            debug!(%path, %error, "still not read");
        } else {
            warn!(%path, %error, "not read; its metrics are missing");
        }
    }

    fn read_file(&mut self, path: &Path, merged: &mut Merged) -> Result<f64, String> {
        let modified = fs::metadata(path).and_then(|file| file.modified()).map_err(|e| e.to_string())?;
        let content = self.scratch.read(path).map_err(|e| e.to_string())?;
        let families = parse(content)?;
        merged.add(families, &path.display().to_string())?;
        Ok(modified.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
    }
}

impl Collector for Textfile {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut merged = Merged::default();
        let mut modified = Vec::new();
        let mut failed = false;
        for folder in self.folders.clone() {
            let files = list(&folder).unwrap_or_else(|error| {
                self.report(&folder, &error);
                failed = true;
                Vec::new()
            });
            for path in files {
                match self.read_file(&path, &mut merged) {
                    Ok(time) => modified.push((path, time)),
                    Err(error) => {
                        self.report(&path, &error);
                        failed = true;
                    }
                }
            }
        }
        self.failed = failed;
        merged.write(out);
        let help = "Unix time at which a file that was read was last changed.";
        let mut family = out.family("node_textfile_mtime_seconds", help, Kind::Gauge);
        for (file, time) in &modified {
            family.sample(&[("file", &file.to_string_lossy())], *time);
        }
        out.gauge("node_textfile_scrape_error", "Whether a file or a folder could not be read.", failed);
        Ok(())
    }
}

/// The `*.prom` files of a folder in the order of their names.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut files: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "prom")).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;

    fn collected(root: &FakeRoot) -> String {
        let (text, error) = collect(Textfile::new(vec![root.path().to_owned()]));
        assert!(error.is_none(), "{error:?}");
        text.replace(&root.path().display().to_string(), "DIR")
    }

    #[test]
    fn families_of_several_files_are_one() {
        let root = FakeRoot::new();
        root.file("a.prom", "# TYPE m gauge\nm{x=\"1\"} 1\n");
        root.file("b.prom", "# TYPE m gauge\nm{y=\"2\"} 2.5\nother 7\n");
        root.file("c.txt", "ignored 1\n");
        let text = collected(&root);
        let expected = "# HELP m Metric read from DIR/a.prom, DIR/b.prom.\n# TYPE m gauge\n\
                        m{x=\"1\",y=\"\"} 1\nm{y=\"2\",x=\"\"} 2.5\n\
                        # HELP other Metric read from DIR/b.prom.\n# TYPE other untyped\nother 7\n";
        assert!(text.starts_with(&expected.replace("prom.\n", "prom\n")), "{text}");
        assert!(text.contains("node_textfile_mtime_seconds{file=\"DIR/a.prom\"} "), "{text}");
        assert!(text.ends_with("node_textfile_scrape_error 0\n"), "{text}");
    }

    #[test]
    fn a_bad_file_is_left_out_whole() {
        let root = FakeRoot::new();
        root.file("bad.prom", "good 1\nbad\n");
        root.file("stamped.prom", "stamped 1 1395066363000\n");
        root.file("conflict.prom", "# TYPE fine counter\nfine 1\n");
        root.file("fine.prom", "# TYPE fine gauge\nfine 1\n");
        let text = collected(&root);
        assert!(!text.contains("good") && !text.contains("stamped"), "{text}");
        assert_eq!(text.matches("\nfine 1\n").count(), 1);
        assert!(text.ends_with("node_textfile_scrape_error 1\n"), "{text}");
        assert_eq!(text.matches("mtime_seconds{").count(), 1);
    }

    #[test]
    fn no_folder_is_no_error_and_a_missing_one_is() {
        let (text, _) = collect(Textfile::new(Vec::new()));
        assert!(text.ends_with("node_textfile_scrape_error 0\n"));
        let (text, _) = collect(Textfile::new(vec![PathBuf::from("/no/such/folder")]));
        assert!(text.ends_with("node_textfile_scrape_error 1\n"));
    }
}
