//! Cgroup version 1: one folder per controller.

use std::path::PathBuf;

use agent_core::read::{Scratch, fields, lines, parse_u64};

use super::find::FoldersV1;
use super::text::{keyed, parse_device, parse_limit, parse_number, parse_pids, parse_stall};
use super::{Files, Kept, hugetlb, numa};
use crate::host::TICK_NANOS;
use crate::sample::{BlockIo, Cpu, HugePages, Memory, NumaPages, Pressure, Processes, Throttling};

/// The files of one container.
#[derive(Debug)]
pub struct FilesV1 {
    cpuacct_usage: Kept,
    cpuacct_stat: Kept,
    cpuacct_percpu: Kept,
    cpu_stat: Kept,
    memory_usage: Kept,
    memory_stat: Kept,
    memory_max_usage: Kept,
    memory_failcnt: Kept,
    memory_kernel: Kept,
    memory_oom: Kept,
    memory_numa: Kept,
    pressure: [Kept; 3],
    hugetlb: PathBuf,
    throttle_bytes: Kept,
    throttle_operations: Kept,
    bfq_bytes: Kept,
    bfq_operations: Kept,
    procs: Kept,
    pids_current: Kept,
    pids_max: Kept,
}

impl FilesV1 {
    /// Opens nothing yet.
    pub fn new(folders: &FoldersV1, keep: bool) -> Self {
        let FoldersV1 { cpu, cpuacct, memory, blkio, pids, hugetlb, unified } = folders;
        Self {
            cpuacct_usage: Kept::new(cpuacct, "cpuacct.usage", keep),
            cpuacct_stat: Kept::new(cpuacct, "cpuacct.stat", keep),
            cpuacct_percpu: Kept::new(cpuacct, "cpuacct.usage_percpu", keep),
            cpu_stat: Kept::new(cpu, "cpu.stat", keep),
            memory_usage: Kept::new(memory, "memory.usage_in_bytes", keep),
            memory_stat: Kept::new(memory, "memory.stat", keep),
            memory_max_usage: Kept::new(memory, "memory.max_usage_in_bytes", keep),
            memory_failcnt: Kept::new(memory, "memory.failcnt", keep),
            memory_kernel: Kept::new(memory, "memory.kmem.usage_in_bytes", keep),
            memory_oom: Kept::new(memory, "memory.oom_control", keep),
            memory_numa: Kept::new(memory, "memory.numa_stat", keep),
            pressure: ["cpu.pressure", "memory.pressure", "io.pressure"]
                .map(|name| Kept::new(unified, name, keep)),
            hugetlb: hugetlb.clone(),
            throttle_bytes: Kept::new(blkio, "blkio.throttle.io_service_bytes_recursive", keep),
            throttle_operations: Kept::new(blkio, "blkio.throttle.io_serviced_recursive", keep),
            bfq_bytes: Kept::new(blkio, "blkio.bfq.io_service_bytes_recursive", keep),
            bfq_operations: Kept::new(blkio, "blkio.bfq.io_serviced_recursive", keep),
            procs: Kept::new(pids, "cgroup.procs", keep),
            pids_current: Kept::new(pids, "pids.current", keep),
            pids_max: Kept::new(pids, "pids.max", keep),
        }
    }
}

impl Files for FilesV1 {
    fn cpu(&mut self, quota: bool, scratch: &mut Scratch) -> Option<Cpu> {
        let usage_nanos = Some(self.cpuacct_usage.read(scratch).and_then(parse_number)?);
        let (user_nanos, system_nanos) =
            self.cpuacct_stat.read(scratch).map(parse_cpuacct_stat).unwrap_or_default();
        let throttling = if quota { self.cpu_stat.read(scratch).and_then(parse_cpu_stat) } else { None };
        Some(Cpu { usage_nanos, user_nanos, system_nanos, throttling })
    }

    fn memory(&mut self, scratch: &mut Scratch) -> Option<Memory> {
        let usage = Some(self.memory_usage.read(scratch).and_then(parse_number)?);
        let max_usage = self.memory_max_usage.read(scratch).and_then(parse_number);
        let failcnt = self.memory_failcnt.read(scratch).and_then(parse_number);
        let kernel = self.memory_kernel.read(scratch).and_then(parse_number);
        let memory = Memory { usage, max_usage, kernel, failcnt, ..Memory::default() };
        Some(self.memory_stat.read(scratch).map_or(memory, |bytes| parse_memory_stat(bytes, memory)))
    }

