//! A route's reading side: it looks at all of its containers' logs in turn and fills batches.
//!
//! Each route reads for itself, so a slow sink holds up nobody else's lines. While the queue to the sink is full nothing
//! is read; the engine keeps the lines, and rotated files are held open.

mod rotation;
mod tail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_core::shutdown::CancellationToken;
use tokio::sync::{Notify, mpsc, watch};
use tracing::error;

use self::rotation::Rotations;
use self::tail::Tail;
use crate::delivery::SharedPositions;
use crate::inventory::Inventory;
use crate::listen::feed::Queue;
use crate::metrics::{Containers, RouteMetrics};
use crate::record::Batch;
use crate::route::filter::Filter;
use crate::source::assemble::Wanted;
use crate::source::json_file::Buffers;

/// A batch of this much goes to the sink at once.
const BATCH_BYTES: usize = 1024 * 1024;
/// How often rotated files are looked for while nothing is read.
const HOLD_EVERY: Duration = Duration::from_millis(250);
/// Marks without lines are in no hurry.
const MARKS_LINGER: Duration = Duration::from_secs(1);

/// What a route reads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which containers.
    pub filter: Filter,
    /// Which lines.
    pub wanted: Wanted,
    /// How long lines may wait for others.
    pub linger: Duration,
    /// Where each container is.
    pub positions: SharedPositions,
    /// The route's counters.
    pub metrics: RouteMetrics,
    /// Messages that come by the network.
    pub feed: Option<Arc<Queue>>,
}

/// Reads until the token is cancelled, then once more, and closes the queue.
pub async fn run(
    settings: Settings,
    mut inventory: watch::Receiver<Arc<Inventory>>,
    batches: mpsc::Sender<Batch>,
    shutdown: CancellationToken,
) {
    let wake = Arc::new(Notify::new());
    let rotations = Arc::new(Rotations::new());
    let mut reader = Reader::new(settings.clone(), Arc::clone(&wake), Arc::clone(&rotations));
    loop {
        let last = shutdown.is_cancelled();
        let known = Arc::clone(&inventory.borrow_and_update());
        let outcome;
        (reader, outcome) = reader.work(&settings, &wake, move |reader| reader.round(&known, last)).await;
        if last || reader.is_due() {
            // Until there is room: only hold on to what a rotation would take away.
            let permit = loop {
                tokio::select! {
                    permit = batches.reserve() => break permit,
                    () = tokio::time::sleep(HOLD_EVERY) => {}
                    _ = rotations.changed() => {}
                }
                let known = Arc::clone(&inventory.borrow_and_update());
                (reader, ()) = reader.work(&settings, &wake, move |reader| reader.hold(&known)).await;
            };
            // The delivery ends before us only at the end of the process.
            let Ok(permit) = permit else { return };
            permit.send(reader.take_batch());
        }
        if last {
            return;
        }
        if outcome.more {
            continue;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep_until(reader.next_look(outcome.next).into()) => {}
            () = wake.notified() => {}
            ids = rotations.changed() => reader.look_now(&ids),
            () = arrived(settings.feed.as_deref()) => {}
            changed = inventory.changed() => if changed.is_err() {
                // Nobody tells of containers any more: the process ends.
                shutdown.cancelled().await;
            },
        }
    }
}

/// Never comes back where nothing can come.
async fn arrived(feed: Option<&Queue>) {
    match feed {
        Some(feed) => feed.arrived().await,
        None => std::future::pending().await,
    }
}

/// The tails of one route and the batch that they fill.
#[derive(Debug)]
struct Reader {
    settings: Settings,
    wake: Arc<Notify>,
    rotations: Arc<Rotations>,
    tails: BTreeMap<String, Tail>,
    inventory: Arc<Inventory>,
    buffers: Buffers,
    batch: Batch,
    /// When something came into the batch first.
    begun: Option<Instant>,
    /// The container whose lines filled the last batch: the next round begins behind it.
    filled_by: Option<String>,
}

/// What a round came to.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    /// There is more to be read now.
    more: bool,
    /// When a log is to be looked at next.
    next: Option<Instant>,
}

impl Reader {
    fn new(settings: Settings, wake: Arc<Notify>, rotations: Arc<Rotations>) -> Self {
        Self {
            settings,
            wake,
            rotations,
            tails: BTreeMap::new(),
            inventory: Arc::default(),
            buffers: Buffers::default(),
            batch: Batch::default(),
            begun: None,
            filled_by: None,
        }
    }

