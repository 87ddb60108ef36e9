//! cAdvisor's own flags, so that its command lines go on working.
//!
//! Each does what it says, or is accepted and says in the log why it has nothing to do here.

mod no_effect;

use agent_core::cli::{ListenAddress, parse_bool, parse_listen};
use agent_core::error::{ConfigError, ConfigErrors};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::labels::{LabelRules, Mode};
use crate::raw_cgroups::RawRule;

pub use no_effect::{NO_EFFECT, add_flags};

// Not `next_help_heading`: that would hold for the core's flags too.
const HEADING: &str = "cAdvisor's flags";

/// cAdvisor's groups of metrics.
pub const GROUPS: [&str; 22] = [
    "advtcp",
    "app",
    "cpu",
    "cpuLoad",
    "cpu_topology",
    "cpuset",
    "disk",
    "diskIO",
    "hugetlb",
    "memory",
    "memory_numa",
    "network",
    "oom_event",
    "percpu",
    "perf_event",
    "pressure",
    "process",
    "referenced_memory",
    "resctrl",
    "sched",
    "tcp",
    "udp",
];
/// Those that cannot be had here; METRICS.md says why.
pub const ABSENT_GROUPS: [&str; 7] =
    ["advtcp", "app", "cpu_topology", "cpuset", "perf_event", "referenced_memory", "resctrl"];

/// Flags as cAdvisor has them. As in Go, a switch takes its value only after `=`.
#[derive(Debug, Args)]
pub struct CadvisorArgs {
    /// Port to listen on, instead of --web.listen-address
    #[arg(help_heading = HEADING, long, value_name = "PORT")]
    port: Option<String>,

    /// IP address to listen on, instead of --web.listen-address
    #[arg(help_heading = HEADING, long = "listen_ip", value_name = "IP")]
    listen_ip: Option<String>,

    /// Path of the metrics, instead of --web.telemetry-path
    #[arg(help_heading = HEADING, long = "prometheus_endpoint", value_name = "PATH")]
    prometheus_endpoint: Option<String>,

    /// Export all labels of containers (true) or only whitelisted ones (false) [default: those of Swarm and Compose]
    #[arg(help_heading = HEADING, long = "store_container_labels", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    store_container_labels: Option<String>,

    /// More container labels to export, separated by commas; a * at the end of one stands for anything
    #[arg(help_heading = HEADING, long = "whitelisted_container_labels", value_name = "KEYS", value_delimiter = ',')]
    whitelisted_container_labels: Vec<String>,

    /// Environment variables of containers to export, by the beginnings of their names, separated by commas
    #[arg(help_heading = HEADING, long = "env_metadata_whitelist", value_name = "NAMES", value_delimiter = ',',
          aliases = ["docker_env_metadata_whitelist", "containerd_env_metadata_whitelist"])]
    env_metadata_whitelist: Vec<String>,

    /// Only containers and the machine, no other cgroups [default: true]
    #[arg(help_heading = HEADING, long = "docker_only", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    docker_only: Option<String>,

    /// Other cgroups to export where only containers are, by the beginnings of their paths, separated by commas
    #[arg(help_heading = HEADING, long = "raw_cgroup_prefix_whitelist", value_name = "PATHS", value_delimiter = ',')]
    raw_cgroup_prefix_whitelist: Vec<String>,

    /// Leave out the machine itself, id="/"
    #[arg(help_heading = HEADING, long = "disable_root_cgroup_stats", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    disable_root_cgroup_stats: Option<String>,

    /// Groups of metrics to leave out, separated by commas; all others are on then
    #[arg(help_heading = HEADING, long = "disable_metrics", value_name = "GROUPS")]
    disable_metrics: Option<String>,

    /// Groups of metrics to have, separated by commas, and no others
    #[arg(help_heading = HEADING, long = "enable_metrics", value_name = "GROUPS")]
    enable_metrics: Option<String>,
}

/// What [`CadvisorArgs`] mean.
#[derive(Debug)]
pub struct Cadvisor {
    /// Where to listen, if one of the flags says so.
    pub listen: Option<ListenAddress>,
    /// The path of the metrics, if a flag says so.
    pub telemetry_path: Option<String>,
    /// Which container labels are exported.
    pub labels: LabelRules,
    /// Which groups of metrics are on, if a flag says so.
    pub groups: Option<Groups>,
    /// Whether `id="/"` is exported.
    pub root: bool,
    /// Which other cgroups are.
    pub raw: RawRule,
    /// One line for each flag that has no effect.
    pub notices: Vec<String>,
}

/// `--enable_metrics` or `--disable_metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// These and no others.
    Only(Vec<String>),
    /// All but these.
    Without(Vec<String>),
}

impl Groups {
    /// Whether a group is on.
    pub fn has(&self, group: &str) -> bool {
        match self {
            Self::Only(groups) => groups.iter().any(|g| g == group),
            Self::Without(groups) => !groups.iter().any(|g| g == group),
        }
    }
}

