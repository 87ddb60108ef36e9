//! What two or more Swarmscope agents need, and nothing that only one of them does.
//!
//! [`entry`] is the way in: an [`entry::Agent`] says what it is, the core parses its command line, sets up logging
//! and signals and runs it. [`service`] serves what its collectors and counters have to say.

pub mod backoff;
pub mod cli;
pub mod collector;
#[cfg(feature = "docker")]
pub mod docker;
pub mod doctor;
pub mod duration;
pub mod entry;
pub mod error;
pub mod exit;
mod healthcheck;
pub mod identity;
mod limits;
mod logging;
mod scrape;
pub mod self_metrics;
pub mod server;
pub mod service;
pub mod shutdown;
#[cfg(feature = "testing")]
pub mod testing;

pub use agent_text::{exposition, read};
pub use prometheus_client as prometheus;
