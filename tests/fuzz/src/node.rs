//! node-exporter's collectors on a copy of the recorded host whose files a fuzzer rewrites.

use std::fs;
use std::path::{Path, PathBuf};

use agent_core::collector::once;
use agent_core::exposition::Format;
use agent_core::identity::{Identity, SharedIdentity};
use clap::Command;
use node_exporter::collectors::{Build, COLLECTORS};
use node_exporter::flags::{Given, add_flags};
use node_exporter::host::{Host, Roots};
use tempfile::TempDir;

use crate::damage;

/// A file and the collectors that read it.
struct Case {
    path: PathBuf,
    original: Vec<u8>,
    readers: Vec<usize>,
}

/// The recorded host.
pub struct Recorded {
    cases: Vec<Case>,
    collectors: Vec<Made>,
    host: Host,
    _folder: TempDir,
}

struct Made(Build);

impl Made {
    fn run(&self, host: &Host) -> String {
        let (text, result) = once(Format::OpenMetrics, self.0.make(host));
        format!("{text}{result:?}")
    }
}

impl Recorded {
    /// With the files in these folders of the fixtures.
    pub fn new(folders: &[&str]) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node-exporter/tests/fixtures");
        let folder = TempDir::new().expect("a folder");
        let root = |name: &str| folder.path().join(name);
        copy(&fixtures, folder.path());
        let roots =
            Roots { procfs: root("proc"), sysfs: root("sys"), rootfs: root("root"), udev_data: root("udev") };
        let host = Host::new(roots, SharedIdentity::new(Identity::default()));
        let textfile = format!("--collector.textfile.directory={}", root("textfile").display());
        let flags = ["x", &textfile, "--collector.cpu.info", "--collector.stat.softirq"];
        let matches = add_flags(Command::new("x")).get_matches_from(flags);
        let builds = COLLECTORS.iter().map(|spec| (spec.build)(Given::new(&matches)).expect("good flags"));
        // What differs from run to run reads clocks and sockets, not files.
        let made = builds.map(Made).map(|made| (made.run(&host), made));
        let (before, collectors): (Vec<_>, Vec<_>) =
            made.filter(|(text, made)| *text == made.run(&host)).unzip();
        let mut cases = Vec::new();
        for name in folders {
            find(&root(name), &mut |path| {
                let original = fs::read(path).expect("a file");
                fs::write(path, b"\xff~").expect("a file");
                let readers =
                    (0..collectors.len()).filter(|i| collectors[*i].run(&host) != before[*i]).collect();
                fs::write(path, &original).expect("a file");
                cases.push(Case { path: path.to_owned(), original, readers });
            });
        }
        cases.retain(|case| !case.readers.is_empty());
        cases.sort_by(|one, other| one.path.cmp(&other.path));
        eprintln!("{} files of {folders:?}", cases.len());
        Self { cases, collectors, host, _folder: folder }
    }

    /// Has the readers of a file read it with changes; both are in the fuzzer's bytes.
    pub fn run(&self, bytes: &[u8]) {
        let Some((file, rest)) = damage::number(bytes) else { return };
        let case = &self.cases[file % self.cases.len()];
        let Some(content) = damage::apply(&case.original, rest) else { return };
        fs::write(&case.path, content).expect("a file");
        for reader in &case.readers {
            self.collectors[*reader].run(&self.host);
        }
        fs::write(&case.path, &case.original).expect("a file");
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder of fixtures").map(|entry| entry.expect("an entry")) {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        let to = to.join(entry.file_name());
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).expect("a link"), to).expect("a link");
        } else if kind.is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy(&path, &to);
        } else {
            fs::copy(&path, to).expect("a file");
        }
    }
}

/// All files below a folder; links would lead to the same ones again.
fn find(folder: &Path, each: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        match entry.file_type().expect("a kind") {
            kind if kind.is_dir() => find(&entry.path(), each),
            kind if kind.is_file() => each(&entry.path()),
            _ => {}
        }
    }
}
