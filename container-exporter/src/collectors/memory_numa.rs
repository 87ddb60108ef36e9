//! `memory_numa`: on which nodes of the machine's memory pages of containers are. Off unless asked for.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};

const METRICS: &[Metric<u64>] =
    &[Metric::<u64>::gauge("container_memory_numa_pages", "Pages by kind and by node of memory.", |pages| {
        number(Some(*pages))
    })
    .from("memory.numa_stat", "-")];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(NumaCollector { shared: shared.clone(), rows: Vec::new() })
}

struct NumaCollector {
    shared: Shared,
    rows: Vec<Row<u64>>,
}

impl Collector for NumaCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows } = self;
        rows.clear();
        shared.each_container(false, |source, container| {
            rows.extend(source.numa(container).into_iter().map(|on| {
                let row = Row::of(container, on.pages).with("type", on.kind).with("scope", on.scope);
                row.with("node", on.node)
            }));
        });
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}
