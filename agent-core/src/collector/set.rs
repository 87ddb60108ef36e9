//! Runs collectors one after the other: times each, and keeps errors and panics where they happen.
//!
//! Sequential on purpose: what counts on a node is the total CPU time, and the order of the output stays the same.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, error, info, warn};

use super::{CollectError, Collector, Filter, FilterError};
use crate::exposition::{Exposition, Kind, Repeats};

/// Makes a collector; called again after a panic.
type Build = Box<dyn Fn() -> Box<dyn Collector> + Send>;

/// A collector by name, and how to make it.
pub struct Entry {
    name: &'static str,
    build: Build,
    collector: Box<dyn Collector>,
    outcome: Outcome,
    seconds: f64,
    ran: bool,
}

impl Entry {
    /// `build` is called at once, and again after a panic.
    pub fn new(name: &'static str, build: impl Fn() -> Box<dyn Collector> + Send + 'static) -> Self {
        let collector = build();
        Self { name, build: Box::new(build), collector, outcome: Outcome::Unknown, seconds: 0.0, ran: false }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unknown,
    Success,
    NoData,
    Failed,
}

/// The collectors of an agent, in the order of its table.
#[derive(Debug)]
pub struct CollectorSet {
    duration_name: String,
    success_name: String,
    /// Empty where it is not told.
    applicable_name: String,
    entries: Vec<Entry>,
    /// Names that exist but are switched off, for the answer to `collect[]`.
    disabled: Vec<&'static str>,
    repeats: Option<Arc<dyn Repeats>>,
}

impl CollectorSet {
    /// `namespace` is the first part of the names of the set's own two families:
    /// `<namespace>_scrape_collector_duration_seconds` and `_success`.
    pub fn new(namespace: &str, entries: Vec<Entry>, disabled: Vec<&'static str>) -> Self {
        Self {
            duration_name: format!("{namespace}_scrape_collector_duration_seconds"),
            success_name: format!("{namespace}_scrape_collector_success"),
            applicable_name: String::new(),
            entries,
            disabled,
            repeats: None,
        }
    }

    /// Tells in `<namespace>_scrape_collector_applicable` whether the machine has what a collector is about: where it
    /// does not, no success is no fault.
    #[must_use]
    pub fn telling_applicable(mut self, namespace: &str) -> Self {
        self.applicable_name = format!("{namespace}_scrape_collector_applicable");
        self
    }

    /// Writes families that `repeats` knows under their other names too, after all collectors.
    #[must_use]
    pub fn repeating(self, repeats: Arc<dyn Repeats>) -> Self {
        Self { repeats: Some(repeats), ..self }
    }

    /// Whether families are repeated under other names.
    pub fn is_repeating(&self) -> bool {
        self.repeats.is_some()
    }

    /// The names of the collectors that run, in their order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.entries.iter().map(|e| e.name)
    }

    /// Whether every name in a filter can be served.
    pub fn check(&self, filter: &Filter) -> Result<(), FilterError> {
        for name in filter.names() {
            if self.disabled.contains(&name) {
                return Err(FilterError::Disabled(name.to_owned()));
            }
            if !self.entries.iter().any(|e| e.name == name) {
                return Err(FilterError::Missing(name.to_owned()));
            }
        }
        Ok(())
    }

    /// Runs what the filter wants, then writes how long each took and whether it succeeded.
    pub fn collect(&mut self, filter: &Filter, out: &mut Exposition<'_>) {
        if let Some(repeats) = &self.repeats {
            out.record_repeats(Arc::clone(repeats));
        }
        for entry in &mut self.entries {
            entry.ran = filter.wants(entry.name);
            if entry.ran {
                entry.run(out);
            }
        }
        out.write_repeats();
        if !self.entries.iter().any(|e| e.ran) {
            return;
        }
        let mut duration =
            out.family(&self.duration_name, "How long a collector worked in this scrape.", Kind::Gauge);
        for entry in self.entries.iter().filter(|e| e.ran) {
            duration.sample(&[("collector", entry.name)], entry.seconds);
        }
        let mut success = out.family(
            &self.success_name,
            "Whether a collector gave all it has in this scrape.",
            Kind::Gauge,
        );
        for entry in self.entries.iter().filter(|e| e.ran) {
            success.sample(&[("collector", entry.name)], entry.outcome == Outcome::Success);
        }
        if self.applicable_name.is_empty() {
            return;
        }
        let mut applicable = out.family(
            &self.applicable_name,
            "Whether the machine has what a collector is about.",
            Kind::Gauge,
        );
        for entry in self.entries.iter().filter(|e| e.ran) {
            applicable.sample(&[("collector", entry.name)], entry.outcome != Outcome::NoData);
        }
    }
}

