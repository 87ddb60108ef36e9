//! A kernel file that is read again and again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use agent_core::read::Scratch;

/// Opened at the first read, then read from its beginning each time: a third of the cost of opening it each time.
///
/// When the cgroup is gone, reads of its kept files fail with `ENODEV`.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    keep: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Unopened,
    Open(File),
    /// The kernel does not have the file; it will not come while the container lives.
    Absent,
}

impl Kept {
    /// `keep` is false where descriptors are short: the file is opened for each read then.
    pub fn new(folder: &Path, name: &str, keep: bool) -> Self {
        Self { path: folder.join(name), keep, state: State::Unopened }
    }

    /// The whole content, until the next read into the same buffer; `None` where it cannot be read.
    pub fn read<'s>(&mut self, scratch: &'s mut Scratch) -> Option<&'s [u8]> {
        if matches!(self.state, State::Unopened) {
            self.state = match File::open(&self.path) {
                Ok(file) => State::Open(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => State::Absent,
                Err(_) => State::Unopened,
            };
        }
        let State::Open(file) = &self.state else { return None };
        let text = scratch.read_records(file).ok();
        if !self.keep {
            self.state = State::Unopened;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    #[test]
    fn every_read_begins_at_the_beginning() {
        let root = FakeRoot::new();
        let mut scratch = Scratch::default();
        for keep in [true, false] {
            let path = root.file("memory.current", "123\n");
            let mut kept = Kept::new(root.path(), "memory.current", keep);
            assert_eq!(kept.read(&mut scratch), Some(&b"123\n"[..]));
            std::fs::write(path, "4\n").unwrap();
            assert_eq!(kept.read(&mut scratch), Some(&b"4\n"[..]));
        }
    }

    #[test]
    fn absent_files_are_asked_for_once() {
        let root = FakeRoot::new();
        let mut kept = Kept::new(root.path(), "memory.peak", true);
        assert_eq!(kept.read(&mut Scratch::default()), None);
        root.file("memory.peak", "1\n");
        assert_eq!(kept.read(&mut Scratch::default()), None);
    }
}
