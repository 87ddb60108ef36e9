//! What a source says of one container at one moment. What it cannot know is `None`, never 0.

/// Processor time. Counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Nanoseconds in user and kernel mode.
    pub usage_nanos: Option<u64>,
    /// Nanoseconds in user mode.
    pub user_nanos: Option<u64>,
    /// Nanoseconds in kernel mode.
    pub system_nanos: Option<u64>,
    /// What the quota did; `None` without a quota.
    pub throttling: Option<Throttling>,
}

/// The effect of a CPU quota. Counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttling {
    /// Periods in which something wanted to run.
    pub periods: u64,
    /// Those of them in which the quota was used up.
    pub throttled_periods: u64,
    /// Nanoseconds that tasks waited for the next period, summed over CPUs.
    pub throttled_nanos: u64,
    /// Periods in which more than the quota was used because some had been saved up.
    pub burst_periods: Option<u64>,
    /// Nanoseconds used beyond the quota in such periods.
    pub burst_nanos: Option<u64>,
}

/// How long tasks waited for a resource, in microseconds. Counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressure {
    /// For the processor.
    pub cpu: Stall,
    /// For memory.
    pub memory: Stall,
    /// For block devices.
    pub io: Stall,
}

/// One resource of [`Pressure`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stall {
    /// At least one task waited.
    pub some_micros: Option<u64>,
    /// All tasks waited.
    pub full_micros: Option<u64>,
}

/// Huge pages of one size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HugePages {
    /// `2MB`, `1GB`.
    pub page_size: String,
    /// Bytes in use.
    pub usage: Option<u64>,
    /// The most bytes that ever were in use.
    pub max_usage: Option<u64>,
    /// How often the limit was hit.
    pub failcnt: Option<u64>,
}

/// Pages on one node of the machine's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumaPages {
    /// `file`, `anon` or `unevictable`.
    pub kind: &'static str,
    /// `container`, or `hierarchy` for the cgroups inside it too.
    pub scope: &'static str,
    /// The node's number.
    pub node: String,
    /// Pages.
    pub pages: u64,
}

/// Memory in bytes; from `failcnt` on counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Everything charged, page cache too.
    pub usage: Option<u64>,
    /// `usage` without page cache that was not touched lately.
    pub working_set: Option<u64>,
    /// Anonymous memory.
    pub rss: Option<u64>,
    /// Page cache.
    pub cache: Option<u64>,
    /// Swapped out.
    pub swap: Option<u64>,
    /// The highest `usage` so far.
    pub max_usage: Option<u64>,
    /// File memory that is mapped.
    pub mapped_file: Option<u64>,
    /// The kernel's own memory for it.
    pub kernel: Option<u64>,
    /// Page cache that was used lately.
    pub active_file: Option<u64>,
    /// Page cache that was not.
    pub inactive_file: Option<u64>,
    /// Page cache that a device does not have yet.
    pub file_dirty: Option<u64>,
    /// Page cache on its way to a device.
    pub file_writeback: Option<u64>,
    /// How often the limit was hit.
    pub failcnt: Option<u64>,
    /// Page faults.
    pub pgfault: Option<u64>,
    /// Page faults that had to wait for a disk.
    pub pgmajfault: Option<u64>,
    /// Page faults with those of inner cgroups.
    pub total_pgfault: Option<u64>,
    /// The same of those that had to wait for a disk.
    pub total_pgmajfault: Option<u64>,
    /// How often the soft limit was passed.
    pub events_high: Option<u64>,
    /// How often the limit was about to be passed.
    pub events_max: Option<u64>,
    /// Pages that reclaim looked at.
    pub pgscan: Option<u64>,
    /// Pages that reclaim took.
    pub pgsteal: Option<u64>,
    /// File pages that were read again soon after they had been dropped.
    pub refault_file: Option<u64>,
    /// Anonymous pages that were swapped in soon after they had been swapped out.
    pub refault_anon: Option<u64>,
}

impl Memory {
    /// Sets `working_set` from `usage` and `inactive_file`, as cAdvisor does.
    #[must_use]
    pub fn with_working_set(mut self) -> Self {
        self.working_set =
            self.usage.zip(self.inactive_file).map(|(usage, inactive)| usage.saturating_sub(inactive));
        self
    }
}

/// One network interface of a container. Counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name inside the container.
    pub name: String,
    /// What came in.
    pub receive: Traffic,
    /// What went out.
    pub transmit: Traffic,
}

/// One direction of an interface. Counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Packets with errors; Docker's statistics have no real figure.
    pub errors: Option<u64>,
    /// Packets dropped.
    pub dropped: u64,
}

/// What a container did on one block device. Counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockIo {
    /// Major device number.
    pub major: u64,
    /// Minor device number.
    pub minor: u64,
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Bytes written.
    pub write_bytes: Option<u64>,
    /// Read operations.
    pub reads: Option<u64>,
    /// Write operations.
    pub writes: Option<u64>,
    /// What the kernel's cost model says, where it is on.
    pub cost: Option<Cost>,
}

/// `cost.*` of `io.stat`, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Device time used.
    pub usage: u64,
    /// Waited for a share of the device.
    pub wait: u64,
    /// In debt to others.
    pub indebt: u64,
    /// Held up for such debts.
    pub indelay: u64,
}

/// How many tasks a container has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Processes {
    /// Processes.
    pub processes: Option<u64>,
    /// Threads of all processes.
    pub threads: Option<u64>,
    /// The most threads it may have; 0 is no limit.
    pub threads_max: Option<u64>,
}

impl BlockIo {
    /// The entry of a device, added where there is none yet.
    pub fn of(devices: &mut Vec<Self>, major: u64, minor: u64) -> &mut Self {
        let known = devices.iter().position(|d| (d.major, d.minor) == (major, minor));
        let index = known.unwrap_or_else(|| {
            devices.push(Self { major, minor, ..Self::default() });
            devices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just now")]
        &mut devices[index]
    }
}
