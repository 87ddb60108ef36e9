//! The command line of the proxy, checked.

use std::path::PathBuf;

use agent_core::docker::DockerHost;
use agent_core::entry::Environment;
use agent_core::error::{ConfigError, ConfigErrors};
use clap::Args;

use super::redact::Kept;
use super::socket::Place;

/// Flags of the proxy.
#[derive(Debug, Args)]
pub struct ProxyArgs {
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Address of the Docker Engine [default: DOCKER_HOST, else unix:///var/run/docker.sock]"
    )]
    docker: Option<String>,

    /// Path of the socket that agents are given; its folder must exist
    #[arg(long, value_name = "PATH", default_value = "/run/swarmscope/docker.sock")]
    socket: PathBuf,

    /// Mode of that socket, octal; who may write may ask
    #[arg(long = "socket.mode", value_name = "MODE", default_value = "0660")]
    mode: String,

    /// Group of that socket, as a number [default: the process's own]
    #[arg(long = "socket.group", value_name = "GID")]
    group: Option<String>,

    /// Connections of agents that may be open at the same time; more wait
    #[arg(long = "socket.max-connections", value_name = "N", default_value = "512")]
    connections: String,

    /// Environment variable of containers that agents may see; NAME or PREFIX*, may be given several times
    #[arg(long = "env.allow", value_name = "PATTERN", default_values_t = ["LOGSPOUT".to_owned(), "LOGSPOUT_*".to_owned()])]
    allow: Vec<String>,
}

/// What [`ProxyArgs`] mean.
#[derive(Debug)]
pub struct Config {
    /// The engine.
    pub docker: DockerHost,
    /// The socket.
    pub socket: Place,
    /// Concurrent connections.
    pub connections: usize,
    /// Which variables stay.
    pub kept: Kept,
}

impl ProxyArgs {
    /// Checks everything; all errors at once.
    pub fn check(self, environment: &Environment) -> Result<Config, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let docker = errors.take(DockerHost::choose(self.docker.as_deref(), environment));
        if docker.as_ref().is_some_and(|host| *host == DockerHost::Unix(self.socket.display().to_string())) {
            errors.push(ConfigError::new(
                "--socket",
                self.socket.display().to_string(),
                "is the engine's own socket",
                "give another path, for example /run/swarmscope/docker.sock",
            ));
        }
        let mode = errors.take(parse_mode(&self.mode));
        let group = self.group.as_deref().map(|text| parse_number("--socket.group", text)).transpose();
        let group = errors.take(group);
        let connections = errors.take(parse_number("--socket.max-connections", &self.connections));
        let kept = errors.take(Kept::parse("--env.allow", &self.allow));
        let config = || {
            Some(Config {
                docker: docker?,
                socket: Place { path: self.socket, mode: mode?, group: group? },
                connections: usize::try_from(connections?).unwrap_or(usize::MAX).max(1),
                kept: kept?,
            })
        };
        let config = config();
        errors.finish(config)
    }
}

fn parse_mode(text: &str) -> Result<u32, ConfigError> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| {
        ConfigError::new("--socket.mode", text, "is not a mode", "give three octal digits, for example 0660")
    })
}

fn parse_number(flag: &str, text: &str) -> Result<u32, ConfigError> {
    text.parse().map_err(|_| ConfigError::new(flag, text, "is not a number", "give a whole number"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ProxyArgs,
    }

    fn check(arguments: &[&str]) -> Result<Config, String> {
        let matches = Line::command().get_matches_from([&["proxy"], arguments].concat());
        let line = Line::from_arg_matches(&matches).unwrap();
        line.args.check(&Environment::default()).map_err(|errors| errors.to_string())
    }

    #[test]
    fn defaults_are_narrow() {
        let config = check(&[]).unwrap();
        assert_eq!((config.socket.mode, config.socket.group, config.connections), (0o660, None, 512));
        assert!(config.kept.keeps("LOGSPOUT=ignore") && !config.kept.keeps("PATH=/bin"));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let flags = ["--socket.mode=rw", "--socket.group=docker", "--env.allow=A*B", "--docker=ssh://x"];
        let text = check(&flags).unwrap_err();
        for flag in
            ["--socket.mode: `rw`", "--socket.group: `docker`", "--env.allow: `A*B`", "--docker: `ssh://x`"]
        {
            assert!(text.contains(flag), "{text}");
        }
        assert!(check(&["--socket=/var/run/docker.sock"]).unwrap_err().contains("engine's own socket"));
    }
}
