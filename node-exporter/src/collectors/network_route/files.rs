//! Reading `net/route` and `net/ipv6_route`.

use std::net::{Ipv4Addr, Ipv6Addr};

use agent_core::read::{fields, lines, text};

use super::{Route, destination};

const UP: u32 = 0x1;
const REJECT: u32 = 0x0200;
/// The kernel's own entries for each address (`RTF_LOCAL`, `RTF_ANYCAST`).
const LOCAL: u32 = 0x8000_0000 | 0x0010_0000;

/// Lines of eleven fields; addresses are hexadecimal, in the machine's order of bytes.
pub(super) fn parse_v4(content: &[u8]) -> impl Iterator<Item = Route> {
    lines(content).skip(1).filter_map(|line| {
        let fields: Vec<_> = fields(line).filter_map(text).collect();
        let [device, dest, gateway, flags, _, _, metric, mask, ..] = *fields.as_slice() else { return None };
        if hex(flags)? & (UP | REJECT) != UP {
            return None;
        }
        let address = |field| Some(Ipv4Addr::from(hex(field)?.to_ne_bytes()));
        let length = hex(mask)?.count_ones();
        let gateway = address(gateway)?;
        Some(Route {
            device: device.to_owned(),
            dest: destination(address(dest)?, length),
            gw: if gateway.is_unspecified() { String::new() } else { gateway.to_string() },
            priority: metric.to_owned(),
            ..Route::default()
        })
    })
}

/// Lines `destination length source length gateway metric references uses flags device`, all hexadecimal.
pub(super) fn parse_v6(content: &[u8]) -> impl Iterator<Item = Route> {
    lines(content).filter_map(|line| {
        let fields: Vec<_> = fields(line).filter_map(text).collect();
        let [dest, length, _, _, gateway, metric, _, _, flags, device] = *fields.as_slice() else {
            return None;
        };
        let address = |field| Some(Ipv6Addr::from(u128::from_str_radix(field, 16).ok()?));
        let (dest, gateway) = (address(dest)?, address(gateway)?);
        if hex(flags)? & (UP | REJECT | LOCAL) != UP || dest.is_multicast() {
            return None;
        }
        Some(Route {
            device: device.to_owned(),
            dest: destination(dest, hex(length)?),
            gw: if gateway.is_unspecified() { String::new() } else { gateway.to_string() },
            priority: hex(metric)?.to_string(),
            ..Route::default()
        })
    })
}

fn hex(field: &str) -> Option<u32> {
    u32::from_str_radix(field, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn routes_of_both_families() {
        let zeros = "0".repeat(32);
        let text = format!(
            "fe80{z} 40 {zeros} 00 {zeros} 00000100 00000001 00000000 00000001     eth0\n\
             {zeros} 00 {zeros} 00 fe80{z} 00000400 00000001 00000000 00000003     eth0\n\
             ff00{z} 08 {zeros} 00 {zeros} 00000100 00000004 00000000 00000001     eth0\n\
             {zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n",
            z = "0".repeat(28)
        );
        let routes: Vec<_> = parse_v6(text.as_bytes()).collect();
        let found: Vec<_> = routes.iter().map(|r| [r.dest.as_str(), &r.gw, &r.priority]).collect();
        assert_eq!(found, [["fe80::/64", "", "256"], ["default", "fe80::", "1024"]]);
        let down = b"Iface\neth0\t00000000\t00000000\t0002\t0\t0\t0\t00000000\t0\t0\t0\n";
        assert_eq!(parse_v4(down).count(), 0);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "([0-9a-fF]{0,33}| |\n){0,60}") {
            for content in [content.as_slice(), odd.as_bytes()] {
                parse_v4(content).count();
                parse_v6(content).count();
            }
        }
    }
}
