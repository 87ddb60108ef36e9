//! From a route's queue to its sink: one batch at a time, in order, and the positions once the sink has taken it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::service::Readiness;
use agent_core::shutdown::CancellationToken;
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::metrics::RouteMetrics;
use crate::position::Position;
use crate::position::store::{Positions, StateError};
use crate::record::{Batch, Mark};
use crate::sink::{Link, Sink};

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

    fn commit(&self, batch: &Batch) {
        let mut positions = self.lock();
        for (id, mark) in batch.marks() {
            match mark {
                Mark::At(position) => positions.set(id, position),
                Mark::Gone => positions.remove(id),
            }
        }
    }

    /// Writes what changed; blocks.
    fn save(&self) -> Result<(), StateError> {
        let Some(snapshot) = self.lock().take_changes() else { return Ok(()) };
        snapshot.write().inspect_err(|_| self.lock().keep_changes())
    }

    fn lock(&self) -> MutexGuard<'_, Positions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers until the reader is done, or until `give_up` is cancelled.
pub async fn run(
    mut batches: mpsc::Receiver<Batch>,
    mut sink: Box<dyn Sink>,
    mut link: Link,
    positions: SharedPositions,
    give_up: CancellationToken,
) {
    let metrics = link.metrics().clone();
    let work = async {
        loop {
            let batch = tokio::select! {
                batch = batches.recv() => batch,
                () = sink.idle(&mut link) => continue,
            };
            let Some(batch) = batch else { return };
            deliver(&batch, sink.as_mut(), &mut link, &metrics).await;
            positions.commit(&batch);
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
pub async fn save_positions(positions: SharedPositions, readiness: Readiness, stop: CancellationToken) {
    let mut failing = false;
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(SAVE_EVERY) => false,
        };
        let writer = positions.clone();
        let result = tokio::task::spawn_blocking(move || writer.save()).await;
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
