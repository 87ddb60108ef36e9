//! Asking the kernel: all wireless devices, and for each the network it belongs to and the stations it talks to.

use agent_core::collector::CollectError;
use tracing::debug;

use super::{Device, Network, Station, address};
use crate::netlink::generic::Generic;
use crate::netlink::numbers::nl80211 as numbers;
use crate::netlink::{attribute, attributes, long, number, short, string};

const MILLISECONDS: f64 = 1e3;
/// Rates are told in units of 100 kbit/s.
const RATE: u64 = 100_000;

pub(super) fn read() -> Result<Vec<Device>, CollectError> {
    let failed = |error| CollectError::Other(format!("nl80211: {error}"));
    let Some(mut nl80211) = Generic::open("nl80211").map_err(failed)? else {
        return Err(CollectError::NoData("this kernel knows no wireless networks".to_owned()));
    };
    let mut devices = Vec::new();
    nl80211.dump(numbers::GET_INTERFACE, &[], |body| devices.extend(parse_device(body))).map_err(failed)?;
    for (index, device) in &mut devices {
        let asked = question(*index);
        // Not every kind of device has a network or stations, and one that has vanished has neither.
        let network = nl80211.dump(numbers::GET_SCAN, &asked, |body| {
            device.network = device.network.take().or_else(|| parse_network(body));
        });
        let stations =
            nl80211.dump(numbers::GET_STATION, &asked, |body| device.stations.extend(parse_station(body)));
        for error in [network, stations].into_iter().filter_map(Result::err) {
            debug!(device = device.name, %error, "nl80211 does not tell");
        }
    }
    Ok(devices.into_iter().map(|(_, device)| device).collect())
}

/// The attribute that names a device.
fn question(index: u32) -> Vec<u8> {
    [&8_u16.to_ne_bytes()[..], &numbers::DEVICE.to_ne_bytes(), &index.to_ne_bytes()].concat()
}

/// A device with its number; `None` for those that have no name (Wi-Fi Direct has one for itself).
fn parse_device(body: &[u8]) -> Option<(u32, Device)> {
    let index = number(attribute(body, numbers::DEVICE)?, 0)?;
    let name = string(attribute(body, numbers::DEVICE_NAME)?);
    let frequency = attribute(body, numbers::FREQUENCY).and_then(|value| number(value, 0)).map(u64::from);
    Some((index, Device { name, frequency, ..Device::default() }))
}

/// The network of a list of those in reach that the device belongs to: it alone has a status.
fn parse_network(body: &[u8]) -> Option<Network> {
    /// The kind of the element that holds the name.
    const SSID: u8 = 0;
    let network = attribute(body, numbers::NETWORK)?;
    let status = number(attribute(network, numbers::STATUS)?, 0)?;
    let elements = attribute(network, numbers::ELEMENTS).unwrap_or_default();
    let ssid = parse_elements(elements).find_map(|(kind, value)| (kind == SSID).then_some(value));
    Some(Network {
        ssid: String::from_utf8_lossy(ssid.unwrap_or_default()).into_owned(),
        bssid: address(attribute(network, numbers::BSSID).unwrap_or_default()),
        status,
    })
}

/// Elements as they go through the air: kind, length, value.
fn parse_elements(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [kind, length, tail @ ..] = rest else { return None };
        let (value, tail) = tail.split_at_checked(usize::from(*length))?;
        rest = tail;
        Some((*kind, value))
    })
}

fn parse_station(body: &[u8]) -> Option<Station> {
    let mut station = Station { address: address(attribute(body, numbers::ADDRESS)?), ..Station::default() };
    for (kind, value) in attributes(attribute(body, numbers::STATION)?) {
        let whole = || number(value, 0).map(u64::from);
        match kind {
            numbers::INACTIVE => station.inactive = number(value, 0).map(|ms| f64::from(ms) / MILLISECONDS),
            numbers::CONNECTED => station.connected = number(value, 0).map(f64::from),
            // Older kernels have only 32 bits; where both are there, the longer comes later.
            numbers::RECEIVED_BYTES_32 => station.received_bytes = station.received_bytes.or_else(whole),
            numbers::SENT_BYTES_32 => station.sent_bytes = station.sent_bytes.or_else(whole),
            numbers::RECEIVED_BYTES => station.received_bytes = long(value, 0),
            numbers::SENT_BYTES => station.sent_bytes = long(value, 0),
            numbers::RECEIVED_PACKETS => station.received_packets = whole(),
            numbers::SENT_PACKETS => station.sent_packets = whole(),
            numbers::SIGNAL => station.signal = value.first().map(|byte| byte.cast_signed().into()),
            numbers::RETRIES => station.retries = whole(),
            numbers::FAILED => station.failed = whole(),
            numbers::BEACON_LOSS => station.beacon_loss = whole(),
            numbers::RECEIVE_RATE => station.receive_rate = parse_rate(value),
            numbers::SEND_RATE => station.send_rate = parse_rate(value),
            _ => {}
        }
    }
    Some(station)
}

