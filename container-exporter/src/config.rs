//! The command line, checked.

use agent_core::cli::{ListenAddress, PathArgs};
use agent_core::docker::DockerHost;
use agent_core::entry::Environment;
use agent_core::error::ConfigErrors;
use clap::{ArgMatches, Args};

use crate::cadvisor_flags::CadvisorArgs;
use crate::collectors::{self, Selection};
use crate::labels::LabelRules;
use crate::source::Choice;

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
    /// Which engine.
    pub docker: DockerHost,
    /// Which container labels.
    pub labels: LabelRules,
    /// Which collectors.
    pub collectors: Selection,
    /// The address of `--port` and `--listen_ip`, where one of them is given.
    pub listen: Option<ListenAddress>,
    /// What to say about flags that have no effect.
    pub notices: Vec<String>,
}

impl ContainerArgs {
    /// Checks everything; all errors at once.
    pub fn check(self, matches: &ArgMatches, environment: &Environment) -> Result<Config, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let source = errors.take(Choice::parse(&self.source));
        let docker = errors.take(DockerHost::choose(self.docker.as_deref(), environment));
        let cadvisor = self.cadvisor.check(matches).map_err(|e| errors.extend(e)).ok();
        let config = source.zip(docker).zip(cadvisor).map(|((source, docker), cadvisor)| Config {
            paths: self.paths,
            source,
            docker,
            labels: cadvisor.labels,
            collectors: collectors::select(matches),
            listen: cadvisor.listen,
            notices: cadvisor.notices,
        });
        errors.finish(config)
    }
}
