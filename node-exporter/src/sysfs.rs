//! Devices below `/sys`: folders of small attribute files, one number or one word in each.
//!
//! Folders are listed anew at each scrape, so devices may come and go. Opening an attribute costs eight times as
//! much as reading it, so collectors of devices that live long keep descriptors, up to a limit. The same holds for the
//! folders of a class, which stay as long as their driver.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use agent_core::collector::CollectError;
use agent_core::exposition::{Exposition, Kind, LabelBlock, Value};
use agent_core::read::{parse_u64, text};
use rustix::fs::{Mode, OFlags, RawDir, RawDirEntry, SeekFrom, open, seek};
use rustix::io::{Errno, pread};

/// No attribute is longer than a page.
const PAGE: usize = 4096;
/// Descriptors that one collector may keep: a few collectors of that kind stay far below the usual 1,024.
const KEPT: usize = 128;

/// Reads attributes.
#[derive(Debug)]
pub struct Sysfs {
    kept: HashMap<PathBuf, Kept>,
    limit: usize,
    path: PathBuf,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Kept {
    file: OwnedFd,
    used: bool,
}

impl Sysfs {
    /// Opens each attribute when it is read.
    pub fn opening() -> Self {
        Self { kept: HashMap::new(), limit: 0, path: PathBuf::new(), buffer: Vec::new() }
    }

    /// Keeps descriptors; whoever asks for this calls [`forget_unused`](Self::forget_unused) after each scrape.
    pub fn keeping() -> Self {
        Self { limit: KEPT, ..Self::opening() }
    }

    /// An attribute without the white space around it. It is read by one system call: a second one, to see the end,
    /// would make the driver measure again.
    pub fn read(&mut self, folder: &Path, file: &str) -> io::Result<&[u8]> {
        self.path.clear();
        self.path.push(folder);
        self.path.push(file);
        let count = self.fill()?;
        Ok(self.buffer.get(..count).unwrap_or_default().trim_ascii())
    }

