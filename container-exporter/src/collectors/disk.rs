//! `disk`: how much disk containers use, and how much there is.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::disk_usage::Mode;

/// Bytes.
#[derive(Debug, Clone, Copy)]
struct Disk {
    used: Option<u64>,
    size: Option<u64>,
}

const METRICS: &[Metric<Disk>] = &[
    Metric::<Disk>::gauge(
        "container_fs_usage_bytes",
        "Disk space used by the container's own files; measured every five minutes, or more rarely where that takes long.",
        |d| number(d.used),
    )
    .from(
        "the files themselves below --path.rootfs, or with --disk-usage=api inspect SizeRw; the machine: statvfs",
        "as with cgroup",
    ),
    Metric::<Disk>::gauge(
        "container_fs_limit_bytes",
        "Size of the file system that the container is on.",
        |d| number(d.size),
    )
    .from("statvfs of the engine's folder; in a container /etc/hostname is on the same file system", "as with cgroup"),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(DiskCollector { shared: shared.clone() })
}

struct DiskCollector {
    shared: Shared,
}

impl Collector for DiskCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared } = self;
        if shared.options.disk_usage == Mode::Off {
            return Ok(());
        }
        shared.disk.scraped();
        let on = |row: Row<Disk>, device: &Option<String>| match device {
            Some(device) => row.with("device", device.as_str()),
            None => row,
        };
        let file_systems = shared.disk.file_systems();
        let machine = file_systems.iter().filter_map(|f| {
            let row = shared.root_row(Disk { used: f.used, size: f.size })?;
            Some(on(row, &f.device))
        });
        let mut rows: Vec<_> = machine.collect();
        let (device, size) = file_systems.into_iter().next().map(|f| (f.device, f.size)).unwrap_or_default();
        for container in shared.present() {
            let disk = Disk { used: shared.disk.of(&container.id), size };
            rows.push(on(Row::of(&container, disk), &device));
        }
        write(out, shared.detail(), METRICS, &rows);
        Ok(())
    }
}
