//! Reading the kernel's answers about routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Route, destination};
use crate::netlink::numbers::routes::{DESTINATION, DEVICE, GATEWAY, MULTIPATH, PRIORITY, SOURCE, UNICAST};
use crate::netlink::{attribute, attributes, number, records, short};

/// An `rtmsg` of zeros: of all families.
pub(super) const REQUEST: [u8; MESSAGE] = [0; MESSAGE];
const MESSAGE: usize = 12;
/// `rtnexthop`.
const HOP: usize = 8;

/// Who made a route, by the kernel's number.
const PROTOCOLS: [(u8, &str); 21] = [
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (17, "mrouted"),
    (42, "babel"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

/// An `rtmsg` with its attributes: one route per next hop, with its device's index; `None` for other kinds.
pub(super) fn parse(body: &[u8]) -> Option<Vec<(u32, Route)>> {
    let &[_family, length, _, _, _table, protocol, _scope, UNICAST, ..] = body else { return None };
    let name = PROTOCOLS.iter().find(|(number, _)| *number == protocol).map_or("unknown", |(_, name)| name);
    let mut route = Route {
        dest: destination("", 0),
        priority: "0".to_owned(),
        proto: name.to_owned(),
        ..Route::default()
    };
    let mut device = 0;
    let mut hops: &[u8] = &[];
    for (kind, value) in attributes(body.get(MESSAGE..)?) {
        match kind {
            DESTINATION => route.dest = destination(address(value)?, u32::from(length)),
            DEVICE => device = number(value, 0)?,
            GATEWAY => route.gw = address(value)?.to_string(),
            PRIORITY => route.priority = number(value, 0)?.to_string(),
            SOURCE => route.src = address(value)?.to_string(),
            MULTIPATH => hops = value,
            _ => {}
        }
    }
    if hops.is_empty() {
        return Some(vec![(device, route)]);
    }
    Some(
        parse_hops(hops)
            .map(|(device, gw, weight)| (device, Route { gw, weight, ..route.clone() }))
            .collect(),
    )
}

/// Next hops: device, gateway, weight.
fn parse_hops(hops: &[u8]) -> impl Iterator<Item = (u32, String, String)> {
    let header = |hop| Some((usize::from(short(hop, 0)?), (*hop.get(3)?, number(hop, 4)?)));
    records(hops, HOP, header).map(|((hops, device), body)| {
        let gateway = attribute(body, GATEWAY).and_then(address);
        let gateway = gateway.map(|gateway| gateway.to_string()).unwrap_or_default();
        (device, gateway, (u32::from(hops) + 1).to_string())
    })
}

fn address(value: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(value).map(Ipv4Addr::from).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(value).map(Ipv6Addr::from).map(IpAddr::from);
    v4().or_else(|_| v6()).ok()
}

/// For fuzzing.
#[cfg(fuzzing)]
pub(in crate::collectors) fn read_message(body: &[u8]) {
    parse(body);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::fake::attribute;

    fn message(length: u8, protocol: u8, kind: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        [&[2, length, 0, 0, 254, protocol, 0, kind, 0, 0, 0, 0], attributes.concat().as_slice()].concat()
    }

    #[test]
    fn a_route_of_the_kernel() {
        let attributes = [
            attribute(DESTINATION, &[10, 0, 0, 0]),
            attribute(SOURCE, &[10, 0, 0, 5]),
            attribute(PRIORITY, &100_u32.to_ne_bytes()),
            attribute(DEVICE, &2_u32.to_ne_bytes()),
        ];
        let routes = parse(&message(8, 2, UNICAST, &attributes)).unwrap();
        assert_eq!(routes.len(), 1);
        let (device, route) = &routes[0];
        let labels = [&route.dest, &route.src, &route.priority, &route.proto, &route.gw, &route.weight];
        assert_eq!(
            (*device, labels.map(String::as_str)),
            (2, ["10.0.0.0/8", "10.0.0.5", "100", "kernel", "", ""])
        );
        assert_eq!(parse(&message(8, 2, 2, &attributes)), None);
    }

    #[test]
    fn each_next_hop_is_a_route() {
        let hop = |device: u32, last: u8| {
            let gateway = attribute(GATEWAY, &[10, 0, 0, last]);
            let length = u16::try_from(HOP + gateway.len()).unwrap().to_ne_bytes();
            [&length[..], &[0, 4], &device.to_ne_bytes(), &gateway].concat()
        };
        let body = message(0, 16, UNICAST, &[attribute(MULTIPATH, &[hop(2, 1), hop(3, 2)].concat())]);
        let routes = parse(&body).unwrap();
        let found: Vec<_> =
            routes.iter().map(|(device, r)| (*device, r.gw.as_str(), r.weight.as_str())).collect();
        assert_eq!(found, [(2, "10.0.0.1", "5"), (3, "10.0.0.2", "5")]);
        assert_eq!(routes[0].1.dest, "default");
    }

    proptest! {
        #[test]
        fn nothing_panics(tail in proptest::collection::vec(0_u8..24, 0..200)) {
            parse(&tail);
            parse(&[&message(8, 2, UNICAST, &[]), tail.as_slice()].concat());
        }
    }
}
