//! A family of the cluster view: its name, and what it takes of a node or a service.

use agent_core::exposition::{Exposition, Kind, LabelBlock, Value};

/// One family with one sample for each thing that has a value; what has none is absent.
#[derive(Debug)]
pub(super) struct Figure<T> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) value: fn(&T) -> Option<Value>,
}

/// Writes all families for things with their labels.
pub(super) fn write<T>(out: &mut Exposition<'_>, figures: &[Figure<T>], things: &[(LabelBlock, T)]) {
    for figure in figures {
        let mut family = out.family(figure.name, figure.help, Kind::Gauge);
        for (labels, thing) in things {
            if let Some(value) = (figure.value)(thing) {
                family.sample_in(labels, &[], value);
            }
        }
    }
}

/// Docker writes 0 where nothing is set.
pub(super) fn set(value: Option<i64>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0)
}

/// CPUs of billionths of CPUs.
pub(super) fn cpus(nanos: Option<i64>) -> Option<Value> {
    set(nanos).map(|nanos| Value::from(nanos as f64 / 1e9))
}
