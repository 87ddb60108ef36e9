//! All end-to-end tests, one file for each thing that must hold. `make test` builds and installs what they need.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what goes wrong in a test ends it, and its output is the report"
)]

mod acceptance;
mod alertmanager;
mod boards;
mod boards_drawn;
mod cluster;
mod compose;
mod conservation;
mod container_exporter;
mod container_lifecycle;
mod container_places;
mod containers;
mod dashboards_container;
mod delivery;
mod demo_alert;
mod doctor;
mod documents;
mod files;
mod formats;
mod github;
mod joins;
mod kibana;
mod known_boards;
mod listen;
mod logspout;
mod node_exporter_live;
mod plain_container;
mod release;
mod rules;
mod search_cluster;
mod socket_proxy;
mod sources;
mod stack;
mod stack_files;
mod stack_parts;
mod syslog;
mod syslog_ng;
mod web_config;
