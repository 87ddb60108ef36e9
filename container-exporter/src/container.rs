//! A container as the engine describes it, reduced to what the metrics need.

use std::sync::Arc;

use agent_core::docker::Container as Inspect;
use agent_core::docker::bollard::models::{ContainerStateStatusEnum as Status, HostConfig};
use agent_core::exposition::LabelBlock;
use chrono::DateTime;

use crate::labels::LabelRules;

/// The kernel's period where nobody sets another, in microseconds.
const DEFAULT_PERIOD: u64 = 100_000;
/// The kernel's CPU shares where nobody sets others.
const DEFAULT_SHARES: u64 = 1024;

/// One container. Never changed: an event makes a new one.
#[derive(Debug, Clone)]
pub struct Container {
    /// Full ID.
    pub id: String,
    /// Name without slash.
    pub name: String,
    /// `Config.Image`, as the user or the Swarm gave it.
    pub image: String,
    /// Labels of every series, rendered once.
    pub labels: Arc<LabelBlock>,
    /// Its labels that the rules let through, for a new name.
    pub exported: Vec<(String, String)>,
    /// What it is doing.
    pub state: State,
    /// PID of its first process in the engine's PID namespace, while it runs.
    pub pid: Option<u32>,
    /// Start, in nanoseconds of Unix time.
    pub started_nanos: Option<i64>,
    /// `HostConfig.CgroupParent`, where set.
    pub cgroup_parent: Option<String>,
    /// Whose network it uses.
    pub network: Network,
    /// Its limits.
    pub limits: Limits,
}

/// What the engine says a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Never started.
    Created,
    /// Runs.
    Running,
    /// Runs, but frozen.
    Paused,
    /// Waits to be started again.
    Restarting,
    /// Is being removed.
    Removing,
    /// Ended.
    Exited,
    /// Could not be removed.
    Dead,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Restarting,
        Self::Removing,
        Self::Exited,
        Self::Dead,
    ];

    /// The engine's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Whether it has processes.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    fn of(status: Status) -> Self {
        match status {
            Status::RUNNING | Status::STOPPING => Self::Running,
            Status::PAUSED => Self::Paused,
            Status::RESTARTING => Self::Restarting,
            Status::REMOVING => Self::Removing,
            Status::EXITED => Self::Exited,
            Status::DEAD => Self::Dead,
            Status::CREATED | Status::EMPTY => Self::Created,
        }
    }
}

/// Whose network namespace a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Its own: its interfaces are its traffic.
    Own,
    /// The host's or another container's: reported there, not here again.
    Borrowed,
}

/// Limits as cAdvisor's `container_spec_*` give them; 0 bytes is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Microseconds.
    pub cpu_period: u64,
    /// Microseconds per period; `None` is no quota.
    pub cpu_quota: Option<u64>,
    /// Weight among siblings.
    pub cpu_shares: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of memory and swap together.
    pub memory_and_swap: u64,
    /// Bytes that reclaim tries to leave.
    pub memory_reservation: u64,
}

impl Container {
    /// Reads the answer of `GET /containers/ID/json`; `None` where it has no ID.
    pub fn from_inspect(inspect: &Inspect, rules: &LabelRules) -> Option<Self> {
        let id = inspect.id.clone().filter(|id| !id.is_empty())?;
        let name = inspect.name.as_deref().unwrap_or_default().trim_start_matches('/').to_owned();
        let config = inspect.config.as_ref();
        let image = config.and_then(|c| c.image.clone()).unwrap_or_default();
        let exported = rules.select(config.and_then(|c| c.labels.as_ref()));
        let state = inspect.state.as_ref();
        let host = inspect.host_config.as_ref();
        Some(Self {
            labels: Arc::new(rules.render(&id, &name, &image, &exported)),
            state: state.and_then(|s| s.status).map_or(State::Created, State::of),
            pid: state.and_then(|s| s.pid).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
            started_nanos: state.and_then(|s| s.started_at.as_deref()).and_then(parse_time),
            cgroup_parent: host.and_then(|h| h.cgroup_parent.clone()).filter(|parent| !parent.is_empty()),
            network: host.and_then(|h| h.network_mode.as_deref()).map_or(Network::Own, parse_network_mode),
            limits: host.map_or_else(|| Limits::from(&HostConfig::default()), Limits::from),
            id,
            name,
            image,
            exported,
        })
    }

    /// The same container in another state.
    #[must_use]
    pub fn with_state(&self, state: State) -> Self {
        Self { state, pid: self.pid.filter(|_| state.is_live()), ..self.clone() }
    }

    /// The same container with another name.
    #[must_use]
    pub fn with_name(&self, name: String, rules: &LabelRules) -> Self {
        let labels = Arc::new(rules.render(&self.id, &name, &self.image, &self.exported));
        Self { name, labels, ..self.clone() }
    }
}

impl From<&HostConfig> for Limits {
    fn from(host: &HostConfig) -> Self {
        let positive = |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok()).filter(|v| *v > 0);
        let cpu_period = positive(host.cpu_period).unwrap_or(DEFAULT_PERIOD);
        // `--cpus` leaves CpuQuota at 0; the engine then computes the quota this way.
        let of_cpus =
            || positive(host.nano_cpus).map(|nanos| nanos.saturating_mul(cpu_period) / 1_000_000_000);
        Self {
            cpu_period,
            cpu_quota: positive(host.cpu_quota).or_else(of_cpus),
            cpu_shares: positive(host.cpu_shares).unwrap_or(DEFAULT_SHARES),
            memory: positive(host.memory).unwrap_or_default(),
            memory_and_swap: positive(host.memory_swap).unwrap_or_default(),
            memory_reservation: positive(host.memory_reservation).unwrap_or_default(),
        }
    }
}

fn parse_network_mode(mode: &str) -> Network {
    if mode == "host" || mode.starts_with("container:") { Network::Borrowed } else { Network::Own }
}

/// Nanoseconds of Unix time; `None` for the engine's "never" (year 1).
pub fn parse_time(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt().filter(|nanos| *nanos > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_engine() {
        assert_eq!(parse_time("2026-11-22T11:52:08.619046638Z"), Some(1_795_348_328_619_046_638));
        assert_eq!(parse_time("0001-01-01T00:00:00Z"), None);
        assert_eq!(parse_time(""), None);
    }

    #[test]
    fn cpus_become_a_quota() {
        let host = HostConfig { nano_cpus: Some(200_000_000), cpu_quota: Some(0), ..HostConfig::default() };
        assert_eq!(Limits::from(&host).cpu_quota, Some(20_000));
        let host = HostConfig { cpu_quota: Some(-1), memory_swap: Some(-1), ..HostConfig::default() };
        let limits = Limits::from(&host);
        assert_eq!((limits.cpu_quota, limits.cpu_period, limits.cpu_shares), (None, 100_000, 1024));
        assert_eq!((limits.memory, limits.memory_and_swap), (0, 0), "no limit is 0");
    }

    #[test]
    fn borrowed_networks() {
        assert_eq!(parse_network_mode("host"), Network::Borrowed);
        assert_eq!(parse_network_mode("container:64cdee95"), Network::Borrowed);
        for own in ["bridge", "none", "default", "my-overlay"] {
            assert_eq!(parse_network_mode(own), Network::Own);
        }
    }
}
