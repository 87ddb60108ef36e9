//! Runs collectors one after the other: times each, and keeps errors, panics and hangs where they happen.
//!
//! Sequential on purpose: what counts on a node is the total CPU time, and the order of the output stays the same.
//!
//! A read that hangs in the kernel (a dead NFS server behind a file) cannot be stopped, only left behind. So a
//! collector travels to the thread that runs it and back, with a lock held only to hand it over, and each writes
//! into a buffer of that thread whose text joins the others' when it ends. A thread that does not return in time
//! loses its [`Ticket`]; another goes on with the next collector of the same scrape. Until the first returns, if
//! ever, its collector is away and later scrapes pass it by: there is never more than one run of each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::{info, warn};

use super::entry::{Entry, Outcome, Progress, Run, Runner};
use super::pass::{Late, Pass, Ticket};
use super::{Filter, FilterError};
use crate::exposition::{Exposition, Format, Kind, Repeats, Source, Writer};

/// The collectors of an agent, in the order of its table.
#[derive(Debug)]
pub struct CollectorSet {
    duration_name: String,
    success_name: String,
    timeout_name: String,
    /// Empty where it is not told.
    applicable_name: String,
    names: Vec<&'static str>,
    /// Names that exist but are switched off, for the answer to `collect[]`.
    disabled: Vec<&'static str>,
    repeats: Option<Arc<dyn Repeats>>,
    pass: Mutex<Pass>,
}

