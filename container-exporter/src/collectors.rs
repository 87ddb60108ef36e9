//! The groups of metrics: one file each, and one line each in [`COLLECTORS`].

pub mod cpu;
pub mod disk;
pub mod diskio;
pub mod exporter;
pub mod hugetlb;
pub mod left_out;
pub mod lifecycle;
pub mod machine;
pub mod memory;
pub mod memory_numa;
pub mod metric;
pub mod network;
pub mod network_info;
pub mod oom;
pub mod pressure;
pub mod process;
pub mod sched;
pub mod services;
mod shared;
mod sockets;
pub mod spec;
pub mod state;
pub mod tasks;
pub mod tcp;
pub mod udp;

use agent_core::collector::{Collector, Entry};
use clap::{Arg, ArgAction, ArgMatches, Command};

use self::metric::Description;
pub use self::shared::{Clock, Options, Row, Shared};

/// A collector by its name.
#[derive(Debug)]
pub struct Spec {
    /// The name in flags, in `collect[]` and in the own metrics.
    pub name: &'static str,
    /// What it gives, for `--help`.
    pub about: &'static str,
    /// Its name in cAdvisor's `--disable_metrics` and `--enable_metrics`, where it has one.
    pub group: Option<&'static str>,
    /// Whether it is on unless flags say otherwise.
    pub default: bool,
    /// Makes it.
    pub build: fn(&Shared) -> Box<dyn Collector>,
    /// The families it writes.
    pub families: fn() -> Vec<Description>,
}

/// A line of [`COLLECTORS`].
macro_rules! collector {
    ($name:ident, $about:literal, $group:expr, $default:literal) => {
        Spec {
            name: stringify!($name),
            about: $about,
            group: $group,
            default: $default,
            build: $name::build,
            families: $name::families,
        }
    };
}

/// All of them, in the order of the output. Flags, landing page, `collect[]` and METRICS.md follow from this table.
pub const COLLECTORS: &[Spec] = &[
    collector!(cpu, "processor time and throttling", Some("cpu"), true),
    collector!(memory, "memory", Some("memory"), true),
    collector!(oom, "processes killed for want of memory", Some("oom_event"), true),
    collector!(pressure, "pressure stall information", Some("pressure"), true),
    collector!(network, "traffic by interface", Some("network"), true),
    collector!(network_info, "which network an interface belongs to", None, true),
    collector!(diskio, "block I/O by device", Some("diskIO"), true),
    collector!(disk, "disk use", Some("disk"), true),
    collector!(tasks, "processes by state", Some("cpuLoad"), true),
    collector!(process, "processes, threads, descriptors", Some("process"), false),
    collector!(sched, "the scheduler's statistics", Some("sched"), false),
    collector!(tcp, "TCP sockets by state", Some("tcp"), false),
    collector!(udp, "UDP sockets", Some("udp"), false),
    collector!(hugetlb, "huge pages", Some("hugetlb"), false),
    collector!(memory_numa, "memory by NUMA node", Some("memory_numa"), false),
    collector!(spec, "limits", None, true),
    collector!(state, "start time, health, last seen", None, true),
    collector!(lifecycle, "state, restarts, how containers ended", None, true),
    collector!(services, "sums by service", None, true),
    collector!(machine, "the machine and versions", None, true),
    collector!(exporter, "the exporter itself", None, true),
];

/// Which collectors are on.
#[derive(Debug, Clone)]
pub struct Selection {
    enabled: Vec<&'static str>,
}

impl Default for Selection {
    fn default() -> Self {
        let on = COLLECTORS.iter().filter(|spec| spec.default);
        Self { enabled: on.map(|spec| spec.name).collect() }
    }
}

/// Adds `--collector.<name>` and `--no-collector.<name>` for each collector.
pub fn add_flags(mut command: Command) -> Command {
    for Spec { name, about, default, .. } in COLLECTORS {
        let (on, off) = (format!("collector.{name}"), format!("no-collector.{name}"));
        let flag = |flag: &str, help: String| {
            Arg::new(flag.to_owned()).long(flag.to_owned()).action(ArgAction::SetTrue).help(help)
        };
        let on_arg = flag(&on, format!("Add: {about}")).overrides_with(off.clone()).hide(*default);
        let off_arg = flag(&off, format!("Leave out: {about}")).overrides_with(on).hide(!*default);
        command = command.args([on_arg, off_arg].map(|arg| arg.help_heading("Collectors")));
    }
    command
}

/// Reads these flags; `groups` says of each of cAdvisor's groups whether it is on, where its flags say anything.
pub fn select(matches: &ArgMatches, groups: Option<&dyn Fn(&str) -> bool>) -> Selection {
    let given = |prefix: &str, name: &str| matches.get_flag(&format!("{prefix}.{name}"));
    let is_on = |spec: &Spec| match (spec.group, groups) {
        _ if given("collector", spec.name) => true,
        _ if given("no-collector", spec.name) => false,
        (Some(group), Some(groups)) => groups(group),
        _ => spec.default,
    };
    Selection { enabled: COLLECTORS.iter().filter(|spec| is_on(spec)).map(|spec| spec.name).collect() }
}

/// What the runner needs: the collectors that are on, and the names of the others.
pub fn entries(shared: &Shared, selection: &Selection) -> (Vec<Entry>, Vec<&'static str>) {
    let (on, off): (Vec<_>, Vec<_>) =
        COLLECTORS.iter().partition(|spec| selection.enabled.contains(&spec.name));
    let entries = on.into_iter().map(|spec| {
        let shared = shared.clone();
        let build = spec.build;
        Entry::new(spec.name, move || build(&shared))
    });
    (entries.collect(), off.into_iter().map(|spec| spec.name).collect())
}
