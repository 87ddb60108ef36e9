//! Reading the kernel's answers about link modes.

use crate::netlink::numbers::ethtool as numbers;
use crate::netlink::{attribute, attributes, string};

/// A device and what it can do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) name: String,
    /// Whether it negotiates its speed; not every driver tells.
    pub(super) negotiates: Option<bool>,
    /// What it supports.
    pub(super) modes: Vec<Mode>,
}

/// Something that a device supports, by the kernel's name: a speed, a kind of port, an ability.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) name: String,
    /// Whether it is offered to the other end.
    pub(super) offered: bool,
}

impl Mode {
    /// Bytes per second, duplex and medium of `1000baseT/Full`; `None` for what is no speed.
    pub(super) fn speed(&self) -> Option<(u64, &'static str, &str)> {
        const MEGABIT: u64 = 1_000_000 / 8;
        let (medium, duplex) = self.name.split_once('/').unwrap_or((&self.name, "Full"));
        let (speed, _) = medium.split_once("base")?;
        let duplex = if duplex == "Half" { "half" } else { "full" };
        Some((speed.parse::<u64>().ok()?.checked_mul(MEGABIT)?, duplex, medium))
    }
}

/// An empty header: of all devices.
pub(super) fn question() -> Vec<u8> {
    /// Attributes that hold others are marked.
    const NESTED: u16 = 0x8000;
    [4_u16.to_ne_bytes(), (numbers::HEADER | NESTED).to_ne_bytes()].concat()
}

pub(super) fn parse_device(body: &[u8]) -> Option<Device> {
    let name = string(attribute(attribute(body, numbers::HEADER)?, numbers::DEVICE_NAME)?);
    let negotiates = attribute(body, numbers::AUTONEGOTIATION).and_then(<[u8]>::first).map(|byte| *byte != 0);
    let bits = attribute(body, numbers::OUR_MODES).and_then(|modes| attribute(modes, numbers::BITS));
    let bits = attributes(bits.unwrap_or_default()).filter(|(kind, _)| *kind == numbers::BIT);
    Some(Device { name, negotiates, modes: bits.filter_map(|(_, bit)| parse_mode(bit)).collect() })
}

fn parse_mode(bit: &[u8]) -> Option<Mode> {
    let name = string(attribute(bit, numbers::BIT_NAME)?);
    Some(Mode { name, offered: attribute(bit, numbers::BIT_IS_SET).is_some() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::fake::attribute as make;

    #[test]
    fn an_answer_of_the_kernel() {
        let bit = |name: &[u8], set: bool| {
            let set = if set { make(numbers::BIT_IS_SET, &[]) } else { Vec::new() };
            make(numbers::BIT, &[make(numbers::BIT_NAME, name), set].concat())
        };
        let bits = make(numbers::BITS, &[bit(b"10baseT/Half\0", false), bit(b"Autoneg\0", true)].concat());
        let body = [
            make(numbers::HEADER, &make(numbers::DEVICE_NAME, b"eth0\0")),
            make(numbers::AUTONEGOTIATION, &[1]),
            make(numbers::OUR_MODES, &bits),
        ];
        let mode = |name: &str, offered| Mode { name: name.to_owned(), offered };
        let modes = vec![mode("10baseT/Half", false), mode("Autoneg", true)];
        let device = Device { name: "eth0".to_owned(), negotiates: Some(true), modes };
        assert_eq!(parse_device(&body.concat()), Some(device));
        let virtual_one = Device { name: "eth0".to_owned(), negotiates: None, modes: Vec::new() };
        assert_eq!(parse_device(&body[0]), Some(virtual_one));
    }

    #[test]
    fn speeds_have_names() {
        let speed = |name: &str| {
            let mode = Mode { name: name.to_owned(), offered: true };
            mode.speed().map(|(speed, duplex, medium)| (speed, duplex, medium.to_owned()))
        };
        assert_eq!(speed("10baseT/Half"), Some((1_250_000, "half", "10baseT".to_owned())));
        assert_eq!(speed("10000baseR_FEC"), Some((1_250_000_000, "full", "10000baseR_FEC".to_owned())));
        for other in ["Autoneg", "Backplane", "None", "baseT/Full", "99999999999999999999baseT"] {
            assert_eq!(speed(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(body in proptest::collection::vec(0_u8..16, 0..200), name: String) {
            parse_device(&body);
            parse_device(&make(numbers::OUR_MODES, &make(numbers::BITS, &body)));
            let mode = Mode { name, offered: false };
            mode.speed();
        }
    }
}
