//! The two ways from a route's reader to its delivery: directly through memory, and through the spool on disk.
//!
//! A container's lines take one way at a time, so they keep their order: while some of them wait in the spool, what is
//! read of it goes behind them. Other containers' lines pass by directly. When the spool begins to be used, what was
//! handed over before and is not delivered yet is copied into it, so that a killed router finds it there.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::{info, warn};

use crate::delivery::SharedPositions;
use crate::metrics::RouteMetrics;
use crate::position::Position;
use crate::record::Batch;
use crate::spool::{Cursor, Loss, Spool};
use crate::time::Utc;

/// Batches in memory: the one that the sink works on and the next.
const ROOM: usize = 2;
/// A sink that takes nothing for so long has what waits for it put on disk.
const STUCK: Duration = Duration::from_secs(1);
/// Names of containers in one message.
const MOST_NAMES: usize = 10;

/// Shared by a route's reader and its delivery.
#[derive(Debug)]
pub struct Lanes {
    direct: Mutex<Direct>,
    /// Locked only where blocking is allowed.
    spool: Mutex<Option<Spool>>,
    /// How many batches are in the spool.
    spooled: AtomicUsize,
    /// Something has come for the delivery.
    ready: Notify,
    /// Something is delivered.
    room: Notify,
    turn: AtomicU8,
    failing: AtomicBool,
    positions: SharedPositions,
    metrics: RouteMetrics,
}

#[derive(Debug, Default)]
struct Direct {
    /// With the place of its copy in the spool.
    batches: VecDeque<(Arc<Batch>, Option<Cursor>)>,
    /// When the sink took something last, or the first of these came.
    progress: Option<Instant>,
    /// Copies in the spool of what is delivered.
    delivered: HashSet<Cursor>,
    closed: bool,
}

impl Direct {
    fn is_stuck(&self) -> bool {
        !self.batches.is_empty() && self.progress.is_some_and(|since| since.elapsed() >= STUCK)
    }
}

/// A batch for the sink.
#[derive(Debug)]
pub struct Parcel {
    /// The lines.
    pub batch: Arc<Batch>,
    /// Where it is in the spool; `None` for one from memory.
    place: Option<Cursor>,
}

impl Lanes {
    /// Without a spool nothing is written to disk, and what cannot wait in memory is not read.
    pub fn new(spool: Option<Spool>, positions: SharedPositions, metrics: RouteMetrics) -> Self {
        let lanes = Self {
            direct: Mutex::default(),
            spooled: AtomicUsize::new(spool.as_ref().map_or(0, Spool::len)),
            spool: Mutex::new(spool),
            ready: Notify::new(),
            room: Notify::new(),
            turn: AtomicU8::new(0),
            failing: AtomicBool::new(false),
            positions,
            metrics,
        };
        if let Some(spool) = lanes.spool().as_mut() {
            lanes.after(spool);
        }
        lanes
    }

    // For the reader.

    /// Whether a batch can be handed over.
    pub fn has_room(&self) -> bool {
        let direct = self.direct();
        direct.batches.len() < ROOM && !direct.is_stuck()
    }

    /// Waits until a batch can be handed over.
    pub async fn wait_for_room(&self) {
        while !self.has_room() {
            self.room.notified().await;
        }
    }

    /// Hands a batch over.
    pub fn send(&self, batch: Batch) {
        let mut direct = self.direct();
        if direct.batches.is_empty() {
            direct.progress = Some(Instant::now());
        }
        direct.batches.push_back((Arc::new(batch), None));
        drop(direct);
        self.ready.notify_one();
    }

    /// No more will come.
    pub fn close(&self) {
        self.direct().closed = true;
        self.ready.notify_one();
    }

    /// Whether there is a spool that can be written to.
    pub fn can_spool(&self) -> bool {
        self.spool().is_some()
    }

    /// Whether anything waits in the spool.
    pub fn is_spooling(&self) -> bool {
        self.spooled.load(Ordering::Acquire) > 0
    }

