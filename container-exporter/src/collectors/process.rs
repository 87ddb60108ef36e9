//! `process`: processes, threads and descriptors of containers. Off unless asked for.

use std::fs;
use std::io;
use std::path::Path;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Value};
use agent_core::read::{Scratch, fields, lines, parse_u64};

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::sample::Processes;

type M = Metric<Processes>;

const METRICS: &[M] = &[
    M::gauge("container_processes", "Processes.", |p| number(p.processes))
        .from("cgroup.procs (v1: of the pids controller)", "-"),
    M::gauge("container_threads", "Threads of all processes.", |p| number(p.threads))
        .from("pids.current", "pids_stats.current"),
    M::gauge("container_threads_max", "The most threads allowed; 0 is no limit.", |p| number(p.threads_max))
        .from("pids.max", "pids_stats.limit"),
];

/// Descriptors of all processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Files {
    open: u64,
    sockets: u64,
}

const FILES: &[Metric<Files>] = &[
    Metric::<Files>::gauge("container_file_descriptors", "Descriptors that all processes have open.", |f| {
        number(Some(f.open))
    })
    .from("/proc/<pid>/fd of all processes; needs CAP_SYS_PTRACE", "-"),
    Metric::<Files>::gauge("container_sockets", "Descriptors of all processes that are sockets.", |f| {
        number(Some(f.sockets))
    })
    .from("/proc/<pid>/fd of all processes; needs CAP_SYS_PTRACE", "-"),
];

const LIMITS: &[Metric<i64>] = &[Metric::<i64>::gauge(
    "container_ulimits_soft",
    "Soft limits of the first process; -1 is none.",
    |limit| Some(Value::Signed(*limit)),
)
.from("/proc/<pid>/limits", "-")];

/// What it writes.
pub fn families() -> Vec<Description> {
    [describe(METRICS), describe(FILES), describe(LIMITS)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(ProcessCollector { shared: shared.clone(), rows: Vec::new(), scratch: Scratch::default() })
}

struct ProcessCollector {
    shared: Shared,
    rows: Vec<Row<Processes>>,
    scratch: Scratch,
}

impl Collector for ProcessCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows, scratch } = self;
        rows.clear();
        let (mut files, mut limits) = (Vec::new(), Vec::new());
        let procfs = &shared.paths.procfs;
        shared.each_container(false, |source, container| {
            rows.extend(source.processes(container).map(|processes| Row::of(container, processes)));
            files.extend(count_files(procfs, &source.pids(container)).map(|count| Row::of(container, count)));
            let limit = source.first_pid(container).and_then(|pid| {
                scratch.read(&procfs.join(format!("{pid}/limits"))).ok().and_then(parse_open_files)
            });
            limits.extend(limit.map(|limit| Row::of(container, limit).with("ulimit", "max_open_files")));
        });
        write(out, shared.detail(), METRICS, rows);
        write(out, shared.detail(), FILES, &files);
        write(out, shared.detail(), LIMITS, &limits);
        Ok(())
    }
}

/// `None` where a process may not be looked into: part of a count is no count.
fn count_files(procfs: &Path, pids: &[u32]) -> Option<Files> {
    let mut files = (!pids.is_empty()).then(Files::default)?;
    for pid in pids {
        let entries = match fs::read_dir(procfs.join(format!("{pid}/fd"))) {
            Ok(entries) => entries,
            // It ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => return None,
        };
        for entry in entries.flatten() {
            files.open += 1;
            let target = fs::read_link(entry.path()).ok();
            files.sockets += u64::from(target.is_some_and(|t| t.to_string_lossy().starts_with("socket:")));
        }
    }
    Some(files)
}

/// The soft limit of the line `Max open files  1024  4096  files`.
fn parse_open_files(bytes: &[u8]) -> Option<i64> {
    let line = lines(bytes).find_map(|line| line.strip_prefix(b"Max open files"))?;
    match fields(line).next()? {
        b"unlimited" => Some(-1),
        number => i64::try_from(parse_u64(number)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    #[test]
    fn descriptors_and_limits() {
        let root = FakeRoot::new();
        root.file("7/fd/0", "");
        std::os::unix::fs::symlink("socket:[123]", root.path().join("7/fd/1")).unwrap();
        assert_eq!(count_files(root.path(), &[7, 8]), Some(Files { open: 2, sockets: 1 }));
        assert_eq!(count_files(root.path(), &[]), None);
        let limits =
            b"Limit  Soft Limit  Hard Limit  Units\nMax open files            1024   524288   files\n";
        assert_eq!(parse_open_files(limits), Some(1024));
        assert_eq!(parse_open_files(b"Max open files unlimited unlimited files"), Some(-1));
    }
}
