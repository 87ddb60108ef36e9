//! The machine itself, `id="/"`: from `/proc`, which has the same figures whatever cgroup version and source.

use std::io;
use std::path::{Path, PathBuf};

use agent_core::read::{Scratch, fields, lines, parse_u64};

use crate::net_dev::read_interfaces;
use crate::sample::{Cpu, Interface, Memory, Pressure};
use crate::source::cgroup::text::parse_stall;

/// Nanoseconds in a tick of `/proc/stat` (`USER_HZ` is 100 on every architecture in use).
pub const TICK_NANOS: u64 = 10_000_000;

/// What `/proc/stat` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stat {
    /// Time of all CPUs.
    pub cpu: Cpu,
    /// CPUs that are online.
    pub cores: u64,
    /// When the kernel started, in seconds of Unix time.
    pub boot_time: Option<u64>,
}

/// What `/proc/meminfo` says, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemInfo {
    /// RAM.
    pub total: Option<u64>,
    /// Swap space.
    pub swap_total: Option<u64>,
    /// Use, in a container's terms.
    pub memory: Memory,
}

/// Reads the host's `/proc`.
#[derive(Debug)]
pub struct Host {
    procfs: PathBuf,
    scratch: Scratch,
}

impl Host {
    /// `procfs` is where the host's `/proc` is.
    pub fn new(procfs: &Path) -> Self {
        Self { procfs: procfs.to_owned(), scratch: Scratch::default() }
    }

    /// `/proc/stat`.
    pub fn read_stat(&mut self) -> io::Result<Stat> {
        Ok(parse_stat(self.scratch.read(&self.procfs.join("stat"))?))
    }

    /// `/proc/meminfo`.
    pub fn read_meminfo(&mut self) -> io::Result<MemInfo> {
        Ok(parse_meminfo(self.scratch.read(&self.procfs.join("meminfo"))?))
    }

    /// `/proc/pressure`; `None` where the kernel does not measure it.
    pub fn read_pressure(&mut self) -> Option<Pressure> {
        let folder = self.procfs.join("pressure");
        let mut stall = |file| self.scratch.read(&folder.join(file)).ok().map(parse_stall);
        Some(Pressure {
            cpu: stall("cpu")?,
            memory: stall("memory").unwrap_or_default(),
            io: stall("io").unwrap_or_default(),
        })
    }

    /// The host's interfaces: those of its first process. None where that is this process, in a container without
    /// the host's `/proc`: its interfaces are not the host's.
    pub fn read_interfaces(&mut self) -> io::Result<Vec<Interface>> {
        if self.procfs == Path::new("/proc") && std::process::id() == 1 {
            return Ok(Vec::new());
        }
        read_interfaces(&self.procfs, 1, &mut self.scratch)
    }
}

/// `cpu user nice system idle iowait irq softirq steal ...` in ticks; summed as the kernel does for its root cgroup.
pub fn parse_stat(bytes: &[u8]) -> Stat {
    let mut stat = Stat::default();
    for line in lines(bytes) {
        let mut parts = fields(line);
        match parts.next() {
            Some(b"cpu") => stat.cpu = parse_cpu(parts),
            Some(name) if name.starts_with(b"cpu") => stat.cores += 1,
            Some(b"btime") => stat.boot_time = parts.next().and_then(parse_u64),
            _ => {}
        }
    }
    stat
}

fn parse_cpu<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Cpu {
    let ticks: Vec<_> = parts.map_while(parse_u64).collect();
    let sum = |columns: &[usize]| {
        let ticks = columns.iter().map(|column| ticks.get(*column).copied());
        let total = ticks.sum::<Option<u64>>()?;
        total.checked_mul(TICK_NANOS)
    };
    Cpu {
        usage_nanos: sum(&[0, 1, 2, 5, 6, 7]),
        user_nanos: sum(&[0, 1]),
        system_nanos: sum(&[2, 5, 6]),
        throttling: None,
    }
}

