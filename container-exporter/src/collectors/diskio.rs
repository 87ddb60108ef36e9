//! `diskio`: what containers read from and wrote to block devices.

use std::path::Path;
use std::sync::Arc;

use agent_core::cli::PathArgs;
use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, LabelBlock};
use agent_core::read::{Scratch, fields, lines, parse_u64};

use super::metric::{Description, Metric, describe, micros, number, write};
use super::{Row, Shared};
use crate::block_devices::BlockDevices;
use crate::sample::BlockIo;

type M = Metric<BlockIo>;

const METRICS: &[M] = &[
    M::counter("container_fs_reads_bytes_total", "Bytes read from a device.", |d| number(d.read_bytes))
        .from(BYTES, "blkio_stats.io_service_bytes_recursive"),
    M::counter("container_fs_writes_bytes_total", "Bytes written to a device.", |d| number(d.write_bytes))
        .from(BYTES, "blkio_stats.io_service_bytes_recursive"),
    M::counter("container_fs_reads_total", "Read operations of a device.", |d| number(d.reads))
        .from(OPERATIONS, "v1 blkio_stats.io_serviced_recursive"),
    M::counter("container_fs_writes_total", "Write operations of a device.", |d| number(d.writes))
        .from(OPERATIONS, "v1 blkio_stats.io_serviced_recursive"),
];
const BYTES: &str = "v1 blkio.throttle or blkio.bfq .io_service_bytes_recursive; v2 io.stat rbytes, wbytes";
const OPERATIONS: &str = "v1 blkio.throttle or blkio.bfq .io_serviced_recursive; v2 io.stat rios, wios";

/// What the kernel's cost model says, where it is on.
const COST: &[M] = &[
    M::counter("container_fs_io_cost_usage_seconds_total", "Device time used, by the cost model.", |d| {
        micros(d.cost.map(|c| c.usage))
    })
    .from("v2 io.stat cost.usage", "-"),
    M::counter("container_fs_io_cost_wait_seconds_total", "Time waited for a share of the device.", |d| {
        micros(d.cost.map(|c| c.wait))
    })
    .from("v2 io.stat cost.wait", "-"),
    M::counter("container_fs_io_cost_indebt_seconds_total", "Time in debt to others for the device.", |d| {
        micros(d.cost.map(|c| c.indebt))
    })
    .from("v2 io.stat cost.indebt", "-"),
    M::counter("container_fs_io_cost_indelay_seconds_total", "Time held up because of such debts.", |d| {
        micros(d.cost.map(|c| c.indelay))
    })
    .from("v2 io.stat cost.indelay", "-"),
];

/// The same bytes once more, under cAdvisor's second name.
const USAGE: &[M] = &[
    M::counter("container_blkio_device_usage_total", USAGE_HELP, |d| number(d.read_bytes))
        .labels(&[("operation", "Read")])
        .from(BYTES, "blkio_stats.io_service_bytes_recursive"),
    M::counter("container_blkio_device_usage_total", USAGE_HELP, |d| number(d.write_bytes))
        .labels(&[("operation", "Write")]),
];
const USAGE_HELP: &str = "Bytes moved from or to a device, by operation.";

const UNACCOUNTED: &[Metric<Option<bool>>] = &[Metric::<Option<bool>>::gauge(
    "container_exporter_blkio_unaccounted",
    "1 if this kernel does not count block I/O by cgroup (version 1, no limit ever set), so that series are absent.",
    |unaccounted| number(unaccounted.map(u64::from)),
)
.from("v1 root blkio.throttle.io_service_bytes_recursive against /proc/diskstats", "as with cgroup")];