/// Bits per second.
fn parse_rate(nested: &[u8]) -> Option<u64> {
    let wide = attribute(nested, numbers::RATE_32).and_then(|value| number(value, 0)).map(u64::from);
    let narrow = || attribute(nested, numbers::RATE_16).and_then(|value| short(value, 0)).map(u64::from);
    Some(wide.or_else(narrow)? * RATE)
}

/// For fuzzing.
#[cfg(fuzzing)]
pub(in crate::collectors) fn read_message(body: &[u8]) {
    parse_device(body);
    parse_network(body);
    parse_station(body);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::fake::attribute as make;

    #[test]
    fn a_device() {
        let parts = [
            make(numbers::DEVICE, &4_u32.to_ne_bytes()),
            make(numbers::DEVICE_NAME, b"wlan0\0"),
            make(numbers::FREQUENCY, &5180_u32.to_ne_bytes()),
        ];
        let device = Device { name: "wlan0".to_owned(), frequency: Some(5180), ..Device::default() };
        assert_eq!(parse_device(&parts.concat()), Some((4, device)));
        assert_eq!(parse_device(&parts[0]), None, "Wi-Fi Direct");
        assert_eq!(question(4), parts[0]);
    }

    #[test]
    fn the_network_that_the_device_belongs_to() {
        let parts = [
            make(numbers::BSSID, &[0, 0x11, 0x22, 0x33, 0x44, 0x55]),
            make(numbers::ELEMENTS, b"\x01\x01x\x00\x04home"),
            make(numbers::STATUS, &1_u32.to_ne_bytes()),
        ];
        let network = Network { ssid: "home".to_owned(), bssid: "00:11:22:33:44:55".to_owned(), status: 1 };
        assert_eq!(parse_network(&make(numbers::NETWORK, &parts.concat())), Some(network));
        assert_eq!(parse_network(&make(numbers::NETWORK, &parts[..2].concat())), None, "another network");
    }

    #[test]
    fn a_station() {
        let rate = [
            make(numbers::RATE_16, &540_u16.to_ne_bytes()),
            make(numbers::RATE_32, &13_000_u32.to_ne_bytes()),
        ];
        let info = [
            make(numbers::INACTIVE, &1500_u32.to_ne_bytes()),
            make(numbers::CONNECTED, &60_u32.to_ne_bytes()),
            make(numbers::RECEIVED_BYTES_32, &7_u32.to_ne_bytes()),
            make(numbers::RECEIVED_BYTES, &(1_u64 << 32 | 7).to_ne_bytes()),
            make(numbers::SENT_BYTES_32, &9_u32.to_ne_bytes()),
            make(numbers::SIGNAL, &(-52_i8).to_ne_bytes()),
            make(numbers::RECEIVE_RATE, &rate.concat()),
            make(numbers::SEND_RATE, &rate[0]),
        ];
        let body = [make(numbers::ADDRESS, &[0xaa, 0xbb]), make(numbers::STATION, &info.concat())].concat();
        let station = Station {
            address: "aa:bb".to_owned(),
            inactive: Some(1.5),
            connected: Some(60.0),
            received_bytes: Some(1 << 32 | 7),
            sent_bytes: Some(9),
            signal: Some(-52),
            receive_rate: Some(1_300_000_000),
            send_rate: Some(54_000_000),
            ..Station::default()
        };
        assert_eq!(parse_station(&body), Some(station));
    }

    proptest! {
        #[test]
        fn nothing_panics(body in proptest::collection::vec(0_u8..48, 0..200), nested: Vec<u8>) {
            for kind in [numbers::NETWORK, numbers::STATION, numbers::RECEIVE_RATE] {
                for body in [body.clone(), make(kind, &body), make(kind, &nested)] {
                    parse_device(&body);
                    parse_network(&body);
                    parse_station(&body);
                }
            }
            parse_elements(&nested).count();
        }
    }
}
