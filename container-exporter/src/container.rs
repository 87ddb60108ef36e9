//! A container as the engine describes it, reduced to what the metrics need.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use agent_core::docker::Container as Inspect;
use agent_core::docker::bollard::models::{
    ContainerStateStatusEnum as Status, HealthStatusEnum, HostConfig, NetworkSettings,
};
use agent_core::exposition::LabelBlock;
use chrono::DateTime;

use crate::labels::LabelRules;
use crate::service::Service;

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
    /// Creation, in nanoseconds of Unix time.
    pub created_nanos: Option<i64>,
    /// End of its last life, in nanoseconds of Unix time.
    pub finished_nanos: Option<i64>,
    /// How that life ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed a process of it in this life or the last.
    pub oom_killed: bool,
    /// How often the engine restarted it.
    pub restarts: u64,
    /// What its health check says.
    pub health: Health,
    /// The Swarm or Compose service that it belongs to.
    pub service: Option<Arc<Service>>,
    /// The networks that it has addresses in.
    pub networks: Vec<Attachment>,
    /// Where its writable layer is, as the engine sees it.
    pub upper_folder: Option<PathBuf>,
    /// Not a container but another cgroup: its path without the leading slash.
    pub raw_cgroup: Option<PathBuf>,
    /// What events told.
    pub history: History,
}

/// What was learned of a container from events; survives each new inspect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Out-of-memory events in this life.
    pub oom_events: u64,
    /// Time of the last of them.
    pub last_oom_nanos: i64,
    /// Time of the last death that was counted.
    pub last_death_nanos: i64,
    /// The start of the life whose end was counted.
    pub counted_life: Option<i64>,
}

/// An address of a container in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    /// The container's address.
    pub address: Ipv4Addr,
}

/// What a health check says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// There is no health check.
    #[default]
    None,
    /// It passes.
    Healthy,
    /// It fails.
    Unhealthy,
    /// It is too early to tell.
    Starting,
}

impl Health {
    /// Reads the engine's word in events.
    pub fn parse(word: &str) -> Self {
        match word {
            "healthy" => Self::Healthy,
            "unhealthy" => Self::Unhealthy,
            "starting" => Self::Starting,
            _ => Self::None,
        }
    }

    /// cAdvisor's number.
    pub const fn number(self) -> i64 {
        match self {
            Self::Healthy => 1,
            Self::Unhealthy | Self::Starting => 0,
            Self::None => -1,
        }
    }

