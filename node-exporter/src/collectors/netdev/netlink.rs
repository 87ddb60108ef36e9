//! Devices and their addresses as the kernel tells them over netlink.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::netlink::numbers::{address, link, route};
use crate::netlink::{Netlink, attribute, attributes, long, number};

use super::Numbers;

/// Lengths of `ifinfomsg` and `ifaddrmsg`.
const LINK: usize = 16;
const ADDRESS: usize = 8;

/// What is to be added for each number of [`Numbers`], by the places in `rtnl_link_stats64`. It is what the kernel does
/// itself for `/proc/net/dev`.
const PARTS: [&[usize]; 17] = [
    &[2],
    &[0],
    &[4],
    &[6, 15],
    &[14],
    &[10, 11, 12, 13],
    &[21],
    &[8],
    &[3],
    &[1],
    &[5],
    &[7],
    &[18],
    &[9],
    &[16, 17, 19, 20],
    &[22],
    &[23],
];

/// An address of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The device's number.
    pub(super) index: u32,
    pub(super) ip: IpAddr,
    /// Length of the network's part.
    pub(super) prefix: u8,
}

/// All devices: number, name and counters.
pub(super) fn read_links() -> io::Result<Vec<(u32, String, Numbers)>> {
    let mut links = Vec::new();
    Netlink::open()?.dump(route::GET_LINK, &[0; LINK], |body| links.extend(parse_link(body)))?;
    Ok(links)
}

/// All addresses.
pub(super) fn read_addresses() -> io::Result<Vec<Address>> {
    let mut addresses = Vec::new();
    Netlink::open()?.dump(route::GET_ADDRESS, &[0; ADDRESS], |body| addresses.extend(parse_address(body)))?;
    Ok(addresses)
}

fn parse_link(body: &[u8]) -> Option<(u32, String, Numbers)> {
    let index = number(body, 4)?;
    let mut name = None;
    let mut numbers = Numbers::default();
    for (kind, content) in attributes(body.get(LINK..)?) {
        match kind {
            link::NAME => name = Some(String::from_utf8_lossy(content.strip_suffix(b"\0")?).into_owned()),
            link::STATS => {
                for (number, parts) in numbers.iter_mut().zip(PARTS) {
                    let parts = parts.iter().map(|place| long(content, place * size_of::<u64>()));
                    *number = parts.reduce(|sum, part| Some(sum?.wrapping_add(part?))).flatten();
                }
            }
            _ => {}
        }
    }
    Some((index, name?, numbers))
}

fn parse_address(body: &[u8]) -> Option<Address> {
    let (prefix, index) = (*body.get(1)?, number(body, 4)?);
    let found = body.get(ADDRESS..)?;
    let content = attribute(found, address::OF_OURS).or_else(|| attribute(found, address::OF_PEER))?;
    let ip = match content.len() {
        4 => Ipv4Addr::from(*content.first_chunk::<4>()?).into(),
        16 => Ipv6Addr::from(*content.first_chunk::<16>()?).into(),
        _ => return None,
    };
    Some(Address { index, ip, prefix })
}

impl Address {
    /// The label `scope`, as Go's library tells addresses apart.
    pub(super) fn scope(&self) -> &'static str {
        let (near, device, global) = match self.ip {
            IpAddr::V4(a) => {
                let group_near = matches!(a.octets(), [224, 0, 0, _]);
                (a.is_loopback() || a.is_link_local() || group_near, false, !a.is_broadcast())
            }
            IpAddr::V6(a) => {
                let [first, ..] = a.segments();
                let near = a.is_loopback() || first & 0xffc0 == 0xfe80 || first & 0xff0f == 0xff02;
                (near, first & 0xff0f == 0xff01, true)
            }
        };
        match () {
            () if near => "link-local",
            () if device => "interface-local",
            () if global && !self.ip.is_unspecified() && !self.ip.is_multicast() => "global",
            () => "",
        }
    }
}

/// For fuzzing.
#[cfg(fuzzing)]
pub(in crate::collectors) fn read_message(body: &[u8]) {
    parse_link(body);
    parse_address(body).map(|address| address.scope());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::fake::attribute;

    #[test]
    fn counters_are_added_as_in_the_file() {
        let stats: Vec<u8> = (0..25_u64).flat_map(|place| (1_u64 << place).to_ne_bytes()).collect();
        let mut body = vec![0; LINK];
        body[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        body.extend([attribute(link::NAME, b"eth0\0"), attribute(link::STATS, &stats)].concat());
        let (index, name, numbers) = parse_link(&body).unwrap();
        assert_eq!((index, name.as_str()), (7, "eth0"));
        assert_eq!(numbers[0], Some(1 << 2));
        assert_eq!(numbers[3], Some(1 << 6 | 1 << 15));
        assert_eq!(numbers[5], Some(0b1111 << 10));
        assert_eq!(numbers[14], Some(1 << 16 | 1 << 17 | 1 << 19 | 1 << 20));
        assert_eq!(numbers[16], Some(1 << 23));
        let all = numbers.into_iter().flatten().fold(0, |all, number| all | number);
        assert_eq!(all, (1 << 24) - 1, "each counter has its place");
    }

    #[test]
    fn our_end_of_a_tunnel_is_the_address() {
        let mut body = vec![2, 32, 0, 0];
        body.extend(9_u32.to_ne_bytes());
        body.extend(
            [attribute(address::OF_PEER, &[10, 0, 0, 2]), attribute(address::OF_OURS, &[10, 0, 0, 1])]
                .concat(),
        );
        let address = parse_address(&body).unwrap();
        assert_eq!(address, Address { index: 9, ip: [10, 0, 0, 1].into(), prefix: 32 });
        for (text, scope) in [
            ("127.0.0.1", "link-local"),
            ("169.254.1.1", "link-local"),
            ("192.168.1.1", "global"),
            ("255.255.255.255", ""),
            ("::1", "link-local"),
            ("fe80::1", "link-local"),
            ("ff01::1", "interface-local"),
            ("2001:db8::1", "global"),
        ] {
            let address = Address { index: 0, ip: text.parse().unwrap(), prefix: 0 };
            assert_eq!(address.scope(), scope, "{text}");
        }
    }

    #[test]
    fn the_kernel_answers() {
        let links = read_links().unwrap();
        let (index, _, numbers) = links.iter().find(|(_, name, _)| name == "lo").unwrap();
        assert!(numbers.iter().all(Option::is_some));
        let addresses = read_addresses().unwrap();
        assert!(addresses.iter().filter(|address| address.index == *index).all(|a| a.ip.is_loopback()));
    }

    proptest! {
        #[test]
        fn nothing_panics(body: Vec<u8>, content: Vec<u8>, kind in 0_u16..30) {
            parse_link(&body);
            parse_address(&body);
            let body = [vec![0; 8], attribute(kind, &content), attribute(kind, &content)].concat();
            parse_address(&body);
            parse_link(&[vec![0; 8], body].concat());
        }
    }
}
