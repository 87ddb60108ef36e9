//! The part of the command line that all agents share.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use prometheus_client::registry::Registry;
use tracing::Level;

use crate::error::{ConfigError, ConfigErrors};
use crate::server::Web;

/// Flags of every agent.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// Address to serve metrics on; may be given several times [default: the port of the original]
    #[arg(long = "web.listen-address", value_name = "ADDRESS:PORT")]
    pub listen_addresses: Vec<String>,

    /// Take the sockets that systemd hands over (`LISTEN_FDS`) instead of listening on addresses
    #[arg(long = "web.systemd-socket", overrides_with = "no_systemd_socket")]
    pub systemd_socket: bool,

    /// The opposite of --web.systemd-socket, which is the default
    #[arg(long = "no-web.systemd-socket", hide = true)]
    pub no_systemd_socket: bool,

    /// File with TLS, users, headers and a rate limit, in the format of Prometheus' exporter-toolkit;
    /// read again when it changes
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub web_config_file: Option<PathBuf>,

    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics")]
    pub telemetry_path: String,

    /// Scrapes that may run or wait at the same time; 0 means no limit
    #[arg(long = "web.max-requests", value_name = "N", default_value = "40")]
    pub max_requests: String,

    /// Leave out what the agent tells of its own process (process_*, promhttp_*)
    #[arg(
        long = "web.disable-exporter-metrics",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
    )]
    pub disable_exporter_metrics: Option<String>,

    /// Connections that may be open at the same time
    #[arg(long = "web.max-connections", value_name = "N", default_value = "512")]
    pub max_connections: String,

    /// Least severity of the agent's own log: debug, info, warn or error
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,

    /// Form of the agent's own log: logfmt or json
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "logfmt")]
    pub log_format: String,

    /// A label to put on every series; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,

    /// Whether to export `node_meta` and `host`, which joins need from exactly one agent of a node
    #[arg(long = "identity.node-meta", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub node_meta: Option<String>,
}

/// What [`CommonArgs`] mean once they have been checked.
#[derive(Debug, Clone)]
pub struct Common {
    /// Where to listen; at least one address.
    pub listen: Vec<ListenAddress>,
    /// Whether systemd hands over the sockets; nothing else is listened on then.
    pub systemd_socket: bool,
    /// TLS, users and the like.
    pub web: Option<Arc<Web>>,
    /// Path of the metrics, with its leading slash.
    pub telemetry_path: String,
    /// Concurrent scrapes; `None` is unlimited.
    pub max_requests: Option<usize>,
    /// Whether `process_*` and `promhttp_*` are exported.
    pub exporter_metrics: bool,
    /// Concurrent connections.
    pub max_connections: usize,
    /// The own log.
    pub logging: Logging,
    /// Labels for every series.
    pub labels: Vec<(String, String)>,
    /// Whether `node_meta` and `host` are exported.
    pub node_meta: bool,
}

#[cfg(test)]
impl Common {
    /// What no flags at all mean.
    pub(crate) fn for_tests() -> Self {
        use clap::FromArgMatches;
        let matches = CommonArgs::augment_args(clap::Command::new("agent")).get_matches_from(["agent"]);
        let defaults =
            CommonDefaults { listen: "127.0.0.1:0".to_owned(), listen_origin: "default", node_meta: true };
        CommonArgs::from_arg_matches(&matches).unwrap().check(&defaults).unwrap()
    }
}

impl Common {
    /// A registry for what the agent counts itself, with the labels that every series carries.
    pub fn registry(&self) -> Registry {
        let labels = self.labels.iter().map(|(key, value)| (key.clone().into(), value.clone().into()));
        Registry::with_labels(labels)
    }
}

/// An address to listen on, as given and as the system wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// As the user wrote it.
    pub given: String,
    /// Host and port for the resolver; an empty host has become `[::]` or `0.0.0.0`.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// How the agent logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logging {
    /// Least severity.
    pub level: Level,
    /// Form of a line.
    pub format: LogFormat,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// What an agent's own defaults are.