    fn fill(&mut self) -> io::Result<usize> {
        if let Some(kept) = self.kept.get_mut(&self.path) {
            match pread(&kept.file, &mut self.buffer, 0) {
                Ok(count) => {
                    kept.used = true;
                    return Ok(count);
                }
                // The device went away; another one may stand in its place.
                Err(Errno::NODEV) => {
                    self.kept.remove(&self.path);
                }
                Err(error) => {
                    kept.used = true;
                    return Err(error.into());
                }
            }
        }
        let file = open(&self.path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // Only now, because few machines have all devices.
        self.buffer.resize(PAGE, 0);
        let count = pread(&file, &mut self.buffer, 0)?;
        if self.kept.len() < self.limit {
            self.kept.insert(self.path.clone(), Kept { file, used: true });
        }
        Ok(count)
    }

    /// A whole number; `None` where the attribute is missing, cannot be read or holds anything else.
    pub fn number(&mut self, folder: &Path, file: &str) -> Option<u64> {
        parse_u64(self.read(folder, file).ok()?)
    }

    /// The text of an attribute for a label; what is not UTF-8 becomes U+FFFD.
    pub fn text(&mut self, folder: &Path, file: &str) -> Option<String> {
        Some(String::from_utf8_lossy(self.read(folder, file).ok()?).into_owned())
    }

    /// The same, empty where there is none.
    pub fn label(&mut self, folder: &Path, file: &str) -> String {
        self.text(folder, file).unwrap_or_default()
    }

    /// Closes what was not read since the last call: its device is gone.
    pub fn forget_unused(&mut self) {
        self.kept.retain(|_, kept| std::mem::take(&mut kept.used));
    }
}

/// A folder whose descriptor is kept, for those that are listed at each scrape.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    open: Option<OwnedFd>,
}

impl Folder {
    /// Nothing is opened before the first list.
    pub fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `entry` with name and entry of all that is in it now, in no order; names that are no text are left out. The
    /// standard library's way would ask for more and take memory each time.
    pub fn visit(&mut self, mut entry: impl FnMut(&str, &RawDirEntry<'_>)) -> io::Result<()> {
        let mut visit = |folder: OwnedFd| {
            let mut seen = false;
            let result = visit_open(&folder, |name, found| {
                seen = true;
                entry(name, found);
            });
            (folder, seen, result)
        };
        let kept = self.open.take().filter(|folder| seek(folder, SeekFrom::Start(0)).is_ok());
        // One that was removed is empty, even where there is a new one in its place.
        let kept = kept.map(&mut visit).filter(|(_, seen, _)| *seen);
        let (folder, seen, result) = match kept {
            Some(visited) => visited,
            None => visit(open_folder(&self.path)?),
        };
        self.open = (seen && result.is_ok()).then_some(folder);
        result
    }

    /// The names in it, sorted.
    pub fn list(&mut self) -> Result<Vec<String>, CollectError> {
        self.list_where(|_| true)
    }

    /// Those of these names that are wanted.
    pub fn list_where(&mut self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, CollectError> {
        let mut names = Vec::new();
        let result = self.visit(|name, _| {
            if wanted(name) {
                names.push(name.to_owned());
            }
        });
        result.map_err(|error| CollectError::io(&self.path, error))?;
        names.sort_unstable();
        Ok(names)
    }
}

/// The names in a folder of which no descriptor is kept, sorted; names that are no text are left out.
pub fn list(folder: &Path) -> Result<Vec<String>, CollectError> {
    Folder::new(folder.to_owned()).list()
}

fn open_folder(folder: &Path) -> io::Result<OwnedFd> {
    Ok(open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// From where the descriptor stands to the end.
fn visit_open(folder: &OwnedFd, mut entry: impl FnMut(&str, &RawDirEntry<'_>)) -> io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); PAGE];
    let mut folder = RawDir::new(folder, &mut buffer);
    while let Some(found) = folder.next() {
        let found = found?;
        if let Some(name) = text(found.file_name().to_bytes()).filter(|name| !matches!(*name, "." | "..")) {
            entry(name, &found);
        }
    }
    Ok(())
}

/// Names in a folder that are a prefix and a number, with that number as text.
pub fn list_numbered(folder: &Path, prefix: &str) -> Result<Vec<(String, String)>, CollectError> {
    let names = list(folder)?;
    Ok(numbered(&names, prefix).map(|(name, number)| (name.to_owned(), number.to_owned())).collect())
}

/// Those of some names that are a prefix and a number, with that number as text.
pub fn numbered<'n>(names: &'n [String], prefix: &str) -> impl Iterator<Item = (&'n str, &'n str)> {
    names.iter().filter_map(move |name| {
        let number = name.strip_prefix(prefix).filter(|rest| is_number(rest))?;
        Some((name.as_str(), number))
    })
}

/// Whether a text is digits and nothing else.
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A file of a device that is a family of its own.
#[derive(Debug)]
pub struct Attribute {
    /// The file, from the device's folder on.
    pub file: &'static str,
    /// The full metric name.
    pub name: &'static str,
    /// Its HELP sentence.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The value in the file's text; `None` leaves the sample out.
    pub parse: fn(&[u8]) -> Option<Value>,
}

impl Attribute {
    /// A counter of whole numbers.
    pub const fn counter(file: &'static str, name: &'static str, help: &'static str) -> Self {
        Self { file, name, help, kind: Kind::Counter, parse: whole }
    }

    /// A gauge of whole numbers.
    pub const fn gauge(file: &'static str, name: &'static str, help: &'static str) -> Self {
        Self { file, name, help, kind: Kind::Gauge, parse: whole }
    }

    /// The same with another form of value.
    #[must_use]
    pub const fn parsed(self, parse: fn(&[u8]) -> Option<Value>) -> Self {
        Self { parse, ..self }
    }
}

/// A whole number with or without sign.
pub fn whole(text: &[u8]) -> Option<Value> {
    match text.strip_prefix(b"-") {
        Some(number) => Some(Value::Signed(0_i64.checked_sub_unsigned(parse_u64(number)?)?)),
        None => Some(Value::Unsigned(parse_u64(text)?)),
    }
}

/// A whole number divided.
pub fn divided(text: &[u8], divisor: f64) -> Option<Value> {
    let number = match whole(text)? {
        Value::Unsigned(number) => number as f64,
        Value::Signed(number) => number as f64,
        Value::Float(number) => number,
    };
    Some(Value::Float(number / divisor))
}

/// A whole number in units of which a thousand make the base unit.
pub fn milli(text: &[u8]) -> Option<Value> {
    divided(text, 1e3)
}

/// A whole number in units of which a million make the base unit.
pub fn micro(text: &[u8]) -> Option<Value> {
    divided(text, 1e6)
}

/// A hexadecimal number as the kernel writes it: `0x1f`.
pub fn hexadecimal(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text.strip_prefix(b"0x")?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// A device with what its attributes hold.
#[derive(Debug)]
pub struct Device {
    labels: LabelBlock,
    values: Vec<Option<Value>>,
}

impl Device {
    /// Reads the attributes of a device; what cannot be read has no value.
    pub fn read(sysfs: &mut Sysfs, folder: &Path, attributes: &[Attribute], labels: &[(&str, &str)]) -> Self {
        let values = attributes
            .iter()
            .map(|attribute| (attribute.parse)(sysfs.read(folder, attribute.file).ok()?))
            .collect();
        Self { labels: LabelBlock::new(labels), values }
    }
}

/// Writes each attribute as a family with a sample per device.
pub fn write_attributes(out: &mut Exposition<'_>, attributes: &[Attribute], devices: &[Device]) {
    for (index, attribute) in attributes.iter().enumerate() {
        let mut family = out.family(attribute.name, attribute.help, attribute.kind);
        for device in devices {
            if let Some(value) = device.values.get(index).copied().flatten() {
                family.sample_in(&device.labels, &[], value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use agent_core::testing::FakeRoot;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kept_attributes_are_fresh_and_forgotten_when_unused() {
        let root = FakeRoot::new();
        root.file("a/temp", "1\n");
        root.file("a/label", b" x\xff \n");
        let folder = root.path().join("a");
        let mut sysfs = Sysfs::keeping();
        assert_eq!(sysfs.number(&folder, "temp"), Some(1));
        fs::write(folder.join("temp"), "22\n").unwrap();
        assert_eq!(sysfs.number(&folder, "temp"), Some(22));
        assert_eq!(sysfs.text(&folder, "none"), None);
        assert_eq!(sysfs.kept.len(), 1);
        sysfs.forget_unused();
        assert_eq!(sysfs.kept.len(), 1);
        sysfs.forget_unused();
        assert!(sysfs.kept.is_empty());
    }

    #[test]
    fn no_more_are_kept_than_allowed() {
        let root = FakeRoot::new();
        let mut sysfs = Sysfs::keeping();
        for number in 0..KEPT + 10 {
            root.file(format!("{number}"), number.to_string());
            assert_eq!(sysfs.number(root.path(), &number.to_string()), Some(number as u64));
        }
        assert_eq!(sysfs.kept.len(), KEPT);
    }

    #[test]
    fn folders_are_listed_in_order() {
        let root = FakeRoot::new();
        for name in ["mc10", "mc2", "mcx", "power", "mc"] {
            root.file(name, "");
        }
        let names: Vec<_> = list_numbered(root.path(), "mc").unwrap();
        assert_eq!(names, [("mc10".to_owned(), "10".to_owned()), ("mc2".to_owned(), "2".to_owned())]);
        assert!(matches!(list(&root.path().join("none")), Err(CollectError::NoData(_))));
    }

    #[test]
    fn a_kept_folder_is_fresh_and_comes_back() {
        let root = FakeRoot::new();
        let mut folder = Folder::new(root.path().join("class"));
        assert!(matches!(folder.list(), Err(CollectError::NoData(_))));
        fs::create_dir(folder.path()).unwrap();
        assert_eq!(folder.list().unwrap(), [""; 0]);
        root.file("class/b", "");
        assert_eq!(folder.list().unwrap(), ["b"]);
        root.file("class/a", "");
        fs::remove_file(folder.path().join("b")).unwrap();
        assert_eq!(folder.list().unwrap(), ["a"]);
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(matches!(folder.list(), Err(CollectError::NoData(_))));
        root.file("class/c", "");
        assert_eq!(folder.list().unwrap(), ["c"]);
        fs::remove_dir_all(folder.path()).unwrap();
        root.file("class/d", "");
        assert_eq!(folder.list().unwrap(), ["d"]);
    }

    #[test]
    fn numbers_of_all_forms() {
        assert_eq!(whole(b"-5"), Some(Value::Signed(-5)));
        assert_eq!(whole(b"-9223372036854775808"), Some(Value::Signed(i64::MIN)));
        assert_eq!(milli(b"-12376"), Some(Value::Float(-12.376)));
        assert_eq!(hexadecimal(b"0xffffffffffffffff"), Some(u64::MAX));
        assert_eq!((whole(b"N/A (no PMA)"), hexadecimal(b"12")), (None, None));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, odd in "-?[0-9x]{0,30}") {
            for text in [text.as_slice(), odd.as_bytes()] {
                whole(text);
                micro(text);
                hexadecimal(text);
            }
        }
    }
}
