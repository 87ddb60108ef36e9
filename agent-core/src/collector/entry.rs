//! One collector of a set: how it is made, run and told about.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use super::{CollectError, Collector};
use crate::exposition::{Exposition, Recorder};

/// A collector by name, and how to make it.
pub struct Entry {
    pub(super) name: &'static str,
    /// Away while a thread runs it.
    pub(super) runner: Option<Runner>,
    /// When that thread began.
    pub(super) since: Option<Instant>,
    pub(super) progress: Progress,
    pub(super) seconds: f64,
    /// Whether it was too late in any scrape so far.
    pub(super) ever_late: bool,
}

/// How far an entry is in the scrape at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The scrape does not ask for it.
    Unwanted,
    /// It has not ended: not begun, at work, or given up.
    Open,
    /// It ended.
    Done(Outcome),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Unknown,
    Success,
    NoData,
    Failed,
}

/// How a run ended, and what it leaves beside its text.
pub(super) struct Run {
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
    /// What is to be repeated under other names.
    pub(super) repeats: Recorder,
}

impl Entry {
    /// `build` is called at once, and again after a panic.
    pub fn new(name: &'static str, build: impl Fn() -> Box<dyn Collector> + Send + 'static) -> Self {
        let collector = build();
        let runner = Runner { name, build: Box::new(build), collector, outcome: Outcome::Unknown };
        Self {
            name,
            runner: Some(runner),
            since: None,
            progress: Progress::Unwanted,
            seconds: 0.0,
            ever_late: false,
        }
    }

    /// How long the last run took, or the one that does not end has taken so far.
    pub(super) fn seconds(&self) -> f64 {
        match self.since {
            Some(since) => since.elapsed().as_secs_f64(),
            None if matches!(self.progress, Progress::Done(_)) => self.seconds,
            None => 0.0,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// What travels to the thread that runs a collector and back.
pub(super) struct Runner {
    name: &'static str,
    build: Box<dyn Fn() -> Box<dyn Collector> + Send>,
    collector: Box<dyn Collector>,
    outcome: Outcome,
}

impl Runner {
    /// Lets it set things going; a panic stays here.
    pub(super) fn prepare(&mut self) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.collector.prepare())) {
            self.rebuild(panic.as_ref());
        }
    }

    fn rebuild(&mut self, panic: &(dyn std::any::Any + Send)) {
        error!(collector = self.name, panic = panic_text(panic), "the collector panicked and is made anew");
        self.collector = (self.build)();
    }

    /// Runs it once; errors and panics stay here.
    pub(super) fn run(&mut self, out: &mut Exposition<'_>) -> Run {
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| self.collector.collect(out)));
        let took = started.elapsed();
        let previous = self.outcome;
        let collector = self.name;
        self.outcome = match result {
            Ok(Ok(())) => {
                if previous == Outcome::Failed {
                    info!(collector, "the collector works again");
                }
                Outcome::Success
            }
            Ok(Err(error @ CollectError::NoData(_))) => {
                debug!(collector, %error, "nothing to collect");
                Outcome::NoData
            }
            Ok(Err(error)) => {
                if previous == Outcome::Failed {
                    debug!(collector, %error, "the collector still fails");
                } else {
                    warn!(collector, %error, "the collector failed");
                }
                Outcome::Failed
            }
            Err(panic) => {
                self.rebuild(panic.as_ref());
                Outcome::Failed
            }
        };
        Run { outcome: self.outcome, took, repeats: out.take_repeats() }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
