//! The services of the agents: whether they are everywhere, with their mounts, and with no more rights than they need.

use std::collections::HashSet;

use agent_core::doctor::Finding;
use serde_json::Value;

use super::causes::{AGENT_ABSENT, AGENT_MISSING, AGENT_MOUNTS, AGENT_RIGHTS, ROUTER_ABSENT};
use super::json::{has, list, text, texts};
use super::swarm::{AgentService, Swarm, runs};
use crate::cluster::conventions::CLUSTER_JOB;

/// What an agent must have from its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mount {
    /// A bind of this path.
    Bind(&'static str),
    /// A socket of the engine, or a proxy's in its place.
    Socket,
}

/// By job.
const MOUNTS: [(&str, &[Mount]); 5] = [
    ("node", &[Mount::Bind("/proc"), Mount::Bind("/sys"), Mount::Bind("/")]),
    ("cadvisor", &[Mount::Bind("/proc"), Mount::Bind("/sys"), Mount::Socket]),
    ("log-router", &[Mount::Socket]),
    (CLUSTER_JOB, &[Mount::Socket]),
    ("socket-proxy", &[Mount::Socket]),
];

/// One finding for each service of an agent that is well, and one for each thing that is not.
pub(super) fn examine(swarm: &Swarm) -> Vec<Finding> {
    let agents: Vec<_> = swarm.agents().collect();
    let mut findings = Vec::new();
    for (job, name, cause) in [
        ("node", "node-exporter", &AGENT_ABSENT),
        ("cadvisor", "container-exporter", &AGENT_ABSENT),
        ("log-router", "log-router", &ROUTER_ABSENT),
    ] {
        if agents.iter().all(|agent| agent.job != job) {
            findings.push(Finding::of(cause, format_args!("no service has the image {name}")));
        }
    }
    for agent in &agents {
        let mut own = missing(swarm, agent);
        own.extend(mounts(agent));
        own.extend(rights(agent));
        if own.is_empty() {
            let running = swarm.tasks_of(agent.service).filter(|task| runs(task)).count();
            let (name, image) =
                (name(agent.service), text(agent.service, "/Spec/TaskTemplate/ContainerSpec/Image"));
            own.push(Finding::good(format!("{name}: {running} tasks of {image}")));
        }
        findings.extend(own);
    }
    findings
}

/// The name of a service.
pub(super) fn name(service: &Value) -> &str {
    text(service, "/Spec/Name")
}

fn missing(swarm: &Swarm, agent: &AgentService<'_>) -> Vec<Finding> {
    let service = agent.service;
    let running: HashSet<_> =
        swarm.tasks_of(service).filter(|task| runs(task)).map(|task| text(task, "/NodeID")).collect();
    if has(service, "/Spec/Mode/Global") {
        // Constraints may mean that a node is to have none; then only what was tried and failed counts.
        let everywhere = list(service, "/Spec/TaskTemplate/Placement/Constraints").is_empty();
        let absent = swarm.working_nodes().map(|node| text(node, "/ID")).filter(|id| !running.contains(id));
        return absent
            .filter_map(|id| {
                let last = last_task(swarm.tasks_of(service).filter(|task| text(task, "/NodeID") == id));
                let reason = match last {
                    Some(task) => reason(task),
                    None if everywhere => "no task was made".to_owned(),
                    None => return None,
                };
                let node = swarm.node_name(id);
                Some(Finding::of(&AGENT_MISSING, format_args!("{} on {node}: {reason}", name(service))))
            })
            .collect();
    }
    let wanted = service.pointer("/Spec/Mode/Replicated/Replicas").and_then(Value::as_u64).unwrap_or(0);
    let count = swarm.tasks_of(service).filter(|task| runs(task)).count() as u64;
    if count >= wanted {
        return Vec::new();
    }
    let reason = last_task(swarm.tasks_of(service)).map_or_else(String::new, reason);
    let seen = format!("{}: {count} of {wanted} tasks: {reason}", name(service));
    vec![Finding::of(&AGENT_MISSING, seen)]
}

