//! One container on one route: its source, when to look at it next, and its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::watches::Watches;
use super::{BATCH_BYTES, Settings};
use crate::container::Container;
use crate::inventory::Inventory;
use crate::metrics::Containers;
use crate::record::Batch;
use crate::source::json_file::Buffers;
use crate::source::{NoSource, Source, Tallies};
use crate::time::rfc3339;

/// After a look that brought a flood: small files are rotated away within a few hundredths of a second.
const FLOOD_INTERVAL: Duration = Duration::from_millis(5);
const FLOOD_BYTES: u64 = 64 * 1024;
/// After a look that brought something.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);
/// After many looks that brought nothing.
const LONGEST_INTERVAL_RUNNING: Duration = Duration::from_millis(500);
/// The kernel tells of the next write, or the engine sends the next line: only to be safe.
const LONGEST_INTERVAL_TOLD: Duration = Duration::from_secs(5);
/// Where nothing is expected: the container has ended, and the engine tells when it starts again.
pub(super) const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
/// An ended container's log is complete after this many looks that brought nothing.
const QUIET_LOOKS: u32 = 2;

/// One container's log.
#[derive(Debug)]
pub(super) struct Tail {
    container: Arc<Container>,
    state: State,
    due: Instant,
    interval: Duration,
    /// Looks in a row that brought nothing.
    quiet: u32,
    /// The engine does not know the container any more.
    gone: bool,
    /// The last look failed.
    failing: bool,
    /// The last look filled a batch.
    behind: bool,
    /// The watch for rotations, where one is needed.
    folder_watch: Option<i32>,
    /// The watch for the next write to a log that is silent.
    log_watch: Option<i32>,
}

#[derive(Debug)]
enum State {
    Closed,
    Open(Source),
    Unreadable,
    /// Gone, and everything of it is read.
    Over,
}

impl Tail {
    pub(super) fn new(container: Arc<Container>) -> Self {
        Self {
            container,
            state: State::Closed,
            due: Instant::now(),
            interval: SHORTEST_INTERVAL,
            quiet: 0,
            gone: false,
            failing: false,
            behind: false,
            folder_watch: None,
            log_watch: None,
        }
    }

    /// Has the kernel tell of rotations for as long as that is needed, and of the next write where none has come for a
    /// while.
    pub(super) fn watch(&mut self, watches: &Watches) {
        let is_file = matches!(self.state, State::Open(Source::JsonFile(_))) && !self.gone;
        let needed = is_file && Watches::is_needed(&self.container);
        match self.folder_watch {
            None if needed => self.folder_watch = watches.watch_folder(&self.container),
            Some(watch) if !needed => {
                watches.unwatch(watch);
                self.folder_watch = None;
            }
            _ => {}
        }
        let silent = is_file && self.container.running && self.is_silent();
        match self.log_watch {
            // The next look comes as soon as without it, because a line may have come before the watch.
            None if silent => self.log_watch = watches.watch_log(&self.container),
            // It has told something, which has made the next look be soon.
            Some(watch) if !watches.is_watching(watch) => self.log_watch = None,
            Some(watch) if !silent => {
                watches.unwatch(watch);
                self.log_watch = None;
            }
            _ => {}
        }
    }

    /// Looks have brought nothing for a while, and nothing in memory waits for its time.
    fn is_silent(&self) -> bool {
        let waits = matches!(&self.state, State::Open(source) if source.is_waiting());
        self.interval >= LONGEST_INTERVAL_RUNNING && !waits
    }

