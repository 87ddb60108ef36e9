//! `network_route`: the host's routes.
//!
//! By rtnetlink where we are in the host's network namespace; elsewhere from the host's `net/route` and
//! `net/ipv6_route`, which know neither the protocol nor the source address of a route.

mod files;
pub(super) mod messages;

use std::collections::BTreeMap;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch};

use crate::host::{Host, optional, read};
use crate::netlink::Netlink;
use crate::netlink::numbers::route::GET_ROUTE;

/// The collector.
#[derive(Debug)]
pub(super) struct NetworkRoute {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Files { v4: KeptFile, v6: KeptFile, scratch: Scratch },
    Netlink(Option<Netlink>),
}

/// A way to a destination, as its labels; an empty one is unknown.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    device: String,
    dest: String,
    gw: String,
    priority: String,
    proto: String,
    src: String,
    weight: String,
}

impl NetworkRoute {
    pub(super) fn new(host: &Host) -> Self {
        let source = if host.foreign_network {
            Source::Files { v4: host.net("route"), v6: host.net("ipv6_route"), scratch: Scratch::default() }
        } else {
            Source::Netlink(None)
        };
        Self { source }
    }
}

impl Collector for NetworkRoute {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut routes = match &mut self.source {
            Source::Files { v4, v6, scratch } => {
                let mut routes: Vec<_> = files::parse_v4(read(v4, scratch)?).collect();
                // Absent where IPv6 is switched off.
                routes.extend(optional(read(v6, scratch))?.into_iter().flat_map(files::parse_v6));
                routes
            }
            Source::Netlink(kept) => ask(kept)?,
        };
        let mut counts = BTreeMap::<String, u64>::new();
        for route in &routes {
            *counts.entry(route.device.clone()).or_default() += 1;
        }
        routes.sort_unstable();
        // Several tables may hold the same route.
        routes.dedup();
        let mut family = out.family("node_network_route_info", "A route of the host.", Kind::Gauge);
        for route in &routes {
            family.sample(&route.labels(), 1_u64);
        }
        let mut family = out.family("node_network_routes", "Routes through a device.", Kind::Gauge);
        for (device, count) in &counts {
            family.sample(&[("device", device)], *count);
        }
        Ok(())
    }
}

impl Route {
    fn labels(&self) -> [(&str, &str); 7] {
        [
            ("dest", &self.dest),
            ("device", &self.device),
            ("gw", &self.gw),
            ("priority", &self.priority),
            ("proto", &self.proto),
            ("src", &self.src),
            ("weight", &self.weight),
        ]
    }
}

fn ask(kept: &mut Option<Netlink>) -> Result<Vec<Route>, CollectError> {
    let failed = |error| CollectError::Other(format!("rtnetlink: {error}"));
    let mut netlink = kept.take().map_or_else(Netlink::open, Ok).map_err(failed)?;
    let mut found = Vec::new();
    netlink
        .dump(GET_ROUTE, &messages::REQUEST, |body| {
            found.extend(messages::parse(body).into_iter().flatten());
        })
        .map_err(failed)?;
    let mut names = BTreeMap::new();
    for (index, route) in &mut found {
        let name = names.entry(*index).or_insert_with(|| netlink.device_name(*index).unwrap_or_default());
        route.device.clone_from(name);
    }
    *kept = Some(netlink);
    Ok(found.into_iter().map(|(_, route)| route).collect())
}

/// `default` or `10.0.0.0/8`.
fn destination(address: impl std::fmt::Display, length: u32) -> String {
    if length == 0 { "default".to_owned() } else { format!("{address}/{length}") }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn elsewhere_the_hosts_files_are_read() {
        let root = FakeRoot::new();
        root.file("proc/1/net/dev", "");
        root.file(
            "proc/1/net/route",
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
             eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
        );
        let (text, error) = collect(NetworkRoute::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "route_info{dest=\"default\",device=\"eth0\",gw=\"192.168.1.1\",priority=\"100\",proto=\"\",src=\"\",weight=\"\"} 1",
            "route_info{dest=\"192.168.1.0/24\",device=\"eth0\",gw=\"\",priority=\"0\",proto=\"\",src=\"\",weight=\"\"} 1",
            "routes{device=\"eth0\"} 2",
        ] {
            assert!(text.contains(&format!("\nnode_network_{line}\n")), "{text}");
        }
    }

    #[test]
    fn at_home_the_kernel_is_asked() {
        let (_, error) = collect(NetworkRoute::new(&fake::host(&FakeRoot::new())));
        assert!(error.is_none(), "{error:?}");
    }
}
