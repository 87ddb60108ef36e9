//! What the router counts. Counters live in a registry of `prometheus-client`; what is a matter of the moment is read at
//! scrape time by [`Routes`].

mod messages;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::prometheus::metrics::counter::Counter;
use agent_core::prometheus::metrics::family::Family;
use agent_core::prometheus::metrics::gauge::Gauge;
use agent_core::prometheus::metrics::histogram::Histogram;
use agent_core::prometheus::registry::Registry;

use self::messages::Messages;
use crate::container::Container;
use crate::record::{Batch, PerStream, Stream};
use crate::source::assemble::Tally;
use crate::time;

type ByRoute = Family<[(&'static str, String); 1], Counter>;
type ByRouteSeconds = Family<[(&'static str, String); 1], Histogram, fn() -> Histogram>;
type ByRouteAnd = Family<[(&'static str, String); 2], Counter>;

fn seconds() -> Histogram {
    Histogram::new([0.01, 0.05, 0.25, 1.0, 5.0, 30.0])
}

/// All counters.
#[derive(Debug, Clone)]
pub struct Metrics {
    lines: ByRouteAnd,
    bytes: ByRoute,
    retries: ByRoute,
    duplicates: ByRoute,
    collisions: ByRoute,
    seconds: ByRouteSeconds,
    dead_letters: ByRoute,
    errors: ByRouteAnd,
    dropped: ByRouteAnd,
    gaps: ByRouteAnd,
    split: ByRoute,
    read_lines: ByRouteAnd,
    read_bytes: ByRoute,
    masked: ByRoute,
    messages: Messages,
}

impl Metrics {
    /// Makes them and puts them into a registry, which completes the names by `_total`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            lines: Family::default(),
            bytes: Family::default(),
            retries: Family::default(),
            duplicates: Family::default(),
            collisions: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            dead_letters: Family::default(),
            errors: Family::default(),
            dropped: Family::default(),
            gaps: Family::default(),
            split: Family::default(),
            read_lines: Family::default(),
            read_bytes: Family::default(),
            masked: Family::default(),
            messages: Messages::default(),
        };
        registry.register(
            "log_messages",
            "Messages that containers printed, by service and severity",
            metrics.messages.counters.clone(),
        );
        let by_route: [(&str, &str, &ByRoute); 8] = [
            ("log_router_read_bytes", "Bytes of the lines that were read", &metrics.read_bytes),
            ("log_router_masked_lines", "Lines in which a secret was masked", &metrics.masked),
            ("log_router_bytes", "Bytes of the lines that a sink took", &metrics.bytes),
            ("log_router_retries", "Attempts to deliver that were repeated", &metrics.retries),
            ("log_router_duplicates", "Lines that the sink had already", &metrics.duplicates),
            (
                "log_router_id_collisions",
                "Lines whose document ID another line had, sent under another one",
                &metrics.collisions,
            ),
            ("log_router_dead_letters", "Lines that the sink can never take", &metrics.dead_letters),
            ("log_router_split_lines", "Lines that were cut because of their length", &metrics.split),
        ];
        for (name, help, family) in by_route {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "log_router_sink_request_duration_seconds",
            "How long the sink took to answer",
            metrics.seconds.clone(),
        );
        let by_route_and: [(&str, &str, &ByRouteAnd); 5] = [
            ("log_router_read_lines", "Lines that were read", &metrics.read_lines),
            ("log_router_lines", "Lines that a sink took", &metrics.lines),
            ("log_router_sink_errors", "Errors of a sink", &metrics.errors),
            ("log_router_dropped", "Lines or records that were left out", &metrics.dropped),
            ("log_router_gaps", "Places in a log where lines may be missing", &metrics.gaps),
        ];
        for (name, help, family) in by_route_and {
            registry.register(name, help, family.clone());
        }
        metrics
    }

    /// Those of one route; its counters begin at zero at once.
    pub fn route(&self, route: &str) -> RouteMetrics {
        let by_route = |family: &ByRoute| family.get_or_create(&[("route", route.to_owned())]).clone();
        let by_stream = |family: &ByRouteAnd| {
            let of = |stream: Stream| {
                let labels = [("route", route.to_owned()), ("stream", stream.name().to_owned())];
                family.get_or_create(&labels).clone()
            };
            PerStream { stdout: of(Stream::Stdout), stderr: of(Stream::Stderr) }
        };
        RouteMetrics {
            route: route.to_owned(),
            lines: by_stream(&self.lines),
            read_lines: by_stream(&self.read_lines),
            read_bytes: by_route(&self.read_bytes),
            masked: by_route(&self.masked),
            messages: self.messages.clone(),
            bytes: by_route(&self.bytes),
            retries: by_route(&self.retries),
            duplicates: by_route(&self.duplicates),
            collisions: by_route(&self.collisions),
            seconds: self.seconds.clone(),
            dead_letters: by_route(&self.dead_letters),
            split: by_route(&self.split),
            errors: self.errors.clone(),
            dropped: self.dropped.clone(),
            gaps: self.gaps.clone(),
            now: Arc::default(),
        }
    }
}

/// The counters and gauges of one route.
#[derive(Debug, Clone)]
pub struct RouteMetrics {
    route: String,
    lines: PerStream<Counter>,
    bytes: Counter,
    /// Attempts that were repeated.
    pub retries: Counter,
    /// Lines that the sink had already.
    pub duplicates: Counter,
    /// Lines whose ID another line had.
    pub collisions: Counter,
    seconds: ByRouteSeconds,
    /// Lines that the sink can never take.
    pub dead_letters: Counter,
    /// Lines cut because of their length.
    pub split: Counter,
    read_lines: PerStream<Counter>,
    read_bytes: Counter,
    masked: Counter,
    messages: Messages,
    errors: ByRouteAnd,
    dropped: ByRouteAnd,
    gaps: ByRouteAnd,
    now: Arc<Now>,
}

/// What holds at the moment.
#[derive(Debug, Default)]
struct Now {
    up: AtomicU64,
    /// Time of the oldest line on its way to the sink; 0 if there is none.
    oldest: AtomicI64,
    files: AtomicU64,
    api: AtomicU64,
    unreadable: AtomicU64,
    spool_bytes: AtomicU64,
    spool_batches: AtomicU64,
    held_bytes: AtomicU64,
    /// Names and drivers of those that cannot be read.
    unreadable_names: Mutex<Vec<(String, String)>>,
}

/// How many containers a route reads, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Containers {
    /// From files.
    pub files: u64,
    /// By the engine's API.
    pub api: u64,
    /// Not at all, because the log driver cannot be read: name and driver.
    pub unreadable: Vec<(String, String)>,
}

impl RouteMetrics {
    /// The value of the label `route`.
    pub fn name(&self) -> &str {
        &self.route
    }

    /// The lines of a batch are on their way.
    pub fn begun(&self, batch: &Batch) {
        self.now.oldest.store(batch.get(0).map_or(0, |line| line.time), Ordering::Relaxed);
    }

    /// The sink took the lines of a batch.
    pub fn delivered(&self, batch: &Batch) {
        let stdout = batch.lines().filter(|line| line.stream == Stream::Stdout).count() as u64;
        self.lines.stdout.inc_by(stdout);
        self.lines.stderr.inc_by(batch.line_count() as u64 - stdout);
        self.bytes.inc_by(batch.text_bytes() as u64);
        self.now.oldest.store(0, Ordering::Relaxed);
    }

    /// What was read of a container, and what was left out of it on purpose.
    pub fn read(&self, container: &Container, tally: &Tally) {
        self.read_lines.stdout.inc_by(tally.read.stdout);
        self.read_lines.stderr.inc_by(tally.read.stderr);
        self.read_bytes.inc_by(tally.bytes);
        self.masked.inc_by(tally.masked);
        self.split.inc_by(tally.split);
        self.dropped("level", tally.below_level);
        self.dropped("sampled", tally.sampled);
        self.dropped("rate_limit", tally.rate_limited);
        if tally.severities.iter().any(|count| *count > 0) {
            self.messages.count(&self.route, container, &tally.severities);
        }
    }

    /// A container is gone.
    pub fn forget(&self, container: &Container) {
        self.messages.forget(&self.route, &container.id);
    }

    /// Whether the sink takes lines.
    pub fn up(&self, up: bool) {
        self.now.up.store(u64::from(up), Ordering::Relaxed);
    }

    /// An error of the sink.
    pub fn error(&self, kind: &'static str) {
        self.errors.get_or_create(&self.labels("kind", kind)).inc();
    }

    /// Lines or records that were left out.
    pub fn dropped(&self, reason: &'static str, count: u64) {
        if count > 0 {
            self.dropped.get_or_create(&self.labels("reason", reason)).inc_by(count);
        }
    }

    /// The sink answered after so long.
    pub fn took(&self, time: Duration) {
        self.seconds.get_or_create(&[("route", self.route.clone())]).observe(time.as_secs_f64());
    }

    /// Lines may be missing.
    pub fn gap(&self, reason: &'static str) {
        self.gaps.get_or_create(&self.labels("reason", reason)).inc();
    }

    /// What waits in the spool.
    pub fn spool(&self, bytes: u64, batches: usize) {
        self.now.spool_bytes.store(bytes, Ordering::Relaxed);
        self.now.spool_batches.store(batches as u64, Ordering::Relaxed);
    }

    /// Bytes not yet read of deleted files that are held open.
    pub fn held(&self, bytes: u64) {
        self.now.held_bytes.store(bytes, Ordering::Relaxed);
    }

    /// How many containers are read.
    pub fn containers(&self, containers: Containers) {
        self.now.files.store(containers.files, Ordering::Relaxed);
        self.now.api.store(containers.api, Ordering::Relaxed);
        self.now.unreadable.store(containers.unreadable.len() as u64, Ordering::Relaxed);
        *self.now.unreadable_names.lock().unwrap_or_else(PoisonError::into_inner) = containers.unreadable;
    }

    fn labels(&self, name: &'static str, value: &str) -> [(&'static str, String); 2] {
        [("route", self.route.clone()), (name, value.to_owned())]
    }
}

type OfNow = fn(&Now) -> &AtomicU64;

const SPOOL: [(&str, &str, OfNow); 3] = [
    ("log_router_spool_bytes", "Bytes of the files in the route's spool.", |now| &now.spool_bytes),
    ("log_router_spool_batches", "Batches of lines in the route's spool.", |now| &now.spool_batches),
    (
        "log_router_held_bytes",
        "Bytes not yet read of log files that the engine deleted and that are held open.",
        |now| &now.held_bytes,
    ),
];

/// Counters of the syslog listeners.
#[derive(Debug, Clone, Default)]
pub struct Listeners {
    messages: ByListener,
    bytes: ByListener,
    connections: Family<[(&'static str, String); 1], Gauge>,
    refused: ByListener,
    dropped: ByRouteAnd,
}

type ByListener = ByRoute;

impl Listeners {
    /// Makes them and puts them into a registry.
    pub fn register(registry: &mut Registry) -> Self {
        let listeners = Self::default();
        for (name, help, family) in [
            ("log_router_listener_messages", "Syslog messages that came in", &listeners.messages),
            ("log_router_listener_bytes", "Bytes of syslog messages that came in", &listeners.bytes),
            (
                "log_router_listener_connections_refused",
                "Connections closed for want of a place or a handshake",
                &listeners.refused,
            ),
        ] {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "log_router_listener_dropped",
            "Syslog messages that a route had no room for, or that could not be taken",
            listeners.dropped.clone(),
        );
        registry.register(
            "log_router_listener_connections",
            "Connections that are open",
            listeners.connections.clone(),
        );
        listeners
    }

    /// Those of one listener; its counters begin at zero at once.
    pub fn listener(&self, name: &'static str) -> Listener {
        let labels = [("listener", name.to_owned())];
        Listener {
            name,
            messages: self.messages.get_or_create(&labels).clone(),
            bytes: self.bytes.get_or_create(&labels).clone(),
            connections: self.connections.get_or_create(&labels).clone(),
            refused: self.refused.get_or_create(&labels).clone(),
            dropped: self.dropped.clone(),
        }
    }
}

/// The counters of one listener.
#[derive(Debug, Clone)]
pub struct Listener {
    name: &'static str,
    messages: Counter,
    bytes: Counter,
    connections: Gauge,
    refused: Counter,
    dropped: ByRouteAnd,
}

impl Listener {
    /// The value of the label `listener`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A message came.
    pub fn received(&self, bytes: usize) {
        self.messages.inc();
        self.bytes(bytes);
    }

    /// Another part of a message came.
    pub fn bytes(&self, bytes: usize) {
        self.bytes.inc_by(bytes as u64);
    }

    /// A connection was made, or ended.
    pub fn connected(&self, made: bool) {
        self.connections.inc_by(if made { 1 } else { -1 });
    }

    /// A connection was closed at once.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// Messages were lost.
    pub fn dropped(&self, reason: &'static str, count: u64) {
        if count > 0 {
            let labels = [("listener", self.name.to_owned()), ("reason", reason.to_owned())];
            self.dropped.get_or_create(&labels).inc_by(count);
        }
    }
}

/// The routes that there are now.
pub type Shown = Arc<Mutex<Vec<RouteMetrics>>>;

/// Writes what holds at the moment, for all routes.
#[derive(Debug)]
pub struct Routes(pub Shown);

impl Collector for Routes {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut up =
            out.family("log_router_sink_up", "Whether the sink took what it was sent last.", Kind::Gauge);
        for route in &routes {
            up.sample(&[("route", &route.route)], route.now.up.load(Ordering::Relaxed));
        }
        let mut lag = out.family(
            "log_router_lag_seconds",
            "Age of the oldest line on its way to the sink; 0 if there is none.",
            Kind::Gauge,
        );
        for route in &routes {
            let oldest = route.now.oldest.load(Ordering::Relaxed);
            let age = if oldest == 0 { 0 } else { (time::now() - oldest).max(0) };
            lag.sample(&[("route", &route.route)], age as f64 / 1e9);
        }
        for (name, help, value) in SPOOL {
            let mut family = out.family(name, help, Kind::Gauge);
            for route in &routes {
                family.sample(&[("route", &route.route)], value(&route.now).load(Ordering::Relaxed));
            }
        }
        let mut containers =
            out.family("log_router_containers", "Containers by the way their lines are read.", Kind::Gauge);
        for route in &routes {
            let now = &route.now;
            for (source, count) in
                [("json-file", &now.files), ("api", &now.api), ("unreadable", &now.unreadable)]
            {
                containers
                    .sample(&[("route", &route.route), ("source", source)], count.load(Ordering::Relaxed));
            }
        }
        let mut unreadable = out.family(
            "log_router_container_unreadable",
            "A container whose log driver cannot be read; always 1.",
            Kind::Gauge,
        );
        for route in &routes {
            let names = route.now.unreadable_names.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, driver) in names.iter() {
                unreadable.sample(&[("route", &route.route), ("container", name), ("driver", driver)], 1_u64);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::collect;

    #[test]
    fn a_route_is_seen_before_its_first_line() {
        let route = Metrics::register(&mut Registry::default()).route("udp://x:1");
        route.containers(Containers {
            files: 2,
            api: 1,
            unreadable: vec![("quiet".to_owned(), "none".to_owned())],
        });
        let (text, error) = collect(Routes(Arc::new(Mutex::new(vec![route]))));
        assert!(error.is_none());
        for line in [
            "log_router_sink_up{route=\"udp://x:1\"} 0",
            "log_router_lag_seconds{route=\"udp://x:1\"} 0",
            "log_router_containers{route=\"udp://x:1\",source=\"json-file\"} 2",
            "log_router_containers{route=\"udp://x:1\",source=\"unreadable\"} 1",
            "log_router_container_unreadable{route=\"udp://x:1\",container=\"quiet\",driver=\"none\"} 1",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
