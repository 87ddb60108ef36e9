//! `processes`: how many processes and threads there are, by state, and how many there may be; from
//! `/proc/<pid>/stat` and `/proc/<pid>/task/<tid>/stat`.

use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, parse_u64};

use crate::host::{Host, optional, read_number};

/// The collector.
#[derive(Debug)]
pub(super) struct Processes {
    procfs: PathBuf,
    threads_max: KeptFile,
    pid_max: KeptFile,
    /// The file that is read now.
    path: PathBuf,
    scratch: Scratch,
}

impl Processes {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            procfs: host.roots.procfs.clone(),
            threads_max: host.procfs("sys/kernel/threads-max"),
            pid_max: host.procfs("sys/kernel/pid_max"),
            path: PathBuf::new(),
            scratch: Scratch::default(),
        }
    }

    /// Counts all processes; those that end meanwhile are not there.
    fn count(&mut self) -> Result<Counts, CollectError> {
        let mut counts = Counts::default();
        let folder = std::fs::read_dir(&self.procfs).map_err(|e| CollectError::io(&self.procfs, e))?;
        for name in
            folder.flatten().map(|entry| entry.file_name()).filter(|name| is_number(name.as_encoded_bytes()))
        {
            self.path.clear();
            self.path.extend([self.procfs.as_path(), Path::new(&name)]);
            let Some(stat) = self.read_stat() else { continue };
            counts.pids += 1;
            counts.threads = counts.threads.saturating_add(stat.threads);
            counts.processes.add(stat.state);
            self.count_threads(&name, &stat, &mut counts.thread_states);
        }
        Ok(counts)
    }

    /// Counts the threads of the process whose folder `path` is; the first thread's state is the process's.
    fn count_threads(&mut self, process: &std::ffi::OsStr, stat: &Stat, states: &mut States) {
        self.path.push("task");
        if stat.threads <= 1 {
            if self.path.is_dir() {
                states.add(stat.state);
            }
            return;
        }
        let Ok(folder) = std::fs::read_dir(&self.path) else { return };
        for name in folder.flatten().map(|entry| entry.file_name()) {
            if name == process {
                states.add(stat.state);
                continue;
            }
            self.path.push(&name);
            if let Some(stat) = self.read_stat() {
                states.add(stat.state);
            }
            self.path.pop();
        }
    }

    fn read_stat(&mut self) -> Option<Stat> {
        self.path.push("stat");
        let stat = self.scratch.read(&self.path).ok().and_then(parse_stat);
        self.path.pop();
        stat
    }
}

impl Collector for Processes {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let counts = self.count()?;
        out.gauge("node_processes_pids", "Processes that there are.", counts.pids);
        out.gauge("node_processes_threads", "Threads that there are.", counts.threads);
        let help = "Processes by the letter of their state.";
        counts.processes.write(out, "node_processes_state", help, "state");
        let help = "Threads by the letter of their state.";
        counts.thread_states.write(out, "node_processes_threads_state", help, "thread_state");
        for (file, name, help) in [
            (&mut self.threads_max, "node_processes_max_threads", "Threads that there may be."),
            (&mut self.pid_max, "node_processes_max_processes", "Highest number that a process may get."),
        ] {
            if let Some(limit) = optional(read_number(file, &mut self.scratch))? {
                out.gauge(name, help, limit);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Counts {
    pids: u64,
    threads: u64,
    processes: States,
    thread_states: States,
}

/// How many there are in each state; states are capital or small letters.
#[derive(Debug)]
struct States([u64; 128]);

impl Default for States {
    fn default() -> Self {
        Self([0; 128])
    }
}

impl States {
    fn add(&mut self, state: u8) {
        if let Some(count) = self.0.get_mut(usize::from(state)) {
            *count += 1;
        }
    }

    fn write(&self, out: &mut Exposition<'_>, name: &str, help: &str, label: &str) {
        let mut family = out.family(name, help, Kind::Gauge);
        for (state, count) in (0_u8..).zip(self.0).filter(|(_, count)| *count > 0) {
            family.sample(&[(label, char::from(state).encode_utf8(&mut [0; 4]))], count);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: u8,
    threads: u64,
}

fn is_number(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_digit)
}

/// `pid (name) state … threads …`; the name may hold blanks and brackets.
fn parse_stat(content: &[u8]) -> Option<Stat> {
    /// Fields from the state to the number of threads.
    const THREADS: usize = 17;
    let end = content.iter().rposition(|byte| *byte == b')')?;
    let mut fields = fields(content.get(end + 1..)?);
    let state = fields.next()?.first().copied().filter(u8::is_ascii_alphabetic)?;
    Some(Stat { state, threads: parse_u64(fields.nth(THREADS - 1)?)? })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    fn stat(pid: u32, name: &str, state: char, threads: u32) -> String {
        format!("{pid} ({name}) {state} 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 {threads} 0 21 1 2\n")
    }

    #[test]
    fn processes_and_threads_by_state() {
        let root = FakeRoot::new();
        root.file("proc/1/stat", stat(1, "a) R (b", 'S', 1));
        root.file("proc/1/task/1/stat", stat(1, "a", 'S', 1));
        root.file("proc/20/stat", stat(20, "many", 'S', 3));
        for (thread, state) in [(20, 'S'), (21, 'R'), (22, 'D')] {
            root.file(format!("proc/20/task/{thread}/stat"), stat(thread, "many", state, 3));
        }
        root.file("proc/30/task/30/comm", "vanished\n");
        root.file("proc/self/stat", stat(20, "many", 'S', 3));
        root.file("proc/sys/kernel/threads-max", "7801\n");
        let (text, error) = collect(Processes::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "pids 2",
            "threads 4",
            "state{state=\"S\"} 2",
            "threads_state{thread_state=\"D\"} 1",
            "threads_state{thread_state=\"R\"} 1",
            "threads_state{thread_state=\"S\"} 2",
            "max_threads 7801",
        ] {
            assert!(text.contains(&format!("\nnode_processes_{line}\n")), "{text}");
        }
        assert!(!text.contains("max_processes"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, tail in "[A-Z0-9() -]{0,100}") {
            parse_stat(&content);
            parse_stat(format!("1 (x) {tail}").as_bytes());
        }

        #[test]
        fn values_round_trip(name in "[ -~]{0,15}", state in "[RSDZTtXxKWPI]", threads: u32) {
            let letter = state.chars().next().unwrap();
            let parsed = parse_stat(stat(7, &name, letter, threads).as_bytes()).unwrap();
            prop_assert_eq!(parsed, Stat { state: letter as u8, threads: u64::from(threads) });
        }
    }
}
