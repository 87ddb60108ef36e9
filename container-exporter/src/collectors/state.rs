//! `state`: since when, and that they are there at all.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Value};

use super::metric::{Description, Metric, describe, write};
use super::{Row, Shared};
use crate::host::Host;

/// Times in whole seconds of Unix time.
#[derive(Debug, Clone, Copy)]
struct Times {
    started: Option<i64>,
    /// The moment of the scrape: dashboards count containers by the rate of this.
    seen: i64,
}

type M = Metric<Times>;

const METRICS: &[M] = &[
    M::gauge("container_start_time_seconds", "Unix time at which the container started.", |times| {
        times.started.map(Value::Signed)
    })
    .from("inspect State.StartedAt; the machine: /proc/stat btime", "inspect State.StartedAt"),
    M::gauge("container_last_seen", "Unix time at which the container was seen last: now.", |times| {
        Some(Value::Signed(times.seen))
    })
    .from("the clock", "the clock"),
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
        rows.push(shared.root_row(Times { started: boot, seen }));
        rows.extend(shared.present().iter().map(|container| {
            let started = container.started_nanos.map(|nanos| nanos / 1_000_000_000);
            Row::of(container, Times { started, seen })
        }));
        write(out, METRICS, rows);
        Ok(())
    }
}
