//! The host's metrics for Prometheus: node_exporter's names and flags, right inside a container, cheap.
//!
//! [`collectors::COLLECTORS`] lists everything that can be collected; each collector is one file of its name under
//! `collectors/`. Flags, help, landing page and the check of `COLLECTORS.md` derive from that table.

mod agent;
mod build_info;
pub mod bus;
pub mod collectors;
pub mod confinement;
mod doctor;
pub mod events;
pub mod filter;
pub mod flags;
pub mod host;
pub mod left_out;
pub mod legacy;
pub mod named;
pub mod netlink;
pub mod network;
pub mod ordinals;
pub mod per_cpu;
pub mod rpc;
pub mod surroundings;
pub mod sysfs;
pub mod table;

pub use agent::NodeExporter;