fn parse_groups(origin: &str, given: &str, errors: &mut ConfigErrors) -> Vec<String> {
    let groups: Vec<_> = listed(&given.split(',').map(str::to_owned).collect::<Vec<_>>());
    for group in groups.iter().filter(|group| !GROUPS.contains(&group.as_str())) {
        let right = format!("give some of {}", GROUPS.join(", "));
        errors.push(ConfigError::new(origin, group, "is no group of metrics", &right));
    }
    groups
}

/// Without blanks and what is empty.
fn listed(given: &[String]) -> Vec<String> {
    given.iter().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()).collect()
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
        let no_root = self.disable_root_cgroup_stats.as_deref();
        let no_root = errors.take(parse_bool("--disable_root_cgroup_stats", no_root, false));
        let mut groups = |origin, given: &Option<String>| {
            given.as_deref().map(|given| parse_groups(origin, given, &mut errors))
        };
        let disabled = groups("--disable_metrics", &self.disable_metrics);
        let enabled = groups("--enable_metrics", &self.enable_metrics).filter(|groups| !groups.is_empty());
        if let Some(path) = self.prometheus_endpoint.as_deref().filter(|path| !path.starts_with('/')) {
            let right = "begin it with a slash, for example /metrics";
            errors.push(ConfigError::new("--prometheus_endpoint", path, "is not a path", right));
        }
        let mut notices = no_effect::check(matches, &mut errors);
        let wanted = enabled.iter().flatten().filter(|group| ABSENT_GROUPS.contains(&group.as_str()));
        notices
            .extend(wanted.map(|group| format!("--enable_metrics={group}: left out, METRICS.md says why")));
        let beginnings = listed(&self.raw_cgroup_prefix_whitelist);
        let raw = match docker_only {
            Some(false) => RawRule::All,
            _ if beginnings.is_empty() => RawRule::None,
            _ => RawRule::Beginning(beginnings),
        };
        let cadvisor = listen.zip(mode).map(|(listen, mode)| Cadvisor {
            listen,
            telemetry_path: self.prometheus_endpoint,
            labels: LabelRules::new(mode, listed(&self.whitelisted_container_labels))
                .with_environment(listed(&self.env_metadata_whitelist)),
            groups: enabled.map(Groups::Only).or(disabled.map(Groups::Without)),
            root: no_root != Some(true),
            raw,
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
        let command = CommonArgs::augment_args(CadvisorArgs::augment_args(add_flags(Command::new("x"))));
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
        let cadvisor = check(&flags).unwrap();
        assert_eq!(cadvisor.notices.len(), 2, "{:?}", cadvisor.notices);
        assert_eq!(cadvisor.raw, RawRule::All);
    }

    #[test]
    fn groups_as_in_cadvisor() {
        let groups = |flags: &[&str]| check(flags).unwrap().groups;
        assert_eq!(groups(&[]), None);
        let without = groups(&["--disable_metrics=percpu, tcp"]).unwrap();
        assert!(without.has("udp") && without.has("cpu") && !without.has("tcp"));
        let only = groups(&["--disable_metrics=tcp", "--enable_metrics=cpu,tcp"]).unwrap();
        assert!(only.has("tcp") && !only.has("memory"), "enable wins");
        let cadvisor = check(&["--enable_metrics=cpu,advtcp"]).unwrap();
        assert_eq!(cadvisor.notices.len(), 1);
        let error = check(&["--disable_metrics=cpu,gpu"]).unwrap_err().to_string();
        assert!(error.contains("--disable_metrics: `gpu` is no group of metrics"), "{error}");
    }

    #[test]
    fn environment_root_and_raw_cgroups() {
        let flags = ["--disable_root_cgroup_stats", "--raw_cgroup_prefix_whitelist=/system.slice,/user"];
        let cadvisor = check(&flags).unwrap();
        assert!(!cadvisor.root);
        let expected = ["/system.slice", "/user"].map(str::to_owned).to_vec();
        assert_eq!(cadvisor.raw, RawRule::Beginning(expected));
        let cadvisor = check(&["--env_metadata_whitelist=LAB", "--prometheus_endpoint=/m"]).unwrap();
        let rules = LabelRules::default().with_environment(vec!["LAB".to_owned()]);
        assert_eq!((cadvisor.labels, cadvisor.telemetry_path.as_deref()), (rules, Some("/m")));
        assert!(check(&["--prometheus_endpoint=m"]).is_err());
    }

    #[test]
    fn every_other_flag_of_cadvisor_is_taken_with_a_line() {
        for flag in NO_EFFECT {
            let given = if flag.switch { format!("--{}", flag.name) } else { format!("--{}=1", flag.name) };
            let notices = check(&[&given]).unwrap_or_else(|e| panic!("{given}: {e}")).notices;
            assert_eq!(notices.len(), usize::from(flag.silent != Some("true")), "{given}: {notices:?}");
        }
        assert_eq!(check(&["-v", "4"]).unwrap().notices.len(), 1);
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
