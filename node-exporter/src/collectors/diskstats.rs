//! `diskstats`: reads, writes, discards and flushes of block devices, and what the devices are.

mod udev;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use self::udev::Devices;
use super::Build;
use crate::filter::{Filter, Memo};
use crate::flags::{Flag, Given};
use crate::host::{Host, read};
use crate::table::{Column, write_devices};

const EXCLUDE: Flag = Flag::regex(
    "collector.diskstats.device-exclude",
    r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    "Devices to leave out; not together with device-include",
)
.formerly(&["collector.diskstats.ignored-devices"]);
const INCLUDE: Flag = Flag::regex(
    "collector.diskstats.device-include",
    "",
    "Devices to export; not together with device-exclude",
);

pub(super) const FLAGS: &[Flag] = &[EXCLUDE, INCLUDE];

/// The kernel's sectors, whatever those of the device are, in bytes.
const SECTOR: u64 = 512;

/// The numbers of a device in the order of `/proc/diskstats`; older kernels have fewer.
type Numbers = [Option<u64>; 17];

#[rustfmt::skip]
const COLUMNS: &[Column<Numbers>] = &[
    Column::counter("node_disk_reads_completed_total", "Reads that succeeded.", |n| count(n, 0)),
    Column::counter("node_disk_reads_merged_total", "Reads that were merged with others.", |n| count(n, 1)),
    Column::counter("node_disk_read_bytes_total", "Bytes read.", |n| bytes(n, 2)),
    Column::counter("node_disk_read_time_seconds_total", "Seconds that all reads took.", |n| seconds(n, 3)),
    Column::counter("node_disk_writes_completed_total", "Writes that succeeded.", |n| count(n, 4)),
    Column::counter("node_disk_writes_merged_total", "Writes that were merged with others.", |n| count(n, 5)),
    Column::counter("node_disk_written_bytes_total", "Bytes written.", |n| bytes(n, 6)),
    Column::counter("node_disk_write_time_seconds_total", "Seconds that all writes took.", |n| seconds(n, 7)),
    Column::gauge("node_disk_io_now", "Requests under way.", |n| count(n, 8)),
    Column::counter("node_disk_io_time_seconds_total", "Seconds in which some request was under way.", |n| seconds(n, 9)),
    Column::counter("node_disk_io_time_weighted_seconds_total", "Seconds that all requests were under way.", |n| seconds(n, 10)),
    Column::counter("node_disk_discards_completed_total", "Discards that succeeded.", |n| count(n, 11)),
    Column::counter("node_disk_discards_merged_total", "Discards that were merged with others.", |n| count(n, 12)),
    Column::counter("node_disk_discarded_sectors_total", "Sectors of 512 bytes discarded.", |n| count(n, 13)),
    Column::counter("node_disk_discard_time_seconds_total", "Seconds that all discards took.", |n| seconds(n, 14)),
    Column::counter("node_disk_flush_requests_total", "Flushes that succeeded.", |n| count(n, 15)),
    Column::counter("node_disk_flush_requests_time_seconds_total", "Seconds that all flushes took.", |n| seconds(n, 16)),
];

fn count(numbers: &Numbers, index: usize) -> Option<Value> {
    numbers.get(index).copied().flatten().map(Value::from)
}

fn bytes(numbers: &Numbers, index: usize) -> Option<Value> {
    Some(numbers.get(index).copied().flatten()?.wrapping_mul(SECTOR).into())
}

fn seconds(numbers: &Numbers, index: usize) -> Option<Value> {
    let milliseconds = numbers.get(index).copied().flatten()?;
    // A product, not a quotient: node_exporter's last digit.
    Some((milliseconds as f64 * 0.001).into())
}

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let devices = given.filter(&EXCLUDE, &INCLUDE)?;
    Ok(Build::new(move |host| Diskstats::new(host, devices.clone())))
}

#[derive(Debug)]
struct Diskstats {
    file: KeptFile,
    wanted: Memo,
    devices: Devices,
    scratch: Scratch,
}

impl Diskstats {
    fn new(host: &Host, wanted: Filter) -> Self {
        Self {
            file: host.procfs("diskstats"),
            wanted: Memo::new(wanted),
            devices: Devices::new(host),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Diskstats {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        let wanted = &mut self.wanted;
        let disks: Vec<_> = parse(content).filter(|disk| wanted.wants(disk.name)).collect();
        write_devices(out, COLUMNS, || disks.iter().map(|disk| (disk.name, &disk.numbers)));
        self.devices.collect(out, &disks);
        Ok(())
    }
}

/// A line of `/proc/diskstats`.
#[derive(Debug)]
struct Disk<'a> {
    major: &'a str,
    minor: &'a str,
    name: &'a str,
    numbers: Numbers,
}

/// `major minor name numbers …`
fn parse(content: &[u8]) -> impl Iterator<Item = Disk<'_>> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        let mut word = || text(fields.next()?);
        let (major, minor, name) = (word()?, word()?, word()?);
        let mut numbers = Numbers::default();
        for (number, field) in numbers.iter_mut().zip(fields) {
            *number = parse_u64(field);
        }
        Some(Disk { major, minor, name, numbers })
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;
    use crate::host::fake;

    fn collected(content: &str) -> String {
        let root = FakeRoot::new();
        root.file("proc/diskstats", content);
        let exclude = Regex::new(r"^(loop|[sv]d[a-z])\d+$").ok();
        let (text, error) = collect(Diskstats::new(&fake::host(&root), Filter { exclude, include: None }));
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn units_are_bytes_and_seconds() {
        let text = collected(
            "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n\
              254       0 vda 56159 10725 5669970 22706 17427 39205 5235560 9120 1 9248 32463 7177 75 912336 591 1279 45\n",
        );
        for line in [
            "node_disk_reads_completed_total{device=\"vda\"} 56159",
            "node_disk_read_bytes_total{device=\"vda\"} 2903024640",
            "node_disk_read_time_seconds_total{device=\"vda\"} 22.706",
            "node_disk_io_now{device=\"vda\"} 1",
            "node_disk_flush_requests_time_seconds_total{device=\"vda\"} 0.045",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
        assert!(!text.contains("loop0"), "{text}");
    }

    #[test]
    fn what_an_old_kernel_lacks_is_absent() {
        let text = collected("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n");
        assert!(text.contains("node_disk_io_time_weighted_seconds_total{device=\"sda\"} 0.011\n"), "{text}");
        assert!(!text.contains("discard") && !text.contains("flush"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-z0-9 \n]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
