//! Cgroup version 2: one folder.

use std::path::{Path, PathBuf};

use agent_core::read::{Scratch, fields, lines, parse_u64};

use super::text::{keyed, parse_device, parse_limit, parse_number, parse_pids, parse_stall};
use super::{Files, Kept, hugetlb, numa};
use crate::sample::{BlockIo, Cpu, HugePages, Memory, NumaPages, Pressure, Processes, Throttling};

/// The files of one container.
#[derive(Debug)]
pub struct FilesV2 {
    cpu_stat: Kept,
    memory_current: Kept,
    memory_stat: Kept,
    memory_swap_current: Kept,
    memory_peak: Kept,
    memory_events: Kept,
    io_stat: Kept,
    procs: Kept,
    pids_current: Kept,
    pids_max: Kept,
    memory_numa: Kept,
    pressure: [Kept; 3],
    folder: PathBuf,
}

impl FilesV2 {
    /// Opens nothing yet.
    pub fn new(folder: &Path, keep: bool) -> Self {
        let kept = |name| Kept::new(folder, name, keep);
        Self {
            cpu_stat: kept("cpu.stat"),
            memory_current: kept("memory.current"),
            memory_stat: kept("memory.stat"),
            memory_swap_current: kept("memory.swap.current"),
            memory_peak: kept("memory.peak"),
            memory_events: kept("memory.events"),
            io_stat: kept("io.stat"),
            procs: kept("cgroup.procs"),
            pids_current: kept("pids.current"),
            pids_max: kept("pids.max"),
            memory_numa: kept("memory.numa_stat"),
            pressure: ["cpu.pressure", "memory.pressure", "io.pressure"].map(kept),
            folder: folder.to_owned(),
        }
    }
}

impl Files for FilesV2 {
    fn cpu(&mut self, quota: bool, scratch: &mut Scratch) -> Option<Cpu> {
        let cpu = parse_cpu_stat(self.cpu_stat.read(scratch)?);
        cpu.usage_nanos.map(|_| Cpu { throttling: cpu.throttling.filter(|_| quota), ..cpu })
    }

    fn memory(&mut self, scratch: &mut Scratch) -> Option<Memory> {
        let memory = Memory {
            usage: Some(self.memory_current.read(scratch).and_then(parse_number)?),
            swap: self.memory_swap_current.read(scratch).and_then(parse_number),
            max_usage: self.memory_peak.read(scratch).and_then(parse_number),
            ..Memory::default()
        };
        let memory =
            self.memory_events.read(scratch).map_or(memory, |bytes| parse_memory_events(bytes, memory));
        Some(self.memory_stat.read(scratch).map_or(memory, |bytes| parse_memory_stat(bytes, memory)))
    }

    fn block_io(&mut self, scratch: &mut Scratch) -> Vec<BlockIo> {
        self.io_stat.read(scratch).map(parse_io_stat).unwrap_or_default()
    }

    fn processes(&mut self, scratch: &mut Scratch) -> Option<Processes> {
        Some(Processes {
            threads: Some(self.pids_current.read(scratch).and_then(parse_number)?),
            threads_max: self.pids_max.read(scratch).and_then(parse_limit),
            processes: self.procs.read(scratch).map(|bytes| lines(bytes).count() as u64),
        })
    }

    fn percpu(&mut self, _: &mut Scratch) -> Vec<u64> {
        Vec::new()
    }

    fn pressure(&mut self, scratch: &mut Scratch) -> Option<Pressure> {
        let [cpu, memory, io] = &mut self.pressure;
        Some(Pressure {
            cpu: cpu.read(scratch).map(parse_stall)?,
            memory: memory.read(scratch).map(parse_stall).unwrap_or_default(),
            io: io.read(scratch).map(parse_stall).unwrap_or_default(),
        })
    }

    fn oom_kills(&mut self, scratch: &mut Scratch) -> Option<u64> {
        keyed(self.memory_events.read(scratch)?).find(|(key, _)| *key == b"oom_kill").map(|(_, value)| value)
    }

    fn huge_pages(&mut self, scratch: &mut Scratch) -> Vec<HugePages> {
        hugetlb::read_v2(&self.folder, scratch)
    }

    fn numa(&mut self, scratch: &mut Scratch) -> Vec<NumaPages> {
        self.memory_numa.read(scratch).map(numa::parse_v2).unwrap_or_default()
    }

    fn pids(&mut self, scratch: &mut Scratch) -> Vec<u32> {
        self.procs.read(scratch).map(parse_pids).unwrap_or_default()
    }
}

/// `cpu.stat`: times in microseconds; here in nanoseconds.
pub fn parse_cpu_stat(bytes: &[u8]) -> Cpu {
    let mut cpu = Cpu::default();
    let mut throttling = Throttling::default();
    let mut quota = false;
    for (key, value) in keyed(bytes) {
        match key {
            b"usage_usec" => cpu.usage_nanos = value.checked_mul(1000),
            b"user_usec" => cpu.user_nanos = value.checked_mul(1000),
            b"system_usec" => cpu.system_nanos = value.checked_mul(1000),
            b"nr_periods" => {
                throttling.periods = value;
                quota = true;
            }
            b"nr_throttled" => throttling.throttled_periods = value,
            b"throttled_usec" => throttling.throttled_nanos = value.saturating_mul(1000),
            b"nr_bursts" => throttling.burst_periods = Some(value),
            b"burst_usec" => throttling.burst_nanos = value.checked_mul(1000),
            _ => {}
        }
    }
    Cpu { throttling: quota.then_some(throttling), ..cpu }
}

