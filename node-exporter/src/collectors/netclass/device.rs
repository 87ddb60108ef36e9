//! A network device with the descriptors of its attributes.

use std::os::fd::OwnedFd;
use std::path::Path;

use agent_core::exposition::LabelBlock;
use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::{Errno, pread};

use super::attributes::{Changes, NUMBERS, Number, WORDS, Word, parse_number};
use crate::network::Listed;

/// More than any attribute has; one read gives it whole.
const LONGEST: usize = 512;
/// `IFF_UP`.
const UP: i64 = 1;

const ATTRIBUTES: usize = NUMBERS.len() + WORDS.len();

/// What is known of a device, as read in this scrape but for what cannot have changed.
#[derive(Debug)]
pub(super) struct Device {
    listed: Listed,
    opened: Option<Opened>,
    numbers: [Option<i64>; NUMBERS.len()],
    words: [Vec<u8>; WORDS.len()],
    info: LabelBlock,
}

/// The device's folder, and what is open in it.
#[derive(Debug)]
struct Opened {
    folder: OwnedFd,
    /// Whether it is read for the first time.
    first: bool,
    attributes: [Attribute; ATTRIBUTES],
}

#[derive(Debug)]
enum Attribute {
    Unopened,
    Kept(OwnedFd),
    /// This kernel does not have it.
    Absent,
}

/// The device does not exist any more.
#[derive(Debug)]
struct Gone;

impl Device {
    pub(super) fn new(listed: Listed) -> Self {
        let info = LabelBlock::new::<&str, &str>(&[]);
        let words = std::array::from_fn(|_| Vec::new());
        Self { listed, opened: None, numbers: [None; NUMBERS.len()], words, info }
    }

    pub(super) fn listed(&self) -> &Listed {
        &self.listed
    }

    pub(super) fn name(&self) -> &str {
        &self.listed.name
    }

    pub(super) fn number(&self, number: Number) -> Option<i64> {
        self.numbers.get(number as usize).copied().flatten()
    }

    pub(super) fn is_up(&self) -> bool {
        self.word(Word::State) == b"up"
    }

    pub(super) fn info(&self) -> &LabelBlock {
        &self.info
    }

    fn word(&self, word: Word) -> &[u8] {
        self.words.get(word as usize).map_or(&[], Vec::as_slice)
    }

    /// Reads it; false where it is gone. `free` is how many more descriptors may be kept.
    pub(super) fn read(&mut self, class: &Path, free: &mut u64) -> bool {
        if let Some(opened) = self.opened.take()
            && self.read_opened(opened, free).is_ok()
        {
            return true;
        }
        // It is new, or another device has its name now.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(folder) = open(class.join(self.name()), flags, Mode::empty()) else { return false };
        let attributes = std::array::from_fn(|_| Attribute::Unopened);
        self.read_opened(Opened { folder, first: true, attributes }, free).is_ok()
    }

    fn read_opened(&mut self, mut opened: Opened, free: &mut u64) -> Result<(), Gone> {
        let first = opened.first;
        *free = free.saturating_sub(1);
        // A kernel that lacks the two attributes which tell of a change gets everything read each time.
        let mut link_changed = first;
        let mut words_changed = first;
        for (place, (file, number, changes)) in NUMBERS.into_iter().enumerate() {
            if is_due(changes, first, link_changed) {
                let value = opened.read(place, file, keep(changes, free), parse_number)?.flatten();
                let Some(known) = self.numbers.get_mut(number as usize) else { continue };
                if matches!(number, Number::Flags | Number::CarrierChanges) {
                    link_changed |= *known != value || value.is_none();
                    words_changed |= link_changed;
                }
                *known = value;
            }
        }
        for (place, (file, word, changes)) in WORDS.into_iter().enumerate() {
            if is_due(changes, first, link_changed)
                && let Some(known) = self.words.get_mut(word as usize)
            {
                let changed = opened.read(NUMBERS.len() + place, file, keep(changes, free), |content| {
                    let changed = content.trim_ascii() != known.as_slice();
                    if changed {
                        content.trim_ascii().clone_into(known);
                    }
                    changed
                })?;
                words_changed |= changed.unwrap_or_else(|| !std::mem::take(known).is_empty());
            }
        }
        if words_changed {
            self.render();
        }
        opened.first = false;
        self.opened = Some(opened);
        Ok(())
    }

    fn render(&mut self) {
        let state = match self.number(Number::Flags) {
            Some(flags) if flags & UP == UP => "up",
            Some(_) => "down",
            None => "unknown",
        };
        let word = |word| String::from_utf8_lossy(self.word(word));
        self.info = LabelBlock::new(&[
            ("address", &*word(Word::Address)),
            ("adminstate", state),
            ("broadcast", &*word(Word::Broadcast)),
            ("device", self.name()),
            ("duplex", &*word(Word::Duplex)),
            ("ifalias", &*word(Word::Alias)),
            ("operstate", &*word(Word::State)),
        ]);
    }
}

fn is_due(changes: Changes, first: bool, link_changed: bool) -> bool {
    match changes {
        Changes::Always => true,
        Changes::WithLink => link_changed,
        Changes::Never => first,
    }
}

/// How many descriptors may still be kept; of attributes that are rarely read none is.
fn keep(changes: Changes, free: &mut u64) -> Option<&mut u64> {
    (changes == Changes::Always && *free > 0).then_some(free)
}

impl Opened {
    /// What `parse` makes of an attribute; `None` where it cannot be read now, as some cannot while a device is down.
    /// `keep` counts the descriptors that may still be kept.
    fn read<T>(
        &mut self,
        place: usize,
        file: &str,
        keep: Option<&mut u64>,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, Gone> {
        let Some(attribute) = self.attributes.get_mut(place) else { return Ok(None) };
        if matches!(attribute, Attribute::Absent) {
            return Ok(None);
        }
        let file = if let Attribute::Kept(file) = std::mem::replace(attribute, Attribute::Unopened) {
            file
        } else {
            match openat(&self.folder, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
                Ok(file) => file,
                Err(Errno::NOENT) if self.first => {
                    *attribute = Attribute::Absent;
                    return Ok(None);
                }
                // What was there before is missing: in the folder of a device that is gone nothing is found.
                Err(Errno::NOENT | Errno::NODEV) => return Err(Gone),
                Err(_) => return Ok(None),
            }
        };
        let mut buffer = [0_u8; LONGEST];
        let result = match pread(&file, &mut buffer, 0) {
            Ok(count) => Ok(buffer.get(..count).map(parse)),
            Err(Errno::NODEV) => return Err(Gone),
            Err(_) => Ok(None),
        };
        if let Some(free) = keep {
            *free -= 1;
            *attribute = Attribute::Kept(file);
        }
        result
    }
}
