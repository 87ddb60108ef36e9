//! One route from its containers to its receiver: a reader, a queue, a delivery, and the positions.

use std::sync::Arc;

use agent_core::service::Readiness;
use agent_core::shutdown::CancellationToken;
use tokio::sync::watch;
use tracing::warn;

use crate::delivery::{self, SharedPositions};
use crate::inventory::Inventory;
use crate::lanes::Lanes;
use crate::listen::feed::Queue;
use crate::meaning::settings::RouteRule;
use crate::metrics::RouteMetrics;
use crate::reader;
use crate::route::Route;
use crate::sink::{Link, Patience, Sink};
use crate::source::assemble::Wanted;
use crate::spool::Spool;

/// One route at work.
#[derive(Debug)]
pub struct Pipeline {
    /// Where lines go and whose.
    pub route: Route,
    /// What takes them there.
    pub sink: Box<dyn Sink>,
    /// The route's counters.
    pub metrics: RouteMetrics,
    /// How far each log is delivered.
    pub positions: SharedPositions,
    /// What waits on disk; without it nothing is put there.
    pub spool: Option<Spool>,
    /// Told when positions cannot be written.
    pub readiness: Readiness,
    /// The oldest lines that are wanted of an unknown log, in nanoseconds of Unix time.
    pub not_before: i64,
    /// Only so many of the last lines are wanted of an unknown log.
    pub last: Option<u64>,
    /// How lines are joined into events.
    pub multiline: Option<Arc<RouteRule>>,
    /// Messages that come by the network.
    pub feed: Option<Arc<Queue>>,
    /// `--compat`: when to give up for good.
    pub patience: Option<Patience>,
}

impl Pipeline {
    /// Works until `shutdown` is cancelled and everything read is delivered, or until `give_up` is cancelled.
    pub async fn run(
        self,
        containers: watch::Receiver<Arc<Inventory>>,
        shutdown: CancellationToken,
        give_up: CancellationToken,
    ) {
        let Self {
            route,
            sink,
            metrics,
            positions,
            spool,
            readiness,
            not_before,
            last,
            multiline,
            feed,
            patience,
        } = self;
        let lanes = Arc::new(Lanes::new(spool, positions.clone(), metrics.clone()));
        let settings = reader::Settings {
            wanted: Wanted { streams: route.filter.streams(), not_before, last, multiline },
            filter: route.filter.clone(),
            linger: sink.linger(),
            positions: positions.clone(),
            lanes: Arc::clone(&lanes),
            metrics: metrics.clone(),
            feed,
        };
        let delivered = CancellationToken::new();
        let saving = tokio::spawn(delivery::save_positions(
            positions,
            Arc::clone(&lanes),
            readiness,
            delivered.clone(),
        ));
        let reading = tokio::spawn(reader::run(settings, containers, shutdown));
        let link = Link::new(route.to_string(), metrics).with_patience(patience);
        delivery::run(lanes, sink, link, give_up).await;
        reading.abort();
        delivered.cancel();
        if let Err(error) = saving.await {
            warn!(%error, "positions may not be written");
        }
    }
}

#[cfg(test)]
mod tests;