/// The newest of these tasks that tells what went wrong, else the newest; times of the engine sort as text.
fn last_task<'t>(tasks: impl Iterator<Item = &'t Value>) -> Option<&'t Value> {
    tasks.max_by_key(|task| (!text(task, "/Status/Err").is_empty(), text(task, "/CreatedAt")))
}

fn reason(task: &Value) -> String {
    let (state, error) = (text(task, "/Status/State"), text(task, "/Status/Err"));
    let error = if error.is_empty() { text(task, "/Status/Message") } else { error };
    format!("{state}, {error}")
}

fn mounts(agent: &AgentService<'_>) -> Vec<Finding> {
    let spec = "/Spec/TaskTemplate/ContainerSpec";
    let given = list(agent.service, &format!("{spec}/Mounts"));
    let bound = |path: &str| {
        given.iter().any(|mount| text(mount, "/Type") == "bind" && text(mount, "/Source") == path)
    };
    let socket = || {
        let mounted = |mount: &Value| {
            [text(mount, "/Source"), text(mount, "/Target")].iter().any(|path| path.ends_with("docker.sock"))
        };
        let tcp = |text: &str| {
            ["--docker=tcp:", "--docker=http:", "DOCKER_HOST=tcp:", "DOCKER_HOST=http:"]
                .iter()
                .any(|start| text.starts_with(start))
        };
        given.iter().any(mounted)
            || texts(agent.service, &format!("{spec}/Args")).any(tcp)
            || texts(agent.service, &format!("{spec}/Env")).any(tcp)
    };
    let needed = MOUNTS.iter().find(|(job, _)| *job == agent.job).map_or(&[][..], |(_, needed)| needed);
    let absent = needed.iter().filter_map(|mount| match mount {
        Mount::Bind(path) if bound(path) => None,
        Mount::Bind(path) => Some(format!("{} has no bind of {path}", name(agent.service))),
        Mount::Socket if socket() => None,
        Mount::Socket => Some(format!("{} has no socket of the engine", name(agent.service))),
    });
    absent.map(|seen| Finding::of(&AGENT_MOUNTS, seen)).collect()
}

