//! The agent's own log: logfmt or JSON on standard error.

use std::io;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::cli::{LogFormat, Logging};

/// Sets up the process's log; called once.
pub(crate) fn init(logging: Logging) {
    // Libraries below are quiet: their dumps of requests hold other people's data.
    let library = logging.level.min(Level::WARN);
    let mut targets = Targets::new().with_default(library);
    for target in ["agent_core", "node_exporter", "container_exporter", "log_router"] {
        targets = targets.with_target(target, logging.level);
    }
    let layer = match logging.format {
        LogFormat::Logfmt => {
            tracing_logfmt::builder().with_target(false).layer().with_writer(io::stderr).boxed()
        }
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(targets)).init();
}