impl CollectorSet {
    /// `namespace` is the first part of the names of the set's own families:
    /// `<namespace>_scrape_collector_duration_seconds`, `_success`, and `_timeout` for collectors that have once been
    /// late since the start.
    pub fn new(namespace: &str, entries: Vec<Entry>, disabled: Vec<&'static str>) -> Self {
        Self {
            duration_name: format!("{namespace}_scrape_collector_duration_seconds"),
            success_name: format!("{namespace}_scrape_collector_success"),
            timeout_name: format!("{namespace}_scrape_collector_timeout"),
            applicable_name: String::new(),
            names: entries.iter().map(|e| e.name).collect(),
            disabled,
            repeats: None,
            pass: Mutex::new(Pass::new(entries)),
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
        self.names.iter().copied()
    }

    /// Whether every name in a filter can be served.
    pub fn check(&self, filter: &Filter) -> Result<(), FilterError> {
        for name in filter.names() {
            if self.disabled.contains(&name) {
                return Err(FilterError::Disabled(name.to_owned()));
            }
            if !self.names.contains(&name) {
                return Err(FilterError::Missing(name.to_owned()));
            }
        }
        Ok(())
    }

    fn pass(&self) -> MutexGuard<'_, Pass> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a scrape; the ticket is for the thread that runs it. Scrapes come one after the other.
    pub(crate) fn begin(&self, filter: &Filter) -> Ticket {
        self.pass().begin(filter)
    }

    /// Runs what is left of a scrape; false where the ticket was lost on the way.
    pub(crate) fn run(
        &self,
        ticket: Ticket,
        bench: &mut Bench,
        format: Format,
        constant: &[(String, String)],
    ) -> bool {
        let writer = Writer::new(format, constant, Arc::<Desk>::clone(&bench.desk));
        let mut pass = self.pass();
        while pass.is_current(ticket) {
            let Some((index, runner)) = pass.take(Instant::now()) else { return true };
            drop(pass);
            bench.text.clear();
            bench.desk.put(runner, self.repeats.clone());
            writer.append(&mut bench.text);
            let Some((runner, run)) = bench.desk.take() else { return false };
            pass = self.pass();
            if let Err(late) = pass.give_back(ticket, index, runner, run, &bench.text) {
                drop(pass);
                let Late { name: collector, waited } = late;
                info!(collector, seconds = waited.as_secs(), "the collector that hung has returned");
                return false;
            }
        }
        false
    }

    /// Until when to wait before [`Self::overtake`] is worth a try; `None`: until the thread ends.
    pub(crate) fn patience(&self, deadline: Instant) -> Option<Instant> {
        self.pass().patience(deadline, Instant::now())
    }

    /// Leaves a collector behind that takes too long; the ticket is for the thread that goes on.
    pub(crate) fn overtake(&self, deadline: Instant) -> Option<Ticket> {
        let (ticket, late) = self.pass().overtake(deadline, Instant::now())?;
        let Late { name: collector, waited } = late;
        warn!(
            collector,
            seconds = waited.as_secs_f64(),
            "the collector does not return; scrapes go without it until it does"
        );
        Some(ticket)
    }

    /// Whether a thread has a collector and has not returned.
    #[cfg(test)]
    pub(crate) fn is_away(&self, name: &str) -> bool {
        self.pass().entries.iter().any(|e| e.name == name && e.runner.is_none())
    }

    /// Takes the text of the collectors that ended.
    pub(crate) fn text(&self) -> String {
        std::mem::take(&mut self.pass().text)
    }

    /// Gives a buffer back for the next scrape.
    pub(crate) fn recycle(&self, text: String) {
        self.pass().text = text;
    }

    /// Writes what is to be repeated, then how long each collector took, whether it succeeded and which were late.
    pub(crate) fn write_rows(&self, out: &mut Exposition<'_>) {
        let mut pass = self.pass();
        std::mem::take(&mut pass.repeats).write(out);
        for entry in pass.entries.iter_mut().filter(|e| e.progress == Progress::Open) {
            entry.ever_late = true;
        }
        let wanted = || pass.entries.iter().filter(|e| e.progress != Progress::Unwanted);
        let mut duration =
            out.family(&self.duration_name, "How long a collector worked in this scrape.", Kind::Gauge);
        for entry in wanted() {
            duration.sample(&[("collector", entry.name)], entry.seconds());
        }
        let mut success = out.family(
            &self.success_name,
            "Whether a collector gave all it has in this scrape.",
            Kind::Gauge,
        );
        for entry in wanted() {
            success.sample(&[("collector", entry.name)], entry.progress == Progress::Done(Outcome::Success));
        }
        let mut timeout =
            out.family(&self.timeout_name, "Whether a collector was too late for this scrape.", Kind::Gauge);
        for entry in wanted().filter(|e| e.ever_late) {
            timeout.sample(&[("collector", entry.name)], entry.progress == Progress::Open);
        }
        if self.applicable_name.is_empty() {
            return;
        }
        let mut applicable = out.family(
            &self.applicable_name,
            "Whether the machine has what a collector is about.",
            Kind::Gauge,
        );
        for entry in wanted() {
            applicable
                .sample(&[("collector", entry.name)], entry.progress != Progress::Done(Outcome::NoData));
        }
    }
}

/// What a thread that runs collectors works with, kept from one scrape to the next.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    text: String,
    desk: Arc<Desk>,
}

/// Where the collector at work lies for the encoder, which takes nothing borrowed.
#[derive(Default)]
struct Desk(Mutex<Work>);

#[derive(Default)]
struct Work {
    runner: Option<Runner>,
    repeats: Option<Arc<dyn Repeats>>,
    run: Option<Run>,
}

impl Desk {
    fn put(&self, runner: Runner, repeats: Option<Arc<dyn Repeats>>) {
        let work = Work { runner: Some(runner), repeats, run: None };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = work;
    }

    fn take(&self) -> Option<(Runner, Run)> {
        let Work { runner, run, .. } =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        runner.zip(run)
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Source for Desk {
    fn expose(&self, out: &mut Exposition<'_>) {
        let mut work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Work { runner, repeats, run } = &mut *work;
        if let Some(repeats) = repeats.take() {
            out.record_repeats(repeats);
        }
        *run = runner.as_mut().map(|runner| runner.run(out));
    }
}

#[cfg(test)]
mod tests;
