//! `pressure`: how long tasks of containers waited for what they needed.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, micros, write};
use super::{Row, Shared};
use crate::host::Host;
use crate::sample::Pressure;

/// Two metrics for each resource.
macro_rules! resource {
    ($name:ident, $word:literal) => {
        [
            Metric::<Pressure>::counter(
                concat!("container_pressure_", stringify!($name), "_waiting_seconds_total"),
                concat!("Time in which at least one task waited for ", $word, "."),
                |p| micros(p.$name.some_micros),
            )
            .from(concat!(stringify!($name), ".pressure some; v1 needs the version 2 tree beside it"), "-"),
            Metric::<Pressure>::counter(
                concat!("container_pressure_", stringify!($name), "_stalled_seconds_total"),
                concat!("Time in which all tasks waited for ", $word, "."),
                |p| micros(p.$name.full_micros),
            )
            .from(concat!(stringify!($name), ".pressure full; v1 needs the version 2 tree beside it"), "-"),
        ]
    };
}

const CPU: [Metric<Pressure>; 2] = resource!(cpu, "a processor");
const MEMORY: [Metric<Pressure>; 2] = resource!(memory, "memory");
const IO: [Metric<Pressure>; 2] = resource!(io, "a block device");

/// What it writes.
pub fn families() -> Vec<Description> {
    [describe(&CPU), describe(&MEMORY), describe(&IO)].concat()
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    let host = Host::new(&shared.paths.procfs);
    Box::new(PressureCollector { shared: shared.clone(), host, rows: Vec::new() })
}

struct PressureCollector {
    shared: Shared,
    host: Host,
    rows: Vec<Row<Pressure>>,
}

impl Collector for PressureCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, host, rows } = self;
        rows.clear();
        rows.extend(host.read_pressure().and_then(|pressure| shared.root_row(pressure)));
        shared.each_running(|source, container| {
            rows.extend(source.pressure(container).map(|pressure| Row::of(container, pressure)));
        });
        for metrics in [&CPU, &MEMORY, &IO] {
            write(out, shared.detail(), metrics, rows);
        }
        Ok(())
    }
}
