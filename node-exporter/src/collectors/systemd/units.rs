//! Units: which are wanted, what is asked of them, and the families that come of it.

use std::collections::BTreeMap;

use agent_core::collector::CollectError;
use agent_core::exposition::{Exposition, Kind, Value};
use zbus::ObjectPath;
use zbus::message::Body;

use super::SERVICE;
use crate::bus::{Answer, Call, Member};
use crate::filter::Filter;

/// What flags decide.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) units: Filter,
    pub(super) tasks: bool,
    pub(super) restarts: bool,
    pub(super) start_times: bool,
}

/// States that always have a series; systemd has more, which have one while a unit is in them.
const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];

/// Types of units that have a type themselves, and where it is.
const TYPED: [(&str, &str); 2] =
    [(".service", "org.freedesktop.systemd1.Service"), (".mount", "org.freedesktop.systemd1.Mount")];

/// A family with a series per unit, made of a number that is a property of the unit.
struct Column {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    /// The units that have it, by the end of their name.
    suffix: &'static str,
    interface: &'static str,
    property: &'static str,
    wanted: fn(&Settings) -> bool,
    value: fn(u64) -> Option<Value>,
    /// Whether it is asked only of active units; it is 0 for the others.
    of_active: bool,
}

impl Column {
    const fn service(name: &'static str, help: &'static str, property: &'static str) -> Self {
        Self {
            name,
            help,
            kind: Kind::Gauge,
            suffix: ".service",
            interface: "org.freedesktop.systemd1.Service",
            property,
            wanted: |settings| settings.tasks,
            value: limited,
            of_active: false,
        }
    }

    const fn socket(name: &'static str, help: &'static str, kind: Kind, property: &'static str) -> Self {
        Self {
            kind,
            suffix: ".socket",
            interface: "org.freedesktop.systemd1.Socket",
            wanted: |_| true,
            value: |count| Some(count.into()),
            ..Self::service(name, help, property)
        }
    }
}

const COLUMNS: [Column; 8] = [
    Column {
        kind: Kind::Counter,
        wanted: |settings| settings.restarts,
        value: |count| Some(count.into()),
        ..Column::service(
            "node_systemd_service_restart_total",
            "Restarts of a service by systemd.",
            "NRestarts",
        )
    },
    Column {
        suffix: "",
        interface: "org.freedesktop.systemd1.Unit",
        wanted: |settings| settings.start_times,
        value: |time| Some(seconds(time)),
        of_active: true,
        ..Column::service(
            "node_systemd_unit_start_time_seconds",
            "Unix time at which a unit became active; 0 where it is not.",
            "ActiveEnterTimestamp",
        )
    },
    Column::service("node_systemd_unit_tasks_current", "Tasks of a service.", "TasksCurrent"),
    Column::service("node_systemd_unit_tasks_max", "Tasks that a service may have.", "TasksMax"),
    Column {
        suffix: ".timer",
        interface: "org.freedesktop.systemd1.Timer",
        wanted: |_| true,
        value: |time| Some(seconds(time)),
        ..Column::service(
            "node_systemd_timer_last_trigger_seconds",
            "Unix time at which a timer last fired; 0 where it never did.",
            "LastTriggerUSec",
        )
    },
    Column::socket(
        "node_systemd_socket_accepted_connections_total",
        "Connections that a socket unit accepted.",
        Kind::Counter,
        "NAccepted",
    ),
    Column::socket(
        "node_systemd_socket_current_connections",
        "Open connections of a socket unit.",
        Kind::Gauge,
        "NConnections",
    ),
    // A gauge in spite of its name, as it is known in the field.
    Column::socket(
        "node_systemd_socket_refused_connections_total",
        "Connections that a socket unit refused.",
        Kind::Gauge,
        "NRefused",
    ),
];

/// systemd's word for "no limit" and "not known" is the greatest number.
fn limited(number: u64) -> Option<Value> {
    (number != u64::MAX).then(|| number.into())
}

fn seconds(microseconds: u64) -> Value {
    (microseconds as f64 / 1e6).into()
}

/// A unit that is exported.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    name: String,
    path: String,
    state: String,
}

