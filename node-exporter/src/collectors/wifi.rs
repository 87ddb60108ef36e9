//! `wifi`: stations of wireless networks.
//!
//! The kernel tells of them over the netlink family nl80211 only, which is not read yet: without
//! `--collector.wifi.fixtures` there is no data. The fixtures are node_exporter's: JSON files with its answers.

use std::fs;
use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Build;
use crate::flags::{Flag, Given, Takes};

const FIXTURES: Flag = Flag {
    name: "collector.wifi.fixtures",
    takes: Takes::Value { what: "FOLDER", default: "" },
    help: "Recorded answers to read instead of the kernel's",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[FIXTURES];

type Column = (&'static str, &'static str, Kind, fn(&Station) -> Value);

#[rustfmt::skip]
const COLUMNS: [Column; 12] = [
    ("node_wifi_station_beacon_loss_total", "Losses of a station's beacon.", Kind::Counter, |s| s.beacon_loss.into()),
    ("node_wifi_station_connected_seconds_total", "Seconds that a station has been connected.", Kind::Counter, |s| seconds(s.connected)),
    ("node_wifi_station_inactive_seconds", "Seconds since anything was heard of a station.", Kind::Gauge, |s| seconds(s.inactive)),
    ("node_wifi_station_receive_bits_per_second", "Rate at which a station's data is received.", Kind::Gauge, |s| s.receive_bitrate.into()),
    ("node_wifi_station_receive_bytes_total", "Bytes received from a station.", Kind::Counter, |s| s.received_bytes.into()),
    ("node_wifi_station_received_packets_total", "Packets received from a station.", Kind::Counter, |s| s.received_packets.into()),
    ("node_wifi_station_signal_dbm", "Strength of a station's signal, in decibels of a milliwatt.", Kind::Gauge, |s| s.signal.into()),
    ("node_wifi_station_transmit_bits_per_second", "Rate at which data is sent to a station.", Kind::Gauge, |s| s.transmit_bitrate.into()),
    ("node_wifi_station_transmit_bytes_total", "Bytes sent to a station.", Kind::Counter, |s| s.transmitted_bytes.into()),
    ("node_wifi_station_transmit_failed_total", "Packets that could not be sent to a station.", Kind::Counter, |s| s.transmit_failed.into()),
    ("node_wifi_station_transmit_retries_total", "Packets that had to be sent to a station again.", Kind::Counter, |s| s.transmit_retries.into()),
    ("node_wifi_station_transmitted_packets_total", "Packets sent to a station.", Kind::Counter, |s| s.transmitted_packets.into()),
];

fn seconds(nanoseconds: u64) -> Value {
    Value::Float(nanoseconds as f64 / 1e9)
}

#[derive(Debug, Deserialize)]
struct Interface {
    #[serde(default)]
    name: String,
    /// In megahertz.
    #[serde(default)]
    frequency: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    ssid: String,
    bssid: String,
    status: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Station {
    #[serde(rename = "hardwareaddr")]
    address: String,
    connected: u64,
    inactive: u64,
    #[serde(rename = "receivebitrate")]
    receive_bitrate: u64,
    #[serde(rename = "transmitbitrate")]
    transmit_bitrate: u64,
    #[serde(rename = "receivedbytes")]
    received_bytes: u64,
    #[serde(rename = "transmittedbytes")]
    transmitted_bytes: u64,
    #[serde(rename = "receivedpackets")]
    received_packets: u64,
    #[serde(rename = "transmittedpackets")]
    transmitted_packets: u64,
    signal: i64,
    #[serde(rename = "transmitretries")]
    transmit_retries: u64,
    #[serde(rename = "transmitfailed")]
    transmit_failed: u64,
    #[serde(rename = "beaconloss")]
    beacon_loss: u64,
}

pub(super) fn build(given: Given<'_>) -> Build {
    let fixtures = Some(given.value(&FIXTURES)).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    Build::new(move |_| Wifi { fixtures: fixtures.clone() })
}

#[derive(Debug)]
struct Wifi {
    fixtures: Option<PathBuf>,
}

impl Collector for Wifi {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Some(folder) = &self.fixtures else {
            return Err(CollectError::NoData(
                "wireless networks are not read from the kernel yet".to_owned(),
            ));
        };
        let mut interfaces: Vec<Interface> = read(&folder.join("interfaces.json"))?;
        interfaces.retain(|interface| !interface.name.is_empty());
        let help = "Frequency that a wireless device works at.";
        let mut family = out.family("node_wifi_interface_frequency_hertz", help, Kind::Gauge);
        for Interface { name, frequency } in &interfaces {
            family.sample(&[("device", name)], frequency.saturating_mul(1_000_000));
        }
        let mut stations = Vec::new();
        let help = "What network a wireless device belongs to.";
        let mut family = out.family("node_wifi_station_info", help, Kind::Gauge);
        for Interface { name, .. } in &interfaces {
            let folder = folder.join(name);
            if let Ok(network) = read::<Network>(&folder.join("bss.json")) {
                let bssid = address(&network.bssid);
                let labels = [
                    ("bssid", bssid.as_str()),
                    ("device", name),
                    ("mode", mode(network.status)),
                    ("ssid", &network.ssid),
                ];
                family.sample(&labels, 1_u64);
            }
            if let Ok(found) = read::<Vec<Station>>(&folder.join("stationinfo.json")) {
                stations.extend(found.into_iter().map(|station| (name, address(&station.address), station)));
            }
        }
        for (metric, help, kind, value) in COLUMNS {
            let mut family = out.family(metric, help, kind);
            for (device, address, station) in &stations {
                family.sample(&[("device", device), ("mac_address", address)], value(station));
            }
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CollectError> {
    let content = fs::read(path).map_err(|error| CollectError::io(path, error))?;
    serde_json::from_slice(&content)
        .map_err(|error| CollectError::parse(path, error.line(), error.to_string()))
}

/// Bytes in base 64 as an address: `00:11:22:33:44:55`.
fn address(text: &str) -> String {
    let bytes = STANDARD.decode(text).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn mode(status: u32) -> &'static str {
    match status {
        0 | 1 => "client",
        2 => "ad-hoc",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn recorded_answers() {
        let root = FakeRoot::new();
        root.file(
            "interfaces.json",
            r#"[{"name":"wlan0","type":2,"frequency":2412},{"type":10},{"name":"wlan1"}]"#,
        );
        root.file("wlan0/bss.json", r#"{"ssid":"A","bssid":"ABEiM0RV","status":1}"#);
        root.file(
            "wlan0/stationinfo.json",
            r#"[{"hardwareaddr":"qrvM3e7/","inactive":400000000,"signal":-52,"transmitretries":10}]"#,
        );
        let (text, error) = collect(Wifi { fixtures: Some(root.path().to_owned()) });
        assert!(error.is_none(), "{error:?}");
        let labels = "device=\"wlan0\",mac_address=\"aa:bb:cc:dd:ee:ff\"";
        for line in [
            "node_wifi_interface_frequency_hertz{device=\"wlan0\"} 2412000000".to_owned(),
            "node_wifi_station_info{bssid=\"00:11:22:33:44:55\",device=\"wlan0\",mode=\"client\",ssid=\"A\"} 1".to_owned(),
            format!("node_wifi_station_inactive_seconds{{{labels}}} 0.4"),
            format!("node_wifi_station_signal_dbm{{{labels}}} -52"),
            format!("node_wifi_station_transmit_retries_total{{{labels}}} 10"),
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
    }

    #[test]
    fn the_kernel_is_not_asked_yet() {
        let (_, error) = collect(Wifi { fixtures: None });
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: String, status: u32) {
            address(&text);
            mode(status);
        }
    }
}