fn rights(agent: &AgentService<'_>) -> Option<Finding> {
    let spec = agent.service.pointer("/Spec/TaskTemplate/ContainerSpec")?;
    let mut seen = Vec::new();
    if spec.pointer("/ReadOnly").and_then(Value::as_bool) != Some(true) {
        seen.push("its root is writable");
    }
    let drops = texts(spec, "/CapabilityDrop").any(|name| name.trim_start_matches("CAP_") == "ALL");
    if !drops {
        seen.push("it keeps Docker's default capabilities");
    }
    let seen = (!seen.is_empty()).then(|| format!("{}: {}", name(agent.service), seen.join(", ")));
    seen.map(|seen| Finding::of(&AGENT_RIGHTS, seen))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str) -> Value {
        json!({"ID": name, "Status": {"State": "ready"}, "Spec": {"Availability": "active"}, "Description": {"Hostname": name}})
    }

    fn bind(path: &str) -> Value {
        json!({"Type": "bind", "Source": path, "Target": format!("/host{path}")})
    }

    fn service(id: &str, image: &str, mounts: &Value) -> Value {
        json!({
            "ID": id,
            "Spec": {"Name": format!("stack_{id}"), "Mode": {"Global": {}}, "TaskTemplate": {"ContainerSpec": {
                "Image": image, "Mounts": mounts, "ReadOnly": true, "CapabilityDrop": ["ALL"],
            }}},
        })
    }

    fn task(service: &str, node: &str, state: &str, error: &str, created: &str) -> Value {
        json!({"ServiceID": service, "NodeID": node, "DesiredState": "running", "CreatedAt": created, "Status": {"State": state, "Err": error}})
    }

    fn healthy() -> Swarm {
        let socket =
            json!({"Type": "bind", "Source": "/run/x/docker.sock", "Target": "/var/run/docker.sock"});
        Swarm {
            nodes: vec![node("one"), node("two")],
            services: vec![
                service("n", "swarmscope/node-exporter:1", &json!([bind("/proc"), bind("/sys"), bind("/")])),
                service(
                    "c",
                    "swarmscope/container-exporter:1",
                    &json!([bind("/proc"), bind("/sys"), socket]),
                ),
                service("l", "swarmscope/log-router:1", &json!([socket])),
            ],
            tasks: ["n", "c", "l"]
                .iter()
                .flat_map(|id| ["one", "two"].map(|node| task(id, node, "running", "", "1")))
                .collect(),
            ..Swarm::default()
        }
    }

    fn seen(swarm: &Swarm) -> Vec<String> {
        let findings = examine(swarm).into_iter();
        findings.filter(|f| f.level != agent_core::doctor::Level::Good).map(|f| f.what).collect()
    }

    #[test]
    fn a_healthy_stack_has_no_findings() {
        assert_eq!(seen(&healthy()), [""; 0]);
        assert_eq!(examine(&healthy())[0].what, "stack_n: 2 tasks of swarmscope/node-exporter:1");
    }

    #[test]
    fn a_node_without_an_agent_is_named_with_the_reason() {
        let mut swarm = healthy();
        swarm.tasks.retain(|task| text(task, "/ServiceID") != "n" || text(task, "/NodeID") != "two");
        assert_eq!(seen(&swarm), ["agent-missing: stack_n on two: no task was made"]);
        swarm.tasks.push(task("n", "two", "failed", "task: non-zero exit (1)", "2"));
        swarm.tasks.push(task("n", "two", "rejected", "invalid mount config", "3"));
        swarm.tasks.push(task("n", "two", "preparing", "", "4"));
        assert_eq!(seen(&swarm), ["agent-missing: stack_n on two: rejected, invalid mount config"]);
        *swarm.nodes[1].pointer_mut("/Spec/Availability").unwrap() = json!("drain");
        assert_eq!(seen(&swarm), [""; 0], "a drained node has none on purpose");
    }

    #[test]
    fn constraints_excuse_a_node() {
        let mut swarm = healthy();
        swarm.tasks.retain(|task| text(task, "/ServiceID") != "n" || text(task, "/NodeID") != "two");
        swarm.services[0]["Spec"]["TaskTemplate"]["Placement"] =
            json!({"Constraints": ["node.role == manager"]});
        assert_eq!(seen(&swarm), [""; 0]);
    }

    #[test]
    fn missing_services_mounts_and_too_many_rights() {
        let mut swarm = healthy();
        swarm.services.remove(2);
        swarm.services.remove(1);
        let spec = swarm.services[0].pointer_mut("/Spec/TaskTemplate/ContainerSpec").unwrap();
        spec["Mounts"] = json!([bind("/sys"), bind("/")]);
        spec["ReadOnly"] = json!(false);
        spec["CapabilityDrop"] = json!(["CAP_NET_RAW"]);
        assert_eq!(
            seen(&swarm),
            [
                "agent-absent: no service has the image container-exporter",
                "router-absent: no service has the image log-router",
                "agent-mounts: stack_n has no bind of /proc",
                "agent-rights: stack_n: its root is writable, it keeps Docker's default capabilities",
            ]
        );
    }

    #[test]
    fn replicas_that_wait_are_told() {
        let mut swarm = healthy();
        let mut cluster = service("v", "x/container-exporter:1", &json!([]));
        cluster["Spec"]["Mode"] = json!({"Replicated": {"Replicas": 1}});
        cluster["Spec"]["TaskTemplate"]["ContainerSpec"]["Args"] =
            json!(["cluster", "--docker=tcp://proxy:2375"]);
        swarm.services.push(cluster);
        swarm.tasks.push(task("v", "", "pending", "no suitable node", "1"));
        assert_eq!(seen(&swarm), ["agent-missing: stack_v: 0 of 1 tasks: pending, no suitable node"]);
    }
}
