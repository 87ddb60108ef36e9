//! `tasks`: what processes of containers are doing.

use std::path::Path;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{Scratch, fields};

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};

/// Of containers with more processes this would cost more than it says.
const MOST: usize = 64;

/// Processes by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct States {
    sleeping: u64,
    running: u64,
    stopped: u64,
    uninterruptible: u64,
}

type M = Metric<States>;
const NAME: &str = "container_tasks_state";
const HELP: &str = "Processes by what they are doing; absent where there are more than 64.";

const METRICS: &[M] = &[
    M::gauge(NAME, HELP, |s| number(Some(s.sleeping)))
        .labels(&[("state", "sleeping")])
        .from("cgroup.procs, /proc/<pid>/stat", "-"),
    M::gauge(NAME, HELP, |s| number(Some(s.running))).labels(&[("state", "running")]),
    M::gauge(NAME, HELP, |s| number(Some(s.stopped))).labels(&[("state", "stopped")]),
    M::gauge(NAME, HELP, |s| number(Some(s.uninterruptible))).labels(&[("state", "uninterruptible")]),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(TasksCollector { shared: shared.clone(), rows: Vec::new(), scratch: Scratch::default() })
}

struct TasksCollector {
    shared: Shared,
    rows: Vec<Row<States>>,
    scratch: Scratch,
}

impl Collector for TasksCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows, scratch } = self;
        rows.clear();
        shared.each_container(false, |source, container| {
            let pids = source.pids(container);
            if (1..=MOST).contains(&pids.len()) {
                let states = read_states(&shared.paths.procfs, &pids, scratch);
                rows.extend(states.map(|states| Row::of(container, states)));
            }
        });
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}

/// `None` where not one of them can be read.
fn read_states(procfs: &Path, pids: &[u32], scratch: &mut Scratch) -> Option<States> {
    let mut states = None;
    for pid in pids {
        let Ok(bytes) = scratch.read(&procfs.join(format!("{pid}/stat"))) else { continue };
        let states: &mut States = states.get_or_insert_default();
        match parse_state(bytes) {
            Some(b'S' | b'I') => states.sleeping += 1,
            Some(b'R') => states.running += 1,
            Some(b'T' | b't') => states.stopped += 1,
            Some(b'D') => states.uninterruptible += 1,
            _ => {}
        }
    }
    states
}

/// `pid (name) S ...`; the name may hold anything.
fn parse_state(bytes: &[u8]) -> Option<u8> {
    let name_ends = bytes.iter().rposition(|byte| *byte == b')')?;
    fields(bytes.get(name_ends + 1..)?).next()?.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;
    use proptest::prelude::*;

    #[test]
    fn states_are_counted() {
        let root = FakeRoot::new();
        for (pid, state) in [(1, "S"), (2, "R"), (3, "I"), (4, "Z")] {
            root.file(format!("{pid}/stat"), format!("{pid} (a) b) {state} 1 2 3\n"));
        }
        let states = read_states(root.path(), &[1, 2, 3, 4, 5], &mut Scratch::default());
        assert_eq!(states, Some(States { sleeping: 2, running: 1, ..States::default() }));
        assert_eq!(read_states(root.path(), &[9], &mut Scratch::default()), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            parse_state(&bytes);
        }
    }
}
