//! `sched`: what the scheduler says of the processes of containers. Off unless asked for.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{Scratch, fields, parse_u64};

use super::metric::{Description, Metric, describe, number, seconds, write};
use super::{Row, Shared};

/// Sums over processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sched {
    run_nanos: u64,
    wait_nanos: u64,
    periods: u64,
}

type M = Metric<Sched>;

const METRICS: &[M] = &[
    M::counter("container_cpu_schedstat_run_seconds_total", "Time that processes ran.", |s| {
        seconds(Some(s.run_nanos))
    })
    .from("/proc/<pid>/schedstat of all processes", "-"),
    M::counter("container_cpu_schedstat_runqueue_seconds_total", "Time that processes waited to run.", |s| {
        seconds(Some(s.wait_nanos))
    })
    .from("/proc/<pid>/schedstat of all processes", "-"),
    M::counter("container_cpu_schedstat_run_periods_total", "How often processes were put on a CPU.", |s| {
        number(Some(s.periods))
    })
    .from("/proc/<pid>/schedstat of all processes", "-"),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(SchedCollector { shared: shared.clone(), rows: Vec::new(), scratch: Scratch::default() })
}

struct SchedCollector {
    shared: Shared,
    rows: Vec<Row<Sched>>,
    scratch: Scratch,
}

impl Collector for SchedCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows, scratch } = self;
        rows.clear();
        shared.each_container(false, |source, container| {
            let mut sum: Option<Sched> = None;
            for pid in source.pids(container) {
                let path = shared.paths.procfs.join(format!("{pid}/schedstat"));
                let Some(one) = scratch.read(&path).ok().and_then(parse_schedstat) else { continue };
                let sum = sum.get_or_insert_default();
                sum.run_nanos += one.run_nanos;
                sum.wait_nanos += one.wait_nanos;
                sum.periods += one.periods;
            }
            rows.extend(sum.map(|sum| Row::of(container, sum)));
        });
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}

/// `run wait periods`, times in nanoseconds.
fn parse_schedstat(bytes: &[u8]) -> Option<Sched> {
    let mut numbers = fields(bytes).map(parse_u64);
    let mut next = || numbers.next().flatten();
    Some(Sched { run_nanos: next()?, wait_nanos: next()?, periods: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers() {
        let sched = parse_schedstat(b"30000 2000 17\n");
        assert_eq!(sched, Some(Sched { run_nanos: 30000, wait_nanos: 2000, periods: 17 }));
        assert_eq!(parse_schedstat(b"1 x"), None);
    }
}
