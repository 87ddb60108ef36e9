//! A route's reading side: it looks at all of its containers' logs in turn and fills batches.
//!
//! Each route reads for itself, so a slow sink holds up nobody else's lines. While the queue to the sink is full only
//! what cannot wait is read and goes to the spool: what the engine's API brings, and what a rotation is about to delete.

mod tail;
mod watches;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_core::shutdown::CancellationToken;
use tokio::sync::{Notify, watch};
use tracing::{error, warn};

use self::tail::Tail;
use self::watches::Watches;
use crate::delivery::SharedPositions;
use crate::inventory::Inventory;
use crate::lanes::Lanes;
use crate::listen::feed::{Queue, Received};
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
/// So long lines for the spool may wait in memory for others, or for the sink.
const SPOOL_LINGER: Duration = Duration::from_secs(1);

/// What a route reads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which containers.
    pub filter: Filter,
    /// Which lines.
    pub wanted: Wanted,
    /// How long lines may wait for others.
    pub linger: Duration,
    /// Which containers have a position.
    pub positions: SharedPositions,
    /// Where what is read goes.
    pub lanes: Arc<Lanes>,
    /// The route's counters.
    pub metrics: RouteMetrics,
    /// Messages that come by the network.
    pub feed: Option<Arc<Queue>>,
}