impl Entry {
    fn run(&mut self, out: &mut Exposition<'_>) {
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| self.collector.collect(out)));
        self.seconds = started.elapsed().as_secs_f64();
        let previous = self.outcome;
        let collector = self.name;
        match result {
            Ok(Ok(())) => {
                self.outcome = Outcome::Success;
                if previous == Outcome::Failed {
                    info!(collector, "the collector works again");
                }
            }
            Ok(Err(error @ CollectError::NoData(_))) => {
                self.outcome = Outcome::NoData;
                debug!(collector, %error, "nothing to collect");
            }
            Ok(Err(error)) => {
                self.outcome = Outcome::Failed;
                if previous == Outcome::Failed {
                    debug!(collector, %error, "the collector still fails");
                } else {
                    warn!(collector, %error, "the collector failed");
                }
            }
            Err(panic) => {
                self.outcome = Outcome::Failed;
                error!(
                    collector,
                    panic = panic_text(panic.as_ref()),
                    "the collector panicked and is made anew"
                );
                self.collector = (self.build)();
            }
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::exposition::{Format, Source, render};
    use prometheus_client::registry::Registry;

    struct Good;
    impl Collector for Good {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            out.gauge("good", "A value.", 1_u64);
            Ok(())
        }
    }
    struct HalfWay;
    impl Collector for HalfWay {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            out.gauge("half", "Written before the error.", 2_u64);
            Err(CollectError::parse("/proc/x", 3, "no number"))
        }
    }
    struct Absent;
    impl Collector for Absent {
        fn collect(&mut self, _: &mut Exposition<'_>) -> Result<(), CollectError> {
            Err(CollectError::NoData("no such hardware".to_owned()))
        }
    }
    struct Panics;
    impl Collector for Panics {
        fn collect(&mut self, _: &mut Exposition<'_>) -> Result<(), CollectError> {
            panic!("on purpose")
        }
    }

    struct Shared(Mutex<CollectorSet>, Filter);
    impl Source for Shared {
        fn expose(&self, out: &mut Exposition<'_>) {
            self.0.lock().unwrap().collect(&self.1, out);
        }
    }

    fn set() -> CollectorSet {
        CollectorSet::new(
            "node",
            vec![
                Entry::new("panics", || Box::new(Panics)),
                Entry::new("half", || Box::new(HalfWay)),
                Entry::new("absent", || Box::new(Absent)),
                Entry::new("good", || Box::new(Good)),
            ],
            vec!["off"],
        )
        .telling_applicable("node")
    }

    fn output(filter: &str) -> String {
        let filter = Filter::parse(Some(filter)).unwrap();
        let mut buffer = String::new();
        let source = Arc::new(Shared(Mutex::new(set()), filter));
        render(&mut buffer, Format::Text, &[], source, &Registry::default());
        buffer
    }

    #[test]
    fn a_bad_collector_loses_only_itself() {
        let output = output("");
        assert!(output.contains("\ngood 1\n") && output.contains("\nhalf 2\n"), "{output}");
        for (name, success, applicable) in
            [("panics", 0, 1), ("half", 0, 1), ("absent", 0, 0), ("good", 1, 1)]
        {
            for (what, value) in [("success", success), ("applicable", applicable)] {
                let line = format!("node_scrape_collector_{what}{{collector=\"{name}\"}} {value}\n");
                assert!(output.contains(&line), "{output}");
            }
        }
    }

    #[test]
    fn filters_shrink_the_own_rows_too() {
        let output = output("collect[]=good");
        assert!(!output.contains("half"), "{output}");
        assert_eq!(output.matches("collector=\"").count(), 3);
    }

    #[test]
    fn unknown_and_disabled_names_are_told_apart() {
        let check = |query| set().check(&Filter::parse(Some(query)).unwrap());
        assert_eq!(check("collect[]=good"), Ok(()));
        assert_eq!(check("collect[]=off"), Err(FilterError::Disabled("off".to_owned())));
        assert_eq!(check("exclude[]=nope"), Err(FilterError::Missing("nope".to_owned())));
    }
}
