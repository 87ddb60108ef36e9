//! Whether the overlay network has an address for everybody.

use std::collections::HashSet;

use agent_core::doctor::Finding;
use serde_json::Value;

use super::causes::{NETWORK_MISSING, OVERLAY_FULL};
use super::json::{list, text};
use super::swarm::Swarm;

/// Of a subnet: its own address, the broadcast's and the gateway's.
const TAKEN: u64 = 3;
/// More than this part in use is too much: an update that starts new tasks first needs twice what it updates.
const MOST_PER_CENT: u64 = 80;

/// One finding for each overlay network, that of the stack first.
pub(super) fn examine(swarm: &Swarm, name: &str) -> Vec<Finding> {
    let overlay =
        |network: &&Value| text(network, "/Driver") == "overlay" && text(network, "/Scope") == "swarm";
    let mut networks: Vec<_> = swarm.networks.iter().filter(overlay).collect();
    networks.sort_by_key(|network| (text(network, "/Name") != name, text(network, "/Name")));
    if swarm.networks.is_empty() {
        return vec![Finding::note("networks cannot be seen through this socket")];
    }
    let mut findings = Vec::new();
    if networks.first().is_none_or(|network| text(network, "/Name") != name) {
        let known: Vec<_> = networks.iter().map(|network| text(network, "/Name")).collect();
        findings.push(Finding::of(&NETWORK_MISSING, format_args!("{name}; there are {}", known.join(", "))));
    }
    findings.extend(networks.into_iter().filter_map(|network| examine_one(swarm, network)));
    findings
}

fn examine_one(swarm: &Swarm, network: &Value) -> Option<Finding> {
    let name = text(network, "/Name");
    let subnet = text(list(network, "/IPAM/Config").first()?, "/Subnet");
    let room = addresses(subnet)?;
    let need = Need::of(swarm, text(network, "/Id"), name);
    let seen = format!(
        "{name} {subnet}: {} of {room} addresses are needed ({} tasks, {} nodes, {} virtual IPs)",
        need.all(),
        need.tasks,
        need.nodes,
        need.virtual_ips
    );
    let full = need.all() * 100 > room * MOST_PER_CENT;
    Some(if full { Finding::of(&OVERLAY_FULL, seen) } else { Finding::good(seen) })
}

/// How many addresses of an IPv4 subnet tasks can have.
fn addresses(subnet: &str) -> Option<u64> {
    let (address, length) = subnet.split_once('/')?;
    if address.contains(':') {
        return None;
    }
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    Some((1_u64 << (32 - length)).saturating_sub(TAKEN))
}

/// What needs an address.
#[derive(Debug, Default, PartialEq, Eq)]
struct Need {
    /// Of services on the network, those that wait for an address too.
    tasks: u64,
    /// With such a task: each has an address for balancing.
    nodes: u64,
    /// One for each service that is not `dnsrr`.
    virtual_ips: u64,
}

impl Need {
    fn all(&self) -> u64 {
        self.tasks + self.nodes + self.virtual_ips
    }

    fn of(swarm: &Swarm, id: &str, name: &str) -> Self {
        let on_network = |attached: &Value| [id, name].contains(&text(attached, "/Target"));
        let mut need = Self::default();
        let mut nodes = HashSet::new();
        for service in &swarm.services {
            let targets = ["/Spec/TaskTemplate/Networks", "/Spec/Networks"];
            if !targets.iter().any(|at| list(service, at).iter().any(on_network)) {
                continue;
            }
            for task in swarm.tasks_of(service).filter(|task| text(task, "/DesiredState") == "running") {
                need.tasks += 1;
                nodes.insert(text(task, "/NodeID"));
            }
            let virtual_ips = list(service, "/Endpoint/VirtualIPs").iter();
            need.virtual_ips += virtual_ips.filter(|ip| text(ip, "/NetworkID") == id).count() as u64;
        }
        nodes.remove("");
        need.nodes = nodes.len() as u64;
        need
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn swarm(tasks: usize, subnet: &str) -> Swarm {
        let task =
            |index: usize| json!({"ServiceID": "s", "NodeID": "n", "DesiredState": "running", "Slot": index});
        let mut all: Vec<_> = (0..tasks).map(task).collect();
        all.push(json!({"ServiceID": "s", "NodeID": "n", "DesiredState": "shutdown"}));
        Swarm {
            networks: vec![
                json!({"Id": "i", "Name": "ingress", "Driver": "overlay", "Scope": "swarm", "IPAM": {"Config": [{"Subnet": "10.0.0.0/24"}]}}),
                json!({"Id": "x", "Name": "mon", "Driver": "overlay", "Scope": "swarm", "IPAM": {"Config": [{"Subnet": subnet}]}}),
                json!({"Id": "b", "Name": "bridge", "Driver": "bridge", "Scope": "local"}),
            ],
            services: vec![json!({
                "ID": "s", "Spec": {"TaskTemplate": {"Networks": [{"Target": "x"}]}},
                "Endpoint": {"VirtualIPs": [{"NetworkID": "x", "Addr": "10.0.1.2/24"}, {"NetworkID": "i"}]},
            })],
            tasks: all,
            ..Swarm::default()
        }
    }

    #[test]
    fn a_small_network_is_full() {
        let findings = examine(&swarm(3, "10.77.0.0/29"), "mon");
        assert_eq!(
            findings[0].what,
            "overlay-full: mon 10.77.0.0/29: 5 of 5 addresses are needed (3 tasks, 1 nodes, 1 virtual IPs)"
        );
        assert_eq!(examine(&swarm(3, "10.77.0.0/24"), "mon")[0].level, agent_core::doctor::Level::Good);
        assert_eq!(findings.len(), 2, "ingress too");
    }

    #[test]
    fn a_missing_network_is_told() {
        let findings = examine(&swarm(0, "10.77.0.0/24"), "swarmscope");
        assert_eq!(findings[0].what, "network-missing: swarmscope; there are ingress, mon");
        assert_eq!(examine(&Swarm::default(), "mon").len(), 1, "the socket proxy says nothing");
    }

    #[test]
    fn room_of_subnets() {
        assert_eq!(addresses("10.0.0.0/20"), Some(4093));
        assert_eq!(addresses("10.0.0.0/31"), Some(0));
        assert_eq!(addresses("fd00::/64"), None);
        assert_eq!(addresses("10.0.0.0/99"), None);
    }
}