/// Reads until the token is cancelled, then once more, and closes the lanes.
pub async fn run(
    settings: Settings,
    mut inventory: watch::Receiver<Arc<Inventory>>,
    shutdown: CancellationToken,
) {
    let wake = Arc::new(Notify::new());
    let lanes = Arc::clone(&settings.lanes);
    let watches = Arc::new(Watches::new());
    let mut reader = Reader::new(settings.clone(), Arc::clone(&wake), Arc::clone(&watches));
    loop {
        let last = shutdown.is_cancelled();
        let known = Arc::clone(&inventory.borrow_and_update());
        let outcome;
        (reader, outcome) = reader.work(&settings, &wake, move |reader| reader.round(&known, last)).await;
        if last || reader.is_due() {
            // Until there is room: only what cannot wait is read, for the spool.
            while !lanes.has_room() {
                tokio::select! {
                    () = lanes.wait_for_room() => break,
                    () = wake.notified() => {}
                    () = tokio::time::sleep(HOLD_EVERY) => {}
                    ids = watches.changed() => reader.look_now(&ids),
                }
                let known = Arc::clone(&inventory.borrow_and_update());
                (reader, ()) = reader.work(&settings, &wake, move |reader| reader.hold(&known, last)).await;
            }
            if !reader.batch.is_empty() {
                lanes.send(reader.take_batch());
            }
        }
        if last {
            lanes.close();
            return;
        }
        if outcome.more {
            continue;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep_until(reader.next_look(outcome.next).into()) => {}
            () = wake.notified() => {}
            ids = watches.changed() => reader.look_now(&ids),
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
    watches: Arc<Watches>,
    tails: BTreeMap<String, Tail>,
    inventory: Arc<Inventory>,
    /// How many containers had gone when this was looked at last.
    removals: u64,
    buffers: Buffers,
    batch: Batch,
    /// When something came into the batch first.
    begun: Option<Instant>,
    /// Lines for the spool: of containers that have lines in it, or of what cannot wait.
    overflow: Batch,
    overflow_begun: Option<Instant>,
    /// Positions of containers that are gone wait for the spool.
    forget_later: bool,
    /// Whose lines are in `overflow`.
    overflowed: HashSet<String>,
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
    fn new(settings: Settings, wake: Arc<Notify>, watches: Arc<Watches>) -> Self {
        Self {
            settings,
            wake,
            watches,
            tails: BTreeMap::new(),
            inventory: Arc::default(),
            removals: 0,
            buffers: Buffers::default(),
            batch: Batch::default(),
            begun: None,
            overflow: Batch::default(),
            overflow_begun: None,
            forget_later: false,
            overflowed: HashSet::new(),
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
        let watches = Arc::clone(&self.watches);
        let removals = self.removals;
        let result = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut self);
            (self, outcome)
        });
        match result.await {
            Ok(done) => done,
            Err(problem) => {
                error!(%problem, "reading failed; it begins anew where the sink is");
                tokio::time::sleep(MARKS_LINGER).await;
                (Self { removals, ..Self::new(settings.clone(), Arc::clone(wake), watches) }, T::default())
            }
        }
    }

    /// Looks at every log that is due, or at all.
    fn round(&mut self, inventory: &Arc<Inventory>, all: bool) -> Outcome {
        self.follow(inventory);
        let now = Instant::now();
        let mut outcome = Outcome::default();
        if self.forget_later {
            self.forget();
        }
        self.pass_overflow_on();
        for id in self.due_tails((!all).then_some(now)) {
            if self.goes_through_spool(&id) {
                self.look_for_spool(&id);
                continue;
            }
            let Some(tail) = self.tails.get_mut(&id) else { continue };
            let more =
                tail.look(&self.settings, &self.inventory, &self.wake, &mut self.buffers, &mut self.batch);
            tail.watch(&self.watches);
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
            self.flush();
        }
        self.secure();
        self.write_spool(all);
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
        while all || self.batch.bytes() < BATCH_BYTES {
            let Some(message) = feed.pop() else { return false };
            if !self.is_wanted(&message) {
                continue;
            }
            if self.goes_through_spool(&message.sender.id) {
                self.push_for_spool(&message);
                if self.overflow.bytes() >= BATCH_BYTES && !self.write_spool(true) {
                    return false;
                }
            } else {
                self.batch.push_event(&message.sender, &message.event());
            }
        }
        true
    }

    /// Takes what came by the network for the spool: senders do not wait for a sink that takes nothing.
    fn take_messages_for_spool(&mut self) {
        let Some(feed) = self.settings.feed.clone() else { return };
        while self.overflow.bytes() < BATCH_BYTES || self.write_spool(true) {
            let Some(message) = feed.pop() else { return };
            if self.is_wanted(&message) {
                self.push_for_spool(&message);
            }
        }
    }

    fn push_for_spool(&mut self, message: &Received) {
        self.overflow.push_event(&message.sender, &message.event());
        self.overflow_begun.get_or_insert_with(Instant::now);
        if !self.overflowed.contains(&message.sender.id) {
            self.overflowed.insert(message.sender.id.clone());
        }
    }

    fn is_wanted(&self, message: &Received) -> bool {
        self.settings.wanted.streams.stdout && self.settings.filter.takes(&message.sender)
    }

    /// Passes on events that wait for more lines, each behind what was read of its container before.
    fn flush(&mut self) {
        for (id, tail) in &mut self.tails {
            let in_spool = self.overflowed.contains(id) || self.settings.lanes.is_spooled(id);
            let batch = if in_spool { &mut self.overflow } else { &mut self.batch };
            tail.flush(&self.settings, batch);
            if in_spool && self.overflow.has(id) {
                self.overflow_begun.get_or_insert_with(Instant::now);
                self.overflowed.insert(id.clone());
            }
        }
    }

    /// The logs to look at, all without `now`. Those behind the one that filled the last batch come first: nobody's
    /// flood keeps others waiting.
    fn due_tails(&mut self, now: Option<Instant>) -> Vec<String> {
        let due = self.tails.iter().filter(|(_, tail)| now.is_none_or(|now| tail.is_due(now)));
        let mut ids: Vec<(bool, &String)> = due.map(|(id, tail)| (tail.is_behind(), id)).collect();
        if let Some(last) = self.filled_by.take() {
            let behind = ids.partition_point(|(_, id)| **id <= last);
            ids.rotate_left(behind);
        }
        // Whoever has a backlog comes last, in turn: the fresh lines of the others never wait for it.
        ids.sort_by_key(|(behind, _)| *behind);
        ids.into_iter().map(|(_, id)| id.clone()).collect()
    }

    /// Keeps hold of what may vanish; what cannot wait is read for the spool.
    fn hold(&mut self, inventory: &Arc<Inventory>, last: bool) {
        self.follow(inventory);
        for tail in self.tails.values_mut() {
            tail.hold(&self.settings, &self.inventory, &self.wake);
            tail.watch(&self.watches);
        }
        self.secure();
        if self.settings.lanes.can_spool() {
            let urgent = self.tails.iter().filter(|(_, tail)| tail.is_urgent()).map(|(id, _)| id.clone());
            for id in urgent.collect::<Vec<_>>() {
                self.look_for_spool(&id);
            }
            self.take_messages_for_spool();
            self.write_spool(last);
        }
        self.report();
        self.settings.metrics.held(self.held_bytes());
    }

    /// Whether a container's lines have to go behind others of it in the spool.
    fn goes_through_spool(&self, id: &str) -> bool {
        self.overflowed.contains(id) || self.settings.lanes.is_spooled(id)
    }

    /// Reads what cannot wait of a container.
    fn look_for_spool(&mut self, id: &str) {
        loop {
            let full = self.overflow.bytes() >= BATCH_BYTES && !self.write_spool(true);
            let Some(tail) = self.tails.get_mut(id) else { return };
            if full || !(tail.is_urgent() || tail.is_gone()) {
                return tail.put_off();
            }
            let overflow = &mut self.overflow;
            let more = tail.look(&self.settings, &self.inventory, &self.wake, &mut self.buffers, overflow);
            tail.watch(&self.watches);
            if overflow.has(id) {
                self.overflow_begun.get_or_insert_with(Instant::now);
                self.overflowed.insert(id.to_owned());
            }
            if tail.is_over() {
                self.tails.remove(id);
            }
            if !more {
                return;
            }
        }
    }

    /// What waits in memory for the spool goes on directly where the spool has become empty.
    fn pass_overflow_on(&mut self) {
        let spooled = self.overflowed.iter().any(|id| self.settings.lanes.is_spooled(id));
        if self.batch.is_empty() && !self.overflow.is_empty() && !spooled {
            self.batch = std::mem::take(&mut self.overflow);
            self.begun = self.overflow_begun.take();
            self.overflowed.clear();
        }
    }

    /// Whatever has been read is on disk soon after the sink stops taking it.
    fn secure(&mut self) {
        let lanes = Arc::clone(&self.settings.lanes);
        if lanes.is_to_be_secured(&self.batch)
            && lanes.can_spool()
            && lanes.spool_batch(&self.batch, self.held_bytes()).is_ok()
        {
            self.take_batch();
        }
    }

    /// Writes the spool where it is time to; what was read before for the direct way goes first. False where nothing is
    /// written.
    fn write_spool(&mut self, now: bool) -> bool {
        let due = self.overflow.bytes() >= BATCH_BYTES
            || self.overflow_begun.is_some_and(|begun| begun.elapsed() >= SPOOL_LINGER);
        if self.overflow.is_empty() || !(now || due) {
            return false;
        }
        let held = self.held_bytes();
        let lanes = Arc::clone(&self.settings.lanes);
        if self.overflowed.iter().any(|id| self.batch.has(id)) {
            if lanes.spool_batch(&self.batch, held).is_err() {
                return false;
            }
            self.take_batch();
        }
        if lanes.spool_batch(&self.overflow, held).is_err() {
            return false;
        }
        self.overflow = Batch::default();
        self.overflow_begun = None;
        self.overflowed.clear();
        true
    }

    fn held_bytes(&self) -> u64 {
        self.tails.values().map(Tail::held_bytes).sum()
    }

    /// Takes in which containers there are now.
    fn follow(&mut self, inventory: &Arc<Inventory>) {
        if Arc::ptr_eq(&self.inventory, inventory) {
            return;
        }
        self.inventory = Arc::clone(inventory);
        self.report_missed();
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
            self.forget();
        }
    }

    /// Tells of containers that went before this route has seen them.
    fn report_missed(&mut self) {
        let Inventory { removed, removals, .. } = &*self.inventory;
        let new = usize::try_from(removals.saturating_sub(self.removals)).unwrap_or(usize::MAX);
        self.removals = *removals;
        if new > removed.len() {
            warn!(containers = new - removed.len(), "containers went faster than this route could look");
            self.settings.metrics.gap("removed");
        }
        for container in removed.iter().take(new) {
            if !self.tails.contains_key(&container.id) && self.settings.filter.takes(container) {
                tail::report_unread(container, &self.settings);
            }
        }
    }

    /// Positions of containers that are gone are of no more use, once their lines in the spool are delivered.
    fn forget(&mut self) {
        self.forget_later = self.settings.lanes.is_spooling();
        for id in self.settings.positions.containers() {
            if self.tails.contains_key(&id) {
                continue;
            }
            if !self.settings.lanes.is_spooled(&id) {
                self.batch.mark_gone(&id);
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
