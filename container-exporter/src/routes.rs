//! `/proc/<pid>/net/route`: which interface an address of a container is on.

use std::net::Ipv4Addr;

use agent_core::read::{fields, lines, text};

/// A network that is reached without a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The interface.
    pub interface: String,
    destination: u32,
    mask: u32,
}

impl Link {
    /// Whether an address is in this network.
    pub fn has(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask == self.destination
    }
}

/// One heading, then `interface destination gateway flags refcnt use metric mask ...`; numbers are addresses as they
/// stand in memory. Routes over a gateway are left out.
pub fn parse_links(bytes: &[u8]) -> Vec<Link> {
    lines(bytes).skip(1).filter_map(parse_link).filter(|link| link.mask != 0).collect()
}

fn parse_link(line: &[u8]) -> Option<Link> {
    let mut parts = fields(line);
    let interface = text(parts.next()?)?.to_owned();
    let mut address = || u32::from_str_radix(text(parts.next()?)?, 16).ok().map(u32::from_be);
    let (destination, gateway) = (address()?, address()?);
    let mask = u32::from_be(u32::from_str_radix(text(parts.nth(4)?)?, 16).ok()?);
    (gateway == 0).then_some(Link { interface, destination, mask })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &[u8] =
        b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth1\t00000000\t010013AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t0000530A\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0\n\
        eth1\t000013AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";

    #[test]
    fn addresses_are_on_their_interfaces() {
        let links = parse_links(SAMPLE);
        let on = |address: &str| {
            let address = address.parse().unwrap();
            links.iter().find(|link| link.has(address)).map(|link| link.interface.as_str())
        };
        assert_eq!((on("10.83.7.9"), on("172.19.0.3"), on("10.84.0.1")), (Some("eth0"), Some("eth1"), None));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, cut in 0..SAMPLE.len()) {
            parse_links(&bytes);
            parse_links(&SAMPLE[..cut]);
        }
    }
}