    /// Whether lines of a container wait in the spool; blocks.
    pub fn is_spooled(&self, id: &str) -> bool {
        self.spooled.load(Ordering::Acquire) > 0 && self.spool().as_ref().is_some_and(|spool| spool.has(id))
    }

    /// How far a container has been read: to the end of what is in the spool, else to what is delivered; blocks.
    pub fn position(&self, id: &str) -> Option<Position> {
        let spooled = self.spool().as_ref().and_then(|spool| spool.read_position(id).cloned());
        spooled.or_else(|| self.positions.get(id))
    }

    /// Whether the sink has taken nothing for a while, so that what was handed over or waits in `batch` is to be put on
    /// disk: its files may be deleted, and we may be killed.
    pub fn is_to_be_secured(&self, batch: &Batch) -> bool {
        let direct = self.direct();
        direct.is_stuck() && (batch.has_lines() || direct.batches.iter().any(|(_, copy)| copy.is_none()))
    }

    /// Puts a batch into the spool, behind copies of what was handed over of its containers, or of all
    /// that was handed over to a stuck sink; blocks. `held` bytes of deleted files that
    /// are held open count too. On an error the batch is as it was.
    pub fn spool_batch(&self, batch: &Batch, held: u64) -> io::Result<()> {
        let mut guard = self.spool();
        let Some(spool) = guard.as_mut() else { return Err(io::Error::other("there is no spool")) };
        let result = self.write(spool, batch);
        let elsewhere = self.elsewhere();
        let loss = spool.shrink(held, |at| elsewhere.contains(&at));
        self.report(&loss, "spool_full");
        self.positions.commit_marks(loss.marks.iter().filter(|(id, _)| !self.is_handed_over(id)));
        self.after(spool);
        drop(guard);
        self.ready.notify_one();
        match &result {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    info!(route = self.metrics.name(), "the spool is written again");
                }
            }
            Err(error) => {
                self.metrics.error("spool");
                if !self.failing.swap(true, Ordering::Relaxed) {
                    warn!(route = self.metrics.name(), %error, "the spool cannot be written; what a rotation deletes is held open");
                }
            }
        }
        result
    }

    fn write(&self, spool: &mut Spool, batch: &Batch) -> io::Result<()> {
        let uncopied: Vec<Arc<Batch>> = {
            let direct = self.direct();
            let uncopied = direct.batches.iter().filter(|(_, copy)| copy.is_none()).map(|(b, _)| b);
            let all = direct.is_stuck();
            uncopied.filter(|direct| all || direct.shares_container(batch)).map(Arc::clone).collect()
        };
        for batch in uncopied {
            let place = spool.append(&batch)?;
            let mut direct = self.direct();
            match direct.batches.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &batch)) {
                Some((_, copy)) => *copy = Some(place),
                None => {
                    direct.delivered.insert(place);
                }
            }
        }
        if !batch.is_empty() {
            spool.append(batch)?;
        }
        Ok(())
    }

    fn is_handed_over(&self, id: &str) -> bool {
        self.direct().batches.iter().any(|(batch, _)| batch.has(id))
    }

    /// Places of the spool whose lines are in memory too, or delivered.
    fn elsewhere(&self) -> HashSet<Cursor> {
        let direct = self.direct();
        direct.batches.iter().filter_map(|(_, copy)| *copy).chain(direct.delivered.iter().copied()).collect()
    }

    // For the delivery.

    /// The next batch, from memory and from the spool in turn; `None` at the end. May be dropped at any time.
    pub async fn next(self: &Arc<Self>) -> Option<Parcel> {
        loop {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            if turn.is_multiple_of(2)
                && let Some(parcel) = self.next_direct()
            {
                return Some(parcel);
            }
            if self.spooled.load(Ordering::Acquire) > 0 {
                let lanes = Arc::clone(self);
                if let Ok(Some(parcel)) = tokio::task::spawn_blocking(move || lanes.next_spooled()).await {
                    return Some(parcel);
                }
            }
            if let Some(parcel) = self.next_direct() {
                return Some(parcel);
            }
            if self.direct().closed && self.spooled.load(Ordering::Acquire) == 0 {
                return None;
            }
            self.ready.notified().await;
        }
    }

    fn next_direct(&self) -> Option<Parcel> {
        let batch = self.direct().batches.front().map(|(batch, _)| Arc::clone(batch))?;
        Some(Parcel { batch, place: None })
    }

    /// Blocks.
    fn next_spooled(&self) -> Option<Parcel> {
        let mut guard = self.spool();
        let spool = guard.as_mut()?;
        let mut parcel = None;
        while let Some(at) = spool.front() {
            {
                let mut direct = self.direct();
                if direct.batches.iter().any(|(_, copy)| *copy == Some(at)) {
                    break;
                }
                if direct.delivered.remove(&at) {
                    if let Some(next) = spool.pop(at) {
                        self.positions.commit_spool(next);
                    }
                    continue;
                }
            }
            parcel = spool.read_front();
            break;
        }
        self.after(spool);
        parcel.map(|(at, batch)| Parcel { batch: Arc::new(batch), place: Some(at) })
    }

    /// A batch is delivered.
    pub async fn delivered(self: &Arc<Self>, parcel: Parcel) {
        self.positions.commit(&parcel.batch);
        if let Some(place) = parcel.place {
            self.direct().progress = Some(Instant::now());
            let lanes = Arc::clone(self);
            let popped = tokio::task::spawn_blocking(move || {
                let mut guard = lanes.spool();
                let Some(spool) = guard.as_mut() else { return };
                if let Some(next) = spool.pop(place) {
                    lanes.positions.commit_spool(next);
                }
                lanes.after(spool);
            });
            if let Err(error) = popped.await {
                warn!(%error, "the spool goes on where it was");
            }
        } else {
            let mut direct = self.direct();
            direct.progress = Some(Instant::now());
            if let Some((_, Some(copy))) = direct.batches.pop_front() {
                direct.delivered.insert(copy);
            }
        }
        self.room.notify_one();
    }

    /// Deletes what lies before a place that is remembered on disk; blocks.
    pub fn sweep(&self, delivered: Cursor) {
        if let Some(spool) = self.spool().as_mut() {
            spool.sweep(delivered);
            self.after(spool);
        }
    }

    /// Everything that can be seen of the spool from outside.
    fn after(&self, spool: &mut Spool) {
        if let Some(damage) = spool.take_damage() {
            self.report(&damage, "spool_damaged");
        }
        if spool.is_empty() {
            self.direct().delivered.clear();
        }
        self.spooled.store(spool.len(), Ordering::Release);
        self.metrics.spool(spool.bytes(), spool.len());
    }

    fn report(&self, loss: &Loss, reason: &'static str) {
        if loss.lines == 0 && !loss.damaged {
            return;
        }
        self.metrics.dropped(reason, loss.lines);
        self.metrics.gap(reason);
        let mut names: Vec<&str> = loss.names.iter().map(String::as_str).collect();
        names.sort_unstable();
        let more = names.len().saturating_sub(MOST_NAMES);
        names.truncate(MOST_NAMES);
        let time = |nanos| {
            let mut text = Vec::new();
            Utc::from_nanos(nanos).write_rfc3339(3, &mut text);
            String::from_utf8(text).unwrap_or_default()
        };
        let (from, to) = loss.times.map_or_else(Default::default, |(from, to)| (time(from), time(to)));
        let containers = names.join(", ");
        warn!(
            route = self.metrics.name(),
            reason,
            lines = loss.lines,
            containers,
            more,
            from,
            to,
            "lines in the spool are lost"
        );
    }

    fn direct(&self) -> MutexGuard<'_, Direct> {
        self.direct.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spool(&self) -> MutexGuard<'_, Option<Spool>> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
