//! Families with one sample per device, written metric by metric so that each family stays in one piece.

use agent_core::exposition::{Exposition, Kind, Value};

/// One family of a table and how a device's row gives its value; `None` leaves the sample out.
#[derive(Debug)]
pub struct Column<V: 'static> {
    /// The full metric name.
    pub name: &'static str,
    /// Its HELP sentence.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The value in a row.
    pub value: fn(&V) -> Option<Value>,
}

impl<V> Column<V> {
    /// A counter.
    pub const fn counter(name: &'static str, help: &'static str, value: fn(&V) -> Option<Value>) -> Self {
        Self { name, help, kind: Kind::Counter, value }
    }

    /// A gauge.
    pub const fn gauge(name: &'static str, help: &'static str, value: fn(&V) -> Option<Value>) -> Self {
        Self { name, help, kind: Kind::Gauge, value }
    }
}

/// Writes all columns of devices; `rows` gives each device's name for the label `device`, and its values.
pub fn write_devices<'r, V: 'static, I: Iterator<Item = (&'r str, &'r V)>>(
    out: &mut Exposition<'_>,
    columns: &[Column<V>],
    rows: impl Fn() -> I,
) {
    write_rows(out, columns, || rows().map(|(device, values)| ([("device", device)], values)));
}

/// The same for any labels.
pub fn write_rows<'r, V: 'static, const N: usize, I>(
    out: &mut Exposition<'_>,
    columns: &[Column<V>],
    rows: impl Fn() -> I,
) where
    I: Iterator<Item = ([(&'r str, &'r str); N], &'r V)>,
{
    for column in columns {
        let mut family = out.family(column.name, column.help, column.kind);
        for (labels, values) in rows() {
            if let Some(value) = (column.value)(values) {
                family.sample(&labels, value);
            }
        }
    }
}
