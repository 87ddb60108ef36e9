//! The program as users run it: its answers on recorded files of a host, its command line, its documents.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what goes wrong in a test ends it, and its output is the report"
)]

mod boards;
mod cli;
mod documents;
mod exporter;
mod golden;
mod promtool;
mod web;
