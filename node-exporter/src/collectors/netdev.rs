//! `netdev`: traffic and errors of the host's network devices.
//!
//! The host's `net/dev` is the host's in a container too, and costs the kernel a third of what its netlink answer does.
//! That is asked only where our own network is the one to read; for addresses our own network has to be the host's.

mod attributes;
pub(super) mod netlink;

use std::io;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64};

use self::attributes::Attributes;
use super::Build;
use crate::flags::{Flag, Given};
use crate::host::{Host, Network, read};
use crate::network::{self, Devices};
use crate::table::{Column, write_devices, write_rows};

const EXCLUDE: Flag = Flag::regex(
    "collector.netdev.device-exclude",
    "",
    "Devices to leave out; not together with device-include",
)
.formerly(&["collector.netdev.device-blacklist", "collector.netdev.ignored-devices"]);
const INCLUDE: Flag =
    Flag::regex("collector.netdev.device-include", "", "Devices to export; not together with device-exclude")
        .formerly(&["collector.netdev.device-whitelist"]);

const NETLINK: Flag = Flag::switch(
    "collector.netdev.netlink",
    true,
    "Ask the kernel over netlink where our own network is the one to read",
);
const ADDRESS_INFO: Flag =
    Flag::switch("collector.netdev.address-info", false, "Export node_network_address_info");
const LABEL_ALIAS: Flag = Flag::switch("collector.netdev.label-ifalias", false, "Add the label ifalias");
const DETAILED: Flag = Flag::switch(
    "collector.netdev.enable-detailed-metrics",
    false,
    "Accepted; the names stay as they are, which all dashboards have",
);

pub(super) const FLAGS: &[Flag] =
    &[EXCLUDE, INCLUDE, NETLINK, ADDRESS_INFO, LABEL_ALIAS, DETAILED, network::EXCLUDE, network::INCLUDE];

/// The numbers of a device: eight received, eight transmitted, in the order of `/proc/net/dev`, and one that it lacks.
type Numbers = [Option<u64>; 17];

/// The place of the number that `/proc/net/dev` lacks.
const NOHANDLER: usize = 16;

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
    Column::counter("node_network_receive_nohandler_total", "Received packets that nobody wanted.", |n| number(n, NOHANDLER)),
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

/// What flags decide.
#[derive(Debug, Clone, Default)]
struct Settings {
    devices: Devices,
    netlink: bool,
    address_info: bool,
    label_alias: bool,
}

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let settings = Settings {
        devices: Devices::new(given, given.filter(&EXCLUDE, &INCLUDE))?,
        netlink: given.is_on(&NETLINK),
        address_info: given.is_on(&ADDRESS_INFO),
        label_alias: given.is_on(&LABEL_ALIAS),
    };
    Ok(Build::new(move |host| Netdev::new(host, settings.clone())))
}

#[derive(Debug)]
struct Netdev {
    dev: KeptFile,
    attributes: Attributes,
    /// Whether `attributes` are those of the devices in `dev`.
    same_devices: bool,
    /// Whether the network to read is our own.
    own_network: bool,
    /// Whether we are in a network that is not the host's.
    foreign_network: bool,
    settings: Settings,
    scratch: Scratch,
}

impl Netdev {
    fn new(host: &Host, settings: Settings) -> Self {
        Self {
            dev: host.net("dev"),
            attributes: Attributes::new(host.devices.clone(), host.roots.sysfs.join("class/net")),
            same_devices: host.network == Network::Host,
            own_network: host.network == Network::Own,
            foreign_network: host.foreign_network,
            settings,
            scratch: Scratch::default(),
        }
    }

    fn write(&self, out: &mut Exposition<'_>, rows: &[(&str, Numbers)]) {
        if !self.settings.label_alias {
            return write_devices(out, COLUMNS, || rows.iter().map(|(device, numbers)| (*device, numbers)));
        }
        let aliases: Vec<_> = rows.iter().map(|(device, _)| self.attributes.read_alias(device)).collect();
        write_rows(out, COLUMNS, || {
            let rows = rows.iter().zip(&aliases);
            rows.map(|((device, numbers), alias)| {
                ([("device", *device), ("ifalias", alias.as_str())], numbers)
            })
        });
    }

