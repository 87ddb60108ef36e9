//! What the endpoint of the metrics counts of itself, under the names that Go's `promhttp` gives it.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;

use crate::exposition::{Exposition, Kind};

/// The answers that are told apart, as labels; wrong queries are not among them, as in the original.
const CODES: [(StatusCode, &str); 3] = [
    (StatusCode::OK, "200"),
    (StatusCode::INTERNAL_SERVER_ERROR, "500"),
    (StatusCode::SERVICE_UNAVAILABLE, "503"),
];

/// Counters of scrapes.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    answered: [AtomicU64; CODES.len()],
    in_flight: AtomicU64,
}

/// A scrape that is being served, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight<'r>(&'r Requests);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Requests {
    /// Counts a scrape as being served.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, status: StatusCode) {
        if let Some((_, count)) = CODES.iter().zip(&self.answered).find(|((code, _), _)| *code == status) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the families.
    pub(crate) fn write(&self, out: &mut Exposition<'_>) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let help = "Scrapes that failed, by what failed.";
        let mut family = out.family("promhttp_metric_handler_errors_total", help, Kind::Counter);
        // Encoding writes into memory and cannot fail.
        family.sample(&[("cause", "encoding")], 0_u64);
        let failed = CODES.iter().zip(&self.answered).find(|((code, _), _)| code.is_server_error());
        family.sample(&[("cause", "gathering")], failed.map_or(0, |(_, count)| load(count)));
        let help = "Scrapes that are being served now.";
        out.gauge("promhttp_metric_handler_requests_in_flight", help, load(&self.in_flight));
        let help = "Scrapes that were answered, by HTTP status.";
        let mut family = out.family("promhttp_metric_handler_requests_total", help, Kind::Counter);
        for ((_, code), count) in CODES.iter().zip(&self.answered) {
            family.sample(&[("code", code)], load(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;

    use super::*;
    use crate::exposition::{Format, Source, render};

    struct Shared(Arc<Requests>);
    impl Source for Shared {
        fn expose(&self, out: &mut Exposition<'_>) {
            self.0.write(out);
        }
    }

    #[test]
    fn answers_are_counted_by_status() {
        let requests = Arc::<Requests>::default();
        let served = requests.begin();
        for status in
            [StatusCode::OK, StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_REQUEST]
        {
            requests.answered(status);
        }
        let mut text = String::new();
        let source = Arc::new(Shared(Arc::clone(&requests)));
        render(&mut text, Format::Text, &[], source, &Registry::default());
        for line in [
            "errors_total{cause=\"encoding\"} 0",
            "errors_total{cause=\"gathering\"} 1",
            "requests_in_flight 1",
            "requests_total{code=\"200\"} 2",
            "requests_total{code=\"500\"} 1",
            "requests_total{code=\"503\"} 0",
        ] {
            assert!(text.contains(&format!("\npromhttp_metric_handler_{line}\n")), "{text}");
        }
        drop(served);
        assert_eq!(requests.in_flight.load(Ordering::Relaxed), 0);
    }
}
