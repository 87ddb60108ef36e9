//! The groups of metrics: one file each, and one line each in [`COLLECTORS`].

pub mod cpu;
pub mod diskio;
pub mod exporter;
pub mod machine;
pub mod memory;
pub mod metric;
pub mod network;
pub mod process;
mod shared;
pub mod spec;
pub mod state;

use agent_core::collector::{Collector, Entry};
use clap::{Arg, ArgAction, ArgMatches, Command};

use self::metric::Description;
pub use self::shared::{Clock, Row, Shared};

/// A collector by its name.
#[derive(Debug)]
pub struct Spec {
    /// The name in flags, in `collect[]` and in the own metrics.
    pub name: &'static str,
    /// What it gives, for `--help`.
    pub about: &'static str,
    /// Makes it.
    pub build: fn(&Shared) -> Box<dyn Collector>,
    /// The families it writes.
    pub families: fn() -> Vec<Description>,
}

/// All of them, in the order of the output. Flags, landing page, `collect[]` and METRICS.md follow from this table.
pub const COLLECTORS: &[Spec] = &[
    Spec { name: "cpu", about: "processor time and throttling", build: cpu::build, families: cpu::families },
    Spec { name: "memory", about: "memory", build: memory::build, families: memory::families },
    Spec {
        name: "network",
        about: "traffic by interface",
        build: network::build,
        families: network::families,
    },
    Spec { name: "diskio", about: "block I/O by device", build: diskio::build, families: diskio::families },
    Spec {
        name: "process",
        about: "processes and threads",
        build: process::build,
        families: process::families,
    },
    Spec { name: "spec", about: "limits", build: spec::build, families: spec::families },
    Spec { name: "state", about: "start time, last seen", build: state::build, families: state::families },
    Spec {
        name: "machine",
        about: "the machine and versions",
        build: machine::build,
        families: machine::families,
    },
    Spec {
        name: "exporter",
        about: "the exporter itself",
        build: exporter::build,
        families: exporter::families,
    },
];

/// Which collectors are switched off.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    disabled: Vec<&'static str>,
}

/// Adds `--no-collector.<name>` for each collector.
pub fn add_flags(mut command: Command) -> Command {
    for Spec { name, about, .. } in COLLECTORS {
        let off = flag(name);
        let arg = Arg::new(off.clone()).long(off).action(ArgAction::SetTrue);
        command = command.arg(arg.help(format!("Leave out: {about}")).help_heading("Collectors"));
    }
    command
}

/// Reads these flags.
pub fn select(matches: &ArgMatches) -> Selection {
    let off = |name: &str| matches.get_flag(&flag(name));
    Selection { disabled: COLLECTORS.iter().map(|spec| spec.name).filter(|name| off(name)).collect() }
}

fn flag(name: &str) -> String {
    format!("no-collector.{name}")
}

/// What the runner needs: the collectors that are on, and the names of the others.
pub fn entries(shared: &Shared, selection: &Selection) -> (Vec<Entry>, Vec<&'static str>) {
    let on = COLLECTORS.iter().filter(|spec| !selection.disabled.contains(&spec.name));
    let entries = on.map(|spec| {
        let shared = shared.clone();
        let build = spec.build;
        Entry::new(spec.name, move || build(&shared))
    });
    (entries.collect(), selection.disabled.clone())
}
