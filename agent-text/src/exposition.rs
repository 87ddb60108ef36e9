//! Writing metrics: the only place that knows how `prometheus-client` encodes.
//!
//! The crate writes OpenMetrics. Scrapers that ask for the Prometheus text format 0.0.4 must get other TYPE
//! words and full counter names, and names must be node_exporter's and cAdvisor's to the letter. So a
//! collector never sees the crate: it opens a [`Family`] by its full name and adds samples; what differs between the two formats is decided here. Nothing is allocated per series.

mod labels;
mod open_metrics;
mod render;
mod repeat;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, GaugeValueEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;

pub use labels::LabelBlock;
pub use render::{Source, Writer, render, write_own};
pub use repeat::{Recorder, Relabel, Repeat, Repeats};

/// The two exposition formats, chosen per request by the `Accept` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`, what node_exporter and cAdvisor speak.
    Text,
    /// `application/openmetrics-text; version=1.0.0`, what Prometheus asks for first.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` of an answer in this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Chooses by an `Accept` header: OpenMetrics where it is named with a quality of at least the text
    /// format's, text otherwise.
    pub fn negotiate(accept: Option<&str>) -> Self {
        let mut open_metrics = 0.0_f32;
        let mut text = 0.0_f32;
        for range in accept.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let quality =
                parts.find_map(|p| p.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
            match media {
                "application/openmetrics-text" => open_metrics = open_metrics.max(quality),
                "text/plain" | "text/*" => text = text.max(quality),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text { Self::OpenMetrics } else { Self::Text }
    }
}

/// The type of a family, as its name is known in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows until the thing it counts starts anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// node_exporter leaves the type of some families open (netstat, vmstat, textfile).
    Untyped,
}

/// A sample's value: integers stay integers in the output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// An unsigned whole number.
    Unsigned(u64),
    /// A signed whole number.
    Signed(i64),
    /// Anything else.
    Float(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Unsigned(u64::from(value))
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Signed(value)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Unsigned(u64::from(value))
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// Below this, every whole `f64` is an exact integer (2^53).
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

impl EncodeGaugeValue for Value {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> fmt::Result {
        match *self {
            Self::Unsigned(value) => EncodeGaugeValue::encode(&value, encoder),
            Self::Signed(value) => EncodeGaugeValue::encode(&value, encoder),
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            Self::Float(value) if value.fract() == 0.0 && value.abs() < EXACT_INTEGERS => {
                EncodeGaugeValue::encode(&(value as i64), encoder)
            }
            Self::Float(value) => EncodeGaugeValue::encode(&value, encoder),
        }
    }
}

/// Where a collector writes its families during one scrape.
#[derive(Debug)]
pub struct Exposition<'a> {
    encoder: DescriptorEncoder<'a>,
    format: Format,
    repeats: Option<Arc<dyn Repeats>>,
    recorder: Recorder,
}

impl<'a> Exposition<'a> {
    fn new(encoder: DescriptorEncoder<'a>, format: Format) -> Self {
        Self { encoder, format, repeats: None, recorder: Recorder::default() }
    }

    /// From here on, families that `repeats` knows are kept for [`take_repeats`](Self::take_repeats).
    pub fn record_repeats(&mut self, repeats: Arc<dyn Repeats>) {
        self.repeats = Some(repeats);
    }

    /// Gives what was kept under the other names, and keeps nothing from here on.
    pub fn take_repeats(&mut self) -> Recorder {
        self.repeats = None;
        std::mem::take(&mut self.recorder)
    }

    /// Opens a family by its full name (with `_total` where the field writes it) and its HELP sentence.
    /// Nothing is written before the first sample; all samples of a family belong in one go.
    pub fn family<'s>(&'s mut self, name: &'s str, help: &'s str, kind: Kind) -> Family<'s, 'a> {
        let repeats = self.repeats.as_ref().map(|repeats| repeats.of(name));
        let recorder = match repeats.filter(|repeats| !repeats.is_empty()) {
            None => None,
            Some(repeats) => {
                let places = self.recorder.open(repeats, help);
                Some((&mut self.recorder, places))
            }
        };
        Family { state: State::Pending(&mut self.encoder), format: self.format, name, help, kind, recorder }
    }

    /// The name to open a part of a histogram or a summary with (`word` says which), all parts one after the other: by
    /// names in the text format, by labels and then by names [in OpenMetrics](Self::parts_by_labels).
    pub fn part_name(word: &str, base: &str, suffix: &str, first: bool) -> String {
        text::part_name(word, base, suffix, first)
    }

    /// Whether all parts of a histogram or a summary with the same labels come in one go, and limits of buckets and
    /// quantiles are written as fractions, as OpenMetrics has it.
    pub fn parts_by_labels(&self) -> bool {
        self.format == Format::OpenMetrics
    }

    /// One gauge without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Into<Value>) {
        self.family(name, help, Kind::Gauge).sample(&[], value);
    }

    /// One counter without labels.
    pub fn counter(&mut self, name: &str, help: &str, value: impl Into<Value>) {
        self.family(name, help, Kind::Counter).sample(&[], value);
    }
}

