//! `--compat` and the variables that only count with it.

use std::fs;

use agent_core::entry::Environment;
use agent_core::error::ConfigError;

/// logspout's default of `RETRY_COUNT`.
const RETRIES: u32 = 10;

/// What is as with logspout, beside its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compat {
    /// `RETRY_COUNT`: the process ends after so many failed attempts.
    pub retries: u32,
    /// `ALLOW_TTY`: whether containers with a terminal are taken.
    pub terminals: bool,
    /// The content of `/etc/host_hostname`, which goes before `SYSLOG_HOSTNAME`.
    pub host_hostname: Option<String>,
}

impl Compat {
    /// Reads what logspout reads.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let retries = match environment.get("RETRY_COUNT") {
            None => RETRIES,
            Some(count) => count.parse().map_err(|_| {
                ConfigError::new(
                    "RETRY_COUNT",
                    count,
                    "is not a number of attempts",
                    "give a number such as 10",
                )
            })?,
        };
        let name = fs::read_to_string("/etc/host_hostname").unwrap_or_default();
        let name = name.trim_end_matches(['\r', '\n']);
        Ok(Self {
            retries,
            terminals: environment.get("ALLOW_TTY") == Some("true"),
            host_hostname: (!name.is_empty()).then(|| name.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logspouts_variables() {
        let read = |pairs: &[(&str, &str)]| Compat::from_environment(&pairs.iter().copied().collect());
        assert_eq!(read(&[]).unwrap().retries, 10);
        let compat = read(&[("RETRY_COUNT", "3"), ("ALLOW_TTY", "true")]).unwrap();
        assert_eq!((compat.retries, compat.terminals), (3, true));
        assert!(read(&[("RETRY_COUNT", "many")]).unwrap_err().to_string().starts_with("RETRY_COUNT: `many`"));
    }
}
