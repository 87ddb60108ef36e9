//! Real parts for end-to-end tests, each started by a test and gone when its guard is dropped: a Docker Engine of the
//! test's own, Prometheus, rsyslog, and the agents' release binaries.
//!
//! Everything panics where a part is missing or does not do what it must: that is the test's failure.
//! Nothing here touches the machine's own engine. A part that cannot be had is an error that names it.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what goes wrong in a harness ends the test, and its output is the report"
)]

pub mod agent;
pub mod boards;
pub mod browser;
pub mod bulk;
pub mod command;
pub mod document;
pub mod engine;
pub mod exposition;
pub mod http;
pub mod ledger;
pub mod make_up;
pub mod printers;
pub mod prometheus;
pub mod recorder;
pub mod rsyslog;
pub mod search;
pub mod syslog_ng;
pub mod viewer;
pub mod wait;