    fn write_addresses(&self, out: &mut Exposition<'_>) -> io::Result<()> {
        let links = netlink::read_links()?;
        let addresses = netlink::read_addresses()?;
        let mut family =
            out.family("node_network_address_info", "Addresses of a device; always 1.", Kind::Gauge);
        for (index, device, _) in links.iter().filter(|(_, device, _)| self.settings.devices.wants(device)) {
            for address in addresses.iter().filter(|address| address.index == *index) {
                let labels = [
                    ("address", &*address.ip.to_string()),
                    ("device", device),
                    ("netmask", &*address.prefix.to_string()),
                    ("scope", address.scope()),
                ];
                family.sample(&labels, 1_u64);
            }
        }
        Ok(())
    }
}

impl Collector for Netdev {
    fn prepare(&mut self) {
        self.attributes.expire();
    }

    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let links = (self.own_network && self.settings.netlink).then(netlink::read_links);
        if let Some(Ok(links)) = links {
            let wanted = links.iter().filter(|(_, device, _)| self.settings.devices.wants(device));
            let rows: Vec<_> = wanted.map(|(_, device, numbers)| (device.as_str(), *numbers)).collect();
            self.write(out, &rows);
        } else {
            let mut scratch = std::mem::take(&mut self.scratch);
            let content = read(&mut self.dev, &mut scratch)?;
            let mut rows: Vec<_> =
                parse(content).filter(|(device, _)| self.settings.devices.wants(device)).collect();
            if self.same_devices {
                self.attributes.list();
                for (device, numbers) in &mut rows {
                    let [.., nohandler] = numbers;
                    *nohandler = self.attributes.read_nohandler(device);
                }
            }
            self.write(out, &rows);
            self.scratch = scratch;
        }
        if self.settings.address_info && !self.foreign_network {
            self.write_addresses(out).map_err(|error| CollectError::Other(format!("netlink: {error}")))?;
        }
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
        for (number, field) in numbers.iter_mut().take(NOHANDLER).zip(fields(rest.get(1..)?)) {
            *number = Some(parse_u64(field)?);
        }
        Some((std::str::from_utf8(name).ok()?.trim(), numbers))
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;
    use crate::filter::Filter;
    use crate::host::fake;

    const TEXT: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  eth0:514920618   25610    1    2    3     4          5         6  1453346   15193    7    8    9    10      11         12
";

    fn collected(folder: &str, settings: Settings) -> String {
        let root = FakeRoot::new();
        root.file(format!("proc/{folder}/dev"), TEXT);
        root.file("sys/class/net/eth0/statistics/rx_nohandler", "13\n");
        root.file("sys/class/net/eth0/ifalias", "uplink\n");
        let (text, error) = collect(Netdev::new(&fake::host(&root), settings));
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn families_stay_in_one_piece() {
        let text = collected("1/net", Settings::default());
        let first = "# TYPE node_network_receive_bytes_total counter\n\
                     node_network_receive_bytes_total{device=\"lo\"} 3193\n\
                     node_network_receive_bytes_total{device=\"eth0\"} 514920618\n";
        assert!(text.contains(first), "{text}");
        assert!(text.contains("\nnode_network_transmit_compressed_total{device=\"eth0\"} 12\n"), "{text}");
        assert!(text.contains("\nnode_network_receive_nohandler_total{device=\"eth0\"} 13\n"), "{text}");
        assert_eq!(text.matches("device=\"eth0\"").count(), 17);
    }

    #[test]
    fn where_pid_1_is_hidden_our_own_network_is_read() {
        let text = collected("net", Settings::default());
        // Of the devices in sysfs it is not known whose they are.
        assert!(text.contains("eth0") && !text.contains("nohandler"), "{text}");
        let text = collected("net", Settings { netlink: true, address_info: true, ..Settings::default() });
        assert!(text.contains("node_network_receive_nohandler_total{device=\"lo\"}"), "{text}");
        assert!(!text.contains("514920618"), "{text}");
    }

    #[test]
    fn devices_are_filtered() {
        let own = Filter { exclude: Regex::new("^lo$").ok(), include: None };
        let devices = Devices { own, ..Devices::default() };
        let text = collected("1/net", Settings { devices, ..Settings::default() });
        assert!(!text.contains("\"lo\"") && text.contains("\"eth0\""), "{text}");
    }

    #[test]
    fn aliases_are_a_label_on_request() {
        let text = collected("1/net", Settings { label_alias: true, ..Settings::default() });
        assert!(text.contains("node_network_receive_errs_total{device=\"lo\",ifalias=\"\"} 0\n"), "{text}");
        assert!(
            text.contains("node_network_receive_errs_total{device=\"eth0\",ifalias=\"uplink\"} 1\n"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-z0-9: |\n]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
