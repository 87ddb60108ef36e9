//! `log_messages_total`, which counts a line once however many routes it goes: the route that is furthest in a container's
//! log counts for it, so that one that is held up holds up no figure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ByRouteAnd;
use crate::container::Container;
use crate::priority::SEVERITY_NAMES;

/// The counters, and what each route has read.
#[derive(Debug, Clone, Default)]
pub(super) struct Messages {
    pub(super) counters: ByRouteAnd,
    read: Arc<Mutex<HashMap<String, ReadOf>>>,
}

/// How much of one container was read, by severity.
#[derive(Debug, Default)]
struct ReadOf {
    counted: [u64; 8],
    by_route: HashMap<String, [u64; 8]>,
}

impl ReadOf {
    /// What of this no other route has read before.
    fn add(&mut self, route: &str, severities: &[u64; 8]) -> [u64; 8] {
        let read = match self.by_route.get_mut(route) {
            Some(read) => read,
            None => self.by_route.entry(route.to_owned()).or_default(),
        };
        let mut fresh = [0; 8];
        for (((fresh, counted), read), more) in
            fresh.iter_mut().zip(&mut self.counted).zip(read).zip(severities)
        {
            *read += more;
            *fresh = read.saturating_sub(*counted);
            *counted += *fresh;
        }
        fresh
    }
}

impl Messages {
    /// Counts what a route has read of a container, as far as no other has read it before.
    pub(super) fn count(&self, route: &str, container: &Container, severities: &[u64; 8]) {
        let fresh = {
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            match read.get_mut(&container.id) {
                Some(read) => read.add(route, severities),
                None => read.entry(container.id.clone()).or_default().add(route, severities),
            }
        };
        let service = container.service().unwrap_or_default();
        for (name, count) in SEVERITY_NAMES.iter().zip(fresh).filter(|(_, count)| *count > 0) {
            self.counters
                .get_or_create(&[("service", service.to_owned()), ("severity", (*name).to_owned())])
                .inc_by(count);
        }
    }

    /// A route does not read a container any more.
    pub(super) fn forget(&self, route: &str, id: &str) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of) = read.get_mut(id) {
            of.by_route.remove(route);
            if of.by_route.is_empty() {
                read.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use agent_core::prometheus::encoding::text::encode;
    use agent_core::prometheus::registry::Registry;

    use crate::container::Container;
    use crate::metrics::Metrics;
    use crate::source::assemble::Tally;

    #[test]
    fn a_message_counts_once_however_many_routes_take_it() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let (first, second) = (metrics.route("a"), metrics.route("b"));
        let labels = [("com.docker.swarm.service.name".to_owned(), "web".to_owned())].into();
        let container = Container { id: "1".to_owned(), labels, ..Container::default() };
        let tally = Tally { severities: [0, 0, 0, 2, 0, 0, 5, 0], ..Tally::default() };
        first.read(&container, &tally);
        second.read(&container, &tally);
        // The first is held up, and then gone.
        second.read(&container, &tally);
        first.read(&container, &tally);
        second.forget(&container);
        first.read(&container, &tally);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "log_messages_total{service=\"web\",severity=\"error\"} 6",
            "log_messages_total{service=\"web\",severity=\"info\"} 15",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
