//! All end-to-end tests, one file for each thing that must hold. `make test` builds and installs what they need.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what goes wrong in a test ends it, and its output is the report"
)]

mod conservation;
mod container_exporter;
mod containers;
mod files;
mod formats;
mod joins;
mod logspout;
mod node_exporter_live;
mod stack;
mod syslog;
