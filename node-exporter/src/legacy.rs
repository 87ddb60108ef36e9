//! The names that node_exporter 0.14 gave, beside today's, for dashboards and alerts that still ask for them.
//!
//! One table says which family is repeated under which old name, and what was different then.

use std::borrow::Cow;

use agent_core::exposition::{Kind, Relabel, Repeat, Repeats, Value};

/// What was different about a family, beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Nothing.
    Nothing,
    /// It was counted in milliseconds.
    Milliseconds,
    /// It was counted in sectors of 512 bytes.
    Sectors,
    /// CPUs were called `cpu0`.
    CpuNames,
    /// Time of guests was a mode like others; of guests with low priority nothing was said.
    GuestMode,
    /// The label of the CPU was in capitals.
    CpuCapitals,
    /// The labels had other names.
    NfsLabels,
}

use Change::{CpuCapitals, CpuNames, GuestMode, Milliseconds, NfsLabels, Nothing, Sectors};
use Kind::{Counter, Gauge};

/// Today's name, the old one, its type then, and what else was different.
#[rustfmt::skip]
const FAMILIES: &[(&str, &str, Kind, Change)] = &[
    ("node_boot_time_seconds", "node_boot_time", Gauge, Nothing),
    ("node_buddyinfo_blocks", "node_buddyinfo_count", Gauge, Nothing),
    ("node_context_switches_total", "node_context_switches", Counter, Nothing),
    ("node_cpu_guest_seconds_total", "node_cpu", Counter, GuestMode),
    ("node_cpu_seconds_total", "node_cpu", Counter, CpuNames),
    ("node_disk_io_time_seconds_total", "node_disk_io_time_ms", Counter, Milliseconds),
    ("node_disk_io_time_weighted_seconds_total", "node_disk_io_time_weighted", Counter, Milliseconds),
    ("node_disk_read_bytes_total", "node_disk_bytes_read", Counter, Nothing),
    ("node_disk_read_bytes_total", "node_disk_sectors_read", Counter, Sectors),
    ("node_disk_read_time_seconds_total", "node_disk_read_time_ms", Counter, Milliseconds),
    ("node_disk_reads_completed_total", "node_disk_reads_completed", Counter, Nothing),
    ("node_disk_reads_merged_total", "node_disk_reads_merged", Counter, Nothing),
    ("node_disk_write_time_seconds_total", "node_disk_write_time_ms", Counter, Milliseconds),
    ("node_disk_writes_completed_total", "node_disk_writes_completed", Counter, Nothing),
    ("node_disk_writes_merged_total", "node_disk_writes_merged", Counter, Nothing),
    ("node_disk_written_bytes_total", "node_disk_bytes_written", Counter, Nothing),
    ("node_disk_written_bytes_total", "node_disk_sectors_written", Counter, Sectors),
    ("node_filesystem_avail_bytes", "node_filesystem_avail", Gauge, Nothing),
    ("node_filesystem_free_bytes", "node_filesystem_free", Gauge, Nothing),
    ("node_filesystem_size_bytes", "node_filesystem_size", Gauge, Nothing),
    ("node_forks_total", "node_forks", Counter, Nothing),
    ("node_infiniband_port_data_received_bytes_total", "node_infiniband_port_data_received_bytes", Counter, Nothing),
    ("node_infiniband_port_data_transmitted_bytes_total", "node_infiniband_port_data_transmitted_bytes", Counter, Nothing),
    ("node_interrupts_total", "node_interrupts", Counter, CpuCapitals),
    ("node_intr_total", "node_intr", Counter, Nothing),
    ("node_network_receive_bytes_total", "node_network_receive_bytes", Gauge, Nothing),
    ("node_network_receive_compressed_total", "node_network_receive_compressed", Gauge, Nothing),
    ("node_network_receive_drop_total", "node_network_receive_drop", Gauge, Nothing),
    ("node_network_receive_errs_total", "node_network_receive_errs", Gauge, Nothing),
    ("node_network_receive_fifo_total", "node_network_receive_fifo", Gauge, Nothing),
    ("node_network_receive_frame_total", "node_network_receive_frame", Gauge, Nothing),
    ("node_network_receive_multicast_total", "node_network_receive_multicast", Gauge, Nothing),
    ("node_network_receive_packets_total", "node_network_receive_packets", Gauge, Nothing),
    ("node_network_transmit_bytes_total", "node_network_transmit_bytes", Gauge, Nothing),
    ("node_network_transmit_compressed_total", "node_network_transmit_compressed", Gauge, Nothing),
    ("node_network_transmit_drop_total", "node_network_transmit_drop", Gauge, Nothing),
    ("node_network_transmit_errs_total", "node_network_transmit_errs", Gauge, Nothing),
    ("node_network_transmit_fifo_total", "node_network_transmit_fifo", Gauge, Nothing),
    ("node_network_transmit_packets_total", "node_network_transmit_packets", Gauge, Nothing),
    ("node_nfs_connections_total", "node_nfs_net_connections", Counter, Nothing),
    ("node_nfs_packets_total", "node_nfs_net_reads", Counter, Nothing),
    ("node_nfs_requests_total", "node_nfs_procedures", Counter, NfsLabels),
    ("node_nfs_rpc_authentication_refreshes_total", "node_nfs_rpc_authentication_refreshes", Counter, Nothing),
    ("node_nfs_rpc_retransmissions_total", "node_nfs_rpc_retransmissions", Counter, Nothing),
    ("node_nfs_rpcs_total", "node_nfs_rpc_operations", Counter, Nothing),
    ("node_textfile_mtime_seconds", "node_textfile_mtime", Gauge, Nothing),
    ("node_time_seconds", "node_time", Counter, Nothing),
];