#[derive(Debug, Clone)]
pub struct CommonDefaults {
    /// Listen address where no flag gives one.
    pub listen: String,
    /// Where that default comes from, for messages.
    pub listen_origin: &'static str,
    /// Whether `node_meta` and `host` are exported.
    pub node_meta: bool,
}

impl CommonArgs {
    /// Checks everything; all errors at once.
    pub fn check(&self, defaults: &CommonDefaults) -> Result<Common, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let listen = if self.listen_addresses.is_empty() {
            errors.take(parse_listen(defaults.listen_origin, &defaults.listen)).into_iter().collect()
        } else {
            self.listen_addresses
                .iter()
                .filter_map(|a| errors.take(parse_listen("--web.listen-address", a)))
                .collect()
        };
        if !self.telemetry_path.starts_with('/') {
            errors.push(ConfigError::new(
                "--web.telemetry-path",
                &self.telemetry_path,
                "is not a path",
                "begin it with a slash, for example /metrics",
            ));
        }
        // An empty path is none, as in the original.
        let web_config_file = self.web_config_file.as_deref().filter(|path| !path.as_os_str().is_empty());
        let web = web_config_file.and_then(|path| Web::load(path).map_err(|e| errors.extend(e)).ok());
        let max_requests = errors.take(parse_number("--web.max-requests", &self.max_requests));
        let max_connections = errors.take(parse_number("--web.max-connections", &self.max_connections));
        let disable = self.disable_exporter_metrics.as_deref();
        let disable = errors.take(parse_bool("--web.disable-exporter-metrics", disable, false));
        let level = errors.take(parse_level(&self.log_level));
        let format = errors.take(match self.log_format.as_str() {
            "logfmt" => Ok(LogFormat::Logfmt),
            "json" => Ok(LogFormat::Json),
            other => {
                Err(ConfigError::new("--log.format", other, "is not a log format", "give logfmt or json"))
            }
        });
        let labels = self.labels.iter().filter_map(|l| errors.take(parse_label(l))).collect();
        let node_meta =
            errors.take(parse_bool("--identity.node-meta", self.node_meta.as_deref(), defaults.node_meta));
        let common = || {
            Some(Common {
                listen,
                systemd_socket: self.systemd_socket,
                web: web.map(Arc::new),
                telemetry_path: self.telemetry_path.clone(),
                max_requests: max_requests.map(|n| (n > 0).then_some(n))?,
                exporter_metrics: !disable?,
                max_connections: max_connections?.max(1),
                logging: Logging { level: level?, format: format? },
                labels,
                node_meta: node_meta?,
            })
        };
        let common = common();
        errors.finish(common)
    }
}

/// Flags of the agents that read the host's kernel files.
#[derive(Debug, Clone, Args)]
pub struct PathArgs {
    /// Where the host's /proc is mounted
    #[arg(long = "path.procfs", value_name = "FOLDER", default_value = "/proc")]
    pub procfs: PathBuf,

    /// Where the host's /sys is mounted
    #[arg(long = "path.sysfs", value_name = "FOLDER", default_value = "/sys")]
    pub sysfs: PathBuf,

    /// Where the host's root file system is mounted
    #[arg(long = "path.rootfs", value_name = "FOLDER", default_value = "/")]
    pub rootfs: PathBuf,
}

