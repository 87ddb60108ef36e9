//! `nodes`: who is in the Swarm, and what the managers among them say of each other. From `GET /nodes`.

use std::sync::Arc;

use agent_core::collector::{CollectError, Collector};
use agent_core::docker::bollard::models::{Node, Reachability};
use agent_core::exposition::{Exposition, Kind, LabelBlock, Value};
use tokio::runtime::Handle;

use super::figure::{Figure, cpus, set, write};
use super::manager::Manager;

const INFO: (&str, &str) = (
    "swarm_cluster_node_info",
    "A node of the Swarm: its name, role, availability and state as the managers see it; always 1.",
);

const FIGURES: &[Figure<Node>] = &[
    Figure {
        name: "swarm_cluster_node_cpus",
        help: "CPUs of the node.",
        value: |node| cpus(node.description.as_ref()?.resources.as_ref()?.nano_cpus),
    },
    Figure {
        name: "swarm_cluster_node_memory_bytes",
        help: "Memory of the node.",
        value: |node| set(node.description.as_ref()?.resources.as_ref()?.memory_bytes).map(Value::from),
    },
    Figure {
        name: "swarm_cluster_manager_leader",
        help: "Whether a manager leads the others.",
        value: |node| node.manager_status.as_ref().map(|status| status.leader.unwrap_or_default().into()),
    },
    Figure {
        name: "swarm_cluster_manager_reachable",
        help: "Whether the leader reaches a manager; absent where that is not known.",
        value: |node| match node.manager_status.as_ref()?.reachability? {
            Reachability::REACHABLE => Some(true.into()),
            Reachability::UNREACHABLE => Some(false.into()),
            Reachability::UNKNOWN => None,
        },
    },
];

pub(super) fn families() -> impl Iterator<Item = (&'static str, &'static str)> {
    std::iter::once(INFO).chain(FIGURES.iter().map(|figure| (figure.name, figure.help)))
}

struct Nodes {
    runtime: Handle,
    manager: Arc<Manager>,
}

pub(super) fn build(runtime: &Handle, manager: &Arc<Manager>) -> Box<dyn Collector> {
    Box::new(Nodes { runtime: runtime.clone(), manager: Arc::clone(manager) })
}

impl Collector for Nodes {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let nodes = self.runtime.block_on(self.manager.nodes());
        expose(out, nodes.map_err(|error| CollectError::Other(error.to_string()))?);
        Ok(())
    }
}

/// Writes all families, in the order of the nodes' names.
fn expose(out: &mut Exposition<'_>, mut nodes: Vec<Node>) {
    nodes.sort_by(|a, b| (name(a), &a.id).cmp(&(name(b), &b.id)));
    let mut info = out.family(INFO.0, INFO.1, Kind::Gauge);
    for node in &nodes {
        let spec = node.spec.as_ref();
        let description = node.description.as_ref();
        let platform = description.and_then(|d| d.platform.as_ref());
        let role = spec.and_then(|s| s.role).map(|r| r.to_string());
        let availability = spec.and_then(|s| s.availability).map(|a| a.to_string());
        let status = node.status.as_ref();
        let state = status.and_then(|s| s.state).map(|s| s.to_string());
        let labels = [
            ("node_id", node.id.as_deref()),
            ("node_name", Some(name(node))),
            ("role", role.as_deref()),
            ("availability", availability.as_deref()),
            ("state", state.as_deref()),
            ("address", status.and_then(|s| s.addr.as_deref())),
            ("engine_version", description.and_then(|d| d.engine.as_ref()?.engine_version.as_deref())),
            ("os", platform.and_then(|p| p.os.as_deref())),
            ("architecture", platform.and_then(|p| p.architecture.as_deref())),
        ];
        let present: Vec<_> = labels.iter().filter_map(|(key, value)| Some((*key, (*value)?))).collect();
        info.sample(&present, 1_u64);
    }
    let things: Vec<_> = nodes.into_iter().map(|node| (labels(&node), node)).collect();
    write(out, FIGURES, &things);
}

fn labels(node: &Node) -> LabelBlock {
    LabelBlock::new(&[("node_id", node.id.as_deref().unwrap_or_default()), ("node_name", name(node))])
}

/// The node's host name.
pub(super) fn name(node: &Node) -> &str {
    node.description.as_ref().and_then(|d| d.hostname.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use agent_core::collector::once;
    use agent_core::exposition::Format;
    use serde_json::{from_value, json};

    use super::*;

    struct Fixed(Vec<Node>);

    impl Collector for Fixed {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            expose(out, self.0.clone());
            Ok(())
        }
    }

    #[test]
    fn nodes_and_managers() {
        let nodes = from_value(json!([
            {
                "ID": "w", "Spec": {"Role": "worker", "Availability": "drain"},
                "Description": {"Hostname": "two"}, "Status": {"State": "down", "Addr": "10.0.0.2"},
            },
            {
                "ID": "m", "Spec": {"Role": "manager", "Availability": "active"},
                "Description": {
                    "Hostname": "one", "Platform": {"Architecture": "x86_64", "OS": "linux"},
                    "Resources": {"NanoCPUs": 2_500_000_000_u64, "MemoryBytes": 1024}, "Engine": {"EngineVersion": "20.10.24"},
                },
                "Status": {"State": "ready", "Addr": "10.0.0.1"},
                "ManagerStatus": {"Leader": true, "Reachability": "reachable", "Addr": "10.0.0.1:2377"},
            },
            {
                "ID": "n", "Spec": {"Role": "manager", "Availability": "active"},
                "Description": {"Hostname": "three"}, "Status": {"State": "unknown"},
                "ManagerStatus": {"Reachability": "unreachable"},
            },
        ]))
        .unwrap();
        let (text, result) = once(Format::Text, Box::new(Fixed(nodes)));
        result.unwrap();
        for line in [
            "swarm_cluster_node_info{node_id=\"m\",node_name=\"one\",role=\"manager\",availability=\"active\",state=\"ready\",address=\"10.0.0.1\",engine_version=\"20.10.24\",os=\"linux\",architecture=\"x86_64\"} 1",
            "swarm_cluster_node_info{node_id=\"w\",node_name=\"two\",role=\"worker\",availability=\"drain\",state=\"down\",address=\"10.0.0.2\"} 1",
            "swarm_cluster_node_cpus{node_id=\"m\",node_name=\"one\"} 2.5",
            "swarm_cluster_node_memory_bytes{node_id=\"m\",node_name=\"one\"} 1024",
            "swarm_cluster_manager_leader{node_id=\"m\",node_name=\"one\"} 1",
            "swarm_cluster_manager_leader{node_id=\"n\",node_name=\"three\"} 0",
            "swarm_cluster_manager_reachable{node_id=\"n\",node_name=\"three\"} 0",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line}\n{text}");
        }
        assert!(!text.contains("swarm_cluster_manager_leader{node_id=\"w\""), "{text}");
        assert!(!text.contains("swarm_cluster_node_cpus{node_id=\"w\""), "{text}");
    }
}