/// What `ListUnits` tells.
#[derive(Debug, Default)]
pub(super) struct Units {
    /// All units by their state.
    summary: BTreeMap<String, u64>,
    /// Those that are loaded and pass the filter.
    wanted: Vec<Unit>,
}

pub(super) fn parse_units(body: &Body, filter: &Filter) -> Result<Units, CollectError> {
    /// Name, description, load state, active state, sub state, followed unit, object, job's number, type and object.
    type Row<'b> =
        (&'b str, &'b str, &'b str, &'b str, &'b str, &'b str, ObjectPath<'b>, u32, &'b str, ObjectPath<'b>);
    let rows: Vec<Row<'_>> =
        body.deserialize().map_err(|e| CollectError::Other(format!("{SERVICE}: ListUnits: {e}")))?;
    let mut units = Units::default();
    for (name, _, load, state, _, _, path, ..) in rows {
        match units.summary.get_mut(state) {
            Some(count) => *count += 1,
            None => drop(units.summary.insert(state.to_owned(), 1)),
        }
        if load == "loaded" && filter.wants(name) {
            let [name, state] = [name, state].map(str::to_owned);
            units.wanted.push(Unit { name, path: path.to_string(), state });
        }
    }
    Ok(units)
}

impl Units {
    /// What is to be asked; the answers go to [`Self::write`].
    pub(super) fn calls(&self, settings: &Settings) -> Vec<Call<'_>> {
        let types = self.wanted.iter().filter_map(|unit| Some(unit.ask(unit.typed()?, "Type")));
        let columns = columns(settings).flat_map(|column| {
            let units = self.wanted.iter().filter(|unit| unit.has(column) && unit.is_asked(column));
            units.map(|unit| unit.ask(column.interface, column.property))
        });
        types.chain(columns).collect()
    }

    pub(super) fn write_summary(&self, out: &mut Exposition<'_>) {
        let mut family = out.family("node_systemd_units", "Units by their state.", Kind::Gauge);
        let others = self.summary.keys().map(String::as_str).filter(|state| !STATES.contains(state));
        for state in STATES.into_iter().chain(others) {
            family.sample(&[("state", state)], self.summary.get(state).copied().unwrap_or_default());
        }
    }

    /// Writes the families of single units; a unit that has vanished meanwhile is left out.
    pub(super) fn write(&self, out: &mut Exposition<'_>, settings: &Settings, answers: &[Answer]) {
        let mut answers = answers.iter();
        let help = "Whether a unit is in a state.";
        let mut family = out.family("node_systemd_unit_state", help, Kind::Gauge);
        for unit in &self.wanted {
            let kind = match unit.typed() {
                Some(_) => answers.next().and_then(Answer::text),
                None => Some(String::new()),
            };
            let Some(kind) = kind else { continue };
            for state in STATES {
                let labels = [("name", unit.name.as_str()), ("state", state), ("type", &kind)];
                family.sample(&labels, unit.state == state);
            }
        }
        for column in columns(settings) {
            let mut family = out.family(column.name, column.help, column.kind);
            for unit in self.wanted.iter().filter(|unit| unit.has(column)) {
                let number =
                    if unit.is_asked(column) { answers.next().and_then(Answer::number) } else { Some(0) };
                if let Some(value) = number.and_then(column.value) {
                    family.sample(&[("name", &unit.name)], value);
                }
            }
        }
    }
}

fn columns(settings: &Settings) -> impl Iterator<Item = &'static Column> {
    COLUMNS.iter().filter(|column| (column.wanted)(settings))
}

impl Unit {
    fn ask<'a>(&'a self, interface: &'a str, property: &'a str) -> Call<'a> {
        Call { service: SERVICE, path: &self.path, interface, member: Member::Property(property) }
    }

    /// The interface that tells its type, where it has one.
    fn typed(&self) -> Option<&'static str> {
        TYPED.iter().find(|(suffix, _)| self.name.ends_with(suffix)).map(|(_, interface)| *interface)
    }

    fn has(&self, column: &Column) -> bool {
        self.name.ends_with(column.suffix)
    }

    fn is_asked(&self, column: &Column) -> bool {
        !column.of_active || self.state == "active"
    }
}