/// Reads `ADDRESS:PORT`, `:PORT` or `[IPv6]:PORT`.
pub fn parse_listen(origin: &str, given: &str) -> Result<ListenAddress, ConfigError> {
    let bad = |problem: &str| {
        ConfigError::new(origin, given, problem, "give ADDRESS:PORT or :PORT, for example :9100")
    };
    let (host, port) = given.rsplit_once(':').ok_or_else(|| bad("has no port"))?;
    let port = port.parse().map_err(|_| bad("has no port between 0 and 65535"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok(ListenAddress { given: given.to_owned(), host: host.to_owned(), port })
}

/// Reads a whole number.
pub fn parse_number(origin: &str, given: &str) -> Result<usize, ConfigError> {
    given
        .parse()
        .map_err(|_| ConfigError::new(origin, given, "is not a whole number", "give a number such as 40"))
}

/// Reads a switch that may be absent.
pub fn parse_bool(origin: &str, given: Option<&str>, default: bool) -> Result<bool, ConfigError> {
    match given {
        None => Ok(default),
        Some("true" | "1" | "yes") => Ok(true),
        Some("false" | "0" | "no") => Ok(false),
        Some(other) => Err(ConfigError::new(origin, other, "is not a switch", "give true or false")),
    }
}

fn parse_level(given: &str) -> Result<Level, ConfigError> {
    match given {
        "debug" => Ok(Level::DEBUG),
        "info" => Ok(Level::INFO),
        "warn" | "warning" => Ok(Level::WARN),
        "error" => Ok(Level::ERROR),
        other => Err(ConfigError::new(
            "--log.level",
            other,
            "is not a log level",
            "give debug, info, warn or error",
        )),
    }
}

fn parse_label(given: &str) -> Result<(String, String), ConfigError> {
    let bad = |problem: &str| {
        ConfigError::new("--label", given, problem, "give KEY=VALUE with a KEY of letters, digits and _")
    };
    let (key, value) = given.split_once('=').ok_or_else(|| bad("has no ="))?;
    let mut chars = key.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') || key.starts_with("__") {
        return Err(bad("has a key that is no label name"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Lets every long flag be written with one dash, as Go programs take them (`-web.listen-address=:9100`).
///
/// Arguments after `--` stay as they are.
pub fn accept_single_dashes(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut literal = false;
    arguments
        .into_iter()
        .map(|argument| {
            literal |= argument == "--";
            match argument.to_str() {
                Some(text) if !literal && is_single_dash_flag(text) => format!("-{text}").into(),
                _ => argument,
            }
        })
        .collect()
}

fn is_single_dash_flag(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('-')
        && chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> CommonDefaults {
        CommonDefaults { listen: ":9100".to_owned(), listen_origin: "default", node_meta: true }
    }

    fn args() -> CommonArgs {
        CommonArgs {
            listen_addresses: Vec::new(),
            systemd_socket: false,
            no_systemd_socket: false,
            web_config_file: None,
            telemetry_path: "/metrics".to_owned(),
            max_requests: "40".to_owned(),
            disable_exporter_metrics: None,
            max_connections: "512".to_owned(),
            log_level: "info".to_owned(),
            log_format: "logfmt".to_owned(),
            labels: Vec::new(),
            node_meta: None,
        }
    }

    #[test]
    fn defaults_are_the_originals() {
        let common = args().check(&defaults()).unwrap();
        assert_eq!(common.listen[0].port, 9100);
        assert_eq!(common.max_requests, Some(40));
        assert!(common.node_meta);
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let bad = CommonArgs {
            listen_addresses: vec!["nine".to_owned()],
            max_requests: "many".to_owned(),
            log_level: "loud".to_owned(),
            labels: vec!["1x=2".to_owned()],
            ..args()
        };
        let text = bad.check(&defaults()).unwrap_err().to_string();
        for part in [
            "--web.listen-address: `nine`",
            "--web.max-requests: `many`",
            "--log.level: `loud`",
            "--label: `1x=2`",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(text.lines().count(), 4);
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        let given = ["x", "-collector.procfs", "/p", "--log.level=debug", "-h", "-", "-1", "--", "-stay"];
        let mended = accept_single_dashes(given.map(OsString::from));
        let expected = ["x", "--collector.procfs", "/p", "--log.level=debug", "-h", "-", "-1", "--", "-stay"];
        assert_eq!(mended, expected.map(OsString::from));
    }

    #[test]
    fn listen_addresses() {
        assert_eq!(parse_listen("o", "[::1]:80").unwrap().host, "::1");
        assert_eq!(parse_listen("o", ":0").unwrap().port, 0);
        assert!(parse_listen("o", "localhost").is_err());
        assert!(parse_listen("o", "localhost:99999").is_err());
    }
}
