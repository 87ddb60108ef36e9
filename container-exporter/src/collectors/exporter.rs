//! `exporter`: what the exporter knows, and from where.

use std::sync::Arc;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, LabelBlock};

use super::metric::{Description, Detail, Metric, describe, number, write};
use super::{Row, Shared};

const SOURCE: &[Metric<()>] = &[Metric::<()>::gauge(
    "container_exporter_source_info",
    "The source that containers' figures come from; always 1.",
    |()| number(Some(1)),
)
.from("the exporter", "the exporter")];

const CONTAINERS: &[Metric<u64>] =
    &[Metric::gauge("container_exporter_containers", "Containers of the engine by state.", |count| {
        number(Some(*count))
    })
    .from("events, inspect State.Status", "events, inspect State.Status")];

const CONNECTED: &[Metric<bool>] = &[
    Metric::<bool>::gauge(
        "container_exporter_docker_connected",
        "Whether the engine answers.",
        |connected| number(Some(u64::from(*connected))),
    )
    .from("the exporter", "the exporter"),
    Metric::<bool>::gauge(
        "container_exporter_metadata_complete",
        "Whether the set of containers is complete: the engine answers and has listed them.",
        |connected| number(Some(u64::from(*connected))),
    )
    .from("the exporter", "the exporter"),
    Metric::<bool>::gauge(
        "container_scrape_error",
        "1 if the list of containers is not known to be up to date, because the engine does not answer.",
        |connected| number(Some(u64::from(!*connected))),
    )
    .from("the exporter", "the exporter"),
];

/// What it writes; the `Registry` of [`crate::agent`] has `container_exporter_stream_reconnects_total` besides.
pub fn families() -> Vec<Description> {
    [describe(SOURCE), describe(CONTAINERS), describe(CONNECTED)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(ExporterCollector {
        shared: shared.clone(),
        nothing: Arc::new(LabelBlock::new::<&str, &str>(&[])),
    })
}

struct ExporterCollector {
    shared: Shared,
    nothing: Arc<LabelBlock>,
}

impl ExporterCollector {
    fn row<S>(&self, sample: S) -> Row<S> {
        Row { block: Arc::clone(&self.nothing), labels: Vec::new(), sample }
    }
}

impl Collector for ExporterCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let store = &self.shared.store;
        write(out, Detail::Full, SOURCE, &[self.row(()).with("source", self.shared.source_name())]);
        if store.is_listed() {
            let counts = store.count().map(|(state, count)| self.row(count).with("state", state.name()));
            write(out, Detail::Full, CONTAINERS, &counts);
        }
        write(out, Detail::Full, CONNECTED, &[self.row(store.engine().connected && store.is_listed())]);
        Ok(())
    }
}
