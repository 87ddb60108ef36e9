//! From a route's queue to its sink: one batch at a time, in order, and the positions once the sink has taken it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::service::Readiness;
use agent_core::shutdown::CancellationToken;
use tracing::{info, warn};

use crate::lanes::Lanes;
use crate::metrics::RouteMetrics;
use crate::position::Position;
use crate::position::store::{Positions, StateError};
use crate::record::{Batch, Mark};
use crate::sink::{Link, Sink};
use crate::spool::Cursor;

/// How often changed positions are written: what is delivered twice after a crash.
const SAVE_EVERY: Duration = Duration::from_millis(500);

/// A route's positions, used by its reader (where to begin) and its delivery (how far it came).
#[derive(Debug, Clone)]
pub struct SharedPositions(Arc<Mutex<Positions>>);

impl SharedPositions {
    /// Shares positions.
    pub fn new(positions: Positions) -> Self {
        Self(Arc::new(Mutex::new(positions)))
    }

    /// Where a container is.
    pub fn get(&self, id: &str) -> Option<Position> {
        self.lock().get(id).cloned()
    }

    /// All containers with a position.
    pub fn containers(&self) -> Vec<String> {
        self.lock().containers().map(str::to_owned).collect()
    }

    /// Where to begin with a container, instead of by `--start`.
    pub fn begin_at(&self, id: &str, position: &Position) {
        self.lock().set(id, position);
    }

    /// A batch is delivered.
    pub fn commit(&self, batch: &Batch) {
        let mut positions = self.lock();
        for (id, mark) in batch.marks() {
            match mark {
                Mark::At(position) => positions.set(id, position),
                Mark::Gone => positions.remove(id),
            }
        }
    }

    /// Lines up to these places will never be delivered.
    pub fn commit_marks<'a>(&self, marks: impl IntoIterator<Item = &'a (String, Option<Position>)>) {
        let mut positions = self.lock();
        for (id, position) in marks {
            match position {
                Some(position) => positions.set(id, position),
                None => positions.remove(id),
            }
        }
    }

    /// The spool is delivered up to here.
    pub fn commit_spool(&self, delivered: Cursor) {
        self.lock().set_spool(delivered);
    }

    /// Up to where the spool is delivered.
    pub fn spool(&self) -> Cursor {
        self.lock().spool()
    }

    /// Writes what changed; blocks.
    fn save(&self, lanes: &Lanes) -> Result<(), StateError> {
        let Some(snapshot) = self.lock().take_changes() else { return Ok(()) };
        let delivered = snapshot.write().inspect_err(|_| self.lock().keep_changes())?;
        lanes.sweep(delivered);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Positions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers until the reader is done, or until `give_up` is cancelled.
pub async fn run(lanes: Arc<Lanes>, mut sink: Box<dyn Sink>, mut link: Link, give_up: CancellationToken) {
    let metrics = link.metrics().clone();
    let work = async {
        loop {
            let parcel = tokio::select! {
                parcel = lanes.next() => parcel,
                () = sink.idle(&mut link) => continue,
            };
            let Some(parcel) = parcel else { return };
            deliver(&parcel.batch, sink.as_mut(), &mut link, &metrics).await;
            lanes.delivered(parcel).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = give_up.cancelled() => info!("lines that the sink did not take in time are sent after the next start"),
    }
}

async fn deliver(batch: &Batch, sink: &mut dyn Sink, link: &mut Link, metrics: &RouteMetrics) {
    if batch.has_lines() {
        metrics.begun(batch);
        sink.deliver(batch, link).await;
        metrics.delivered(batch);
    }
}

/// Writes positions whenever they changed, until `stop` is cancelled, and then once more.
pub async fn save_positions(
    positions: SharedPositions,
    lanes: Arc<Lanes>,
    readiness: Readiness,
    stop: CancellationToken,
) {
    let mut failing = false;
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(SAVE_EVERY) => false,
        };
        let (writer, sweeper) = (positions.clone(), Arc::clone(&lanes));
        let result = tokio::task::spawn_blocking(move || writer.save(&sweeper)).await;
        match result {
            Ok(Ok(())) => {
                if std::mem::take(&mut failing) {
                    info!("positions are written again");
                }
                readiness.ready("state");
            }
            Ok(Err(error)) => {
                if !std::mem::replace(&mut failing, true) {
                    warn!(%error, "positions cannot be written; a restart now would send lines again");
                }
                readiness.waiting("state", error.to_string());
            }
            Err(error) => warn!(%error, "positions were not written"),
        }
        if last {
            return;
        }
    }
}
