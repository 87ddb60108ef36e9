//! `drbd`: disks replicated over the network, from `/proc/drbd` (version 8; version 9 has no such file).

mod parse;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{KeptFile, Scratch};

use self::parse::{Device, parse};
use crate::host::{Host, read};
use crate::table::{Column, write_devices};

/// Numbers of a device, in the order of [`COLUMNS`].
type Numbers = [Option<u64>; NUMBERS.len()];

/// The kernel's words for them.
const NUMBERS: [&str; 12] = ["ns", "nr", "dw", "dr", "al", "bm", "lo", "pe", "ua", "ap", "ep", "oos"];

// What was received is in KiB like the rest, but node_exporter exports it as if it were in bytes, and so do we.
#[rustfmt::skip]
const COLUMNS: &[Column<Numbers>] = &[
    Column::counter("node_drbd_network_sent_bytes_total", "Bytes sent to the peer.", |n| kibibytes(n, 0)),
    Column::counter("node_drbd_network_received_bytes_total", "Data received from the peer, in KiB as node_exporter has it.", |n| number(n, 1)),
    Column::counter("node_drbd_disk_written_bytes_total", "Bytes written to the local disk.", |n| kibibytes(n, 2)),
    Column::counter("node_drbd_disk_read_bytes_total", "Bytes read from the local disk.", |n| kibibytes(n, 3)),
    Column::counter("node_drbd_activitylog_writes_total", "Writes to the activity log.", |n| number(n, 4)),
    Column::counter("node_drbd_bitmap_writes_total", "Writes to the bitmap.", |n| number(n, 5)),
    Column::gauge("node_drbd_local_pending", "Requests that the local disk has not answered.", |n| number(n, 6)),
    Column::gauge("node_drbd_remote_pending", "Requests that the peer has not answered.", |n| number(n, 7)),
    Column::gauge("node_drbd_remote_unacknowledged", "Requests of the peer that have not been answered.", |n| number(n, 8)),
    Column::gauge("node_drbd_application_pending", "Requests of applications that have not been answered.", |n| number(n, 9)),
    Column::gauge("node_drbd_epochs", "Epochs on the way.", |n| number(n, 10)),
    Column::gauge("node_drbd_out_of_sync_bytes", "Bytes known to differ from the peer's.", |n| kibibytes(n, 11)),
];

fn number(numbers: &Numbers, index: usize) -> Option<Value> {
    numbers.get(index).copied().flatten().map(Value::from)
}

fn kibibytes(numbers: &Numbers, index: usize) -> Option<Value> {
    numbers.get(index).copied().flatten()?.checked_mul(1024).map(Value::from)
}

/// The collector.
#[derive(Debug)]
pub(super) struct Drbd {
    file: KeptFile,
    scratch: Scratch,
}

impl Drbd {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.procfs("drbd"), scratch: Scratch::default() }
    }
}

impl Collector for Drbd {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let devices = parse(read(&mut self.file, &mut self.scratch)?);
        write_devices(out, COLUMNS, || devices.iter().map(|device| (device.name.as_str(), &device.numbers)));
        let help = "Whether a device has its peer.";
        let mut family = out.family("node_drbd_connected", help, Kind::Gauge);
        for device in &devices {
            if let Some(connected) = device.connected {
                family.sample(&[("device", &device.name)], connected);
            }
        }
        let help = "Whether a side of a device is primary.";
        write_sides(out, "node_drbd_node_role_is_primary", help, &devices, |device| device.primary);
        let help = "Whether the disk of a side is up to date.";
        write_sides(out, "node_drbd_disk_state_is_up_to_date", help, &devices, |device| device.up_to_date);
        Ok(())
    }
}

/// Writes a family about both sides of each device.
fn write_sides(
    out: &mut Exposition<'_>,
    name: &str,
    help: &str,
    devices: &[Device],
    states: fn(&Device) -> Option<(bool, bool)>,
) {
    let mut family = out.family(name, help, Kind::Gauge);
    for device in devices {
        if let Some((local, remote)) = states(device) {
            family.sample(&[("device", &device.name), ("node", "local")], local);
            family.sample(&[("device", &device.name), ("node", "remote")], remote);
        }
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "\
version: 8.4.3 (api:1/proto:86-101)
srcversion: 1A9F77B1CA5FF92235C2213

 1: cs:Connected ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----
    ns:17 nr:10 dw:28 dr:118 al:1100 bm:221 lo:1 pe:2 ua:3 ap:4 ep:1 wo:d oos:12349
 2: cs:WFConnection ro:Secondary/Unknown ds:UpToDate/DUnknown C r-----
    ns:odd nr:1
";

    #[test]
    fn families_stay_in_one_piece() {
        let root = FakeRoot::new();
        root.file("proc/drbd", TEXT);
        let (text, error) = collect(Drbd::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for lines in [
            "network_sent_bytes_total{device=\"drbd1\"} 17408",
            "network_received_bytes_total{device=\"drbd1\"} 10\nnode_drbd_network_received_bytes_total{device=\"drbd2\"} 1",
            "out_of_sync_bytes{device=\"drbd1\"} 12645376",
            "connected{device=\"drbd1\"} 1\nnode_drbd_connected{device=\"drbd2\"} 0",
            "node_role_is_primary{device=\"drbd1\",node=\"local\"} 1\n\
             node_drbd_node_role_is_primary{device=\"drbd1\",node=\"remote\"} 0",
            "disk_state_is_up_to_date{device=\"drbd1\",node=\"remote\"} 0\n\
             node_drbd_disk_state_is_up_to_date{device=\"drbd2\",node=\"local\"} 1",
        ] {
            assert!(text.contains(&format!("\nnode_drbd_{lines}\n")), "{text}");
        }
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(Drbd::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
