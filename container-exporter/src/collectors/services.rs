//! `services`: what the containers of each service used on this node, whoever of them is left.

use std::sync::Arc;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, seconds, write};
use super::{Row, Shared};
use crate::service::Totals;

type M = Metric<Totals>;

const METRICS: &[M] = &[
    M::counter(
        "container_service_cpu_usage_seconds_total",
        "Processor time used by all containers of a service on this node, since the exporter started.",
        |t| seconds(t.cpu_nanos),
    )
    .from("as container_cpu_usage_seconds_total", "as container_cpu_usage_seconds_total"),
    M::counter(
        "container_service_network_receive_bytes_total",
        "Bytes received by all containers of a service on this node, since the exporter started.",
        |t| number(t.receive_bytes),
    )
    .from("as container_network_receive_bytes_total", "as container_network_receive_bytes_total"),
    M::counter(
        "container_service_network_transmit_bytes_total",
        "Bytes sent by all containers of a service on this node, since the exporter started.",
        |t| number(t.transmit_bytes),
    )
    .from("as container_network_transmit_bytes_total", "as container_network_transmit_bytes_total"),
    M::counter(
        "container_service_oom_events_total",
        "Out-of-memory events in containers of a service on this node, since the exporter started.",
        |t| number(Some(t.oom_events)),
    )
    .from("events oom", "events oom"),
];

const EXITS: &[Metric<u64>] = &[Metric::<u64>::counter(
    "container_service_task_exits_total",
    "Containers of a service on this node that ended since the exporter started, by exit code.",
    |count| number(Some(*count)),
)
.from("events die", "events die")];

/// What it writes.
pub fn families() -> Vec<Description> {
    [describe(METRICS), describe(EXITS)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(ServicesCollector { shared: shared.clone() })
}

struct ServicesCollector {
    shared: Shared,
}

impl Collector for ServicesCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let all = self.shared.store.services().all();
        let row = |(block, sample)| Row { block, labels: Vec::new(), sample };
        let rows: Vec<_> = all.into_iter().map(row).collect();
        write(out, self.shared.detail(), METRICS, &rows);
        let exits = rows.iter().flat_map(|row| {
            row.sample.exits.iter().map(|(code, count)| {
                let row = Row { block: Arc::clone(&row.block), labels: Vec::new(), sample: *count };
                row.with("exit_code", code.to_string())
            })
        });
        write(out, self.shared.detail(), EXITS, &exits.collect::<Vec<_>>());
        Ok(())
    }
}
