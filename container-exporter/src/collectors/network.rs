//! `network`: traffic by interface, of the machine and of containers with a network of their own.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::host::Host;
use crate::sample::Interface;

const FILE: &str = "/proc/<pid>/net/dev";

/// Four metrics for each direction.
macro_rules! direction {
    ($word:literal, $done:literal, $field:ident, $api:literal) => {
        [
            Metric::<Interface>::counter(
                concat!("container_network_", $word, "_bytes_total"),
                concat!("Bytes ", $done, "."),
                |i| number(Some(i.$field.bytes)),
            )
            .from(FILE, concat!("networks.*.", $api, "_bytes")),
            Metric::<Interface>::counter(
                concat!("container_network_", $word, "_packets_total"),
                concat!("Packets ", $done, "."),
                |i| number(Some(i.$field.packets)),
            )
            .from(FILE, concat!("networks.*.", $api, "_packets")),
            Metric::<Interface>::counter(
                concat!("container_network_", $word, "_packets_dropped_total"),
                concat!("Packets dropped instead of being ", $done, "."),
                |i| number(Some(i.$field.dropped)),
            )
            .from(FILE, concat!("networks.*.", $api, "_dropped")),
            Metric::<Interface>::counter(
                concat!("container_network_", $word, "_errors_total"),
                concat!("Errors while packets were ", $done, "."),
                |i| number(i.$field.errors),
            )
            .from(FILE, "-"),
        ]
    };
}

const RECEIVE: [Metric<Interface>; 4] = direction!("receive", "received", receive, "rx");
const TRANSMIT: [Metric<Interface>; 4] = direction!("transmit", "sent", transmit, "tx");

/// What it writes.
pub fn families() -> Vec<Description> {
    [describe(&RECEIVE), describe(&TRANSMIT)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    let host = Host::new(&shared.paths.procfs);
    Box::new(NetworkCollector { shared: shared.clone(), host, rows: Vec::new() })
}

struct NetworkCollector {
    shared: Shared,
    host: Host,
    rows: Vec<Row<Interface>>,
}

impl Collector for NetworkCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, host, rows } = self;
        rows.clear();
        let labelled = |row: Row<Interface>| {
            let name = row.sample.name.clone();
            row.with("interface", name)
        };
        let machine = host.read_interfaces().map(|all| {
            rows.extend(all.into_iter().filter_map(|interface| shared.root_row(interface)).map(labelled));
        });
        let running = shared.each_container(true, |source, container| {
            let interfaces = source.interfaces(container);
            if interfaces.is_empty() {
                return;
            }
            let sum = |of: fn(&Interface) -> u64| interfaces.iter().map(of).sum();
            let (receive, transmit) = (sum(|i| i.receive.bytes), sum(|i| i.transmit.bytes));
            shared.store.services().add_traffic(container, shared.begun_nanos, receive, transmit);
            rows.extend(interfaces.into_iter().map(|interface| labelled(Row::of(container, interface))));
        });
        shared.store.services().forget(&running);
        write(out, shared.detail(), &RECEIVE, rows);
        write(out, shared.detail(), &TRANSMIT, rows);
        machine.map_err(|error| CollectError::io(shared.paths.procfs.join("1/net/dev"), error))
    }
}