/// What it writes.
pub fn families() -> Vec<Description> {
    [describe(METRICS), describe(COST), describe(USAGE), describe(UNACCOUNTED)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(DiskIoCollector {
        devices: BlockDevices::new(&shared.paths.sysfs),
        nothing: Arc::new(LabelBlock::new::<&str, &str>(&[])),
        scratch: Scratch::default(),
        shared: shared.clone(),
        rows: Vec::new(),
    })
}

struct DiskIoCollector {
    shared: Shared,
    devices: BlockDevices,
    rows: Vec<Row<BlockIo>>,
    nothing: Arc<LabelBlock>,
    scratch: Scratch,
}

impl Collector for DiskIoCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, devices, rows, nothing, scratch } = self;
        rows.clear();
        shared.each_running(|source, container| {
            for device in source.block_io(container) {
                let label = devices.label(device.major, device.minor);
                rows.push(Row::of(container, device).with("device", label));
            }
        });
        write(out, shared.detail(), METRICS, rows);
        write(out, shared.detail(), COST, rows);
        for row in rows.iter_mut() {
            let BlockIo { major, minor, .. } = row.sample;
            row.labels.extend([("major", major.to_string()), ("minor", minor.to_string())]);
        }
        write(out, shared.detail(), USAGE, rows);
        let PathArgs { sysfs, procfs, .. } = &shared.paths;
        let sample = if rows.is_empty() { is_unaccounted(sysfs, procfs, scratch) } else { Some(false) };
        write(
            out,
            shared.detail(),
            UNACCOUNTED,
            &[Row { block: Arc::clone(nothing), labels: Vec::new(), sample }],
        );
        Ok(())
    }
}

/// Recent kernels begin to count on cgroup version 1 only when some limit is set for the first time: until then even
/// the root cgroup has no device, while the disks have been busy since boot. `None` where that cannot be known.
fn is_unaccounted(sysfs: &Path, procfs: &Path, scratch: &mut Scratch) -> Option<bool> {
    let cgroup = sysfs.join("fs/cgroup");
    if cgroup.join("cgroup.controllers").exists() {
        return Some(false);
    }
    let blkio = cgroup.join("blkio");
    // Only the real root has this file; a container without the host's /sys sees its own cgroup there.
    if !blkio.join("release_agent").exists() {
        return None;
    }
    let counted = |scratch: &mut Scratch, file: &str| {
        scratch
            .read(&blkio.join(file))
            .is_ok_and(|bytes| lines(bytes).any(|line| !line.starts_with(b"Total")))
    };
    let counts = counted(scratch, "blkio.throttle.io_service_bytes_recursive")
        || counted(scratch, "blkio.bfq.io_service_bytes_recursive");
    Some(!counts && scratch.read(&procfs.join("diskstats")).is_ok_and(parse_any_io))
}

/// Whether `/proc/diskstats` (`major minor name reads ...`) has a device that was read from.
fn parse_any_io(bytes: &[u8]) -> bool {
    lines(bytes).any(|line| fields(line).nth(3).and_then(parse_u64).is_some_and(|reads| reads > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;
    use proptest::prelude::*;

    const FILE: &str = "sys/fs/cgroup/blkio/blkio.throttle.io_service_bytes_recursive";
    const BUSY: &str = " 254       0 vda 96405 13519 8877274 52701 36165 52384 7832736 21050 0 14320 74919\n";

    fn unaccounted(root: &FakeRoot) -> Option<bool> {
        is_unaccounted(&root.path().join("sys"), &root.path().join("proc"), &mut Scratch::default())
    }

    #[test]
    fn an_idle_counter_beside_a_busy_disk() {
        let root = FakeRoot::new();
        root.file("proc/diskstats", BUSY);
        root.file(FILE, "Total 0\n");
        assert_eq!(unaccounted(&root), None, "not the root");
        root.file("sys/fs/cgroup/blkio/release_agent", "\n");
        assert_eq!(unaccounted(&root), Some(true));
        root.file("proc/diskstats", " 254 0 vda 0 0 0 0 0 0\n");
        assert_eq!(unaccounted(&root), Some(false));
        root.file("proc/diskstats", BUSY);
        root.file(FILE, "254:0 Read 4096\nTotal 4096\n");
        assert_eq!(unaccounted(&root), Some(false));
        root.file(FILE, "Total 0\n");
        root.file("sys/fs/cgroup/cgroup.controllers", "io\n");
        assert_eq!(unaccounted(&root), Some(false), "version 2");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            parse_any_io(&bytes);
        }
    }
}
