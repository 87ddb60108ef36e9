//! Logs that nobody can read, and logs that grow for ever.

use std::collections::BTreeSet;

use agent_core::doctor::Finding;
use serde_json::Value;

use super::causes::{DRIVER_UNREADABLE, LOG_UNBOUNDED};
use super::json::{some, text};
use super::services::name;
use super::swarm::Swarm;

const SERVICE: &str = "/Config/Labels/com.docker.swarm.service.name";
/// Drivers whose logs the engine reads itself; of all others it keeps a copy.
const READ_BY_ENGINE: [&str; 3] = ["json-file", "local", "journald"];

/// Services of the whole Swarm by what they ask for, and the containers of this node.
pub(super) fn examine(swarm: &Swarm) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for service in &swarm.services {
        let driver = service.pointer("/Spec/TaskTemplate/LogDriver");
        if let Some(reason) =
            driver.and_then(|driver| unreadable(text(driver, "/Name"), driver.get("Options")))
        {
            told.insert(name(service));
            findings
                .push(Finding::of(&DRIVER_UNREADABLE, format_args!("service {}: {reason}", name(service))));
        }
    }
    let mut unbounded = BTreeSet::new();
    for container in &swarm.containers {
        let service = text(container, SERVICE);
        let own = text(container, "/Name").trim_start_matches('/');
        let shown = if service.is_empty() { own } else { service };
        let config = container.pointer("/HostConfig/LogConfig");
        let driver = config.map_or("", |config| text(config, "/Type"));
        let options = config.and_then(|config| config.get("Config"));
        if let Some(reason) = unreadable(driver, options) {
            if !told.contains(service) {
                findings.push(Finding::of(&DRIVER_UNREADABLE, format_args!("container {own}: {reason}")));
            }
        } else if driver == "json-file" && option(options, "max-size").is_none_or(|size| size == "-1") {
            unbounded.insert(shown);
        }
    }
    if !unbounded.is_empty() {
        findings.push(Finding::of(&LOG_UNBOUNDED, some(unbounded.iter().copied())));
    }
    if findings.is_empty() {
        findings.push(Finding::good(format!(
            "the logs of {} services and of {} containers of this node can be read",
            swarm.services.len(),
            swarm.containers.len()
        )));
    }
    findings
}

fn unreadable(driver: &str, options: Option<&Value>) -> Option<String> {
    if driver == "none" {
        return Some("its log driver is none".to_owned());
    }
    let uncached = option(options, "cache-disabled") == Some("true");
    (uncached && !READ_BY_ENGINE.contains(&driver))
        .then(|| format!("its log driver is {driver} with cache-disabled"))
}

fn option<'v>(options: Option<&'v Value>, name: &str) -> Option<&'v str> {
    options?.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(name: &str, driver: &str, options: &Value) -> Value {
        json!({"Name": format!("/{name}"), "HostConfig": {"LogConfig": {"Type": driver, "Config": options}}})
    }

    #[test]
    fn drivers_that_cannot_be_read_and_logs_without_an_end() {
        let mut of_service = container("quiet.1.x", "none", &json!({}));
        of_service["Config"] = json!({"Labels": {"com.docker.swarm.service.name": "quiet"}});
        let swarm = Swarm {
            services: vec![
                json!({"Spec": {"Name": "quiet", "TaskTemplate": {"LogDriver": {"Name": "none"}}}}),
                json!({"Spec": {"Name": "loud", "TaskTemplate": {}}}),
            ],
            containers: vec![
                of_service,
                container("gelf", "gelf", &json!({"cache-disabled": "true"})),
                container("cached", "gelf", &json!({})),
                container("endless", "json-file", &json!({})),
                container("bounded", "json-file", &json!({"max-size": "10m"})),
            ],
            ..Swarm::default()
        };
        let seen: Vec<_> = examine(&swarm).into_iter().map(|finding| finding.what).collect();
        assert_eq!(
            seen,
            [
                "driver-unreadable: service quiet: its log driver is none",
                "driver-unreadable: container gelf: its log driver is gelf with cache-disabled",
                "log-unbounded: endless",
            ]
        );
        assert_eq!(examine(&Swarm::default())[0].level, agent_core::doctor::Level::Good);
    }
}
