//! `state`: since when, how well, and that they are there at all.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Value};

use super::metric::{Description, Metric, describe, write};
use super::{Row, Shared};
use crate::host::Host;

/// Times in whole seconds of Unix time, and cAdvisor's number for health.
#[derive(Debug, Clone, Copy)]
struct Times {
    created: Option<i64>,
    started: Option<i64>,
    health: Option<i64>,
    /// The moment of the scrape: dashboards count containers by the rate of this, so only containers have it.
    seen: Option<i64>,
}

type M = Metric<Times>;

const METRICS: &[M] = &[
    M::gauge("container_start_time_seconds", "Unix time at which the container started.", |times| {
        times.started.map(Value::Signed)
    })
    .from("inspect State.StartedAt; the machine: /proc/stat btime", "inspect State.StartedAt"),
    M::gauge("container_last_seen", "Unix time at which the container was seen last: now.", |times| {
        times.seen.map(Value::Signed)
    })
    .from("the clock", "the clock"),
    M::gauge("container_creation_time_seconds", "Unix time at which the container was made.", |times| {
        times.created.map(Value::Signed)
    })
    .from("inspect Created", "inspect Created"),
    M::gauge(
        "container_health_state",
        "What the health check says: 1 healthy, 0 not (yet), -1 there is none.",
        |times| times.health.map(Value::Signed),
    )
    .from("inspect State.Health, events health_status", "inspect State.Health, events health_status"),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    let host = Host::new(&shared.paths.procfs);
    Box::new(StateCollector { shared: shared.clone(), host, rows: Vec::new() })
}

struct StateCollector {
    shared: Shared,
    host: Host,
    rows: Vec<Row<Times>>,
}

impl Collector for StateCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, host, rows } = self;
        rows.clear();
        let seen = shared.now();
        let boot = host.read_stat().ok().and_then(|stat| stat.boot_time).and_then(|t| i64::try_from(t).ok());
        rows.extend(shared.root_row(Times { started: boot, created: None, health: None, seen: None }));
        let seconds = |nanos: i64| nanos / 1_000_000_000;
        rows.extend(shared.present().iter().map(|container| {
            let times = Times {
                created: container.created_nanos.map(seconds),
                started: container.started_nanos.map(seconds),
                health: Some(container.health.number()),
                seen: Some(seen),
            };
            Row::of(container, times)
        }));
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}
