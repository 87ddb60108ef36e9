//! `textfile`: metrics that others (cron jobs, backups) write into `*.prom` files.
//!
//! A file with an error is left out as a whole: half of it may be half-written. One that is older than
//! `--collector.textfile.max-age` is left out too: whoever wrote it has died.

mod merge;
mod parse;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind};
use agent_core::identity::SharedIdentity;
use agent_core::read::Scratch;
use glob::glob;
use tracing::{debug, warn};

use self::merge::Merged;
use self::parse::parse;
use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::Host;

const DIRECTORY: Flag = Flag {
    name: "collector.textfile.directory",
    takes: Takes::Values { what: "FOLDER" },
    help: "Folder of *.prom files to export, * and ? allowed; may be given several times",
    old_names: &[],
};
const MAX_AGE: Flag = Flag {
    name: "collector.textfile.max-age",
    takes: Takes::Value { what: "DURATION", default: "" },
    help: "Leave out the metrics of files that have not changed for so long, and tell so",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[DIRECTORY, MAX_AGE];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let folders: Vec<_> =
        given.values(&DIRECTORY).into_iter().filter(|v| !v.is_empty()).map(str::to_owned).collect();
    let max_age = match given.value(&MAX_AGE) {
        "" => None,
        _ => Some(given.duration(&MAX_AGE)?),
    };
    Ok(Build::new(move |host| Textfile::new(host, folders.clone(), max_age, SystemTime::now)))
}

#[derive(Debug)]
struct Textfile {
    /// Folders or patterns of them.
    folders: Vec<String>,
    max_age: Option<Duration>,
    clock: fn() -> SystemTime,
    identity: SharedIdentity,
    /// Whether the last scrape met an error; only changes are logged loudly.
    failed: bool,
    scratch: Scratch,
}

impl Textfile {
    fn new(host: &Host, folders: Vec<String>, max_age: Option<Duration>, clock: fn() -> SystemTime) -> Self {
        let identity = host.identity.clone();
        Self { folders, max_age, clock, identity, failed: false, scratch: Scratch::default() }
    }

    fn report(&self, path: &Path, error: &dyn std::fmt::Display) {
        let path = path.display();
        if self.failed {
            debug!(%path, %error, "still not read");
        } else {
            warn!(%path, %error, "not read; its metrics are missing");
        }
    }

    /// Reads one file; its metrics are left out where it is stale.
    fn read_file(&mut self, path: &Path, merged: &mut Merged) -> Result<Written, String> {
        let modified = fs::metadata(path).and_then(|file| file.modified()).map_err(|e| e.to_string())?;
        let content = self.scratch.read(path).map_err(|e| e.to_string())?;
        let families = parse(content)?;
        let age = (self.clock)().duration_since(modified).unwrap_or_default();
        let stale = self.max_age.is_some_and(|max_age| age > max_age);
        if !stale {
            merged.add(families, &path.display().to_string())?;
        }
        Ok(Written { modified, stale })
    }

    /// All files of all folders; whether a folder could not be read.
    fn files(&self) -> (Vec<PathBuf>, bool) {
        let mut files = Vec::new();
        let mut failed = false;
        for folder in self.folders.iter().flat_map(|pattern| expand(pattern)) {
            match list(&folder) {
                Ok(list) => files.extend(list),
                Err(error) => {
                    self.report(&folder, &error);
                    failed = true;
                }
            }
        }
        (files, failed)
    }
}

/// What is told of a file beside its metrics.
#[derive(Debug, Clone, Copy)]
struct Written {
    modified: SystemTime,
    stale: bool,
}

impl Collector for Textfile {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut merged = Merged::default();
        let mut read = Vec::new();
        let (files, mut failed) = self.files();
        for path in files {
            match self.read_file(&path, &mut merged) {
                Ok(written) => read.push((path, written)),
                Err(error) => {
                    self.report(&path, &error);
                    failed = true;
                }
            }
        }
        self.failed = failed;
        merged.write(out);
        // A file that says who the host is knows better than we: joins need exactly one such series.
        self.identity.leave_out(|family| merged.has(family));
        let help = "Unix time at which a file that was read was last changed.";
        let mut family = out.family("node_textfile_mtime_seconds", help, Kind::Gauge);
        for (file, written) in &read {
            let since = written.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            family.sample(&[("file", &file.to_string_lossy())], since.as_secs());
        }
        if self.max_age.is_some() {
            let help = "Whether a file is older than allowed, so that its metrics are left out.";
            let mut family = out.family("node_textfile_stale", help, Kind::Gauge);
            for (file, written) in &read {
                family.sample(&[("file", &file.to_string_lossy())], written.stale);
            }
        }
        out.gauge("node_textfile_scrape_error", "Whether a file or a folder could not be read.", failed);
        Ok(())
    }
}