/// All of `/proc/meminfo` had no unit in its names.
const MEMORY: (&str, &str) = ("node_memory_", "_bytes");

const MILLISECONDS: f64 = 1000.0;
const SECTOR: u64 = 512;

/// The old names.
#[derive(Debug, Clone, Copy)]
pub struct LegacyNames;

impl Repeats for LegacyNames {
    fn of(&self, name: &str) -> Vec<Repeat> {
        if let Some(field) = name.strip_prefix(MEMORY.0).and_then(|rest| rest.strip_suffix(MEMORY.1)) {
            return vec![repeat(format!("{}{field}", MEMORY.0).into(), Gauge, Nothing)];
        }
        let rows = FAMILIES.iter().filter(|(new, ..)| *new == name);
        rows.map(|(_, old, kind, change)| repeat(Cow::Borrowed(old), *kind, *change)).collect()
    }
}

fn repeat(name: Cow<'static, str>, kind: Kind, change: Change) -> Repeat {
    let value: fn(Value) -> Value = match change {
        Milliseconds => |value| match value {
            Value::Unsigned(seconds) => Value::Float(seconds as f64 * MILLISECONDS),
            Value::Signed(seconds) => Value::Float(seconds as f64 * MILLISECONDS),
            // The kernel's own number was a whole one.
            Value::Float(seconds) => Value::Float((seconds * MILLISECONDS).round()),
        },
        Sectors => |value| match value {
            Value::Unsigned(bytes) => Value::Unsigned(bytes / SECTOR),
            other => other,
        },
        _ => |value| value,
    };
    let label: Relabel = match change {
        CpuNames => |key, text| match key {
            "cpu" => Some((key, format!("cpu{text}").into())),
            _ => Some((key, text.into())),
        },
        GuestMode => |key, text| match (key, text) {
            ("cpu", _) => Some((key, format!("cpu{text}").into())),
            ("mode", "user") => Some((key, "guest".into())),
            _ => None,
        },
        CpuCapitals => |key, text| Some((if key == "cpu" { "CPU" } else { key }, text.into())),
        NfsLabels => |key, text| match key {
            "method" => Some(("procedure", text.into())),
            "proto" => Some(("version", text.into())),
            _ => Some((key, text.into())),
        },
        _ => |key, text| Some((key, text.into())),
    };
    Repeat { name, kind, value, label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_nothing_is_given_twice() {
        let keys: Vec<_> = FAMILIES.iter().map(|(new, old, ..)| (new, old)).collect();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(keys, sorted);
    }

    #[test]
    fn labels_and_values_are_as_they_were() {
        let one = |name| LegacyNames.of(name).remove(0);
        let cpu = one("node_cpu_seconds_total");
        assert_eq!((cpu.label)("cpu", "3"), Some(("cpu", "cpu3".into())));
        let guest = one("node_cpu_guest_seconds_total");
        assert_eq!(guest.name, "node_cpu");
        assert_eq!((guest.label)("mode", "user"), Some(("mode", "guest".into())));
        assert_eq!((guest.label)("mode", "nice"), None);
        let disk = one("node_disk_read_time_seconds_total");
        assert_eq!((disk.value)(Value::Float(9_653.880_000_000_001)), Value::Float(9_653_880.0));
        let sectors = LegacyNames.of("node_disk_written_bytes_total").remove(1);
        assert_eq!((sectors.value)(Value::Unsigned(1024)), Value::Unsigned(2));
        assert_eq!(one("node_memory_MemAvailable_bytes").name, "node_memory_MemAvailable");
        assert!(LegacyNames.of("node_memory_HugePages_Total").is_empty());
        assert!(LegacyNames.of("node_load1").is_empty());
    }
}
