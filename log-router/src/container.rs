//! What the router knows of a container, and which containers it leaves alone.

pub mod exclude;
mod json;
pub mod own;

use std::collections::HashMap;

use agent_core::docker::Container as Inspected;

use crate::time::parse_rfc3339;

/// A container as `docker inspect` showed it last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// The full ID, 64 hexadecimal digits.
    pub id: String,
    /// The name without its leading slash.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// `Config.Hostname`: the short ID unless the user chose another.
    pub hostname: String,
    /// The process ID on the host; 0 where it never ran under our eyes.
    pub pid: i64,
    /// Whether it has a terminal, which makes one stream of two and ends lines with `\r\n`.
    pub terminal: bool,
    /// Whether it runs now.
    pub running: bool,
    /// When it started last, in nanoseconds of Unix time; `None` if it never did.
    pub started: Option<i64>,
    /// The log driver's name.
    pub driver: String,
    /// Where the engine says that the log file is; empty for drivers without one.
    pub log_path: String,
    /// Labels, those of the Swarm among them.
    pub labels: HashMap<String, String>,
    /// Whether it asks to be left alone by `LOGSPOUT=ignore` in its environment.
    pub ignore: bool,
}

impl Container {
    /// Takes what matters out of an inspection; `None` without an ID.
    pub fn from_inspect(inspected: Inspected) -> Option<Self> {
        let config = inspected.config.unwrap_or_default();
        let state = inspected.state.unwrap_or_default();
        let driver = inspected.host_config.and_then(|host| host.log_config).and_then(|log| log.typ);
        Some(Self {
            id: inspected.id?,
            name: inspected.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: config.image.unwrap_or_default(),
            hostname: config.hostname.unwrap_or_default(),
            pid: state.pid.unwrap_or_default(),
            terminal: config.tty.unwrap_or_default(),
            running: state.running.unwrap_or_default(),
            started: state.started_at.and_then(|time| parse_rfc3339(time.as_bytes())),
            driver: driver.unwrap_or_default(),
            log_path: inspected.log_path.unwrap_or_default(),
            labels: config.labels.unwrap_or_default(),
            ignore: config.env.unwrap_or_default().iter().any(|variable| asks_to_be_ignored(variable)),
        })
    }

    /// The twelve digits that `docker ps` shows.
    pub fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// A label that is set and not empty.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What an ended container still was: the process ID of its last run goes with its last lines.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        if self.pid == 0 {
            self.pid = before.pid;
        }
        self
    }
}

/// logspout compares the value without regard to case.
fn asks_to_be_ignored(variable: &str) -> bool {
    variable
        .split_once('=')
        .is_some_and(|(name, value)| name == "LOGSPOUT" && value.eq_ignore_ascii_case("ignore"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::docker::bollard::models::{ContainerConfig, ContainerState};

    #[test]
    fn an_inspection_is_taken_apart() {
        let inspected = Inspected {
            id: Some("4d2c9ae1b0f3aa".to_owned()),
            name: Some("/proxy_proxy.1.abc".to_owned()),
            config: Some(ContainerConfig {
                env: Some(vec!["PATH=/bin".to_owned(), "LOGSPOUT=Ignore".to_owned()]),
                ..ContainerConfig::default()
            }),
            state: Some(ContainerState {
                pid: Some(4833),
                started_at: Some("0001-01-01T00:00:00Z".to_owned()),
                ..ContainerState::default()
            }),
            ..Inspected::default()
        };
        let container = Container::from_inspect(inspected).unwrap();
        assert_eq!(container.name, "proxy_proxy.1.abc");
        assert_eq!(container.short_id(), "4d2c9ae1b0f3");
        assert!(container.ignore);
        assert_eq!(container.started, None);
        let ended = Container { pid: 0, ..container.clone() };
        assert_eq!(ended.after(&container).pid, 4833);
    }

    #[test]
    fn only_the_variable_itself_asks_to_be_ignored() {
        for (variable, expected) in [
            ("LOGSPOUT=ignore", true),
            ("LOGSPOUT=IGNORE", true),
            ("LOGSPOUT=false", false),
            ("XLOGSPOUT=ignore", false),
        ] {
            assert_eq!(asks_to_be_ignored(variable), expected, "{variable}");
        }
    }
}
