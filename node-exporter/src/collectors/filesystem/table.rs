//! The table of mounts, read again only when the kernel says that it has changed.
//!
//! The kernel needs about 3 µs to write a line, and a node with many containers has hundreds. It also tells, by
//! `poll`, whether anything was mounted, unmounted or remounted since the last time it was asked (`proc_pid_mountinfo(5)`).
//! What a file system does by itself is not told that way: that it went read-only after an error shows in the answer of
//! statfs, and with newer ext4 only in the table. So the error counters of ext4 are watched as well.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Seek;
use std::path::PathBuf;

use agent_core::collector::CollectError;
use agent_core::read::{KeptFile, Scratch, parse_u64};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{PROC_SUPER_MAGIC, fstatfs};

use crate::host::Host;

/// The mounts of PID 1, or ours where PID 1 cannot be seen.
#[derive(Debug)]
pub(super) struct Table {
    paths: [PathBuf; 2],
    sysfs: PathBuf,
    open: Option<Open>,
    errors: Vec<ErrorCount>,
    scratch: Scratch,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Whether the kernel tells of changes; an ordinary file (a test's) is read each time.
    tells: bool,
}

/// How many errors an ext4 file system had when the table was read.
#[derive(Debug)]
struct ErrorCount {
    file: KeptFile,
    count: Option<u64>,
}

impl Table {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            paths: ["1/mountinfo", "self/mountinfo"].map(|path| host.roots.procfs.join(path)),
            sysfs: host.roots.sysfs.clone(),
            open: None,
            errors: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// The text of the table, if it is another than that of the last call.
    pub(super) fn read_changed(&mut self) -> Result<Option<&[u8]>, CollectError> {
        let new_errors = self.has_new_errors();
        match &self.open {
            Some(open) if open.tells && !new_errors && !has_event(&open.file) => return Ok(None),
            Some(_) => {}
            None => self.open = Some(self.open_first()?),
        }
        let result = self.open.as_mut().map_or(Ok(&[][..]), |open| {
            open.file.rewind()?;
            self.scratch.read_from(&open.file)
        });
        if result.is_err() {
            self.open = None;
        }
        result.map(Some).map_err(|error| CollectError::io(&self.paths[0], error))
    }

    /// Watches the error counters of these devices, given as `major:minor`.
    pub(super) fn watch_errors(&mut self, ext4: &BTreeSet<&str>) {
        let folder = self.sysfs.join("fs/ext4");
        let names =
            ext4.iter().filter_map(|number| fs::read_link(self.sysfs.join("dev/block").join(number)).ok());
        let files =
            names.filter_map(|link| Some(KeptFile::new(folder.join(link.file_name()?).join("errors_count"))));
        self.errors = files.map(|file| ErrorCount { file, count: None }).collect();
        self.has_new_errors();
    }

    fn has_new_errors(&mut self) -> bool {
        let mut new = false;
        for error in &mut self.errors {
            let count = error.file.read(&mut self.scratch).ok().and_then(|text| parse_u64(text.trim_ascii()));
            new |= count != error.count;
            error.count = count;
        }
        new
    }

    fn open_first(&self) -> Result<Open, CollectError> {
        let mut result = Err(CollectError::NoData("mountinfo".to_owned()));
        for path in &self.paths {
            match File::open(path) {
                Ok(file) => {
                    let tells = fstatfs(&file).is_ok_and(|system| system.f_type == PROC_SUPER_MAGIC);
                    return Ok(Open { file, tells });
                }
                Err(error) => result = Err(CollectError::io(path, error)),
            }
        }
        result
    }
}

/// Whether something was mounted, unmounted or remounted since this was asked last, or since the file was opened.
fn has_event(file: &File) -> bool {
    let wanted = PollFlags::PRI | PollFlags::ERR;
    let mut files = [PollFd::new(file, wanted)];
    match poll(&mut files, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(_) => files.iter().any(|file| file.revents().intersects(wanted)),
        // Read rather once too often.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::FakeRoot;

    use super::*;
    use crate::host::fake;

    #[test]
    fn the_kernel_tells_of_changes() {
        let mut host = fake::host(&FakeRoot::new());
        host.roots.procfs = PathBuf::from("/proc");
        let mut table = Table::new(&host);
        assert!(!table.read_changed().unwrap().unwrap().is_empty());
        // Other programs of this machine may mount something meanwhile.
        let quiet = (0..100).any(|_| table.read_changed().unwrap().is_none());
        assert!(quiet, "the table is said to change all the time");
    }

    #[test]
    fn an_ordinary_file_is_read_each_time() {
        let root = FakeRoot::new();
        root.file("proc/self/mountinfo", "1\n");
        let mut table = Table::new(&fake::host(&root));
        assert_eq!(table.read_changed().unwrap(), Some(&b"1\n"[..]));
        root.file("proc/self/mountinfo", "22\n");
        assert_eq!(table.read_changed().unwrap(), Some(&b"22\n"[..]));
    }

    #[test]
    fn errors_of_ext4_are_noticed() {
        let root = FakeRoot::new();
        root.file("sys/fs/ext4/vda1/errors_count", "0\n");
        root.file("sys/dev/block/x", "");
        std::os::unix::fs::symlink("../../devices/vda/vda1", root.path().join("sys/dev/block/254:1"))
            .unwrap();
        let mut table = Table::new(&fake::host(&root));
        table.watch_errors(&BTreeSet::from(["254:1", "254:9"]));
        assert!(!table.has_new_errors());
        root.file("sys/fs/ext4/vda1/errors_count", "1\n");
        assert!(table.has_new_errors());
        assert!(!table.has_new_errors());
    }
}
