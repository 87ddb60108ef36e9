//! cAdvisor's own flags, so that its command lines go on working.
//!
//! Each does what it says, or is accepted and says in the log why it has nothing to do here.

use agent_core::cli::{ListenAddress, parse_bool, parse_listen};
use agent_core::error::{ConfigError, ConfigErrors};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::labels::{LabelRules, Mode};

// Not `next_help_heading`: that would hold for the core's flags too.
const HEADING: &str = "cAdvisor's flags";

/// Flags as cAdvisor has them. As in Go, a switch takes its value only after `=`.
#[derive(Debug, Args)]
pub struct CadvisorArgs {
    /// Port to listen on, instead of --web.listen-address
    #[arg(help_heading = HEADING, long, value_name = "PORT")]
    port: Option<String>,

    /// IP address to listen on, instead of --web.listen-address
    #[arg(help_heading = HEADING, long = "listen_ip", value_name = "IP")]
    listen_ip: Option<String>,

    /// Export all labels of containers (true) or only whitelisted ones (false) [default: those of Swarm and Compose]
    #[arg(help_heading = HEADING, long = "store_container_labels", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    store_container_labels: Option<String>,

    /// More container labels to export, separated by commas
    #[arg(help_heading = HEADING, long = "whitelisted_container_labels", value_name = "KEYS", value_delimiter = ',')]
    whitelisted_container_labels: Vec<String>,

    /// Only containers and the machine, no other cgroups: always so
    #[arg(help_heading = HEADING, long = "docker_only", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    docker_only: Option<String>,

    /// No effect: figures are read at the moment of the scrape
    #[arg(help_heading = HEADING, long = "housekeeping_interval", value_name = "DURATION")]
    housekeeping_interval: Option<String>,

    /// Log to standard error: always so
    #[arg(help_heading = HEADING, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    logtostderr: Option<String>,
}

/// What [`CadvisorArgs`] mean.
#[derive(Debug)]
pub struct Cadvisor {
    /// Where to listen, if one of the flags says so.
    pub listen: Option<ListenAddress>,
    /// Which container labels are exported.
    pub labels: LabelRules,
    /// One line for each flag that has no effect.
    pub notices: Vec<String>,
}

impl CadvisorArgs {
    /// Checks everything; all errors at once.
    pub fn check(self, matches: &ArgMatches) -> Result<Cadvisor, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let listen = errors.take(self.listen(matches));
        let store = self.store_container_labels.as_deref();
        let mode = errors.take(parse_bool("--store_container_labels", store, true)).map(|all| match store {
            None => Mode::Default,
            Some(_) if all => Mode::All,
            Some(_) => Mode::Listed,
        });
        let docker_only = errors.take(parse_bool("--docker_only", self.docker_only.as_deref(), true));
        let logtostderr = errors.take(parse_bool("--logtostderr", self.logtostderr.as_deref(), true));
        let notices = [
            (
                docker_only == Some(false),
                "--docker_only=false: cgroups that are no containers are not exported",
            ),
            (logtostderr == Some(false), "--logtostderr=false: the log always goes to standard error"),
            (
                self.housekeeping_interval.is_some(),
                "--housekeeping_interval: there is no housekeeping, figures are read at the moment of the scrape",
            ),
        ];
        let notices =
            notices.into_iter().filter(|(given, _)| *given).map(|(_, text)| text.to_owned()).collect();
        let keys = self.whitelisted_container_labels.iter().map(|key| key.trim().to_owned());
        let keys: Vec<_> = keys.filter(|key| !key.is_empty()).collect();
        let cadvisor = listen.zip(mode).map(|(listen, mode)| Cadvisor {
            listen,
            labels: LabelRules::new(mode, keys),
            notices,
        });
        errors.finish(cadvisor)
    }

    fn listen(&self, matches: &ArgMatches) -> Result<Option<ListenAddress>, ConfigError> {
        let (origin, value) = match (&self.port, &self.listen_ip) {
            (None, None) => return Ok(None),
            (Some(port), _) => ("--port", port),
            (None, Some(ip)) => ("--listen_ip", ip),
        };
        if matches.value_source("listen_addresses") == Some(ValueSource::CommandLine) {
            let problem = "is given together with --web.listen-address";
            return Err(ConfigError::new(origin, value, problem, "give one of the two"));
        }
        let ip = self.listen_ip.as_deref().unwrap_or_default();
        if !ip.is_empty() && ip.parse::<std::net::IpAddr>().is_err() {
            return Err(ConfigError::new(
                "--listen_ip",
                ip,
                "is not an IP address",
                "give one, for example 0.0.0.0",
            ));
        }
        let port = self.port.as_deref().unwrap_or("8080");
        parse_listen("--port", &format!("{ip}:{port}")).map(Some).map_err(|_| {
            ConfigError::new("--port", port, "is not a port", "give a number between 0 and 65535")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::cli::CommonArgs;
    use clap::{Command, FromArgMatches};

    fn check(flags: &[&str]) -> Result<Cadvisor, ConfigErrors> {
        let command = CommonArgs::augment_args(CadvisorArgs::augment_args(Command::new("x")));
        let matches = command.try_get_matches_from([&["x"], flags].concat()).unwrap();
        CadvisorArgs::from_arg_matches(&matches).unwrap().check(&matches)
    }

    #[test]
    fn a_usual_command_line() {
        let flags = ["--port=9102", "--logtostderr", "--docker_only=true", "--store_container_labels=false"];
        let cadvisor = check(&flags).unwrap();
        assert_eq!(cadvisor.listen.unwrap().given, ":9102");
        assert_eq!(cadvisor.labels, LabelRules::new(Mode::Listed, Vec::new()));
        assert_eq!(cadvisor.notices, [""; 0]);
        assert!(check(&[]).unwrap().listen.is_none());
        assert_eq!(check(&["--listen_ip=::1"]).unwrap().listen.unwrap().host, "::1");
    }

    #[test]
    fn labels_are_listed_with_or_without_blanks() {
        let cadvisor = check(&["--whitelisted_container_labels=a.b, c"]).unwrap();
        assert_eq!(cadvisor.labels, LabelRules::new(Mode::Default, vec!["a.b".to_owned(), "c".to_owned()]));
        let cadvisor = check(&["--store_container_labels"]).unwrap();
        assert_eq!(cadvisor.labels, LabelRules::new(Mode::All, Vec::new()));
    }

    #[test]
    fn flags_without_effect_say_so() {
        let flags = ["--housekeeping_interval", "10s", "--logtostderr=false", "--docker_only=false"];
        assert_eq!(check(&flags).unwrap().notices.len(), 3);
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let error =
            check(&["--port=http", "--docker_only=perhaps", "--logtostderr=maybe"]).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 3, "{error}");
        let both = check(&["--port=1", "--web.listen-address=:2"]).unwrap_err().to_string();
        assert!(both.contains("--port: `1` is given together with --web.listen-address"), "{both}");
        assert!(check(&["--listen_ip=nowhere"]).is_err());
    }
}
