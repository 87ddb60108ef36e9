//! Reading `/proc/drbd`.

use agent_core::read::{fields, parse_u64, text};

use super::{NUMBERS, Numbers};

/// A device and what the kernel says of it; pairs are the local and the remote side.
#[derive(Debug, Default)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) numbers: Numbers,
    pub(super) connected: Option<bool>,
    pub(super) primary: Option<(bool, bool)>,
    pub(super) up_to_date: Option<(bool, bool)>,
}

/// Words `key:value`; one without a value is a device's number and begins its words.
pub(super) fn parse(content: &[u8]) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    for word in fields(content).filter_map(text) {
        let Some((key, value)) = word.split_once(':') else { continue };
        if value.is_empty() && parse_u64(key.as_bytes()).is_some() {
            devices.push(Device { name: format!("drbd{key}"), ..Device::default() });
        } else if let Some(device) = devices.last_mut() {
            device.set(key, value);
        }
    }
    devices
}

impl Device {
    fn set(&mut self, key: &str, value: &str) {
        match key {
            "cs" => self.connected = Some(value == "Connected"),
            "ro" => self.primary = parse_pair(value, "Primary"),
            "ds" => self.up_to_date = parse_pair(value, "UpToDate"),
            _ => {
                let index = NUMBERS.iter().position(|word| *word == key);
                if let Some(number) = index.and_then(|index| self.numbers.get_mut(index)) {
                    *number = parse_u64(value.as_bytes());
                }
            }
        }
    }
}

/// `local/remote`: whether each is in the good state.
fn parse_pair(value: &str, good: &str) -> Option<(bool, bool)> {
    let (local, remote) = value.split_once('/')?;
    Some((local == good, remote == good))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "([0-9]:|ns:[0-9]{0,3}|ro:[a-zA-Z/]{0,9}| |\n){0,40}") {
            parse(&content);
            parse(odd.as_bytes());
        }
    }
}
