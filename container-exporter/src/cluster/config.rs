//! The command line of the cluster view, checked.

use agent_core::docker::DockerHost;
use agent_core::entry::Environment;
use agent_core::error::ConfigErrors;
use clap::Args;

/// Flags of the cluster view.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Address of a manager's Docker Engine [default: DOCKER_HOST, else unix:///var/run/docker.sock]"
    )]
    docker: Option<String>,

    /// Network whose addresses /sd gives where a service's label names none and the task is on it
    #[arg(long = "sd.network", value_name = "NAME", default_value = "swarmscope")]
    network: String,
}

/// What [`ClusterArgs`] mean.
#[derive(Debug)]
pub struct Config {
    /// The manager.
    pub docker: DockerHost,
    /// The network of targets.
    pub network: String,
}

impl ClusterArgs {
    /// Checks everything; all errors at once.
    pub fn check(self, environment: &Environment) -> Result<Config, ConfigErrors> {
        let docker = DockerHost::choose(self.docker.as_deref(), environment)?;
        Ok(Config { docker, network: self.network })
    }
}