enum State<'s, 'a> {
    Pending(&'s mut DescriptorEncoder<'a>),
    Open(MetricEncoder<'s>, SampleStyle),
    Closed,
}

/// How the crate must be asked for a sample so that its name comes out right.
#[derive(Debug, Clone, Copy)]
enum SampleStyle {
    /// The name as it is.
    Plain,
    /// The crate appends `_total` to the bare name (OpenMetrics counters).
    Total,
}

/// One metric family being written.
pub struct Family<'s, 'a> {
    state: State<'s, 'a>,
    format: Format,
    name: &'s str,
    help: &'s str,
    kind: Kind,
    /// Where its samples are kept for being repeated.
    recorder: Option<(&'s mut Recorder, Vec<(usize, Repeat)>)>,
}

impl fmt::Debug for Family<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Family<'_, '_> {
    /// Adds a sample with labels made on the spot.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) {
        self.write(&labels::Labels { block: None, pairs: labels }, value.into());
    }

    /// Adds a sample whose first labels were rendered once beforehand.
    pub fn sample_in(&mut self, block: &LabelBlock, labels: &[(&str, &str)], value: impl Into<Value>) {
        self.write(&labels::Labels { block: Some(block), pairs: labels }, value.into());
    }

    fn write(&mut self, labels: &labels::Labels<'_>, value: Value) {
        if let Some((recorder, places)) = &mut self.recorder {
            recorder.record(places, labels, value);
        }
        // The writer is a String: it has no errors of its own, so neither has a sample.
        if self.open().and_then(|()| self.write_sample(labels, value)).is_err() {
            self.state = State::Closed;
        }
    }

    fn open(&mut self) -> fmt::Result {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Pending(encoder) => {
                let (name, metric_type, style) = self.descriptor();
                let help = escape_help(self.help);
                let encoder = encoder.encode_descriptor(name, &help, None, metric_type)?;
                self.state = State::Open(encoder, style);
            }
            other => self.state = other,
        }
        Ok(())
    }

    fn write_sample(&mut self, labels: &labels::Labels<'_>, value: Value) -> fmt::Result {
        match &mut self.state {
            State::Open(encoder, style) if labels.is_empty() => write_value(encoder, *style, value),
            State::Open(encoder, style) => write_value(&mut encoder.encode_family(labels)?, *style, value),
            State::Pending(_) | State::Closed => Ok(()),
        }
    }
}

impl<'s> Family<'s, '_> {
    fn descriptor(&self) -> (&'s str, MetricType, SampleStyle) {
        let name = self.name;
        match (self.format, self.kind) {
            (_, Kind::Gauge) => (name, MetricType::Gauge, SampleStyle::Plain),
            (_, Kind::Untyped) => (name, MetricType::Unknown, SampleStyle::Plain),
            (Format::Text, Kind::Counter) => (name, MetricType::Counter, SampleStyle::Plain),
            (Format::OpenMetrics, Kind::Counter) => match name.strip_suffix("_total") {
                Some(bare) => (bare, MetricType::Counter, SampleStyle::Total),
                // OpenMetrics has no counter without `_total`.
                None => (name, MetricType::Unknown, SampleStyle::Plain),
            },
        }
    }
}