/// `memory.events`: how often limits were hit.
pub fn parse_memory_events(bytes: &[u8], mut memory: Memory) -> Memory {
    for (key, value) in keyed(bytes) {
        match key {
            b"high" => memory.events_high = Some(value),
            b"max" => (memory.events_max, memory.failcnt) = (Some(value), Some(value)),
            _ => {}
        }
    }
    memory
}

/// `memory.stat`, completing what other files gave.
pub fn parse_memory_stat(bytes: &[u8], mut memory: Memory) -> Memory {
    for (key, value) in keyed(bytes) {
        let place = match key {
            b"anon" => &mut memory.rss,
            b"file" => &mut memory.cache,
            b"file_mapped" => &mut memory.mapped_file,
            b"kernel" => &mut memory.kernel,
            b"active_file" => &mut memory.active_file,
            b"inactive_file" => &mut memory.inactive_file,
            b"file_dirty" => &mut memory.file_dirty,
            b"file_writeback" => &mut memory.file_writeback,
            b"pgscan" => &mut memory.pgscan,
            b"pgsteal" => &mut memory.pgsteal,
            b"workingset_refault_file" => &mut memory.refault_file,
            b"workingset_refault_anon" => &mut memory.refault_anon,
            b"pgfault" => &mut memory.pgfault,
            b"pgmajfault" => &mut memory.pgmajfault,
            _ => continue,
        };
        *place = Some(value);
    }
    // This version's counts are of the whole tree.
    (memory.total_pgfault, memory.total_pgmajfault) = (memory.pgfault, memory.pgmajfault);
    memory.with_working_set()
}

/// `io.stat`: `major:minor rbytes=1 wbytes=2 rios=3 wios=4 ...`. Some kernels write the numbers of devices without
/// figures in front of the next device's on the same line.
pub fn parse_io_stat(bytes: &[u8]) -> Vec<BlockIo> {
    let mut devices = Vec::new();
    for line in lines(bytes) {
        let mut number = None;
        for field in fields(line) {
            if let Some(device) = parse_device(field) {
                number = Some(device);
            } else if let Some((major, minor)) = number
                && let Some(equals) = field.iter().position(|byte| *byte == b'=')
                && let Some((key, value)) = field.split_at_checked(equals)
                && let Some(value) = value.strip_prefix(b"=").and_then(parse_u64)
            {
                let device = BlockIo::of(&mut devices, major, minor);
                match key {
                    b"rbytes" => device.read_bytes = Some(value),
                    b"wbytes" => device.write_bytes = Some(value),
                    b"rios" => device.reads = Some(value),
                    b"wios" => device.writes = Some(value),
                    b"cost.usage" => device.cost.get_or_insert_default().usage = value,
                    b"cost.wait" => device.cost.get_or_insert_default().wait = value,
                    b"cost.indebt" => device.cost.get_or_insert_default().indebt = value,
                    b"cost.indelay" => device.cost.get_or_insert_default().indelay = value,
                    _ => {}
                }
            }
        }
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CPU: &[u8] =
        b"usage_usec 13880421\nuser_usec 11804771\nsystem_usec 2075649\nnice_usec 0\nnr_periods 665\n\
        nr_throttled 658\nthrottled_usec 47016984\nnr_bursts 0\nburst_usec 0\n";
    const IO: &[u8] = b"7:1 7:0 254:0 rbytes=4096 wbytes=25165824 rios=1 wios=9 dbytes=0 dios=0\n8:0 \n\
        8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.usage=5\n";

    #[test]
    fn samples() {
        let cpu = parse_cpu_stat(CPU);
        assert_eq!(cpu.usage_nanos, Some(13_880_421_000));
        let expected = Throttling {
            periods: 665,
            throttled_periods: 658,
            throttled_nanos: 47_016_984_000,
            burst_periods: Some(0),
            burst_nanos: Some(0),
        };
        assert_eq!(cpu.throttling, Some(expected));
        assert_eq!(parse_cpu_stat(b"usage_usec 1\n").throttling, None);
        let events = parse_memory_events(b"low 0\nhigh 4\nmax 31\noom 2\n", Memory::default());
        assert_eq!((events.events_high, events.events_max, events.failcnt), (Some(4), Some(31), Some(31)));
        let stat = b"anon 53248\nfile 25174016\nfile_mapped 0\ninactive_file 25174016\npgfault 1286\n";
        let memory = parse_memory_stat(stat, Memory { usage: Some(26_165_248), ..Memory::default() });
        assert_eq!((memory.rss, memory.cache), (Some(53248), Some(25_174_016)));
        assert_eq!((memory.working_set, memory.pgmajfault), (Some(991_232), None));
    }

    #[test]
    fn devices_without_figures_are_left_out() {
        let devices = parse_io_stat(IO);
        assert_eq!(devices.len(), 2);
        assert_eq!(
            (devices[0].major, devices[0].write_bytes, devices[0].writes),
            (254, Some(25_165_824), Some(9))
        );
        assert_eq!((devices[1].minor, devices[1].reads), (16, Some(3)));
        assert_eq!((devices[0].cost, devices[1].cost.map(|cost| cost.usage)), (None, Some(5)));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, cpu in 0..CPU.len(), io in 0..IO.len()) {
            for bytes in [&bytes[..], &CPU[..cpu], &IO[..io]] {
                parse_cpu_stat(bytes);
                parse_memory_events(bytes, Memory::default());
                parse_memory_stat(bytes, Memory::default());
                parse_io_stat(bytes);
            }
        }
    }
}
