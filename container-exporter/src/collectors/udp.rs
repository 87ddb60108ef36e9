//! `udp`: UDP sockets of containers with a network of their own. Off unless asked for: the kernel writes one line for
//! each socket.

use agent_core::collector::Collector;
use agent_core::read::{Scratch, fields, lines, parse_u64, text};

use super::Shared;
use super::metric::{Description, Metric, number};
use super::sockets::{self, SocketCollector, Tables};

/// What cAdvisor calls states.
const STATES: [(&str, &[u8]); 4] =
    [("listen", b"07"), ("dropped", b""), ("rxqueued", b""), ("txqueued", b"")];

const METRICS: Tables = [
    (
        "udp",
        Metric::<u64>::gauge(
            "container_network_udp_usage_total",
            "Sockets that are bound, packets dropped, and bytes that wait, IPv4.",
            |count| number(Some(*count)),
        )
        .from("/proc/<pid>/net/udp", "-"),
    ),
    (
        "udp6",
        Metric::<u64>::gauge(
            "container_network_udp6_usage_total",
            "Sockets that are bound, packets dropped, and bytes that wait, IPv6.",
            |count| number(Some(*count)),
        )
        .from("/proc/<pid>/net/udp6", "-"),
    ),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    sockets::families(&METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(SocketCollector {
        shared: shared.clone(),
        scratch: Scratch::default(),
        tables: METRICS,
        label: "udp_state",
        states: STATES.map(|(state, _)| state),
        parse,
    })
}

/// `sl local remote st tx:rx tr tm retrnsmt uid timeout inode ref pointer drops` per socket: how many are bound, packets
/// dropped, bytes that wait.
fn parse(bytes: &[u8]) -> [u64; STATES.len()] {
    let [mut listen, mut dropped, mut received, mut sent] = [0; STATES.len()];
    for line in lines(bytes).skip(1) {
        let mut parts = fields(line).skip(3);
        let (Some(state), Some(queues)) = (parts.next(), parts.next().and_then(text)) else { continue };
        listen += u64::from(STATES.iter().any(|(_, number)| *number == state));
        let queue = |hex| u64::from_str_radix(hex, 16).unwrap_or_default();
        if let Some((tx, rx)) = queues.split_once(':') {
            sent += queue(tx);
            received += queue(rx);
        }
        dropped += parts.last().and_then(parse_u64).unwrap_or_default();
    }
    [listen, dropped, received, sent]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sockets_are_counted() {
        let counts = parse(
            b"  sl  local_address rem_address   st tx_queue\n 12: 00000000:0044 00000000:0000 07 00000002:00000010 \
            00:00000000 00000000 0 0 4711 2 0000000000000000 3\n",
        );
        assert_eq!(counts, [1, 3, 16, 2]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}
