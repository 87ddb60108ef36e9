//! Targets for Prometheus.

use crate::identity::Identity;

/// Job and port of each agent.
const AGENTS: [(&str, u16); 3] = [("node", 9100), ("cadvisor", 8080), ("log-router", 80)];

/// The targets of one job (all where none is named), as `http_sd_configs` takes them: all of them are this program, under a
/// path of their own, and `instance` is the address that a task on an overlay would have.
pub(crate) fn targets(listen: &str, nodes: u32, only: Option<&str>) -> String {
    let mut groups = Vec::new();
    for node in 1..=nodes {
        let name = Identity::Name.text(node, 9);
        for (job, port) in AGENTS.iter().filter(|(job, _)| only.is_none_or(|only| only == *job)) {
            // Three addresses of each node in 10.83.0.0/17.
            let address = node * 3 + u32::from(*port) % 3;
            groups.push(format!(
                r#"{{"targets":["{listen}"],"labels":{{"__metrics_path__":"/{name}/{job}","instance":"10.83.{}.{}:{port}","job":"{job}"}}}}"#,
                address / 256,
                address % 256,
            ));
        }
    }
    format!("[{}]", groups.join(","))
}