    /// Does blocking work beside the runtime. After a panic (one record that breaks the reader must not end the route)
    /// a new reader begins at the positions that are delivered.
    async fn work<T: Default + Send + 'static>(
        mut self,
        settings: &Settings,
        wake: &Arc<Notify>,
        work: impl FnOnce(&mut Self) -> T + Send + 'static,
    ) -> (Self, T) {
        let rotations = Arc::clone(&self.rotations);
        let result = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut self);
            (self, outcome)
        });
        match result.await {
            Ok(done) => done,
            Err(problem) => {
                error!(%problem, "reading failed; it begins anew where the sink is");
                tokio::time::sleep(MARKS_LINGER).await;
                (Self::new(settings.clone(), Arc::clone(wake), rotations), T::default())
            }
        }
    }

    /// Looks at every log that is due, or at all.
    fn round(&mut self, inventory: &Arc<Inventory>, all: bool) -> Outcome {
        self.follow(inventory);
        let now = Instant::now();
        let mut outcome = Outcome::default();
        for id in self.due_tails((!all).then_some(now)) {
            let Some(tail) = self.tails.get_mut(&id) else { continue };
            let more =
                tail.look(&self.settings, &self.inventory, &self.wake, &mut self.buffers, &mut self.batch);
            tail.watch(&self.rotations);
            if tail.is_over() {
                self.tails.remove(&id);
            }
            if more {
                self.filled_by = Some(id);
                outcome.more = true;
                break;
            }
        }
        outcome.more |= self.take_messages(all);
        if all && !outcome.more {
            for tail in self.tails.values_mut() {
                tail.flush(&self.settings, &mut self.batch);
            }
        }
        if !self.batch.is_empty() && self.begun.is_none() {
            self.begun = Some(now);
        }
        outcome.next = self.tails.values().map(Tail::due).min();
        self.report();
        outcome
    }

    /// Looks at these logs with the next round.
    fn look_now(&mut self, ids: &[String]) {
        for id in ids {
            if let Some(tail) = self.tails.get_mut(id) {
                tail.look_soon();
            }
        }
    }

    /// Takes what came by the network; true where the batch is full and there is more.
    fn take_messages(&mut self, all: bool) -> bool {
        let Some(feed) = self.settings.feed.clone() else { return false };
        let wanted = self.settings.wanted.streams.stdout;
        while all || self.batch.bytes() < BATCH_BYTES {
            let Some(message) = feed.pop() else { return false };
            if wanted && self.settings.filter.takes(&message.sender) {
                self.batch.push_event(&message.sender, &message.event());
            }
        }
        true
    }

    /// The logs to look at, all without `now`. Those behind the one that filled the last batch come first: nobody's
    /// flood keeps others waiting.
    fn due_tails(&mut self, now: Option<Instant>) -> Vec<String> {
        let due = self.tails.iter().filter(|(_, tail)| now.is_none_or(|now| tail.is_due(now)));
        let mut ids: Vec<String> = due.map(|(id, _)| id.clone()).collect();
        if let Some(last) = self.filled_by.take() {
            let behind = ids.partition_point(|id| *id <= last);
            ids.rotate_left(behind);
        }
        ids
    }

    /// Keeps hold of what may vanish, without reading.
    fn hold(&mut self, inventory: &Arc<Inventory>) {
        self.follow(inventory);
        for tail in self.tails.values_mut() {
            tail.hold(&self.settings, &self.inventory, &self.wake);
            tail.watch(&self.rotations);
        }
    }

    /// Takes in which containers there are now.
    fn follow(&mut self, inventory: &Arc<Inventory>) {
        if Arc::ptr_eq(&self.inventory, inventory) {
            return;
        }
        self.inventory = Arc::clone(inventory);
        for (id, container) in &inventory.containers {
            match self.tails.get_mut(id) {
                Some(tail) => tail.update(container),
                None if self.settings.filter.takes(container) => {
                    self.tails.insert(id.clone(), Tail::new(Arc::clone(container)));
                }
                None => {}
            }
        }
        if inventory.listed {
            for (id, tail) in &mut self.tails {
                if !inventory.containers.contains_key(id) {
                    tail.container_is_gone();
                }
            }
            for id in self.settings.positions.containers() {
                if !self.tails.contains_key(&id) {
                    self.batch.mark_gone(&id);
                }
            }
        }
    }

    fn report(&self) {
        let mut containers = Containers::default();
        for tail in self.tails.values() {
            tail.count(&mut containers);
        }
        self.settings.metrics.containers(containers);
    }

    /// Whether the batch is to go to the sink.
    fn is_due(&self) -> bool {
        self.batch.bytes() >= BATCH_BYTES || self.due().is_some_and(|due| due <= Instant::now())
    }

    /// When the batch is to go.
    fn due(&self) -> Option<Instant> {
        let linger = if self.batch.has_lines() { self.settings.linger } else { MARKS_LINGER };
        Some(self.begun? + linger)
    }

    /// When to work again, `next` being the time of the next log.
    fn next_look(&self, next: Option<Instant>) -> Instant {
        let latest = Instant::now() + tail::LONGEST_INTERVAL;
        [next, self.due()].into_iter().flatten().fold(latest, Instant::min)
    }

    fn take_batch(&mut self) -> Batch {
        self.begun = None;
        std::mem::take(&mut self.batch)
    }
}
