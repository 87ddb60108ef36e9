//! Whether the receivers of all routes take connections.

use std::time::Duration;

use agent_core::doctor::Finding;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::{NO_ROUTE, SINK_REFUSES, SINK_UNREACHABLE};
use crate::config::Config;
use crate::route::Route;
use crate::router::Ready;
use crate::sink::{Probe, probe};

/// How long a receiver may take.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Ready { route, .. } in &config.routes {
        let answer = timeout(LIMIT, probe(route, &config.sinks)).await;
        findings.push(match answer.unwrap_or_else(|_| Probe::Unreachable("no answer in time".to_owned())) {
            Probe::Takes => Finding::good(format!("{route}: takes connections")),
            Probe::Unreachable(error) => Finding::of(&SINK_UNREACHABLE, format_args!("{route}: {error}")),
            Probe::Refuses(answer) => Finding::of(&SINK_REFUSES, format_args!("{route}: {answer}")),
            Probe::Datagrams => resolve(route).await,
        });
    }
    if findings.is_empty() {
        findings.push(Finding::of(&NO_ROUTE, "ROUTE_URIS and the command line have none"));
    }
    findings
}

/// Of what is sent by UDP nobody says whether it comes anywhere.
async fn resolve(route: &Route) -> Finding {
    let known = timeout(LIMIT, lookup_host((route.host.as_str(), 0))).await;
    match known.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
        Ok(_) => Finding::good(format!("{route}: its name is known; whether UDP arrives cannot be told")),
        Err(error) => Finding::of(&SINK_UNREACHABLE, format_args!("{route}: {error}")),
    }
}
