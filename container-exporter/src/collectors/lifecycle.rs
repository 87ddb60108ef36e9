//! `lifecycle`: what containers do and how they ended. Of those that do not run, only this is told.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Value};

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};

/// How a container is or ended.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    restarts: Option<u64>,
    uptime: Option<f64>,
    exit_code: Option<i64>,
    oom_killed: Option<bool>,
}

const STATE: &[Metric<()>] = &[Metric::<()>::gauge(
    "container_state",
    "1 for the state that the container is in; other states are absent.",
    |()| number(Some(1)),
)
.from("events, inspect State.Status", "events, inspect State.Status")];

const METRICS: &[Metric<Life>] = &[
    Metric::<Life>::counter(
        "container_restarts_total",
        "How often the engine restarted the container by its restart policy; a Swarm makes new ones instead.",
        |life| number(life.restarts),
    )
    .from("inspect RestartCount", "inspect RestartCount"),
    Metric::<Life>::gauge("container_uptime_seconds", "Time since the container started.", |life| {
        life.uptime.map(Value::Float)
    })
    .from("inspect State.StartedAt, the clock", "inspect State.StartedAt, the clock"),
    Metric::<Life>::gauge("container_exit_code", "Exit code of a container that ended.", |life| {
        life.exit_code.map(Value::Signed)
    })
    .from("events die, inspect State.ExitCode", "events die, inspect State.ExitCode"),
    Metric::<Life>::gauge(
        "container_oom_killed",
        "Whether the kernel killed a process of a container that ended, for want of memory.",
        |life| number(life.oom_killed.map(u64::from)),
    )
    .from("events oom, inspect State.OOMKilled", "events oom, inspect State.OOMKilled"),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    [describe(STATE), describe(METRICS)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(LifecycleCollector { shared: shared.clone(), rows: Vec::new(), states: Vec::new() })
}

struct LifecycleCollector {
    shared: Shared,
    rows: Vec<Row<Life>>,
    states: Vec<Row<()>>,
}

impl Collector for LifecycleCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows, states } = self;
        rows.clear();
        states.clear();
        let now = shared.now();
        for container in shared.present() {
            states.push(Row::of(&container, ()).with("state", container.state.name()));
            let uptime = container.started_nanos.map(|start| (now - start / 1_000_000_000).max(0) as f64);
            let life = Life { restarts: Some(container.restarts), uptime, ..Life::default() };
            rows.push(Row::of(&container, life));
        }
        for container in shared.store.dead(shared.options.dead) {
            states.push(Row::of(&container, ()).with("state", container.state.name()));
            // One that never ran has not ended.
            if container.started_nanos.is_some() {
                let oom_killed = Some(container.oom_killed);
                let life = Life { exit_code: container.exit_code, oom_killed, ..Life::default() };
                rows.push(Row::of(&container, life));
            }
        }
        write(out, shared.detail(), STATE, states);
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}
