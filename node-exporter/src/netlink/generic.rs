//! Generic netlink: families that have a name, and a number only while the kernel runs.

use std::io;

use super::numbers::generic as numbers;
use super::{Netlink, attribute, short};
use rustix::net::netlink::GENERIC;

/// Command, version, two bytes of nothing.
const HEADER: usize = 4;
const VERSION: u8 = 1;

/// A socket to one family.
#[derive(Debug)]
pub struct Generic {
    netlink: Netlink,
    family: u16,
}

impl Generic {
    /// `None` where the kernel does not have the family (now).
    pub fn open(name: &str) -> io::Result<Option<Self>> {
        let mut netlink = Netlink::open_to(Some(GENERIC))?;
        let mut family = None;
        netlink.dump(numbers::CONTROL, &question(numbers::GET_FAMILY, &[]), |body| {
            family = family.or_else(|| parse_family(body, name));
        })?;
        Ok(family.map(|family| Self { netlink, family }))
    }

    /// Asks a command for all its objects; `each` gets the attributes of each answer.
    pub fn dump(&mut self, command: u8, asked: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.netlink.dump(self.family, &question(command, asked), |body| {
            each(body.get(HEADER..).unwrap_or_default());
        })
    }
}

fn question(command: u8, asked: &[u8]) -> Vec<u8> {
    [&[command, VERSION, 0, 0], asked].concat()
}

/// The number of a family, where this is the one with that name.
fn parse_family(body: &[u8], name: &str) -> Option<u16> {
    let body = body.get(HEADER..)?;
    let found = attribute(body, numbers::FAMILY_NAME)?;
    let number = short(attribute(body, numbers::FAMILY_NUMBER)?, 0)?;
    (found.strip_suffix(b"\0")? == name.as_bytes()).then_some(number)
}

/// For fuzzing.
#[cfg(fuzzing)]
pub(super) fn read_message(body: &[u8]) {
    parse_family(body, "x");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::fake::attribute;

    #[test]
    fn the_kernel_tells_of_its_families() {
        assert!(Generic::open("nlctrl").unwrap().is_some_and(|it| it.family == numbers::CONTROL));
        assert!(Generic::open("no-such").unwrap().is_none());
    }

    #[test]
    fn a_family_has_a_number() {
        let body = [
            vec![1, 2, 0, 0],
            attribute(numbers::FAMILY_NAME, b"nl80211\0"),
            attribute(numbers::FAMILY_NUMBER, &29_u16.to_ne_bytes()),
        ]
        .concat();
        assert_eq!(parse_family(&body, "nl80211"), Some(29));
        assert_eq!(parse_family(&body, "nl8021"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(body in proptest::collection::vec(0_u8..16, 0..64)) {
            parse_family(&body, "x");
        }
    }
}
