//! What the router counts. Counters live in a registry of `prometheus-client`; what is a matter of the moment is read at
//! scrape time by [`Routes`].

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::prometheus::metrics::counter::Counter;
use agent_core::prometheus::metrics::family::Family;
use agent_core::prometheus::registry::Registry;

use crate::record::{Batch, PerStream, Stream};
use crate::time;

type ByRoute = Family<[(&'static str, String); 1], Counter>;
type ByRouteAnd = Family<[(&'static str, String); 2], Counter>;

/// All counters.
#[derive(Debug, Clone)]
pub struct Metrics {
    lines: ByRouteAnd,
    bytes: ByRoute,
    retries: ByRoute,
    duplicates: ByRoute,
    dead_letters: ByRoute,
    errors: ByRouteAnd,
    dropped: ByRouteAnd,
    gaps: ByRouteAnd,
    split: ByRoute,
}

impl Metrics {
    /// Makes them and puts them into a registry, which completes the names by `_total`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            lines: Family::default(),
            bytes: Family::default(),
            retries: Family::default(),
            duplicates: Family::default(),
            dead_letters: Family::default(),
            errors: Family::default(),
            dropped: Family::default(),
            gaps: Family::default(),
            split: Family::default(),
        };
        let by_route: [(&str, &str, &ByRoute); 5] = [
            ("log_router_bytes", "Bytes of the lines that a sink took", &metrics.bytes),
            ("log_router_retries", "Attempts to deliver that were repeated", &metrics.retries),
            ("log_router_duplicates", "Lines that the sink had already", &metrics.duplicates),
            ("log_router_dead_letters", "Lines that the sink can never take", &metrics.dead_letters),
            ("log_router_split_lines", "Lines that were cut because of their length", &metrics.split),
        ];
        for (name, help, family) in by_route {
            registry.register(name, help, family.clone());
        }
        let by_route_and: [(&str, &str, &ByRouteAnd); 4] = [
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
        let lines = |stream: Stream| {
            self.lines
                .get_or_create(&[("route", route.to_owned()), ("stream", stream.name().to_owned())])
                .clone()
        };
        RouteMetrics {
            route: route.to_owned(),
            lines: PerStream { stdout: lines(Stream::Stdout), stderr: lines(Stream::Stderr) },
            bytes: by_route(&self.bytes),
            retries: by_route(&self.retries),
            duplicates: by_route(&self.duplicates),
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
    /// Lines that the sink can never take.
    pub dead_letters: Counter,
    /// Lines cut because of their length.
    pub split: Counter,
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
}

/// How many containers a route reads, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Containers {
    /// From files.
    pub files: u64,
    /// By the engine's API.
    pub api: u64,
    /// Not at all, because the log driver cannot be read.
    pub unreadable: u64,
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

    /// Lines may be missing.
    pub fn gap(&self, reason: &'static str) {
        self.gaps.get_or_create(&self.labels("reason", reason)).inc();
    }

    /// How many containers are read.
    pub fn containers(&self, containers: Containers) {
        self.now.files.store(containers.files, Ordering::Relaxed);
        self.now.api.store(containers.api, Ordering::Relaxed);
        self.now.unreadable.store(containers.unreadable, Ordering::Relaxed);
    }

    fn labels(&self, name: &'static str, value: &str) -> [(&'static str, String); 2] {
        [("route", self.route.clone()), (name, value.to_owned())]
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
        route.containers(Containers { files: 2, api: 1, unreadable: 0 });
        let (text, error) = collect(Routes(Arc::new(Mutex::new(vec![route]))));
        assert!(error.is_none());
        for line in [
            "log_router_sink_up{route=\"udp://x:1\"} 0",
            "log_router_lag_seconds{route=\"udp://x:1\"} 0",
            "log_router_containers{route=\"udp://x:1\",source=\"json-file\"} 2",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
