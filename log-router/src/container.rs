//! What the router knows of a container, and which containers it leaves alone.

pub mod exclude;
mod json;
pub mod own;

use std::collections::HashMap;
use std::sync::Arc;

use agent_core::docker::Container as Inspected;
use serde::{Deserialize, Serialize};

use crate::meaning::settings::Settings;
use crate::time::parse_rfc3339;

const SERVICE_LABELS: [&str; 2] = ["com.docker.swarm.service.name", "com.docker.compose.service"];

/// A container as `docker inspect` showed it last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
    /// When its last run ended, all its output read by the engine, in nanoseconds of Unix time; `None` while it runs, or
    /// where nobody told us.
    pub ended: Option<i64>,
    /// The log driver's name.
    pub driver: String,
    /// Where the engine says that the log file is; empty for drivers without one.
    pub log_path: String,
    /// How many log files the engine keeps before it deletes one; `None` where it never rotates.
    pub kept_files: Option<usize>,
    /// Labels, those of the Swarm among them.
    pub labels: HashMap<String, String>,
    /// Whether it asks to be left alone by `LOGSPOUT=ignore` in its environment.
    pub ignore: bool,
    /// `LOGSPOUT_MULTILINE` in its environment.
    pub multiline: Option<bool>,
    /// What its log may grow to before files are deleted, in bytes; `None` where nothing is deleted.
    pub log_budget: Option<u64>,
    /// What holds for its lines.
    #[serde(with = "crate::meaning::settings::spooled")]
    pub settings: Arc<Settings>,
    /// Where a message came from that no container printed.
    pub sender: Option<Sender>,
}

/// Who sent a message to one of our listeners.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sender {
    /// Its address.
    pub peer: String,
    /// RFC 5424's MSGID.
    pub message_id: Option<String>,
    /// The PID as it was written, which need not be a number.
    pub process: Option<String>,
    /// RFC 5424's structured data, in its brackets.
    pub structured_data: Option<String>,
}

impl Container {
    /// Takes what matters out of an inspection; `None` without an ID.
    pub fn from_inspect(inspected: Inspected) -> Option<Self> {
        let config = inspected.config.unwrap_or_default();
        let state = inspected.state.unwrap_or_default();
        let log = inspected.host_config.and_then(|host| host.log_config).unwrap_or_default();
        let options = log.config.unwrap_or_default();
        let environment = config.env.unwrap_or_default();
        Some(Self {
            id: inspected.id?,
            name: inspected.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: config.image.unwrap_or_default(),
            hostname: config.hostname.unwrap_or_default(),
            pid: state.pid.unwrap_or_default(),
            terminal: config.tty.unwrap_or_default(),
            running: state.running.unwrap_or_default(),
            started: state.started_at.and_then(|time| parse_rfc3339(time.as_bytes())),
            // The engine's FinishedAt is when the process ended; its last lines can have later times.
            ended: None,
            log_budget: log_budget(&options),
            driver: log.typ.unwrap_or_default(),
            log_path: inspected.log_path.unwrap_or_default(),
            kept_files: kept_files(&options),
            labels: config.labels.unwrap_or_default(),
            ignore: environment.iter().any(|variable| asks_to_be_ignored(variable)),
            multiline: environment.iter().find_map(|variable| wants_multiline(variable)),
            settings: Arc::default(),
            sender: None,
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

    /// The service of the Swarm or of Compose that it belongs to.
    pub fn service(&self) -> Option<&str> {
        SERVICE_LABELS.iter().find_map(|name| self.label(name))
    }

    /// What an ended container still was: the process ID of its last run goes with its last lines.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        if self.pid == 0 {
            self.pid = before.pid;
            self.ended = before.ended;
        }
        self
    }

    /// Whether a line of this time comes from a later run than the one that is known.
    pub fn is_over_at(&self, time: i64) -> bool {
        self.ended.is_some_and(|ended| time > ended)
    }

    /// The next run, of which nothing is known yet: it has another process.
    #[must_use]
    pub fn next_run(&self) -> Self {
        Self { pid: 0, ended: None, ..self.clone() }
    }
}

/// json-file's `max-file` counts the newest file too, and means nothing without `max-size`.
fn kept_files(options: &HashMap<String, String>) -> Option<usize> {
    options.get("max-size").filter(|size| *size != "-1")?;
    Some(options.get("max-file").and_then(|count| count.parse().ok()).unwrap_or(1))
}

/// logspout compares the value without regard to case.
fn asks_to_be_ignored(variable: &str) -> bool {
    variable
        .split_once('=')
        .is_some_and(|(name, value)| name == "LOGSPOUT" && value.eq_ignore_ascii_case("ignore"))
}

/// logspout reads it as Go reads booleans.
fn wants_multiline(variable: &str) -> Option<bool> {
    match variable.strip_prefix("LOGSPOUT_MULTILINE=")? {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// `max-size` times `max-file`.
fn log_budget(options: &HashMap<String, String>) -> Option<u64> {
    let size = options.get("max-size")?.trim().to_ascii_lowercase();
    let size = size.trim_end_matches('b');
    let digits = size.trim_end_matches(['k', 'm', 'g', 'i']);
    let scale = match size.get(digits.len()..)?.chars().next() {
        None => 0,
        Some('k') => 10,
        Some('m') => 20,
        Some('g') => 30,
        Some(_) => return None,
    };
    let files = options.get("max-file").and_then(|files| files.parse().ok()).unwrap_or(1_u64);
    digits.parse::<u64>().ok()?.checked_mul(1 << scale)?.checked_mul(files.max(1))
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
        assert_eq!(ended.clone().after(&container).pid, 4833);
        let died = Container { ended: Some(5), ..container.clone() };
        assert!(died.is_over_at(6) && !died.is_over_at(5) && !container.is_over_at(6));
        assert_eq!((died.next_run().pid, died.next_run().ended), (0, None));
        assert_eq!(ended.after(&died).ended, Some(5));
        assert_eq!(container.after(&died).ended, None, "it runs again");
    }

    #[test]
    fn the_size_of_a_log_is_that_of_its_files() {
        let budget = |pairs: &[(&str, &str)]| {
            log_budget(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
        };
        assert_eq!(budget(&[]), None);
        assert_eq!(budget(&[("max-size", "-1")]), None);
        assert_eq!(budget(&[("max-size", "5m"), ("max-file", "3")]), Some(15 << 20));
        assert_eq!(budget(&[("max-size", "200k")]), Some(200 << 10));
        assert_eq!(budget(&[("max-size", "1000")]), Some(1000));
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
