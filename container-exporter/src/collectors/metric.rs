//! Metrics as tables: a line says name, type, HELP, where the figure comes from and how it is taken from a sample.

use agent_core::exposition::{Exposition, Kind, Value};

use super::Row;

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
pub fn write<S>(out: &mut Exposition<'_>, metrics: &[Metric<S>], rows: &[Row<S>]) {
    let mut labels = Vec::with_capacity(8);
    for family in metrics.chunk_by(|a, b| a.name == b.name) {
        let Some(Metric { name, help, kind, .. }) = family.first() else { continue };
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
