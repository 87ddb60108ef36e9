//! `systemd`: the state of units, over D-Bus.

mod units;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::{ConfigError, ConfigErrors};
use agent_core::exposition::{Exposition, Kind};
use regex_lite::Regex;
use tracing::warn;

use self::units::{Settings, parse_units};
use super::Build;
use crate::bus::{Answer, Bus, Call, Member};
use crate::filter::Filter;
use crate::flags::{Flag, Given, Takes};

const UNIT_INCLUDE: Flag = Flag::regex(
    "collector.systemd.unit-include",
    ".+",
    "Units to export, by their whole name; those that unit-exclude names are left out of them",
)
.formerly(&["collector.systemd.unit-whitelist"]);
const UNIT_EXCLUDE: Flag = Flag::regex(
    "collector.systemd.unit-exclude",
    ".+\\.(automount|device|mount|scope|slice)",
    "Units to leave out, by their whole name",
)
.formerly(&["collector.systemd.unit-blacklist"]);
const TASKS: Flag =
    switch("collector.systemd.enable-task-metrics", "Export the tasks of services and their limits");
const RESTARTS: Flag =
    switch("collector.systemd.enable-restarts-metrics", "Export how often services were restarted");
const START_TIMES: Flag =
    switch("collector.systemd.enable-start-time-metrics", "Export when units were started");
const PRIVATE: Flag = switch(
    "collector.systemd.private",
    "Accepted and without effect: systemd is always asked over the system bus",
);

pub(super) const FLAGS: &[Flag] = &[UNIT_INCLUDE, UNIT_EXCLUDE, TASKS, RESTARTS, START_TIMES, PRIVATE];

const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag { name, takes: Takes::Switch { default: false }, help, old_names: &[] }
}

const SERVICE: &str = "org.freedesktop.systemd1";
const MANAGER: Call<'_> = Call {
    service: SERVICE,
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
    member: Member::Method("ListUnits"),
};

/// `address` is that of the system bus, where it is not the usual one.
pub(super) fn build(given: Given<'_>, address: Option<String>) -> Result<Build, ConfigErrors> {
    let mut errors = ConfigErrors::new();
    let include = errors.take(whole_name(given, &UNIT_INCLUDE)).flatten();
    let exclude = errors.take(whole_name(given, &UNIT_EXCLUDE)).flatten();
    let settings = errors.finish(Some(Settings {
        units: Filter { exclude, include },
        tasks: given.is_on(&TASKS),
        restarts: given.is_on(&RESTARTS),
        start_times: given.is_on(&START_TIMES),
    }))?;
    let private = given.is_on(&PRIVATE);
    Ok(Build::new(move |host| {
        if private {
            warn!(flag = PRIVATE.name, "has no effect: systemd is asked over the system bus");
        }
        Systemd { bus: Bus::system(&host.roots, address.as_deref()), settings: settings.clone() }
    }))
}

/// A pattern that has to match a whole name; an empty one matches none.
fn whole_name(given: Given<'_>, flag: &Flag) -> Result<Option<Regex>, ConfigError> {
    // Errors are told of what the user wrote.
    given.regex(flag)?;
    Ok(Regex::new(&format!("^(?:{})$", given.value(flag))).ok())
}

#[derive(Debug)]
struct Systemd {
    bus: Bus,
    settings: Settings,
}

impl Collector for Systemd {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut systemd = self.bus.connect()?;
        let property = |name| Call { member: Member::Property(name), ..MANAGER };
        let answers = systemd.ask(&[
            MANAGER,
            property("Version"),
            property("Virtualization"),
            property("SystemState"),
        ])?;
        let [list, version, virtualization, state] = answers.as_slice() else { return Ok(()) };
        let units = parse_units(&list.body(SERVICE)?, &self.settings.units)?;
        write_manager(out, version, virtualization, state);
        units.write_summary(out);
        let answers = systemd.ask(&units.calls(&self.settings))?;
        units.write(out, &self.settings, &answers);
        Ok(())
    }
}

fn write_manager(out: &mut Exposition<'_>, version: &Answer, virtualization: &Answer, state: &Answer) {
    if let Some(version) = version.text()
        && let Some(number) = parse_version(&version)
    {
        let mut family = out.family("node_systemd_version", "The version of systemd.", Kind::Gauge);
        family.sample(&[("version", &version)], number);
    }
    if let Some(virtualization) = virtualization.text() {
        let help = "What systemd takes the machine for: a kind of virtual machine or container, or none.";
        let kind = if virtualization.is_empty() { "none" } else { &virtualization };
        let mut family = out.family("node_systemd_virtualization_info", help, Kind::Gauge);
        family.sample(&[("virtualization_type", kind)], 1_u64);
    }
    if let Some(state) = state.text() {
        let help = "Whether the system is up and no unit has failed.";
        out.gauge("node_systemd_system_running", help, state == "running");
    }
}

/// The first number of at least three digits, with its decimals: `252.39-1~deb12u1` is 252.39.
fn parse_version(version: &str) -> Option<f64> {
    let is_number = |part: &&str| part.len() >= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = version.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.find_map(|part| {
        let mut numbers = part.split('.').skip_while(|number| !is_number(number));
        let whole = numbers.next()?;
        let decimals = numbers.next().filter(|decimals| !decimals.is_empty()).unwrap_or("0");
        format!("{whole}.{decimals}").parse().ok()
    })
}

#[cfg(test)]
mod tests;
