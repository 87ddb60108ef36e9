//! `udp_queues`: bytes that wait in the host's UDP sockets (`net/udp`, `net/udp6`).

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, text};

use crate::host::{Host, optional, read};

/// The collector.
#[derive(Debug)]
pub(super) struct UdpQueues {
    files: [(&'static str, KeptFile); 2],
    scratch: Scratch,
}

impl UdpQueues {
    pub(super) fn new(host: &Host) -> Self {
        Self { files: [("v4", host.net("udp")), ("v6", host.net("udp6"))], scratch: Scratch::default() }
    }
}

impl Collector for UdpQueues {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let help = "Bytes that wait in the queues of UDP sockets.";
        let mut family = out.family("node_udp_queues", help, Kind::Gauge);
        let mut found = false;
        for (ip, file) in &mut self.files {
            let Some(content) = optional(read(file, &mut self.scratch))? else { continue };
            found = true;
            let (sent, received) = parse(content);
            family.sample(&[("ip", ip), ("queue", "tx")], sent);
            family.sample(&[("ip", ip), ("queue", "rx")], received);
        }
        if found { Ok(()) } else { Err(CollectError::NoData("net/udp".to_owned())) }
    }
}

/// Sums of the fifth column, `tx_queue:rx_queue` in hexadecimal.
fn parse(content: &[u8]) -> (u64, u64) {
    let queues = lines(content).filter_map(|line| {
        let (sent, received) = text(fields(line).nth(4)?)?.split_once(':')?;
        Some((u64::from_str_radix(sent, 16).ok()?, u64::from_str_radix(received, 16).ok()?))
    });
    queues.fold((0, 0), |sum: (u64, u64), queue| (sum.0.wrapping_add(queue.0), sum.1.wrapping_add(queue.1)))
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "  \
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  12: 00000000:0044 00000000:0000 07 00000000:00000100 00:00000000 00000000     0        0 9 2 0 0
  13: 00000000:0045 00000000:0000 07 0000000A:00000011 00:00000000 00000000     0        0 9 2 0 0
";

    #[test]
    fn queues_are_summed_over_sockets() {
        let root = FakeRoot::new();
        root.file("proc/net/udp", TEXT);
        let (text, error) = collect(UdpQueues::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("node_udp_queues{ip=\"v4\",queue=\"rx\"} 273\n"), "{text}");
        assert!(text.contains("node_udp_queues{ip=\"v4\",queue=\"tx\"} 10\n"), "{text}");
        assert!(!text.contains("v6"), "{text}");
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(UdpQueues::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[0-9A-F: \n]{0,200}") {
            parse(&content);
            parse(odd.as_bytes());
        }
    }
}
