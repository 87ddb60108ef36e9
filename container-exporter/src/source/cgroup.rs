//! The direct source: the kernel's cgroup files, read at the moment of the scrape. Costs the engine nothing.

pub mod find;
pub mod hugetlb;
mod kept;
pub mod numa;
pub mod text;
mod unfound;
pub mod v1;
pub mod v2;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use agent_core::cli::PathArgs;
use agent_core::read::{Scratch, fields, parse_u64};
use tracing::{debug, warn};

use self::find::{Finder, Place};
use self::unfound::Unfound;
use super::Source;
use crate::container::Container;
use crate::net_dev::read_interfaces;
use crate::sample::{BlockIo, Cpu, HugePages, Interface, Memory, NumaPages, Pressure, Processes};
use crate::store::Running;

pub use kept::Kept;

/// Descriptors that one container takes at most.
const FILES_PER_CONTAINER: usize = 24;

/// The files of one container's cgroup, of either version.
pub trait Files: Send + std::fmt::Debug {
    /// Processor time; `quota` says whether throttling is worth a read.
    fn cpu(&mut self, quota: bool, scratch: &mut Scratch) -> Option<Cpu>;
    /// Memory.
    fn memory(&mut self, scratch: &mut Scratch) -> Option<Memory>;
    /// Block devices.
    fn block_io(&mut self, scratch: &mut Scratch) -> Vec<BlockIo>;
    /// Tasks.
    fn processes(&mut self, scratch: &mut Scratch) -> Option<Processes>;
    /// Nanoseconds by CPU; none where the kernel does not tell them apart.
    fn percpu(&mut self, scratch: &mut Scratch) -> Vec<u64>;
    /// Pressure stall information.
    fn pressure(&mut self, scratch: &mut Scratch) -> Option<Pressure>;
    /// Processes that the kernel killed for want of memory.
    fn oom_kills(&mut self, scratch: &mut Scratch) -> Option<u64>;
    /// Huge pages by size.
    fn huge_pages(&mut self, scratch: &mut Scratch) -> Vec<HugePages>;
    /// Pages by node of memory.
    fn numa(&mut self, scratch: &mut Scratch) -> Vec<NumaPages>;
    /// Its processes in the reader's PID namespace.
    fn pids(&mut self, scratch: &mut Scratch) -> Vec<u32>;
}

/// Reads cgroup files, keeping their descriptors open from scrape to scrape.
#[derive(Debug)]
pub struct CgroupSource {
    finder: Finder,
    procfs: PathBuf,
    /// Containers whose descriptors may be kept; those beyond are opened for each scrape.
    most_kept: usize,
    open: HashMap<String, Open>,
    running: Option<Running>,
    unfound: Unfound,
    scratch: Scratch,
}

/// A container whose cgroup has been found.
#[derive(Debug)]
struct Open {
    /// Another PID means another start, with another cgroup.
    pid: Option<u32>,
    /// Whether the host's `/proc` says that this PID is in this container.
    pid_is_theirs: bool,
    files: Box<dyn Files>,
}

impl CgroupSource {
    /// `descriptors` is how many the process may have open; half of them are used here at most.
    pub fn new(paths: &PathArgs, descriptors: u64) -> Self {
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        Self {
            finder: Finder::new(paths),
            procfs: paths.procfs.clone(),
            most_kept: descriptors / 2 / FILES_PER_CONTAINER,
            open: HashMap::new(),
            running: None,
            unfound: Unfound::default(),
            scratch: Scratch::default(),
        }
    }

    /// Whether a container's files are there and readable.
    pub fn can_read(&mut self, container: &Container) -> bool {
        let Some(found) = self.finder.find(container, &mut self.scratch) else { return false };
        open(&found.place, false).cpu(false, &mut self.scratch).is_some()
    }

    /// The container's files, found now where they are not known, and the buffer to read them into.
    fn files(&mut self, container: &Container) -> Option<(&mut Open, &mut Scratch)> {
        if self.open.get(&container.id).is_none_or(|open| open.pid != container.pid) {
            self.open.remove(&container.id);
            let Some(found) = self.finder.find(container, &mut self.scratch) else {
                self.tell_unfound(container);
                return None;
            };
            self.unfound.found(&container.id);
            let keep = self.open.len() < self.most_kept;
            let open = Open {
                pid: container.pid,
                pid_is_theirs: found.pid_is_theirs,
                files: open(&found.place, keep),
            };
            self.open.insert(container.id.clone(), open);
        }
        Some((self.open.get_mut(&container.id)?, &mut self.scratch))
    }

