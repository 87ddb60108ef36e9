//! Where the figures of running containers come from: one trait, two sources, and the choice between them.

mod auto;
pub mod cgroup;
pub mod stats;

use agent_core::error::ConfigError;

use crate::container::Container;
use crate::sample::{BlockIo, Cpu, HugePages, Interface, Memory, NumaPages, Pressure, Processes};
use crate::store::Running;

pub use auto::AutoSource;

/// Gives the figures of containers during a scrape. One scrape runs at a time; everything here may block.
///
/// What a source does not have is `None` or empty: the container's series are absent then, never 0.
pub trait Source: Send {
    /// Which source the next answers come from, as `--source` names it.
    fn name(&self) -> &'static str;

    /// Called before containers are asked for (several times in a scrape): lets go of what is not in `running`.
    fn prepare(&mut self, running: &Running);

    /// Processor time.
    fn cpu(&mut self, container: &Container) -> Option<Cpu>;

    /// Memory.
    fn memory(&mut self, container: &Container) -> Option<Memory>;

    /// Network interfaces, whoever's they are.
    fn interfaces(&mut self, container: &Container) -> Vec<Interface>;

    /// Block devices it has used.
    fn block_io(&mut self, container: &Container) -> Vec<BlockIo>;

    /// Processes and threads.
    fn processes(&mut self, container: &Container) -> Option<Processes>;

    /// Nanoseconds by CPU; none where they are not told apart.
    fn percpu(&mut self, container: &Container) -> Vec<u64>;

    /// Pressure stall information.
    fn pressure(&mut self, container: &Container) -> Option<Pressure>;

    /// Processes that the kernel killed for want of memory, since the container's start.
    fn oom_kills(&mut self, container: &Container) -> Option<u64>;

    /// Huge pages by size.
    fn huge_pages(&mut self, container: &Container) -> Vec<HugePages>;

    /// Pages by node of memory.
    fn numa(&mut self, container: &Container) -> Vec<NumaPages>;

    /// Its processes, as the host's `/proc` numbers them.
    fn pids(&mut self, container: &Container) -> Vec<u32>;

    /// Its first process, where the host's `/proc` has it.
    fn first_pid(&mut self, container: &Container) -> Option<u32>;
}

/// `--source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Cgroup files where they can be read, else the stats stream.
    Auto,
    /// Cgroup files only.
    Cgroup,
    /// Docker's stats streams only.
    Stats,
}

impl Choice {
    /// Reads the flag's value.
    pub fn parse(given: &str) -> Result<Self, ConfigError> {
        match given {
            "auto" => Ok(Self::Auto),
            "cgroup" => Ok(Self::Cgroup),
            "stats" => Ok(Self::Stats),
            other => {
                Err(ConfigError::new("--source", other, "is not a source", "give auto, cgroup or stats"))
            }
        }
    }
}
