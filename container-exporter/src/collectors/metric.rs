//! Metrics as tables: a line says name, type, HELP, where the figure comes from and how it is taken from a sample.

use agent_core::exposition::{Exposition, Kind, Value};

use super::Row;

/// `--metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// All that the collectors have.
    #[default]
    Full,
    /// Without [`NOT_LEAN`].
    Lean,
}

/// What `--metrics=lean` leaves out: for each there is another family that most questions need instead.
pub const NOT_LEAN: &[&str] = &[
    "container_blkio_device_usage_total",
    "container_cpu_cfs_burst_periods_total",
    "container_cpu_cfs_burst_seconds_total",
    "container_creation_time_seconds",
    "container_memory_events_high_total",
    "container_memory_events_max_total",
    "container_memory_failcnt",
    "container_memory_failures_total",
    "container_memory_file_dirty_bytes",
    "container_memory_file_writeback_bytes",
    "container_memory_kernel_usage",
    "container_memory_mapped_file",
    "container_memory_pgscan_total",
    "container_memory_pgsteal_total",
    "container_memory_total_active_file_bytes",
    "container_memory_total_inactive_file_bytes",
    "container_memory_workingset_refault_anon_total",
    "container_memory_workingset_refault_file_total",
    "container_pressure_cpu_stalled_seconds_total",
    "container_pressure_io_stalled_seconds_total",
    "container_pressure_memory_stalled_seconds_total",
    "container_spec_cpu_period",
    "container_spec_cpu_shares",
    "container_spec_memory_swap_limit_bytes",
    "container_tasks_state",
];

/// One metric of a sample type. Neighbours of the same name are one family.
#[derive(Debug)]
pub struct Metric<S> {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    labels: &'static [(&'static str, &'static str)],
    origin: Origin,
    value: fn(&S) -> Option<Value>,
}

/// Where a figure comes from; `-` where a source does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Files, with `--source=cgroup`.
    pub cgroup: &'static str,
    /// Fields of Docker's API, with `--source=stats`.
    pub stats: &'static str,
}

impl Origin {
    /// The same with both sources.
    pub const fn both(from: &'static str) -> Self {
        Self { cgroup: from, stats: from }
    }
}

/// A family as METRICS.md describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// Full name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Where it comes from.
    pub origin: Origin,
}

impl<S> Metric<S> {
    /// A counter.
    pub const fn counter(name: &'static str, help: &'static str, value: fn(&S) -> Option<Value>) -> Self {
        Self { name, help, kind: Kind::Counter, labels: &[], origin: Origin::both("-"), value }
    }

    /// A gauge.
    pub const fn gauge(name: &'static str, help: &'static str, value: fn(&S) -> Option<Value>) -> Self {
        Self { name, help, kind: Kind::Gauge, labels: &[], origin: Origin::both("-"), value }
    }

    /// Labels that are always the same.
    #[must_use]
    pub const fn labels(mut self, labels: &'static [(&'static str, &'static str)]) -> Self {
        self.labels = labels;
        self
    }

    /// Where it comes from with each source.
    #[must_use]
    pub const fn from(mut self, cgroup: &'static str, stats: &'static str) -> Self {
        self.origin = Origin { cgroup, stats };
        self
    }
}

/// Writes every family of a table, with a sample of each row that has the figure.
pub fn write<S>(out: &mut Exposition<'_>, detail: Detail, metrics: &[Metric<S>], rows: &[Row<S>]) {
    let mut labels = Vec::with_capacity(8);
    for family in metrics.chunk_by(|a, b| a.name == b.name) {
        let Some(Metric { name, help, kind, .. }) = family.first() else { continue };
        if detail == Detail::Lean && NOT_LEAN.contains(name) {
            continue;
        }
        let mut opened = out.family(name, help, *kind);
        for row in rows {
            for metric in family {
                let Some(value) = (metric.value)(&row.sample) else { continue };
                labels.clear();
                labels.extend_from_slice(metric.labels);
                labels.extend(row.labels.iter().map(|(key, value)| (*key, value.as_str())));
                opened.sample_in(&row.block, &labels, value);
            }
        }
    }
}

/// The families of a table.
pub fn describe<S>(metrics: &[Metric<S>]) -> Vec<Description> {
    let families = metrics.chunk_by(|a, b| a.name == b.name).filter_map(<[_]>::first);
    families.map(|m| Description { name: m.name, kind: m.kind, origin: m.origin }).collect()
}

/// A plain number.
pub fn number(value: Option<u64>) -> Option<Value> {
    value.map(Value::Unsigned)
}

/// Nanoseconds as seconds.
pub fn seconds(nanos: Option<u64>) -> Option<Value> {
    nanos.map(|nanos| Value::Float(nanos as f64 / 1e9))
}

/// Microseconds as seconds.
pub fn micros(micros: Option<u64>) -> Option<Value> {
    micros.map(|micros| Value::Float(micros as f64 / 1e6))
}
