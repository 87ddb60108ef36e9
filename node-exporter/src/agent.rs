//! The program: its flags, what they mean, and how it is put together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_core::cli::{CommonDefaults, PathArgs};
use agent_core::collector::{CollectorSet, Entry};
use agent_core::entry::{Agent, Context, Environment, Subcommand};
use agent_core::error::{ConfigError, ConfigErrors, RunError};
use agent_core::identity::{Identity, Places, SharedIdentity};
use agent_core::service::{Readiness, Service};
use clap::builder::BoolishValueParser;
use clap::{ArgMatches, Args, Command};
use tracing::warn;

use crate::collectors::{Build, COLLECTORS};
use crate::confinement::Confinement;
use crate::flags::{Given, add_flags};
use crate::host::{Host, Roots};
use crate::left_out::{LEFT_OUT, without_effect};
use crate::legacy::LegacyNames;
use crate::{build_info, doctor, surroundings};

/// The agent `node-exporter`.
#[derive(Debug, Clone, Copy)]
pub struct NodeExporter;

/// Flags that belong to no collector.
#[derive(Debug, Clone, Args)]
pub struct NodeArgs {
    #[command(flatten)]
    paths: PathArgs,

    /// Where the host's /run/udev/data is mounted
    #[arg(long = "path.udev.data", value_name = "FOLDER", default_value = "/run/udev/data")]
    udev_data: PathBuf,

    /// Run only the collectors that are switched on by flags
    #[arg(long = "collector.disable-defaults")]
    disable_defaults: bool,

    /// Run exactly these collectors, as node_exporter 0.14 was told
    #[arg(long = "collectors.enabled", value_name = "NAME,NAME")]
    enabled: Option<String>,

    /// The same as --path.procfs, as node_exporter 0.14 was told
    #[arg(long = "collector.procfs", value_name = "FOLDER", hide = true)]
    legacy_procfs: Option<PathBuf>,

    /// The same as --path.sysfs, as node_exporter 0.14 was told
    #[arg(long = "collector.sysfs", value_name = "FOLDER", hide = true)]
    legacy_sysfs: Option<PathBuf>,

    /// Export the names of node_exporter 0.14 too [default: on where
    /// collectors.enabled, collector.procfs or collector.sysfs is given]
    #[arg(long = "compat.legacy-names", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new())]
    legacy_names: Option<bool>,
}

/// The flags, checked.
#[derive(Debug)]
pub struct Config {
    pub(crate) roots: Roots,
    /// What runs, in the order of the table.
    pub(crate) chosen: Vec<(&'static str, Build)>,
    /// What is switched off.
    pub(crate) disabled: Vec<&'static str>,
    /// Flags that have no effect.
    without_effect: Vec<String>,
    /// Whether the names of node_exporter 0.14 are exported too.
    legacy_names: bool,
}

impl Agent for NodeExporter {
    const NAME: &'static str = "node-exporter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "The host's metrics for Prometheus, with node_exporter's names and flags.";
    type Args = NodeArgs;
    type Config = Config;

    fn defaults(_: &Environment) -> CommonDefaults {
        CommonDefaults { listen: ":9100".to_owned(), listen_origin: "default address", node_meta: true }
    }

    fn add_flags(command: Command) -> Command {
        add_flags(command)
    }

    fn configure(args: NodeArgs, matches: &ArgMatches, _: &Environment) -> Result<Config, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let given = Given::new(matches);
        let only = errors.take(args.enabled.as_deref().map(parse_enabled).transpose()).flatten();
        let mut chosen = Vec::new();
        let mut disabled = Vec::new();
        for spec in COLLECTORS {
            let default = match &only {
                Some(only) => only.contains(spec.name),
                None => spec.default_on && !args.disable_defaults,
            };
            // Bad values of a collector that is off are told as well.
            let build = (spec.build)(given).map_err(|e| errors.extend(e)).ok();
            let build = build.map(|build| if spec.driven { build.driven() } else { build });
            if given.switch(&spec.switch()).unwrap_or(default) {
                chosen.extend(build.map(|build| (spec.name, build)));
            } else {
                disabled.push(spec.name);
            }
        }
        let legacy = args.enabled.is_some() || args.legacy_procfs.is_some() || args.legacy_sysfs.is_some();
        let PathArgs { procfs, sysfs, rootfs } = args.paths;
        let roots = Roots {
            procfs: args.legacy_procfs.unwrap_or(procfs),
            sysfs: args.legacy_sysfs.unwrap_or(sysfs),
            rootfs,
            udev_data: args.udev_data,
        };
        let legacy_names = args.legacy_names.unwrap_or(legacy);
        let mut without_effect = without_effect(given);
        let left_out = only.iter().flatten().filter(|name| is_left_out(name));
        without_effect.extend(left_out.map(|name| format!("--collectors.enabled={name}")));
        errors.finish(Some(Config { roots, chosen, disabled, without_effect, legacy_names }))
    }

    fn subcommands() -> Vec<Subcommand<Config>> {
        vec![doctor::SUBCOMMAND]
    }

    async fn run(config: Config, context: Context) -> Result<(), RunError> {
        let places = Places::new(Some(&config.roots.rootfs));
        let identity = SharedIdentity::new(Identity::resolve(&context.environment, &places));
        identity.report();
        for flag in &config.without_effect {
            warn!(flag, "accepted for node_exporter's sake, but without effect: this agent does not have it");
        }
        let host = Host::new(config.roots, identity.clone());
        surroundings::report(&host, &places);
        let mut registry = context.common.registry();
        build_info::register(&mut registry, Self::VERSION);
        Confinement::read(Path::new("/proc/self"), &host).register(&mut registry, host.network);
        let collectors = collector_set(config.chosen, config.disabled, &host);
        let service = Service {
            agent: Self::NAME,
            version: Self::VERSION,
            collectors: if config.legacy_names {
                collectors.repeating(Arc::new(LegacyNames))
            } else {
                collectors
            },
            registry,
            readiness: Readiness::default(),
            identity,
            routes: Vec::new(),
        };
        service.serve(&context).await
    }
}

fn collector_set(
    chosen: Vec<(&'static str, Build)>,
    disabled: Vec<&'static str>,
    host: &Host,
) -> CollectorSet {
    let entries = chosen.into_iter().map(|(name, build)| {
        let host = host.clone();
        Entry::new(name, move || build.make(&host))
    });
    CollectorSet::new("node", entries.collect(), disabled).telling_applicable("node")
}

fn parse_enabled(list: &str) -> Result<BTreeSet<&str>, ConfigError> {
    let names: BTreeSet<_> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known = |name: &str| is_left_out(name) || COLLECTORS.iter().any(|spec| spec.name == name);
    let unknown: Vec<_> = names.iter().copied().filter(|name| !known(name)).collect();
    if unknown.is_empty() {
        return Ok(names);
    }
    let known: Vec<_> = COLLECTORS.iter().map(|spec| spec.name).collect();
    Err(ConfigError::new(
        "--collectors.enabled",
        list,
        format!("names collectors that do not exist ({})", unknown.join(", ")),
        format!("choose from {}", known.join(", ")),
    ))
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|left_out| left_out.name == name)
}
