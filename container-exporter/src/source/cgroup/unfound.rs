//! When it is said that a container's cgroup cannot be found.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A container that has just ended may still be in the list: only one that stays there is strange.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says it once, and not again before none is missing.
#[derive(Debug, Default)]
pub(super) struct Unfound {
    /// Containers whose cgroup was not found, by ID.
    missing: HashMap<String, Missing>,
    told: bool,
}

#[derive(Debug)]
struct Missing {
    /// Another PID means another start: one that restarts again and again ends again and again.
    pid: Option<u32>,
    since: Instant,
}

impl Unfound {
    /// Notes that a container's cgroup was found.
    pub(super) fn found(&mut self, id: &str) {
        self.missing.remove(id);
        self.told &= !self.missing.is_empty();
    }

    /// Notes that it was not found; true where that is to be said now.
    pub(super) fn not_found(&mut self, id: &str, pid: Option<u32>, now: Instant) -> bool {
        let Some(missing) = self.missing.get(id).filter(|missing| missing.pid == pid) else {
            self.missing.insert(id.to_owned(), Missing { pid, since: now });
            return false;
        };
        let tell = !self.told && now.duration_since(missing.since) >= PATIENCE;
        self.told |= tell;
        tell
    }

    /// Forgets the containers that run no more.
    pub(super) fn keep(&mut self, runs: impl Fn(&str) -> bool) {
        self.missing.retain(|id, _| runs(id));
        self.told &= !self.missing.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scrapes {
        unfound: Unfound,
        start: Instant,
    }

    impl Scrapes {
        fn new() -> Self {
            Self { unfound: Unfound::default(), start: Instant::now() }
        }

        fn not_found(&mut self, id: &str, pid: u32, seconds: u64) -> bool {
            self.unfound.not_found(id, Some(pid), self.start + Duration::from_secs(seconds))
        }
    }

    #[test]
    fn one_that_goes_on_running_is_told_once() {
        let mut scrapes = Scrapes::new();
        assert!(!scrapes.not_found("stays", 1, 0));
        assert!(!scrapes.not_found("stays", 1, 1), "the same scrape, another collector");
        assert!(scrapes.not_found("stays", 1, 15));
        assert!(!scrapes.not_found("stays", 1, 30), "said already");
        scrapes.unfound.found("another");
        assert!(!scrapes.not_found("stays", 1, 45), "said already, whatever is found beside it");
        scrapes.unfound.found("stays");
        assert!(!scrapes.not_found("stays", 2, 60));
        assert!(scrapes.not_found("stays", 2, 75), "it was found in between");
    }

    #[test]
    fn those_that_have_just_ended_are_not_told_of() {
        let mut scrapes = Scrapes::new();
        for second in 0..40 {
            let id = format!("ends{second}");
            assert!(!scrapes.not_found(&id, 1, second));
            assert!(!scrapes.not_found("restarts", u32::try_from(second).unwrap(), second));
            scrapes.unfound.keep(|known| known != id);
        }
    }

    #[test]
    fn one_is_told_of_among_others_that_end() {
        let mut scrapes = Scrapes::new();
        assert!(!scrapes.not_found("ends", 1, 0));
        assert!(!scrapes.not_found("stays", 2, 1));
        scrapes.unfound.keep(|id| id == "stays");
        assert!(scrapes.not_found("stays", 2, 16));
        scrapes.unfound.keep(|_| false);
        assert!(!scrapes.not_found("later", 3, 20));
        assert!(scrapes.not_found("later", 3, 35), "the first one is gone");
    }
}
