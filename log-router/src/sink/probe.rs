//! Whether a receiver is there, without a line for it.

use super::connection::{Address, Connection};
use super::{Settings, elasticsearch};
use crate::route::Route;

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It takes connections, and knows us where it asks who we are.
    Takes,
    /// It is not there.
    Unreachable(String),
    /// It is there, but not for us.
    Refuses(String),
    /// It is spoken to in datagrams, which nobody answers.
    Datagrams,
}

/// Connects as the sink of the route does.
pub async fn probe(route: &Route, settings: &Settings) -> Probe {
    let tls = Some(settings.tls.clone());
    let (port, tls) = match route.scheme.name {
        "elasticsearch" => return elasticsearch::probe("http", route, settings).await,
        "elasticsearch+tls" => return elasticsearch::probe("https", route, settings).await,
        "syslog+tcp" | "raw+tcp" | "tcp" => (514, None),
        "syslog+tls" => (6514, tls),
        "lumberjack" => (5044, None),
        "lumberjack+tls" => (5044, tls),
        _ => return Probe::Datagrams,
    };
    let address = Address { host: route.host.clone(), port: route.port.unwrap_or(port), tls };
    match Connection::open(&address).await {
        Ok(_) => Probe::Takes,
        Err(error) => Probe::Unreachable(error.to_string()),
    }
}
