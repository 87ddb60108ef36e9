//! The engines: this one, and those of all nodes as the managers see them.

use agent_core::doctor::Finding;

use super::causes::{ENGINE_OLD, MANAGER_UNREACHABLE, NODE_DOWN, NODE_DRAINED, NOT_A_MANAGER};
use super::json::text;
use super::swarm::Swarm;

/// The oldest engine that the stack is tried with.
const OLDEST: (u32, u32) = (20, 10);

/// The engine that was asked.
pub(super) fn engine(swarm: &Swarm) -> Vec<Finding> {
    let (version, info) = (&swarm.version, &swarm.info);
    let mut findings = vec![Finding::good(format!(
        "Docker {}, API {} to {}, data in {}",
        text(version, "/Version"),
        text(version, "/MinAPIVersion"),
        text(version, "/ApiVersion"),
        text(info, "/DockerRootDir"),
    ))];
    if swarm.is_manager() {
        findings.push(Finding::good(format!("{} is a manager", text(info, "/Name"))));
    } else {
        let state = text(info, "/Swarm/LocalNodeState");
        let state = if state.is_empty() { "unknown" } else { state };
        findings.push(Finding::of(&NOT_A_MANAGER, format_args!("the Swarm's state here is {state}")));
    }
    findings
}

/// All nodes: one short line for those that are well, and one finding for each thing that is not.
pub(super) fn examine(swarm: &Swarm) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut versions = std::collections::BTreeMap::<&str, usize>::new();
    for node in &swarm.nodes {
        let name = swarm.node_name(text(node, "/ID"));
        let (state, engine) = (text(node, "/Status/State"), text(node, "/Description/Engine/EngineVersion"));
        *versions.entry(engine).or_default() += 1;
        if state != "ready" {
            let message = text(node, "/Status/Message");
            findings.push(Finding::of(&NODE_DOWN, format_args!("{name} is {state} {message}")));
        }
        let availability = text(node, "/Spec/Availability");
        if availability != "active" {
            findings.push(Finding::of(&NODE_DRAINED, format_args!("{name}: {availability}")));
        }
        if text(node, "/ManagerStatus/Reachability") == "unreachable" {
            let address = text(node, "/ManagerStatus/Addr");
            findings.push(Finding::of(&MANAGER_UNREACHABLE, format_args!("{name} at {address}")));
        }
        if parse_version(engine).is_some_and(|version| version < OLDEST) {
            findings.push(Finding::of(&ENGINE_OLD, format_args!("{name} has Docker {engine}")));
        }
    }
    let well = swarm.working_nodes().count();
    findings.insert(0, Finding::good(format!("{well} of {} nodes work", swarm.nodes.len())));
    if versions.len() > 1 {
        let counts: Vec<_> = versions.iter().map(|(version, count)| format!("{count} x {version}")).collect();
        findings.push(Finding::note(format!("engines of several versions: {}", counts.join(", "))));
    }
    findings
}

/// `20.10.24+dfsg1` is 20.10.
fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn engines_and_nodes_that_are_not_well() {
        let node = |name: &str, state: &str, availability: &str, engine: &str, reached: &str| {
            json!({
                "ID": format!("id-{name}"), "Status": {"State": state}, "Spec": {"Availability": availability},
                "Description": {"Hostname": name, "Engine": {"EngineVersion": engine}},
                "ManagerStatus": {"Reachability": reached, "Addr": "10.0.0.1:2377"},
            })
        };
        let swarm = Swarm {
            nodes: vec![
                node("one", "ready", "active", "28.2.2", "reachable"),
                node("two", "down", "active", "28.2.2", "unreachable"),
                node("three", "ready", "drain", "19.03.15", "reachable"),
            ],
            ..Swarm::default()
        };
        let findings = examine(&swarm);
        let of = |cause| findings.iter().filter(|f| f.is(cause)).map(|f| f.what.as_str()).collect::<Vec<_>>();
        assert_eq!(findings[0].what, "1 of 3 nodes work");
        assert_eq!(of(&NODE_DOWN), ["node-down: two is down "]);
        assert_eq!(of(&NODE_DRAINED), ["node-drained: three: drain"]);
        assert_eq!(of(&MANAGER_UNREACHABLE), ["manager-unreachable: two at 10.0.0.1:2377"]);
        assert_eq!(of(&ENGINE_OLD), ["engine-old: three has Docker 19.03.15"]);
        assert!(findings.last().unwrap().what.ends_with("1 x 19.03.15, 2 x 28.2.2"), "{findings:?}");
    }

    #[test]
    fn a_worker_is_told_so() {
        let swarm =
            Swarm { info: json!({"Swarm": {"LocalNodeState": "active"}, "Name": "w"}), ..Swarm::default() };
        assert!(engine(&swarm)[1].is(&NOT_A_MANAGER));
    }

    #[test]
    fn versions_of_engines() {
        assert_eq!(parse_version("20.10.24+dfsg1"), Some((20, 10)));
        assert_eq!(parse_version("master-2026"), None);
        assert!(parse_version("28.2.2") > Some(OLDEST));
    }
}
