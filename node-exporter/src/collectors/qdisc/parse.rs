//! Reading the kernel's answers about queueing disciplines, and recorded ones.

use serde::Deserialize;

use crate::netlink::numbers::qdisc::{BASIC, KIND, PACKETS, QUEUE, STATISTICS};
use crate::netlink::{attributes, long, number, string};

/// A `tcmsg` of zeros: of all devices.
pub(super) const REQUEST: [u8; MESSAGE] = [0; MESSAGE];
const MESSAGE: usize = 20;

/// The parent of what hangs at a device itself.
const ROOT: u32 = u32::MAX;

/// A queueing discipline; recorded ones have these names, and lack what is zero.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Qdisc {
    #[serde(rename = "IfaceName")]
    pub(super) device: String,
    #[serde(rename = "Kind")]
    pub(super) kind: String,
    #[serde(rename = "Parent")]
    pub(super) parent: u32,
    #[serde(flatten)]
    pub(super) traffic: Traffic,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Traffic {
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) drops: u32,
    pub(super) requeues: u32,
    pub(super) overlimits: u32,
    #[serde(rename = "Qlen")]
    pub(super) queued: u32,
    pub(super) backlog: u32,
}

impl Qdisc {
    /// Whether it hangs at the device itself.
    pub(super) fn is_root(&self) -> bool {
        self.parent == 0 || self.parent == ROOT
    }
}

pub(super) fn parse_recorded(content: &[u8]) -> serde_json::Result<Vec<Qdisc>> {
    serde_json::from_slice(content)
}

/// A `tcmsg` with its attributes: the device's index, and the rest.
pub(super) fn parse_message(body: &[u8]) -> Option<(u32, Qdisc)> {
    let device = number(body, 4)?;
    let mut qdisc = Qdisc { parent: number(body, 12)?, ..Qdisc::default() };
    for (kind, value) in attributes(body.get(MESSAGE..)?) {
        match kind {
            KIND => qdisc.kind = string(value),
            STATISTICS => qdisc.traffic = parse_statistics(value)?,
            _ => {}
        }
    }
    Some((device, qdisc))
}

fn parse_statistics(nested: &[u8]) -> Option<Traffic> {
    let mut traffic = Traffic::default();
    for (kind, value) in attributes(nested) {
        match kind {
            BASIC => {
                traffic.bytes = long(value, 0)?;
                traffic.packets = traffic.packets.max(u64::from(number(value, 8)?));
            }
            PACKETS => traffic.packets = long(value, 0)?,
            QUEUE => {
                traffic.queued = number(value, 0)?;
                traffic.backlog = number(value, 4)?;
                traffic.drops = number(value, 8)?;
                traffic.requeues = number(value, 12)?;
                traffic.overlimits = number(value, 16)?;
            }
            _ => {}
        }
    }
    Some(traffic)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::fake::attribute;

    #[test]
    fn an_answer_of_the_kernel() {
        let basic = [&42_u64.to_ne_bytes()[..], &7_u32.to_ne_bytes(), &[0; 4]].concat();
        let queue: Vec<_> = [1_u32, 2, 3, 4, 5].into_iter().flat_map(u32::to_ne_bytes).collect();
        let statistics = [attribute(BASIC, &basic), attribute(QUEUE, &queue)].concat();
        let mut body =
            [0_u32, 2, 0x0001_0000, ROOT, 2].into_iter().flat_map(u32::to_ne_bytes).collect::<Vec<_>>();
        body.extend(attribute(KIND, b"fq_codel\0"));
        body.extend(attribute(STATISTICS, &statistics));
        let traffic =
            Traffic { bytes: 42, packets: 7, drops: 3, requeues: 4, overlimits: 5, queued: 1, backlog: 2 };
        let expected = Qdisc { device: String::new(), kind: "fq_codel".to_owned(), parent: ROOT, traffic };
        assert_eq!(parse_message(&body), Some((2, expected)));
    }

    proptest! {
        #[test]
        fn nothing_panics(body in proptest::collection::vec(0_u8..24, 0..200), content: Vec<u8>) {
            parse_message(&body);
            parse_recorded(&content).ok();
        }
    }
}
