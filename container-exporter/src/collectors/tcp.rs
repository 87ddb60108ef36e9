//! `tcp`: TCP sockets of containers with a network of their own. Off unless asked for: the kernel writes one line for
//! each socket.

use agent_core::collector::Collector;
use agent_core::read::{Scratch, fields, lines};

use super::Shared;
use super::metric::{Description, Metric, number};
use super::sockets::{self, SocketCollector, Tables};

/// States by the kernel's number, as cAdvisor names them.
const STATES: [(&str, &[u8]); 11] = [
    ("established", b"01"),
    ("synsent", b"02"),
    ("synrecv", b"03"),
    ("finwait1", b"04"),
    ("finwait2", b"05"),
    ("timewait", b"06"),
    ("close", b"07"),
    ("closewait", b"08"),
    ("lastack", b"09"),
    ("listen", b"0A"),
    ("closing", b"0B"),
];

const METRICS: Tables = [
    (
        "tcp",
        Metric::<u64>::gauge("container_network_tcp_usage_total", "Sockets by state, IPv4.", |count| {
            number(Some(*count))
        })
        .from("/proc/<pid>/net/tcp", "-"),
    ),
    (
        "tcp6",
        Metric::<u64>::gauge("container_network_tcp6_usage_total", "Sockets by state, IPv6.", |count| {
            number(Some(*count))
        })
        .from("/proc/<pid>/net/tcp6", "-"),
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
        label: "tcp_state",
        states: STATES.map(|(state, _)| state),
        parse,
    })
}

/// Counts the lines of `/proc/<pid>/net/tcp` by their fourth field.
fn parse(bytes: &[u8]) -> [u64; STATES.len()] {
    let mut counts = [0; STATES.len()];
    for line in lines(bytes).skip(1) {
        let Some(state) = fields(line).nth(3) else { continue };
        if let Some(index) = STATES.iter().position(|(_, number)| *number == state)
            && let Some(count) = counts.get_mut(index)
        {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sockets_are_counted() {
        let counts = parse(
            b"  sl  local_address rem_address   st\n   0: 00000000:0050 00000000:0000 0A 00000000:00000000\n   \
            1: 0100007F:0050 0100007F:9C40 01 00000000:00000000\n   2: cut\n",
        );
        assert_eq!((counts[0], counts[9], counts.iter().sum::<u64>()), (1, 1, 2));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}
