//! `container-exporter`: metrics of Docker containers with cAdvisor's names, without its cost.
//!
//! Two planes meet in a scrape. **Metadata**: [`follow`] listens to the engine and keeps the [`store`] up to date: each
//! [`container`] with its labels rendered once. **Sampling**: the [`collectors`] (one file and one line of their table
//! for each group of metrics) ask a [`source`] for each running container's figures at the moment of the scrape;
//! cgroup files or Docker's stats streams give the same [`sample`] types.

pub mod agent;
pub mod block_devices;
pub mod cadvisor_flags;
pub mod cluster;
pub mod collectors;
pub mod config;
pub mod container;
pub mod disk_usage;
pub mod docker_sum;
pub mod doctor;
pub mod follow;
pub mod host;
pub mod labels;
pub mod net_dev;
pub mod raw_cgroups;
pub mod roots;
pub mod routes;
pub mod sample;
pub mod service;
pub mod socket_proxy;
pub mod source;
pub mod store;
