//! The command line, checked.

use std::path::Path;

use agent_core::cli::{ListenAddress, PathArgs, parse_number};
use agent_core::docker::DockerHost;
use agent_core::entry::Environment;
use agent_core::error::{ConfigError, ConfigErrors};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::cadvisor_flags::CadvisorArgs;
use crate::collectors::metric::Detail;
use crate::collectors::{self, Options, Selection};
use crate::disk_usage;
use crate::labels::LabelRules;
use crate::roots::{self, Given};
use crate::source::Choice;
use crate::source::stats::StatsMode;

/// Flags of container-exporter.
#[derive(Debug, Args)]
pub struct ContainerArgs {
    #[command(flatten)]
    paths: PathArgs,

    /// Where containers' figures come from: cgroup (files under --path.sysfs), stats (Docker's API) or auto
    #[arg(long, value_name = "SOURCE", default_value = "auto")]
    source: String,

    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Address of the Docker Engine [default: DOCKER_HOST, else unix:///var/run/docker.sock]"
    )]
    docker: Option<String>,

    /// How Docker's statistics are taken: oneshot (in each scrape), stream, or auto (by engine version and scrape rate)
    #[arg(long = "stats-mode", value_name = "MODE", default_value = "auto")]
    stats_mode: String,

    /// How much is exported: full, or lean for at most 40 series a container
    #[arg(long, value_name = "AMOUNT", default_value = "full")]
    metrics: String,

    /// How many containers that ended keep their state and exit code, of each service the newest; 0 is none
    #[arg(long = "dead-containers", value_name = "N", default_value = "1")]
    dead_containers: String,

    /// How disk use becomes known: walk (files below --path.rootfs), api (the engine is asked) or off
    #[arg(long = "disk-usage", value_name = "WAY", default_value = "walk")]
    disk_usage: String,

    /// Cut @sha256:... off the label image
    #[arg(long = "strip-image-digest")]
    strip_image_digest: bool,

    #[command(flatten)]
    cadvisor: CadvisorArgs,
}

/// What [`ContainerArgs`] mean once they have been checked.
#[derive(Debug)]
pub struct Config {
    /// Where the host's kernel files are.
    pub paths: PathArgs,
    /// Which source.
    pub source: Choice,
    /// How Docker's statistics are taken.
    pub stats_mode: StatsMode,
    /// Which engine.
    pub docker: DockerHost,
    /// Which container labels.
    pub labels: LabelRules,
    /// Which collectors.
    pub collectors: Selection,
    /// Which series.
    pub options: Options,
    /// The address of `--port` and `--listen_ip`, where one of them is given.
    pub listen: Option<ListenAddress>,
    /// The path of `--prometheus_endpoint`, where it is given.
    pub telemetry_path: Option<String>,
    /// What to say about flags that have no effect.
    pub notices: Vec<String>,
}

impl ContainerArgs {
    /// Checks everything; all errors at once.
    pub fn check(self, matches: &ArgMatches, environment: &Environment) -> Result<Config, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let source = errors.take(Choice::parse(&self.source));
        let stats_mode = errors.take(StatsMode::parse(&self.stats_mode));
        let docker = errors.take(DockerHost::choose(self.docker.as_deref(), environment));
        let detail = errors.take(parse_detail(&self.metrics));
        let dead = errors.take(parse_number("--dead-containers", &self.dead_containers));
        let disk_usage = errors.take(disk_usage::Mode::parse(&self.disk_usage));
        let cadvisor = self.cadvisor.check(matches).map_err(|e| errors.extend(e)).ok();
        let given = |flag| matches.value_source(flag) == Some(ValueSource::CommandLine);
        let given = Given { procfs: given("procfs"), sysfs: given("sysfs"), rootfs: given("rootfs") };
        let paths = roots::find(Path::new("/"), self.paths, given);
        let strip = self.strip_image_digest;
        let config = || {
            let cadvisor = cadvisor?;
            let groups = cadvisor.groups;
            let has = groups.as_ref().map(|groups| |group: &str| groups.has(group));
            Some(Config {
                paths,
                source: source?,
                stats_mode: stats_mode?,
                docker: docker?,
                labels: cadvisor.labels.with_digest_stripped(strip),
                collectors: collectors::select(matches, has.as_ref().map(|has| has as &dyn Fn(&str) -> bool)),
                options: Options {
                    detail: detail?,
                    root: cadvisor.root,
                    percpu: has.as_ref().is_some_and(|has| has("percpu")),
                    dead: dead?,
                    raw: cadvisor.raw,
                    disk_usage: disk_usage?,
                },
                listen: cadvisor.listen,
                telemetry_path: cadvisor.telemetry_path,
                notices: cadvisor.notices,
            })
        };
        let config = config();
        errors.finish(config)
    }
}

fn parse_detail(given: &str) -> Result<Detail, ConfigError> {
    match given {
        "full" => Ok(Detail::Full),
        "lean" => Ok(Detail::Lean),
        other => Err(ConfigError::new("--metrics", other, "is no amount", "give full or lean")),
    }
}
