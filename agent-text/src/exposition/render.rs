//! Turns sources and registries into exposition text.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector as CrateCollector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use super::open_metrics::OpenMetricsWriter;
use super::text::TextWriter;
use super::{Exposition, Format};

/// Something that writes families on demand; shared with the encoder, hence `&self`.
pub trait Source: Send + Sync + 'static {
    /// Writes what it has now.
    fn expose(&self, out: &mut Exposition<'_>);
}

/// Writes one whole answer: what `source` collects now, then the agent's `own` registry.
///
/// `constant` labels are put on every series. `buffer` is cleared first and keeps its capacity.
pub fn render(
    buffer: &mut String,
    format: Format,
    constant: &[(String, String)],
    source: Arc<dyn Source>,
    own: &Registry,
) {
    buffer.clear();
    Writer::new(format, constant, source).append(buffer);
    write_own(buffer, format, own);
}

/// Writes one source as often as it is asked to.
#[derive(Debug)]
pub struct Writer {
    registry: Registry,
    format: Format,
}

impl Writer {
    /// `constant` labels are put on every series.
    pub fn new(format: Format, constant: &[(String, String)], source: Arc<dyn Source>) -> Self {
        let labels = constant.iter().map(|(k, v)| (Cow::Owned(k.clone()), Cow::Owned(v.clone())));
        let mut registry = Registry::with_labels(labels);
        registry.register_collector(Box::new(Adapter { source, format }));
        Self { registry, format }
    }

    /// Adds what the source has now.
    pub fn append(&self, buffer: &mut String) {
        report(match self.format {
            Format::Text => encode_registry(&mut TextWriter::collectors(buffer), &self.registry),
            Format::OpenMetrics => encode_registry(&mut OpenMetricsWriter::new(buffer), &self.registry),
        });
    }
}

/// Adds the agent's own registry and what ends an answer.
pub fn write_own(buffer: &mut String, format: Format, own: &Registry) {
    report(match format {
        Format::Text => encode_registry(&mut TextWriter::registry(buffer), own),
        Format::OpenMetrics => encode_registry(buffer, own).and_then(|()| encode_eof(buffer)),
    });
}

/// The encoders only pass on the writer's errors, and a String has none.
fn report(result: fmt::Result) {
    if let Err(error) = result {
        tracing::error!(%error, "the exposition could not be written");
    }
}

struct Adapter {
    source: Arc<dyn Source>,
    format: Format,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter").field("format", &self.format).finish_non_exhaustive()
    }
}

impl CrateCollector for Adapter {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.source.expose(&mut Exposition::new(encoder, self.format));
        Ok(())
    }
}