/// `Name:  123 kB` per line.
pub fn parse_meminfo(bytes: &[u8]) -> MemInfo {
    let (mut total, mut swap_total, mut swap_free) = (None, None, None);
    let (mut anon, mut cached, mut buffers, mut mapped) = (None, None, None, None);
    let (mut active_file, mut inactive_file, mut dirty, mut writeback) = (None, None, None, None);
    for line in lines(bytes) {
        let mut parts = fields(line);
        let place = match parts.next() {
            Some(b"MemTotal:") => &mut total,
            Some(b"SwapTotal:") => &mut swap_total,
            Some(b"SwapFree:") => &mut swap_free,
            Some(b"AnonPages:") => &mut anon,
            Some(b"Cached:") => &mut cached,
            Some(b"Buffers:") => &mut buffers,
            Some(b"Mapped:") => &mut mapped,
            Some(b"Active(file):") => &mut active_file,
            Some(b"Inactive(file):") => &mut inactive_file,
            Some(b"Dirty:") => &mut dirty,
            Some(b"Writeback:") => &mut writeback,
            _ => continue,
        };
        *place = parts.next().and_then(parse_u64).and_then(|kib| kib.checked_mul(1024));
    }
    let add = |(a, b): (u64, u64)| a.checked_add(b);
    let cache = cached.zip(buffers).and_then(add);
    let memory = Memory {
        // As the kernel counts its root cgroup: anonymous memory and page cache.
        usage: anon.zip(cache).and_then(add),
        rss: anon,
        cache,
        swap: swap_total.zip(swap_free).map(|(total, free)| total.saturating_sub(free)),
        mapped_file: mapped,
        active_file,
        inactive_file,
        file_dirty: dirty,
        file_writeback: writeback,
        ..Memory::default()
    };
    MemInfo { total, swap_total, memory: memory.with_working_set() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAT: &[u8] = b"cpu  100 10 50 9000 20 3 4 5 0 0\ncpu0 50 5 25 4500 10 1 2 3 0 0\n\
        cpu3 50 5 25 4500 10 2 2 2 0 0\nintr 1 2\nbtime 1795348000\nprocesses 7\n";
    const MEMINFO: &[u8] = b"MemTotal:       24683120 kB\nMemFree:        22091000 kB\nBuffers:             100 kB\n\
        Cached:             1000 kB\nInactive(file):      300 kB\nSwapTotal:            50 kB\nSwapFree:             20 kB\n\
        AnonPages:           500 kB\nMapped:               70 kB\nHugePages_Total:       0\n";

    #[test]
    fn stat_is_summed_as_the_root_cgroup() {
        let stat = parse_stat(STAT);
        assert_eq!(stat.cpu.user_nanos, Some(110 * TICK_NANOS));
        assert_eq!(stat.cpu.system_nanos, Some(57 * TICK_NANOS));
        assert_eq!(stat.cpu.usage_nanos, Some(172 * TICK_NANOS));
        assert_eq!((stat.cores, stat.boot_time), (2, Some(1_795_348_000)));
        assert_eq!(parse_stat(b"cpu  1 2\n").cpu.usage_nanos, None);
    }

    #[test]
    fn meminfo_in_a_containers_terms() {
        let info = parse_meminfo(MEMINFO);
        assert_eq!((info.total, info.swap_total), (Some(24_683_120 * 1024), Some(50 * 1024)));
        let memory = info.memory;
        assert_eq!((memory.usage, memory.working_set), (Some(1600 * 1024), Some(1300 * 1024)));
        assert_eq!(
            (memory.rss, memory.cache, memory.swap),
            (Some(500 * 1024), Some(1100 * 1024), Some(30 * 1024))
        );
        assert_eq!(parse_meminfo(b"").memory, Memory::default());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, stat in 0..STAT.len(), meminfo in 0..MEMINFO.len()) {
            parse_stat(&bytes);
            parse_stat(&STAT[..stat]);
            parse_meminfo(&bytes);
            parse_meminfo(&MEMINFO[..meminfo]);
        }
    }
}
