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
}

/// Memory in bytes; the last three are counters.
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
    /// How often the limit was hit.
    pub failcnt: Option<u64>,
    /// Page faults.
    pub pgfault: Option<u64>,
    /// Page faults that had to wait for a disk.
    pub pgmajfault: Option<u64>,
}

impl Memory {
    /// Sets `working_set` from `usage` and the bytes of inactive file pages, as cAdvisor does.
    #[must_use]
    pub fn with_inactive_file(mut self, inactive_file: Option<u64>) -> Self {
        self.working_set =
            self.usage.zip(inactive_file).map(|(usage, inactive)| usage.saturating_sub(inactive));
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
