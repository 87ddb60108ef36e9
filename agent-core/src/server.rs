//! The HTTP server of every agent: hyper, HTTP/1.1, a table of routes.
//!
//! | path | answer |
//! |---|---|
//! | `--web.telemetry-path` | the metrics |
//! | `/-/healthy` | 200: the process answers, no more is asked (a Swarm kills what is unhealthy) |
//! | `/-/ready` | 200 or 503 with the reasons |
//! | `/` | landing page |
//!
//! Agents add their own. With `--web.config.file` all but `/-/healthy` ask for a password where there are users.

pub(crate) mod gzip;
pub(crate) mod landing;
mod listen;
pub(crate) mod requests;
mod routes;
mod stream;
mod systemd;
pub(crate) mod web;

pub use listen::serve;
pub use routes::{App, Body, Handler, Route, reply};
pub use web::Web;

/// The path that says that the process answers.
pub(crate) const HEALTHY: &str = "/-/healthy";
