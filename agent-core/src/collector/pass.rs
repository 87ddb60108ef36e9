//! One scrape's way through the collectors, as the thread that runs them and the request that waits both see it.

use std::time::{Duration, Instant};

use super::Filter;
use super::entry::{Entry, Progress, Run, Runner};
use crate::exposition::Recorder;

/// With less than this left nothing new is begun.
const LAST_MOMENT: Duration = Duration::from_millis(50);

/// Who may go on with a scrape: the thread that was given the latest ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// The collectors and how far the scrape at hand has come.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) entries: Vec<Entry>,
    /// What the collectors that ended have written.
    pub(super) text: String,
    /// What of it is to be repeated under other names.
    pub(super) repeats: Recorder,
    ticket: Ticket,
    /// The entry that is run next.
    next: usize,
    /// The entry at work.
    running: Option<usize>,
}

/// A collector did not return in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Late {
    pub(super) name: &'static str,
    pub(super) waited: Duration,
}

impl Pass {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self {
            entries,
            text: String::new(),
            repeats: Recorder::default(),
            ticket: Ticket(0),
            next: 0,
            running: None,
        }
    }

    /// Starts over with what the filter wants.
    pub(super) fn begin(&mut self, filter: &Filter) -> Ticket {
        self.text.clear();
        self.repeats.clear();
        self.next = 0;
        for entry in &mut self.entries {
            if !filter.wants(entry.name) {
                entry.progress = Progress::Unwanted;
                continue;
            }
            entry.progress = Progress::Open;
            if let Some(runner) = &mut entry.runner {
                runner.prepare();
            }
        }
        self.reissue()
    }

    fn reissue(&mut self) -> Ticket {
        self.ticket = Ticket(self.ticket.0.wrapping_add(1));
        self.running = None;
        self.ticket
    }

    pub(super) fn is_current(&self, ticket: Ticket) -> bool {
        self.ticket == ticket
    }

    /// The next collector that is wanted and at home; one that has not returned from an earlier scrape is not.
    pub(super) fn take(&mut self, now: Instant) -> Option<(usize, Runner)> {
        loop {
            let index = self.next;
            let entry = self.entries.get_mut(index)?;
            self.next += 1;
            if entry.progress != Progress::Open {
                continue;
            }
            if let Some(runner) = entry.runner.take() {
                entry.since = Some(now);
                self.running = Some(index);
                return Some((index, runner));
            }
        }
    }

    /// Takes a collector back. Its text counts where its thread still holds the ticket; otherwise the answer says
    /// how long it was away.
    pub(super) fn give_back(
        &mut self,
        ticket: Ticket,
        index: usize,
        runner: Runner,
        Run { outcome, took, repeats }: Run,
        text: &str,
    ) -> Result<(), Late> {
        let current = self.is_current(ticket);
        let Some(entry) = self.entries.get_mut(index) else { return Ok(()) };
        entry.runner = Some(runner);
        entry.since = None;
        if !current {
            return Err(Late { name: entry.name, waited: took });
        }
        entry.seconds = took.as_secs_f64();
        entry.progress = Progress::Done(outcome);
        self.running = None;
        self.text.push_str(text);
        self.repeats.join(repeats);
        Ok(())
    }

    /// Until when the collector at work may go on: half of what was left when it began, so that any number of
    /// collectors that hang leaves something for the others. The same counts from now where none is at work, because
    /// one may be when the waiting begins. `None`: nothing to watch but the end.
    pub(super) fn patience(&self, deadline: Instant, now: Instant) -> Option<Instant> {
        let since = self.running.and_then(|index| self.entries.get(index)?.since);
        if since.is_none() && now >= deadline {
            return None;
        }
        let since = since.unwrap_or(now);
        let left = deadline.saturating_duration_since(since);
        Some(if left < LAST_MOMENT { deadline } else { since + left / 2 })
    }

    /// Gives up the collector at work if its time is over: its thread loses the ticket, another goes on.
    pub(super) fn overtake(&mut self, deadline: Instant, now: Instant) -> Option<(Ticket, Late)> {
        if deadline.saturating_duration_since(now) < LAST_MOMENT {
            self.next = self.entries.len();
        }
        let index = self.running?;
        if self.patience(deadline, now).is_some_and(|until| now < until) {
            return None;
        }
        let entry = self.entries.get_mut(index)?;
        let late = Late { name: entry.name, waited: now.saturating_duration_since(entry.since?) };
        Some((self.reissue(), late))
    }
}
