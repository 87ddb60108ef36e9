//! What `tcp` and `udp` share: the kernel's tables of sockets of each container with a network of its own, for both
//! families of addresses.

use std::slice::from_ref;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::Scratch;

use super::metric::{Description, Metric, describe, write};
use super::{Row, Shared};

/// The files below `/proc/<pid>/net`, each with its family.
pub(super) type Tables = [(&'static str, Metric<u64>); 2];

/// The families of two tables.
pub(super) fn families(tables: &Tables) -> Vec<Description> {
    tables.iter().flat_map(|(_, metric)| describe(from_ref(metric))).collect()
}

/// Writes `N` figures of each table.
pub(super) struct SocketCollector<const N: usize> {
    pub(super) shared: Shared,
    pub(super) scratch: Scratch,
    pub(super) tables: Tables,
    /// The label that names a figure.
    pub(super) label: &'static str,
    pub(super) states: [&'static str; N],
    pub(super) parse: fn(&[u8]) -> [u64; N],
}

impl<const N: usize> Collector for SocketCollector<N> {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, scratch, tables, label, states, parse } = self;
        for (file, metric) in tables {
            let mut rows = Vec::new();
            shared.each_container(true, |source, container| {
                let Some(pid) = source.first_pid(container) else { return };
                let path = shared.paths.procfs.join(format!("{pid}/net/{file}"));
                let Ok(bytes) = scratch.read(&path) else { return };
                for (state, count) in states.iter().zip(parse(bytes)) {
                    rows.push(Row::of(container, count).with(label, *state));
                }
            });
            write(out, shared.detail(), from_ref(metric), &rows);
        }
        Ok(())
    }
}
