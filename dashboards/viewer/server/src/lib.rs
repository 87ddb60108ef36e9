//! dashboard-viewer: the boards on a page of their own, where no Grafana can be had.
//!
//! It serves the built page ([`page`]) and the folder of boards ([`boards`]), and passes on what the boards ask for: a few
//! paths of Prometheus ([`prometheus`]) and one form of search ([`logs`]). Nothing else reaches the two [`upstream`]s.

pub mod agent;
pub mod answer;
pub mod boards;
pub mod config;
pub mod logs;
pub mod page;
pub mod prometheus;
pub mod upstream;