    fn of(status: HealthStatusEnum) -> Self {
        match status {
            HealthStatusEnum::HEALTHY => Self::Healthy,
            HealthStatusEnum::UNHEALTHY => Self::Unhealthy,
            HealthStatusEnum::STARTING => Self::Starting,
            HealthStatusEnum::NONE | HealthStatusEnum::EMPTY => Self::None,
        }
    }
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
        let image = config.and_then(|c| c.image.as_deref()).unwrap_or_default();
        let image = rules.image(image).to_owned();
        let labels = config.and_then(|c| c.labels.as_ref());
        let mut exported = rules.select(labels);
        exported.extend(rules.select_environment(config.and_then(|c| c.env.as_deref()).unwrap_or_default()));
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
            created_nanos: inspect.created.as_deref().and_then(parse_time),
            finished_nanos: state.and_then(|s| s.finished_at.as_deref()).and_then(parse_time),
            exit_code: state.and_then(|s| s.exit_code),
            oom_killed: state.and_then(|s| s.oom_killed).unwrap_or_default(),
            restarts: inspect.restart_count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
            health: state.and_then(|s| s.health.as_ref()?.status).map_or(Health::None, Health::of),
            service: labels.and_then(Service::of).map(Arc::new),
            networks: inspect.network_settings.as_ref().map(attachments).unwrap_or_default(),
            upper_folder: inspect
                .graph_driver
                .as_ref()
                .and_then(|driver| driver.data.get("UpperDir"))
                .map(PathBuf::from),
            raw_cgroup: None,
            history: History::default(),
            id,
            name,
            image,
            exported,
        })
    }

    /// A cgroup that is no container, by its path without the leading slash; only figures are asked of it.
    pub fn raw(path: PathBuf) -> Self {
        let id = format!("/{}", path.display());
        Self {
            labels: Arc::new(LabelBlock::new(&[("id", id.as_str())])),
            name: String::new(),
            image: String::new(),
            exported: Vec::new(),
            state: State::Running,
            pid: None,
            started_nanos: None,
            cgroup_parent: None,
            network: Network::Borrowed,
            limits: Limits::from(&HostConfig::default()),
            created_nanos: None,
            finished_nanos: None,
            exit_code: None,
            oom_killed: false,
            restarts: 0,
            health: Health::None,
            service: None,
            networks: Vec::new(),
            upper_folder: None,
            raw_cgroup: Some(path),
            history: History::default(),
            id,
        }
    }

    /// False for a cgroup that is none.
    pub fn is_container(&self) -> bool {
        self.raw_cgroup.is_none()
    }

    /// Takes over what only events told. True where a life ended without an event: `before` ran, this does not.
    pub fn follow(&mut self, before: &Self) -> bool {
        self.history = before.history;
        if self.started_nanos != before.started_nanos {
            self.history.oom_events = 0;
        }
        let ended = before.state.is_live()
            && !self.state.is_live()
            && self.started_nanos == before.started_nanos
            && self.history.counted_life != self.started_nanos;
        if ended {
            self.history.counted_life = self.started_nanos;
            self.history.last_death_nanos = self.finished_nanos.unwrap_or_default();
        }
        ended
    }

    /// The same container after a death at `time_nanos` (0 where that is not known), and whether it is a death to be
    /// counted: events come again after a reconnect, and may be from before the latest start.
    pub fn died(&self, time_nanos: i64, exit_code: Option<i64>) -> (Option<Self>, bool) {
        let mut history = self.history;
        if time_nanos > 0 && self.started_nanos.is_some_and(|start| time_nanos < start) {
            let new = time_nanos > history.last_death_nanos;
            history.last_death_nanos = history.last_death_nanos.max(time_nanos);
            return (new.then(|| Self { history, ..self.clone() }), new);
        }
        if self.started_nanos.is_some() && history.counted_life == self.started_nanos {
            return (None, false);
        }
        history.counted_life = self.started_nanos;
        history.last_death_nanos = time_nanos;
        let finished_nanos = if time_nanos > 0 { Some(time_nanos) } else { self.finished_nanos };
        let oom_killed = self.oom_killed || history.oom_events > 0;
        let dead = Self { finished_nanos, exit_code, oom_killed, history, ..self.with_state(State::Exited) };
        (Some(dead), true)
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

fn attachments(settings: &NetworkSettings) -> Vec<Attachment> {
    let mut all: Vec<_> = settings
        .networks
        .iter()
        .flatten()
        .filter_map(|(network, endpoint)| {
            let address = endpoint.ip_address.as_deref()?.parse().ok()?;
            Some(Attachment { network: network.clone(), address })
        })
        .collect();
    all.sort_unstable_by(|a, b| a.network.cmp(&b.network));
    all
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

    fn container(status: &str, started: &str) -> Container {
        let inspect = serde_json::json!({
            "Id": "a", "State": {"Status": status, "StartedAt": started, "ExitCode": 3,
            "FinishedAt": "2026-11-22T12:00:05Z"},
        });
        Container::from_inspect(&serde_json::from_value(inspect).unwrap(), &LabelRules::default()).unwrap()
    }

    #[test]
    fn a_death_is_counted_once_by_event_or_by_list() {
        let running = container("running", "2026-11-22T12:00:00Z");
        let start = running.started_nanos.unwrap();
        let (dead, counted) = running.died(start + 5, Some(3));
        let dead = dead.unwrap();
        assert!(counted && dead.exit_code == Some(3) && dead.state == State::Exited);
        assert!(!dead.died(start + 5, Some(3)).1, "told twice");
        let mut listed = container("exited", "2026-11-22T12:00:00Z");
        assert!(!listed.follow(&dead), "the event came before the list");
        let mut missed = container("exited", "2026-11-22T12:00:00Z");
        assert!(missed.follow(&running));
        assert!(!missed.died(start + 6_000_000_000, Some(3)).1, "the event comes after the list");
        let mut again = container("running", "2026-11-22T12:01:00Z");
        assert!(!again.follow(&dead));
        let (same, counted) = again.died(start + 6, Some(1));
        assert!(counted && same.unwrap().state == State::Running, "an earlier life that was missed");
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
