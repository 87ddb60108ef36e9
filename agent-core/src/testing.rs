//! Help for tests of collectors: a made-up root, and the text that a collector writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tempfile::TempDir;

use crate::collector::{Bench, CollectError, Collector, CollectorSet, Filter, once};
use crate::exposition::{Exposition, Format, Source, Writer, write_own};

/// A folder that stands for `/`, `/proc` or `/sys`, removed at the end of the test.
#[derive(Debug)]
pub struct FakeRoot(TempDir);

impl FakeRoot {
    /// An empty one.
    ///
    /// # Panics
    /// Where there is no room for temporary files.
    #[expect(clippy::expect_used, reason = "a test without its folder cannot go on")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file with its folders.
    ///
    /// # Panics
    /// Where the file cannot be written.
    #[expect(clippy::expect_used, reason = "a test without its files cannot go on")]
    pub fn file(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders of a test file");
        fs::write(&path, content).expect("a test file");
        path
    }
}

impl Default for FakeRoot {
    fn default() -> Self {
        Self::new()
    }
}

/// What a collector writes in one scrape, in the text format, and the error it ends with.
pub fn collect(collector: impl Collector + 'static) -> (String, Option<CollectError>) {
    collect_as(Format::Text, collector)
}

/// The same in either format.
pub fn collect_as(format: Format, collector: impl Collector + 'static) -> (String, Option<CollectError>) {
    let (text, result) = once(format, Box::new(collector));
    (text, result.err())
}

/// What one scrape of a whole set gives, its own rows included, on this thread and without a deadline.
pub fn scrape(set: &Arc<CollectorSet>, filter: &Filter, format: Format) -> String {
    set.run(set.begin(filter), &mut Bench::default(), format, &[]);
    let mut text = set.text();
    Writer::new(format, &[], Arc::new(Rows(Arc::clone(set)))).append(&mut text);
    write_own(&mut text, format, &Registry::default());
    text
}

struct Rows(Arc<CollectorSet>);

impl Source for Rows {
    fn expose(&self, out: &mut Exposition<'_>) {
        self.0.write_rows(out);
    }
}
