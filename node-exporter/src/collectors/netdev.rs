//! `netdev`: traffic and errors of the host's network devices.

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64};

use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given};
use crate::host::{Host, read};
use crate::table::{Column, write_devices};

const EXCLUDE: Flag = Flag::regex(
    "collector.netdev.device-exclude",
    "",
    "Devices to leave out; not together with device-include",
)
.formerly(&["collector.netdev.device-blacklist", "collector.netdev.ignored-devices"]);
const INCLUDE: Flag =
    Flag::regex("collector.netdev.device-include", "", "Devices to export; not together with device-exclude")
        .formerly(&["collector.netdev.device-whitelist"]);

pub(super) const FLAGS: &[Flag] = &[EXCLUDE, INCLUDE];

/// The numbers of a device: eight received, eight transmitted, in the order of `/proc/net/dev`.
type Numbers = [Option<u64>; 16];

#[rustfmt::skip]
const COLUMNS: &[Column<Numbers>] = &[
    Column::counter("node_network_receive_bytes_total", "Bytes that a device received.", |n| number(n, 0)),
    Column::counter("node_network_receive_packets_total", "Packets that a device received.", |n| number(n, 1)),
    Column::counter("node_network_receive_errs_total", "Received packets with an error.", |n| number(n, 2)),
    Column::counter("node_network_receive_drop_total", "Received packets that were dropped.", |n| number(n, 3)),
    Column::counter("node_network_receive_fifo_total", "Received packets lost because a queue was full.", |n| number(n, 4)),
    Column::counter("node_network_receive_frame_total", "Received packets of wrong length, frame or checksum.", |n| number(n, 5)),
    Column::counter("node_network_receive_compressed_total", "Received packets that were compressed.", |n| number(n, 6)),
    Column::counter("node_network_receive_multicast_total", "Received packets that were multicast.", |n| number(n, 7)),
    Column::counter("node_network_transmit_bytes_total", "Bytes that a device sent.", |n| number(n, 8)),
    Column::counter("node_network_transmit_packets_total", "Packets that a device sent.", |n| number(n, 9)),
    Column::counter("node_network_transmit_errs_total", "Packets that could not be sent for an error.", |n| number(n, 10)),
    Column::counter("node_network_transmit_drop_total", "Packets that were dropped instead of sent.", |n| number(n, 11)),
    Column::counter("node_network_transmit_fifo_total", "Packets lost because a sending queue was full.", |n| number(n, 12)),
    Column::counter("node_network_transmit_colls_total", "Collisions while sending.", |n| number(n, 13)),
    Column::counter("node_network_transmit_carrier_total", "Packets not sent for lack of a carrier.", |n| number(n, 14)),
    Column::counter("node_network_transmit_compressed_total", "Sent packets that were compressed.", |n| number(n, 15)),
];

fn number(numbers: &Numbers, index: usize) -> Option<Value> {
    numbers.get(index).copied().flatten().map(Value::from)
}

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let devices = given.filter(&EXCLUDE, &INCLUDE)?;
    Ok(Build::new(move |host| Netdev::new(host, devices.clone())))
}

#[derive(Debug)]
struct Netdev {
    dev: KeptFile,
    devices: Filter,
    scratch: Scratch,
}

impl Netdev {
    fn new(host: &Host, devices: Filter) -> Self {
        Self { dev: host.net("dev"), devices, scratch: Scratch::default() }
    }
}

impl Collector for Netdev {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.dev, &mut self.scratch)?;
        let rows: Vec<_> = parse(content).filter(|(device, _)| self.devices.wants(device)).collect();
        write_devices(out, COLUMNS, || rows.iter().map(|(device, numbers)| (*device, numbers)));
        Ok(())
    }
}

/// The lines `name: numbers` of `/proc/net/dev`; its two lines of headings have no colon before their numbers.
fn parse(content: &[u8]) -> impl Iterator<Item = (&str, Numbers)> {
    lines(content).filter_map(|line| {
        // A name may hold a colon itself (an old alias), the numbers never do.
        let colon = line.iter().rposition(|byte| *byte == b':')?;
        let (name, rest) = line.split_at_checked(colon)?;
        let mut numbers = Numbers::default();
        for (number, field) in numbers.iter_mut().zip(fields(rest.get(1..)?)) {
            *number = Some(parse_u64(field)?);
        }
        Some((std::str::from_utf8(name).ok()?.trim(), numbers))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  eth0:514920618   25610    1    2    3     4          5         6  1453346   15193    7    8    9    10      11         12
";

    fn collected(folder: &str, devices: Filter) -> String {
        let root = FakeRoot::new();
        root.file(format!("proc/{folder}/dev"), TEXT);
        let (text, error) = collect(Netdev::new(&fake::host(&root), devices));
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn families_stay_in_one_piece() {
        let text = collected("1/net", Filter::default());
        let first = "# TYPE node_network_receive_bytes_total counter\n\
                     node_network_receive_bytes_total{device=\"lo\"} 3193\n\
                     node_network_receive_bytes_total{device=\"eth0\"} 514920618\n";
        assert!(text.contains(first), "{text}");
        assert!(text.contains("\nnode_network_transmit_compressed_total{device=\"eth0\"} 12\n"), "{text}");
        assert_eq!(text.matches("device=\"eth0\"").count(), 16);
    }

    #[test]
    fn where_pid_1_is_hidden_our_own_network_is_read() {
        assert!(collected("net", Filter::default()).contains("eth0"));
    }

    #[test]
    fn devices_are_filtered() {
        let text = collected("1/net", Filter { exclude: Regex::new("^lo$").ok(), include: None });
        assert!(!text.contains("\"lo\"") && text.contains("\"eth0\""), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-z0-9: |\n]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
