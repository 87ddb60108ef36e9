//! Leaves alone what the machine does not have until the kernel has told of something new.
//!
//! Drivers and their devices come and go with events, and the kernel counts these in `/sys/kernel/uevent_seqnum`. While the
//! count stays the same, what was missing still is. To read it costs less than to look for one missing file, and most
//! machines lack a dozen of the things that there are collectors for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch, parse_u64};

/// The count, read once in each scrape.
#[derive(Debug, Clone)]
pub struct Events(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Whether the count is that of this scrape.
    fresh: AtomicBool,
    count: Mutex<Count>,
}

#[derive(Debug)]
struct Count {
    file: KeptFile,
    scratch: Scratch,
    latest: Option<u64>,
    settled: bool,
}

impl Events {
    /// Nothing is read before it is needed.
    pub fn new(file: KeptFile) -> Self {
        let count = Count { file, scratch: Scratch::default(), latest: None, settled: false };
        Self(Arc::new(Shared { fresh: AtomicBool::new(false), count: Mutex::new(count) }))
    }

    fn expire(&self) {
        self.0.fresh.store(false, Ordering::Release);
    }

    /// The count; `None` where it cannot be read or is another than in the scrape before. Before Linux 5.11 a module is
    /// counted before it has made its files, so what is missing right after an event may be about to come.
    fn settled(&self) -> Option<u64> {
        let Shared { fresh, count } = &*self.0;
        let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
        if !fresh.swap(true, Ordering::AcqRel) {
            let Count { file, scratch, latest, settled } = &mut *count;
            let now = file.read(scratch).ok().and_then(|content| parse_u64(content.trim_ascii()));
            *settled = now == *latest;
            *latest = now;
        }
        count.latest.filter(|_| count.settled)
    }
}

/// A collector of what comes and goes with events only. What its files hold must not matter for whether it finds any.
pub struct Driven {
    collector: Box<dyn Collector>,
    events: Events,
    /// At which count it found nothing, and what it missed.
    absent: Option<(u64, String)>,
}

impl Driven {
    /// One that has not run yet.
    pub fn new(collector: Box<dyn Collector>, events: Events) -> Self {
        Self { collector, events, absent: None }
    }
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driven").field("absent", &self.absent).finish_non_exhaustive()
    }
}

impl Collector for Driven {
    fn prepare(&mut self) {
        self.events.expire();
        self.collector.prepare();
    }

    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let now = self.events.settled();
        if let Some((then, missed)) = &self.absent
            && now == Some(*then)
        {
            return Err(CollectError::NoData(missed.clone()));
        }
        let result = self.collector.collect(out);
        self.absent = match (now, &result) {
            (Some(now), Err(CollectError::NoData(missed))) => Some((now, missed.clone())),
            _ => None,
        };
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use agent_core::testing::{FakeRoot, collect};

    use super::*;

    /// Finds a file or not, and counts how often it looked.
    struct Looks(KeptFile, Arc<AtomicU32>);

    impl Collector for Looks {
        fn collect(&mut self, _: &mut Exposition<'_>) -> Result<(), CollectError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let read = self.0.read(&mut Scratch::default()).map(drop);
            read.map_err(|error| CollectError::io(self.0.path(), error))
        }
    }

    /// One collector through several scrapes.
    #[derive(Clone)]
    struct Scrapes(Arc<Mutex<Driven>>);

    impl Collector for Scrapes {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            let mut driven = self.0.lock().unwrap();
            driven.prepare();
            driven.collect(out)
        }
    }

    #[test]
    fn what_is_missing_is_looked_for_again_after_an_event() {
        let root = FakeRoot::new();
        let looked = Arc::new(AtomicU32::new(0));
        let looks = Looks(KeptFile::new(root.path().join("thing")), Arc::clone(&looked));
        let events = Events::new(KeptFile::new(root.path().join("uevent_seqnum")));
        let scrapes = Scrapes(Arc::new(Mutex::new(Driven::new(Box::new(looks), events))));
        let found = || collect(scrapes.clone()).1.is_none();
        let expect = |is_there: bool, looks: u32| {
            assert_eq!((found(), looked.swap(0, Ordering::Relaxed)), (is_there, looks));
        };
        // Without a count nothing is known.
        expect(false, 1);
        expect(false, 1);
        root.file("uevent_seqnum", "7\n");
        expect(false, 1);
        expect(false, 1);
        expect(false, 0);
        root.file("uevent_seqnum", "8\n");
        expect(false, 1);
        // A module that was counted before it made its files.
        root.file("thing", "");
        expect(true, 1);
        expect(true, 1);
        std::fs::remove_file(root.path().join("thing")).unwrap();
        // The descriptor is kept: this is about what was missing.
        root.file("uevent_seqnum", "9\n");
        expect(true, 1);
    }
}