    /// Notes that a container has no cgroup, and says so where it goes on running.
    fn tell_unfound(&mut self, container: &Container) {
        let Container { id, name, .. } = container;
        if self.unfound.not_found(id, container.pid, Instant::now()) {
            warn!(
                container.id = id,
                container.name = name,
                cgroups = %self.finder.root().display(),
                procfs = %self.procfs.display(),
                "the cgroup of a running container was not found: is the host's /sys at --path.sysfs and its \
                 /proc at --path.procfs?"
            );
        } else {
            debug!(container.id = id, container.name = name, "no cgroup found");
        }
    }
}

fn open(place: &Place, keep: bool) -> Box<dyn Files> {
    match place {
        Place::V1(folders) => Box::new(v1::FilesV1::new(folders, keep)),
        Place::V2(folder) => Box::new(v2::FilesV2::new(folder, keep)),
    }
}

impl Source for CgroupSource {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn prepare(&mut self, running: &Running) {
        if self.running.as_ref().is_some_and(|last| Arc::ptr_eq(last, running)) {
            return;
        }
        let runs = |id: &str| running.binary_search_by(|c| c.id.as_str().cmp(id)).is_ok();
        self.open.retain(|id, _| runs(id));
        self.unfound.keep(runs);
        self.running = Some(Arc::clone(running));
    }

    fn cpu(&mut self, container: &Container) -> Option<Cpu> {
        let (open, scratch) = self.files(container)?;
        open.files.cpu(container.limits.cpu_quota.is_some(), scratch)
    }

    fn memory(&mut self, container: &Container) -> Option<Memory> {
        let (open, scratch) = self.files(container)?;
        open.files.memory(scratch)
    }

    fn interfaces(&mut self, container: &Container) -> Vec<Interface> {
        let pid = self.files(container).and_then(|(open, _)| open.pid.filter(|_| open.pid_is_theirs));
        let Some(pid) = pid else { return Vec::new() };
        read_interfaces(&self.procfs, pid, &mut self.scratch).unwrap_or_else(|error| {
            debug!(%error, container.id = container.id, "no network figures");
            Vec::new()
        })
    }

    fn block_io(&mut self, container: &Container) -> Vec<BlockIo> {
        self.files(container).map(|(open, scratch)| open.files.block_io(scratch)).unwrap_or_default()
    }

    fn processes(&mut self, container: &Container) -> Option<Processes> {
        let (open, scratch) = self.files(container)?;
        open.files.processes(scratch)
    }

    fn percpu(&mut self, container: &Container) -> Vec<u64> {
        self.files(container).map(|(open, scratch)| open.files.percpu(scratch)).unwrap_or_default()
    }

    fn pressure(&mut self, container: &Container) -> Option<Pressure> {
        let (open, scratch) = self.files(container)?;
        open.files.pressure(scratch)
    }

    fn oom_kills(&mut self, container: &Container) -> Option<u64> {
        let (open, scratch) = self.files(container)?;
        open.files.oom_kills(scratch)
    }

    fn huge_pages(&mut self, container: &Container) -> Vec<HugePages> {
        self.files(container).map(|(open, scratch)| open.files.huge_pages(scratch)).unwrap_or_default()
    }

    fn numa(&mut self, container: &Container) -> Vec<NumaPages> {
        self.files(container).map(|(open, scratch)| open.files.numa(scratch)).unwrap_or_default()
    }

    fn pids(&mut self, container: &Container) -> Vec<u32> {
        let Some((open, scratch)) = self.files(container) else { return Vec::new() };
        let pids = open.files.pids(scratch);
        match open.pid.filter(|_| open.pid_is_theirs && pids.is_empty()) {
            // From a PID namespace of our own, cgroup.procs shows nothing; the host's /proc does.
            Some(first) => descendants(&self.procfs, first, &mut self.scratch),
            None => pids,
        }
    }

    fn first_pid(&mut self, container: &Container) -> Option<u32> {
        let (open, _) = self.files(container)?;
        open.pid.filter(|_| open.pid_is_theirs)
    }
}

/// A process and all that descend from it, by `/proc/PID/task/PID/children`; not more than are worth counting.
fn descendants(procfs: &Path, first: u32, scratch: &mut Scratch) -> Vec<u32> {
    const MOST: usize = 256;
    let mut pids = vec![first];
    let mut next = 0;
    while let Some(pid) = pids.get(next).filter(|_| pids.len() < MOST) {
        let path = procfs.join(format!("{pid}/task/{pid}/children"));
        if let Ok(bytes) = scratch.read(&path) {
            pids.extend(fields(bytes).filter_map(parse_u64).filter_map(|pid| u32::try_from(pid).ok()));
        }
        next += 1;
    }
    pids
}
