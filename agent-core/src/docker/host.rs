//! The address of an engine.

use std::fmt;

use bollard::{API_DEFAULT_VERSION, Docker};

use crate::entry::Environment;
use crate::error::ConfigError;

/// Seconds until the headers of an answer must be there; bollard knows whole seconds only.
const ANSWER_SECONDS: u64 = 10;

/// Where an engine listens: a unix socket, or TCP without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerHost {
    /// The path of a socket.
    Unix(String),
    /// Host and port.
    Tcp(String),
}

impl DockerHost {
    /// Takes the flag, else `DOCKER_HOST`, else the usual socket.
    pub fn choose(flag: Option<&str>, environment: &Environment) -> Result<Self, ConfigError> {
        match (flag, environment.get("DOCKER_HOST")) {
            (Some(flag), _) => Self::parse("--docker", flag),
            (None, Some(variable)) => Self::parse("DOCKER_HOST", variable),
            (None, None) => Ok(Self::Unix("/var/run/docker.sock".to_owned())),
        }
    }

    fn parse(origin: &str, given: &str) -> Result<Self, ConfigError> {
        let expected = "give unix:///var/run/docker.sock or tcp://HOST:PORT";
        match given.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.to_owned())),
            Some(("tcp" | "http", address)) if address.contains(':') => Ok(Self::Tcp(address.to_owned())),
            None if given.starts_with('/') => Ok(Self::Unix(given.to_owned())),
            _ => Err(ConfigError::new(origin, given, "is not the address of a Docker Engine", expected)),
        }
    }

    pub(super) fn client(&self) -> Result<Docker, bollard::errors::Error> {
        match self {
            Self::Unix(path) => Docker::connect_with_unix(path, ANSWER_SECONDS, API_DEFAULT_VERSION),
            Self::Tcp(address) => Docker::connect_with_http(address, ANSWER_SECONDS, API_DEFAULT_VERSION),
        }
    }
}

impl fmt::Display for DockerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{path}"),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_wins_over_environment() {
        let environment = [("DOCKER_HOST", "tcp://10.0.0.1:2375")].into_iter().collect();
        let choose = |flag| DockerHost::choose(flag, &environment).unwrap().to_string();
        assert_eq!(choose(Some("unix:///run/d.sock")), "unix:///run/d.sock");
        assert_eq!(choose(None), "tcp://10.0.0.1:2375");
        assert_eq!(
            DockerHost::choose(None, &Environment::default()).unwrap().to_string(),
            "unix:///var/run/docker.sock"
        );
    }

    #[test]
    fn bad_addresses_name_their_origin() {
        for bad in ["ssh://x", "tcp://nowhere", "relative.sock"] {
            let error = DockerHost::choose(Some(bad), &Environment::default()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("--docker: `{bad}`")), "{error}");
        }
    }
}
