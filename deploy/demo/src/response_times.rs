//! How long calls took, under the name and labels of go-demo: `http_server_resp_time`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds in seconds.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    service: &'static str,
    code: u16,
    method: String,
    path: &'static str,
}

/// The histogram behind `/metrics`.
#[derive(Debug)]
pub struct ResponseTimes {
    family: Family<Labels, Histogram, fn() -> Histogram>,
    registry: Mutex<Registry>,
}

impl Default for ResponseTimes {
    fn default() -> Self {
        let family: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let mut registry = Registry::default();
        registry.register("http_server_resp_time", "Seconds that a call took", family.clone());
        Self { family, registry: Mutex::new(registry) }
    }
}

impl ResponseTimes {
    /// Notes a call. `path` is one of a few, so that nobody can make series by calling.
    pub fn observe(&self, code: u16, method: &str, path: &'static str, took: Duration) {
        let labels = Labels { service: "go-demo", code, method: method.to_owned(), path };
        self.family.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// The metrics as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        match encode(&mut text, &registry) {
            Ok(()) => text,
            // Writing to a string does not fail.
            Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_go_demos() {
        let times = ResponseTimes::default();
        times.observe(500, "GET", "/demo/random-error", Duration::from_millis(20));
        let text = times.text();
        let labels = r#"service="go-demo",code="500",method="GET",path="/demo/random-error""#;
        assert!(text.contains(&format!("http_server_resp_time_count{{{labels}}} 1")), "{text}");
        assert!(text.contains(&format!("http_server_resp_time_bucket{{le=\"0.05\",{labels}}} 1")), "{text}");
    }
}