/// The folders that a pattern stands for; itself where it fits none, so that its absence is told.
fn expand(pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[']) {
        return vec![PathBuf::from(pattern)];
    }
    let found: Vec<_> = glob(pattern).into_iter().flatten().filter_map(Result::ok).collect();
    if found.is_empty() { vec![PathBuf::from(pattern)] } else { found }
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
    use agent_core::exposition::Format;
    use agent_core::testing::{FakeRoot, collect, collect_as};

    use super::*;
    use crate::host::fake;

    fn textfile(root: &FakeRoot, folders: &[&str], max_age: Option<Duration>) -> Textfile {
        let folders = folders.iter().map(|folder| format!("{}{folder}", root.path().display()));
        Textfile::new(&fake::host(root), folders.collect(), max_age, || {
            SystemTime::now() + Duration::from_secs(3600)
        })
    }

    fn collected(root: &FakeRoot) -> String {
        run(root, textfile(root, &[""], None))
    }

    fn run(root: &FakeRoot, textfile: Textfile) -> String {
        let (text, error) = collect(textfile);
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
        let root = FakeRoot::new();
        assert!(run(&root, textfile(&root, &[], None)).ends_with("node_textfile_scrape_error 0\n"));
        for absent in ["/no/such/folder", "/no/such/*"] {
            assert!(run(&root, textfile(&root, &[absent], None)).ends_with("node_textfile_scrape_error 1\n"));
        }
    }

    #[test]
    fn folders_may_be_patterns() {
        let root = FakeRoot::new();
        for folder in ["jobs/a", "jobs/b", "other"] {
            root.file(format!("{folder}/m.prom"), format!("m{{of=\"{folder}\"}} 1\n"));
        }
        let text = run(&root, textfile(&root, &["/jobs/*"], None));
        assert!(text.contains("jobs/a\"} 1\n") && text.contains("jobs/b\"} 1\n"), "{text}");
        assert!(!text.contains("other"), "{text}");
    }

    #[test]
    fn old_files_are_left_out_and_told() {
        let root = FakeRoot::new();
        root.file("old.prom", "old 1\n");
        let text = run(&root, textfile(&root, &[""], Some(Duration::from_secs(60))));
        assert!(!text.contains("\nold 1\n"), "{text}");
        assert!(text.contains("node_textfile_mtime_seconds{file=\"DIR/old.prom\"} "), "{text}");
        assert!(text.contains("node_textfile_stale{file=\"DIR/old.prom\"} 1\n"), "{text}");
        let text = run(&root, textfile(&root, &[""], Some(Duration::from_secs(7200))));
        assert!(text.contains("\nold 1\n") || text.starts_with("# HELP old"), "{text}");
        assert!(text.contains("node_textfile_stale{file=\"DIR/old.prom\"} 0\n"), "{text}");
    }

    #[test]
    fn histograms_and_summaries_stay_what_they_are() {
        let root = FakeRoot::new();
        let content = "# HELP h Long.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3.5\n\
                       # HELP s Short.\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_count 2\ns_sum 3\n";
        root.file("a.prom", content);
        assert!(collected(&root).starts_with(content), "{}", collected(&root));
    }

    #[test]
    fn in_open_metrics_their_parts_are_together() {
        let root = FakeRoot::new();
        let content = "# HELP h Long.\n# TYPE h histogram\n\
                       h_bucket{x=\"b\",le=\"2\"} 1\nh_bucket{x=\"b\",le=\"+Inf\"} 2\n\
                       h_bucket{x=\"a\",le=\"0.5\"} 3\nh_bucket{x=\"a\",le=\"+Inf\"} 4\n\
                       h_sum{x=\"b\"} 5\nh_sum{x=\"a\"} 6\nh_count{x=\"b\"} 2\nh_count{x=\"a\"} 4\n\
                       # HELP s Short.\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"1\"} 1.5\ns_count 2\ns_sum 3\n\
                       # TYPE u untyped\nu 1\n";
        root.file("a.prom", content);
        let (text, error) = collect_as(Format::OpenMetrics, textfile(&root, &[""], None));
        assert!(error.is_none(), "{error:?}");
        let expected = "# HELP h Long.\n# TYPE h histogram\n\
                        h_bucket{x=\"a\",le=\"0.5\"} 3\nh_bucket{x=\"a\",le=\"+Inf\"} 4\n\
                        h_count{x=\"a\"} 4\nh_sum{x=\"a\"} 6\n\
                        h_bucket{x=\"b\",le=\"2.0\"} 1\nh_bucket{x=\"b\",le=\"+Inf\"} 2\n\
                        h_count{x=\"b\"} 2\nh_sum{x=\"b\"} 5\n\
                        # HELP s Short.\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"1.0\"} 1.5\ns_count 2\ns_sum 3\n\
                        # HELP u Metric read";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("# TYPE u unknown\nu 1\n"), "{text}");
    }

    #[test]
    fn a_file_may_say_who_the_host_is() {
        let root = FakeRoot::new();
        root.file("host.prom", "host{host=\"mine\"} 1\n");
        let textfile = textfile(&root, &[""], None);
        let identity = textfile.identity.clone();
        run(&root, textfile);
        assert!(identity.leaves_out("host") && !identity.leaves_out("node_meta"));
    }
}