    fn block_io(&mut self, scratch: &mut Scratch) -> Vec<BlockIo> {
        let mut devices = Vec::new();
        // Which of the two counts depends on the I/O scheduler.
        for (bytes, operations) in [
            (&mut self.throttle_bytes, &mut self.throttle_operations),
            (&mut self.bfq_bytes, &mut self.bfq_operations),
        ] {
            if let Some(text) = bytes.read(scratch) {
                parse_blkio(text, &mut devices, |device| (&mut device.read_bytes, &mut device.write_bytes));
            }
            if devices.is_empty() {
                continue;
            }
            if let Some(text) = operations.read(scratch) {
                parse_blkio(text, &mut devices, |device| (&mut device.reads, &mut device.writes));
            }
            break;
        }
        devices
    }

    fn processes(&mut self, scratch: &mut Scratch) -> Option<Processes> {
        Some(Processes {
            threads: Some(self.pids_current.read(scratch).and_then(parse_number)?),
            threads_max: self.pids_max.read(scratch).and_then(parse_limit),
            // A container's own PID namespace shows no process of the others.
            processes: self.procs.read(scratch).map(|b| lines(b).count() as u64).filter(|count| *count > 0),
        })
    }

    fn percpu(&mut self, scratch: &mut Scratch) -> Vec<u64> {
        self.cpuacct_percpu
            .read(scratch)
            .map(|b| fields(b).map_while(parse_u64).collect())
            .unwrap_or_default()
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
        keyed(self.memory_oom.read(scratch)?).find(|(key, _)| *key == b"oom_kill").map(|(_, value)| value)
    }

    fn huge_pages(&mut self, scratch: &mut Scratch) -> Vec<HugePages> {
        hugetlb::read_v1(&self.hugetlb, scratch)
    }

    fn numa(&mut self, scratch: &mut Scratch) -> Vec<NumaPages> {
        self.memory_numa.read(scratch).map(numa::parse_v1).unwrap_or_default()
    }

    fn pids(&mut self, scratch: &mut Scratch) -> Vec<u32> {
        self.procs.read(scratch).map(parse_pids).unwrap_or_default()
    }
}

/// `cpuacct.stat`: `user` and `system`, in ticks; here in nanoseconds.
pub fn parse_cpuacct_stat(bytes: &[u8]) -> (Option<u64>, Option<u64>) {
    let (mut user, mut system) = (None, None);
    for (key, ticks) in keyed(bytes) {
        match key {
            b"user" => user = ticks.checked_mul(TICK_NANOS),
            b"system" => system = ticks.checked_mul(TICK_NANOS),
            _ => {}
        }
    }
    (user, system)
}

/// `cpu.stat`: what the quota did.
pub fn parse_cpu_stat(bytes: &[u8]) -> Option<Throttling> {
    let mut throttling = Throttling::default();
    let mut found = false;
    for (key, value) in keyed(bytes) {
        match key {
            b"nr_periods" => throttling.periods = value,
            b"nr_throttled" => throttling.throttled_periods = value,
            b"throttled_time" => throttling.throttled_nanos = value,
            b"nr_bursts" => throttling.burst_periods = Some(value),
            b"burst_time" => throttling.burst_nanos = Some(value),
            _ => continue,
        }
        found = true;
    }
    found.then_some(throttling)
}

/// `memory.stat`, completing what other files gave: `total_*` is the container with its inner cgroups; faults are
/// counted without them, as cAdvisor's scope `container` says.
pub fn parse_memory_stat(bytes: &[u8], mut memory: Memory) -> Memory {
    for (key, value) in keyed(bytes) {
        let place = match key {
            b"total_cache" => &mut memory.cache,
            b"total_rss" => &mut memory.rss,
            b"total_swap" => &mut memory.swap,
            b"total_mapped_file" => &mut memory.mapped_file,
            b"total_active_file" => &mut memory.active_file,
            b"total_inactive_file" => &mut memory.inactive_file,
            b"total_dirty" => &mut memory.file_dirty,
            b"total_writeback" => &mut memory.file_writeback,
            b"total_workingset_refault_file" => &mut memory.refault_file,
            b"total_workingset_refault_anon" => &mut memory.refault_anon,
            b"pgfault" => &mut memory.pgfault,
            b"pgmajfault" => &mut memory.pgmajfault,
            b"total_pgfault" => &mut memory.total_pgfault,
            b"total_pgmajfault" => &mut memory.total_pgmajfault,
            _ => continue,
        };
        *place = Some(value);
    }
    memory.with_working_set()
}