    /// When to look at it.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Whether to look at it now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        // Up to an eighth early, so that many share one wake-up.
        self.due <= now + self.interval / 8 || matches!(&self.state, State::Open(source) if source.has_come())
    }

    /// Whether there was more than one batch takes.
    pub(super) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether the engine does not know the container any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone && !self.is_over()
    }

    /// Whether what there is to be read cannot wait.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(&self.state, State::Open(source) if source.is_urgent(&self.container))
    }

    pub(super) fn held_bytes(&self) -> u64 {
        if let State::Open(source) = &self.state { source.held_bytes() } else { 0 }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Takes in what the engine says of the container now.
    pub(super) fn update(&mut self, container: &Arc<Container>) {
        if Arc::ptr_eq(&self.container, container) {
            return;
        }
        if matches!(self.state, State::Unreadable) && container.started != self.container.started {
            self.state = State::Closed;
        }
        self.container = Arc::clone(container);
        self.look_soon();
    }

    pub(super) fn container_is_gone(&mut self) {
        if !self.gone {
            self.gone = true;
            self.look_soon();
        }
    }

    /// Looks with the next round, and often for a while.
    pub(super) fn look_soon(&mut self) {
        self.due = Instant::now();
        self.interval = SHORTEST_INTERVAL;
        self.quiet = 0;
    }

    pub(super) fn count(&self, containers: &mut Containers) {
        match &self.state {
            State::Open(Source::JsonFile(_)) => containers.files += 1,
            State::Open(source) if source.is_unreadable() => {
                containers.unreadable.push((self.container.name.clone(), self.container.driver.clone()));
            }
            State::Open(Source::Api(_)) => containers.api += 1,
            State::Unreadable => {
                containers.unreadable.push((self.container.name.clone(), self.container.driver.clone()));
            }
            State::Closed | State::Over => {}
        }
    }

    /// Reads what there is; true where the batch is full and there is more.
    pub(super) fn look(
        &mut self,
        settings: &Settings,
        inventory: &Inventory,
        wake: &Arc<Notify>,
        buffers: &mut Buffers,
        batch: &mut Batch,
    ) -> bool {
        self.open(settings, inventory, wake);
        let State::Open(source) = &mut self.state else {
            if self.gone {
                if matches!(self.state, State::Closed) {
                    report_unread(&self.container, settings);
                }
                self.end(settings, batch);
            }
            self.wait();
            return false;
        };
        let progress = match source.poll(&self.container, buffers, batch, BATCH_BYTES) {
            Ok(progress) => {
                self.failing = false;
                progress
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(container.name = self.container.name, %error, "a log cannot be read; trying again");
                }
                self.wait();
                return false;
            }
        };
        report(source.take_tallies(), &self.container, settings);
        if progress.bytes > 0 {
            self.quiet = 0;
            self.interval = if progress.bytes < FLOOD_BYTES { SHORTEST_INTERVAL } else { FLOOD_INTERVAL };
        } else {
            self.quiet = self.quiet.saturating_add(1);
            if self.quiet >= QUIET_LOOKS && (self.gone || !self.container.running) {
                source.finish(&self.container, batch);
                if self.gone && source.is_exhausted() {
                    self.end(settings, batch);
                }
            }
        }
        self.wait();
        self.behind = progress.more;
        progress.more
    }

    /// Passes on events that wait for more lines: the process ends.
    pub(super) fn flush(&mut self, settings: &Settings, batch: &mut Batch) {
        if let State::Open(source) = &mut self.state {
            source.flush(&self.container, batch);
            report(source.take_tallies(), &self.container, settings);
        }
    }

    /// Keeps hold of what may vanish, without reading.
    pub(super) fn hold(&mut self, settings: &Settings, inventory: &Inventory, wake: &Arc<Notify>) {
        self.open(settings, inventory, wake);
        if let State::Open(source) = &mut self.state {
            // Errors are told by the next look.
            let _told_later = source.hold();
        }
    }

    fn open(&mut self, settings: &Settings, inventory: &Inventory, wake: &Arc<Notify>) {
        if !matches!(self.state, State::Closed) || self.gone {
            return;
        }
        let position = settings.lanes.position(&self.container.id);
        let opened = Source::open(
            &self.container,
            &settings.wanted,
            position.as_ref(),
            inventory.docker.as_ref(),
            wake,
        );
        self.state = match opened {
            Ok(source) => {
                debug!(container.name = self.container.name, source = source.name(), "reading");
                State::Open(source)
            }
            Err(NoSource::NotYet) => State::Closed,
            Err(NoSource::Unreadable) => {
                warn!(
                    container.name = self.container.name,
                    container.driver = self.container.driver,
                    "this log driver cannot be read"
                );
                State::Unreadable
            }
        };
    }

    fn end(&mut self, settings: &Settings, batch: &mut Batch) {
        debug!(container.name = self.container.name, "the container is gone and its log is read");
        settings.metrics.forget(&self.container);
        batch.mark_gone(&self.container.id);
        self.state = State::Over;
    }

    fn wait(&mut self) {
        self.due = Instant::now() + self.interval;
        let is_told = match &self.state {
            State::Open(Source::Api(api)) => api.is_silent(),
            _ => self.log_watch.is_some(),
        };
        let longest = if is_told {
            LONGEST_INTERVAL_TOLD
        } else if self.container.running || self.gone || self.quiet <= QUIET_LOOKS {
            LONGEST_INTERVAL_RUNNING
        } else {
            LONGEST_INTERVAL
        };
        self.interval = (self.interval * 3 / 2).min(longest);
    }

    /// Comes later, without a look.
    pub(super) fn put_off(&mut self) {
        self.wait();
        self.interval = self.interval.min(LONGEST_INTERVAL_RUNNING);
        self.due = self.due.min(Instant::now() + LONGEST_INTERVAL_RUNNING);
    }
}

/// Counts and tells of a container that went before anything of it was read; one that never ran has no lines.
pub(super) fn report_unread(container: &Container, settings: &Settings) {
    let Some(started) = container.started else { return };
    let (since, until) = (rfc3339(started), container.ended.map_or_else(|| "unknown".to_owned(), rfc3339));
    warn!(container.name, since, until, "a container was gone before its log could be read");
    settings.metrics.gap("removed");
}

/// Counts and tells what went wrong.
fn report(tallies: Tallies, container: &Container, settings: &Settings) {
    let metrics = &settings.metrics;
    let at = |time: Option<i64>| time.map_or_else(|| "unknown".to_owned(), rfc3339);
    let (since, until) = (at(tallies.range.0), at(tallies.range.1));
    for gap in tallies.gaps {
        warn!(container.name, reason = gap.reason(), since, until, "lines of a log may be missing");
        metrics.gap(gap.reason());
    }
    if tallies.unread {
        report_unread(container, settings);
    }
    if tallies.damaged > 0 {
        metrics.gap("damaged");
        warn!(container.name, records = tallies.damaged, "damaged records of a log are left out");
        metrics.dropped("damaged", tallies.damaged);
    }
    if tallies.lines.too_old > 0 {
        info!(container.name, lines = tallies.lines.too_old, "lines older than --start allows are left out");
        metrics.dropped("too_old", tallies.lines.too_old);
    }
    metrics.read(container, &tallies.lines);
}
