//! `oom`: processes that the kernel killed for want of memory.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::container::Container;
use crate::source::Source;

const METRICS: &[Metric<u64>] = &[Metric::<u64>::counter(
    "container_oom_events_total",
    "Processes that the kernel killed for want of memory.",
    |count| number(Some(*count)),
)
.from(
    "v1 memory.oom_control oom_kill (Linux 4.13); v2 memory.events oom_kill",
    "events oom, of containers that started later than the exporter",
)];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(OomCollector { shared: shared.clone(), rows: Vec::new() })
}

struct OomCollector {
    shared: Shared,
    rows: Vec<Row<u64>>,
}

impl Collector for OomCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows } = self;
        rows.clear();
        shared.each_container(false, |source, container| {
            let kills = source.oom_kills(container).or_else(|| by_events(shared, source, container));
            rows.extend(kills.map(|kills| Row::of(container, kills)));
        });
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}

/// Only where we saw the whole life of the container, and its figures are still there.
fn by_events(shared: &Shared, source: &mut dyn Source, container: &Container) -> Option<u64> {
    let ours = container.started_nanos.is_some_and(|start| start > shared.begun_nanos);
    (ours && source.cpu(container).is_some()).then_some(container.history.oom_events)
}
