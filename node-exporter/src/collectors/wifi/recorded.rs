//! Recorded answers: node_exporter's JSON files, `interfaces.json` and for each device `bss.json` and
//! `stationinfo.json`. They hold all fields of its structures, so what lacks is zero.

use std::fs;
use std::path::Path;

use agent_core::collector::CollectError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Device, Network, Station, address};

const NANOSECONDS: f64 = 1e9;

#[derive(Debug, Deserialize)]
struct Interface {
    #[serde(default)]
    name: String,
    #[serde(default)]
    frequency: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Bss {
    ssid: String,
    bssid: String,
    status: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "lowercase")]
struct StationInfo {
    hardwareaddr: String,
    connected: u64,
    inactive: u64,
    receivebitrate: u64,
    transmitbitrate: u64,
    receivedbytes: u64,
    transmittedbytes: u64,
    receivedpackets: u64,
    transmittedpackets: u64,
    signal: i64,
    transmitretries: u64,
    transmitfailed: u64,
    beaconloss: u64,
}

/// All devices that have a name.
pub(super) fn read(folder: &Path) -> Result<Vec<Device>, CollectError> {
    let interfaces: Vec<Interface> = read_json(&folder.join("interfaces.json"))?;
    let named = interfaces.into_iter().filter(|interface| !interface.name.is_empty());
    let device = |Interface { name, frequency }| {
        let folder = folder.join(&name);
        let stations: Vec<StationInfo> = read_json(&folder.join("stationinfo.json")).unwrap_or_default();
        Device {
            name,
            frequency: Some(frequency),
            network: read_json::<Bss>(&folder.join("bss.json")).ok().map(Network::from),
            stations: stations.into_iter().map(Station::from).collect(),
        }
    };
    Ok(named.map(device).collect())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, CollectError> {
    let content = fs::read(path).map_err(|error| CollectError::io(path, error))?;
    serde_json::from_slice(&content)
        .map_err(|error| CollectError::parse(path, error.line(), error.to_string()))
}

impl From<Bss> for Network {
    fn from(bss: Bss) -> Self {
        Self { ssid: bss.ssid, bssid: decode(&bss.bssid), status: bss.status }
    }
}

impl From<StationInfo> for Station {
    fn from(info: StationInfo) -> Self {
        Self {
            address: decode(&info.hardwareaddr),
            connected: Some(info.connected as f64 / NANOSECONDS),
            inactive: Some(info.inactive as f64 / NANOSECONDS),
            receive_rate: Some(info.receivebitrate),
            send_rate: Some(info.transmitbitrate),
            received_bytes: Some(info.receivedbytes),
            sent_bytes: Some(info.transmittedbytes),
            received_packets: Some(info.receivedpackets),
            sent_packets: Some(info.transmittedpackets),
            signal: Some(info.signal),
            retries: Some(info.transmitretries),
            failed: Some(info.transmitfailed),
            beacon_loss: Some(info.beaconloss),
        }
    }
}

/// An address in base 64.
fn decode(text: &str) -> String {
    address(&STANDARD.decode(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::super::Wifi;
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
        let (text, error) = collect(Wifi { fixtures: Some(root.path().to_owned()), foreign_network: true });
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

    proptest! {
        #[test]
        fn nothing_panics(text: String) {
            decode(&text);
        }
    }
}
