//! `wifi`: stations of wireless networks, by the netlink family nl80211.
//!
//! The kernel answers for the asker's network namespace, so in a namespace of its own the collector has no data. What
//! answers lack is left out.

pub(super) mod nl80211;
mod recorded;

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};

use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::{Host, needs_own_network};
use crate::netlink::numbers::nl80211 as numbers;
use crate::table::{Column, write_rows};

const FIXTURES: Flag = Flag {
    name: "collector.wifi.fixtures",
    takes: Takes::Value { what: "FOLDER", default: "" },
    help: "For tests: read recorded answers there instead of asking the kernel",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[FIXTURES];

#[rustfmt::skip]
const COLUMNS: &[Column<Station>] = &[
    Column::counter("node_wifi_station_beacon_loss_total", "Losses of a station's beacon.", |s| whole(s.beacon_loss)),
    Column::counter("node_wifi_station_connected_seconds_total", "Seconds that a station has been connected.", |s| s.connected.map(Value::Float)),
    Column::gauge("node_wifi_station_inactive_seconds", "Seconds since anything was heard of a station.", |s| s.inactive.map(Value::Float)),
    Column::gauge("node_wifi_station_receive_bits_per_second", "Rate at which a station's data is received.", |s| whole(s.receive_rate)),
    Column::counter("node_wifi_station_receive_bytes_total", "Bytes received from a station.", |s| whole(s.received_bytes)),
    Column::counter("node_wifi_station_received_packets_total", "Packets received from a station.", |s| whole(s.received_packets)),
    Column::gauge("node_wifi_station_signal_dbm", "Strength of a station's signal, in decibels of a milliwatt.", |s| s.signal.map(Value::Signed)),
    Column::gauge("node_wifi_station_transmit_bits_per_second", "Rate at which data is sent to a station.", |s| whole(s.send_rate)),
    Column::counter("node_wifi_station_transmit_bytes_total", "Bytes sent to a station.", |s| whole(s.sent_bytes)),
    Column::counter("node_wifi_station_transmit_failed_total", "Packets that could not be sent to a station.", |s| whole(s.failed)),
    Column::counter("node_wifi_station_transmit_retries_total", "Packets that had to be sent to a station again.", |s| whole(s.retries)),
    Column::counter("node_wifi_station_transmitted_packets_total", "Packets sent to a station.", |s| whole(s.sent_packets)),
];

fn whole(number: Option<u64>) -> Option<Value> {
    number.map(Value::Unsigned)
}

/// A wireless device.
#[derive(Debug, Default, PartialEq)]
struct Device {
    name: String,
    /// In megahertz.
    frequency: Option<u64>,
    network: Option<Network>,
    stations: Vec<Station>,
}

/// The network that a device belongs to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Network {
    ssid: String,
    bssid: String,
    status: u32,
}

/// What a device talks to. Rates are in bits per second, the signal is in dBm, times are in seconds.
#[derive(Debug, Default, PartialEq)]
struct Station {
    address: String,
    connected: Option<f64>,
    inactive: Option<f64>,
    receive_rate: Option<u64>,
    send_rate: Option<u64>,
    received_bytes: Option<u64>,
    sent_bytes: Option<u64>,
    received_packets: Option<u64>,
    sent_packets: Option<u64>,
    signal: Option<i64>,
    retries: Option<u64>,
    failed: Option<u64>,
    beacon_loss: Option<u64>,
}

pub(super) fn build(given: Given<'_>) -> Build {
    let fixtures = Some(given.value(&FIXTURES)).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    Build::new(move |host| Wifi::new(host, fixtures.clone()))
}

#[derive(Debug)]
struct Wifi {
    fixtures: Option<PathBuf>,
    foreign_network: bool,
}

impl Wifi {
    fn new(host: &Host, fixtures: Option<PathBuf>) -> Self {
        Self { fixtures, foreign_network: host.foreign_network }
    }

    fn devices(&self) -> Result<Vec<Device>, CollectError> {
        if let Some(folder) = &self.fixtures {
            return recorded::read(folder);
        }
        needs_own_network(self.foreign_network)?;
        nl80211::read()
    }
}

impl Collector for Wifi {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        write(out, &self.devices()?);
        Ok(())
    }
}

fn write(out: &mut Exposition<'_>, devices: &[Device]) {
    let help = "Frequency that a wireless device works at.";
    let mut family = out.family("node_wifi_interface_frequency_hertz", help, Kind::Gauge);
    for Device { name, frequency, .. } in devices {
        if let Some(frequency) = frequency {
            family.sample(&[("device", name)], frequency.saturating_mul(1_000_000));
        }
    }
    let help = "What network a wireless device belongs to.";
    let mut family = out.family("node_wifi_station_info", help, Kind::Gauge);
    for device in devices {
        if let Some(network) = &device.network {
            let labels = [
                ("bssid", network.bssid.as_str()),
                ("device", &device.name),
                ("mode", mode(network.status)),
                ("ssid", &network.ssid),
            ];
            family.sample(&labels, 1_u64);
        }
    }
    write_rows(out, COLUMNS, || {
        devices.iter().flat_map(|device| {
            let labels = |address| [("device", device.name.as_str()), ("mac_address", address)];
            device.stations.iter().map(move |station| (labels(station.address.as_str()), station))
        })
    });
}

/// An address as users know it: `00:11:22:33:44:55`.
fn address(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn mode(status: u32) -> &'static str {
    match status {
        numbers::AUTHENTICATED | numbers::ASSOCIATED => "client",
        numbers::IBSS_JOINED => "ad-hoc",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn what_is_not_told_is_left_out() {
        struct Given(Vec<Device>);
        impl Collector for Given {
            fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
                write(out, &self.0);
                Ok(())
            }
        }
        let station =
            Station { address: "aa:bb".to_owned(), signal: Some(-40), failed: Some(2), ..Station::default() };
        let device = Device { name: "wlan0".to_owned(), stations: vec![station], ..Device::default() };
        let (text, _) = collect(Given(vec![device]));
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let labels = "{device=\"wlan0\",mac_address=\"aa:bb\"}";
        let expected = [
            format!("node_wifi_station_signal_dbm{labels} -40"),
            format!("node_wifi_station_transmit_failed_total{labels} 2"),
        ];
        assert_eq!(samples, expected);
    }

    #[test]
    fn the_kernel_is_asked_in_its_own_namespace_only() {
        let mut host = fake::host(&FakeRoot::new());
        let (text, error) = collect(Wifi::new(&host, None));
        // A machine without wireless devices, or even without the kernel's part for them, is the rule.
        let wireless = text.contains("node_wifi_interface");
        assert!(wireless || error.is_none() || matches!(error, Some(CollectError::NoData(_))), "{error:?}");
        host.foreign_network = true;
        let (text, error) = collect(Wifi::new(&host, None));
        assert!(text.is_empty() && matches!(error, Some(CollectError::NoData(_))), "{error:?}");
    }
}