fn write_value(encoder: &mut MetricEncoder<'_>, style: SampleStyle, value: Value) -> fmt::Result {
    use prometheus_client::encoding::NoLabelSet;
    match (style, value) {
        (SampleStyle::Plain, value) => encoder.encode_gauge(&value),
        (SampleStyle::Total, Value::Unsigned(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (SampleStyle::Total, Value::Float(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (SampleStyle::Total, Value::Signed(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&(value as f64), None)
        }
    }
}

fn escape_help(help: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'\\', b'\n', help.as_bytes()).is_some() {
        Cow::Owned(help.replace('\\', "\\\\").replace('\n', "\\n"))
    } else {
        Cow::Borrowed(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family as CrateFamily;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::registry::Registry;

    struct Sample;

    impl Source for Sample {
        fn expose(&self, out: &mut Exposition<'_>) {
            let mut family = out.family("node_cpu_seconds_total", "Seconds per mode.", Kind::Counter);
            family.sample(&[("cpu", "0"), ("mode", "idle")], 12.5);
            family.sample(&[("cpu", "1"), ("mode", "a\"b\\c\nd")], 3.0);
            out.family("container_memory_failcnt", "Limit hits.", Kind::Counter).sample(&[], 4_u64);
            out.family("node_netstat_Tcp_InSegs", "Two\nlines.", Kind::Untyped).sample(&[], 7_u64);
            out.gauge("node_load1", "Load.", 0.25);
            out.family("node_empty", "Never opened.", Kind::Gauge);
            let block = LabelBlock::new(&[("id", "/docker/a\"b"), ("name", "web")]);
            let mut network = out.family("container_network_receive_bytes_total", "Bytes.", Kind::Counter);
            network.sample_in(&block, &[("interface", "eth0")], 9_u64);
            network.sample_in(&block, &[], 10_u64);
            for (index, suffix) in ["_bucket", "_count"].into_iter().enumerate() {
                let name = Exposition::part_name("histogram", "wait_seconds", suffix, index == 0);
                out.family(&name, "Waiting.", Kind::Untyped).sample(&[("x", "1")], 3_u64);
            }
        }
    }

    fn rendered(format: Format, constant: &[(String, String)]) -> String {
        let mut own = Registry::with_labels(
            constant.iter().map(|(k, v)| (Cow::Owned(k.clone()), Cow::Owned(v.clone()))),
        );
        let lines = CrateFamily::<Vec<(String, String)>, Counter>::default();
        lines.get_or_create(&vec![("sink".to_owned(), "a".to_owned())]).inc_by(5);
        own.register("log_router_lines", "Lines sent", lines);
        own.register("log_router_spool_bytes", "Bytes kept", Gauge::<i64>::default());
        let mut buffer = String::new();
        render(&mut buffer, format, constant, Arc::new(Sample), &own);
        buffer
    }

    #[test]
    fn text_has_full_names_and_known_types() {
        let expected = concat!(
            "# HELP node_cpu_seconds_total Seconds per mode.\n",
            "# TYPE node_cpu_seconds_total counter\n",
            "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 12.5\n",
            "node_cpu_seconds_total{cpu=\"1\",mode=\"a\\\"b\\\\c\\nd\"} 3\n",
            "# HELP container_memory_failcnt Limit hits.\n",
            "# TYPE container_memory_failcnt counter\n",
            "container_memory_failcnt 4\n",
            "# HELP node_netstat_Tcp_InSegs Two\\nlines.\n",
            "# TYPE node_netstat_Tcp_InSegs untyped\n",
            "node_netstat_Tcp_InSegs 7\n",
            "# HELP node_load1 Load.\n",
            "# TYPE node_load1 gauge\n",
            "node_load1 0.25\n",
            "# HELP container_network_receive_bytes_total Bytes.\n",
            "# TYPE container_network_receive_bytes_total counter\n",
            "container_network_receive_bytes_total{id=\"/docker/a\\\"b\",name=\"web\",interface=\"eth0\"} 9\n",
            "container_network_receive_bytes_total{id=\"/docker/a\\\"b\",name=\"web\"} 10\n",
            "# HELP wait_seconds Waiting.\n",
            "# TYPE wait_seconds histogram\n",
            "wait_seconds_bucket{x=\"1\"} 3\n",
            "wait_seconds_count{x=\"1\"} 3\n",
            "# HELP log_router_lines_total Lines sent.\n",
            "# TYPE log_router_lines_total counter\n",
            "log_router_lines_total{sink=\"a\"} 5\n",
            "# HELP log_router_spool_bytes Bytes kept.\n",
            "# TYPE log_router_spool_bytes gauge\n",
            "log_router_spool_bytes 0\n",
        );
        assert_eq!(rendered(Format::Text, &[]), expected);
    }

    #[test]
    fn open_metrics_has_bare_counter_names_and_an_end() {
        let output = rendered(Format::OpenMetrics, &[]);
        assert!(output.contains("# TYPE node_cpu_seconds counter\nnode_cpu_seconds_total{"), "{output}");
        assert!(output.contains("# TYPE container_memory_failcnt unknown\ncontainer_memory_failcnt 4\n"));
        assert!(output.contains("# TYPE log_router_lines counter\nlog_router_lines_total{sink=\"a\"} 5\n"));
        let parts = "# HELP wait_seconds Waiting.\n# TYPE wait_seconds histogram\n\
                     wait_seconds_bucket{x=\"1\"} 3\nwait_seconds_count{x=\"1\"} 3\n# HELP log_router";
        assert!(output.contains(parts), "{output}");
        assert!(output.ends_with("# EOF\n"));
    }

    #[test]
    fn constant_labels_are_on_every_series() {
        let constant = [("dc".to_owned(), "eu".to_owned())];
        for format in [Format::Text, Format::OpenMetrics] {
            let output = rendered(format, &constant);
            for line in output.lines().filter(|l| !l.starts_with('#')) {
                assert!(line.contains("{dc=\"eu\""), "{line}");
            }
        }
    }

    #[test]
    fn accept_decides_the_format() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5";
        assert_eq!(Format::negotiate(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(Format::negotiate(Some("text/plain;version=0.0.4")), Format::Text);
        assert_eq!(
            Format::negotiate(Some("application/openmetrics-text;q=0.1, text/plain;q=0.9")),
            Format::Text
        );
        assert_eq!(Format::negotiate(Some("application/openmetrics-text;q=0")), Format::Text);
        assert_eq!(Format::negotiate(None), Format::Text);
    }
}