/// `major:minor Operation number` per line, and a line `Total`; adds to `devices`.
pub fn parse_blkio(
    bytes: &[u8],
    devices: &mut Vec<BlockIo>,
    places: impl Fn(&mut BlockIo) -> (&mut Option<u64>, &mut Option<u64>),
) {
    for line in lines(bytes) {
        let mut parts = fields(line);
        let Some((major, minor)) = parts.next().and_then(parse_device) else { continue };
        let (Some(operation), Some(value)) = (parts.next(), parts.next().and_then(parse_u64)) else {
            continue;
        };
        let (read, write) = places(BlockIo::of(devices, major, minor));
        match operation {
            b"Read" => *read = Some(value),
            b"Write" => *write = Some(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLKIO: &[u8] =
        b"254:0 Read 4096\n254:0 Write 8400896\n254:0 Sync 8404992\n254:0 Async 0\n254:0 Discard 0\n\
        254:0 Total 8404992\n8:16 Read 1\n8:16 Write 2\nTotal 8404995\n";
    const MEMORY: &[u8] =
        b"cache 1\nrss 2\npgfault 65951\npgmajfault 16\nhierarchical_memory_limit 9223372036854771712\n\
        total_cache 315392\ntotal_rss 114688\ntotal_mapped_file 7\ntotal_swap 0\ntotal_pgfault 70000\n\
        total_inactive_file 400\n";

    #[test]
    fn samples() {
        assert_eq!(parse_cpuacct_stat(b"user 1117\nsystem 76\n"), (Some(11_170_000_000), Some(760_000_000)));
        let throttling =
            parse_cpu_stat(b"nr_periods 69\nnr_throttled 65\nthrottled_time 5067709763\nnr_bursts 0\n");
        let expected = Throttling {
            periods: 69,
            throttled_periods: 65,
            throttled_nanos: 5_067_709_763,
            burst_periods: Some(0),
            burst_nanos: None,
        };
        assert_eq!(throttling, Some(expected));
        let memory = parse_memory_stat(MEMORY, Memory { usage: Some(1000), ..Memory::default() });
        assert_eq!((memory.cache, memory.rss, memory.swap), (Some(315_392), Some(114_688), Some(0)));
        assert_eq!((memory.pgfault, memory.working_set), (Some(65951), Some(600)));
    }

    #[test]
    fn block_devices() {
        let mut devices = Vec::new();
        parse_blkio(BLKIO, &mut devices, |d| (&mut d.read_bytes, &mut d.write_bytes));
        parse_blkio(b"254:0 Read 1\n254:0 Write 9\nTotal 10\n", &mut devices, |d| {
            (&mut d.reads, &mut d.writes)
        });
        assert_eq!(devices.len(), 2);
        assert_eq!((devices[0].read_bytes, devices[0].write_bytes), (Some(4096), Some(8_400_896)));
        assert_eq!((devices[0].reads, devices[0].writes), (Some(1), Some(9)));
        assert_eq!((devices[1].minor, devices[1].reads), (16, None));
    }

    #[test]
    fn unaccounted_block_io_is_no_device() {
        let mut devices = Vec::new();
        parse_blkio(b"Total 0\n", &mut devices, |d| (&mut d.read_bytes, &mut d.write_bytes));
        assert_eq!(devices, []);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, blkio in 0..BLKIO.len(), memory in 0..MEMORY.len()) {
            for bytes in [&bytes[..], &BLKIO[..blkio], &MEMORY[..memory]] {
                parse_cpuacct_stat(bytes);
                parse_cpu_stat(bytes);
                parse_memory_stat(bytes, Memory::default());
                parse_blkio(bytes, &mut Vec::new(), |d| (&mut d.reads, &mut d.writes));
            }
        }
    }
}
