//! One machine without Swarm: `make compose` on an engine of the test's own, with the same `prometheus.yml`.

use std::fs;
use std::path::Path;

use e2e::command::run;
use e2e::engine::Engine;
use e2e::make_up::MakeUp;
use serde_json::Value;

#[test]
fn the_same_agents_and_prometheus_yml_without_swarm() {
    let compose = run("bash", &[concat!(env!("CARGO_MANIFEST_DIR"), "/lab/compose.sh"), "build"]);
    let compose = compose.trim();
    let stack = MakeUp::on(Engine::start("compose", 19));
    let variables = [("COMPOSE", compose), ("STACKS", "agents metrics")];
    stack.run("compose.sh", &variables);
    assert_eq!(stack.engine.docker(&["info", "-f", "{{.Swarm.LocalNodeState}}"]), "inactive");

    let state = stack.state().join("one-machine");
    let targets = stack.prometheus_of("targets?state=active", &state)["activeTargets"].clone();
    let targets = targets.as_array().expect("targets");
    for (job, name) in [
        ("node", "tasks.node-exporter"),
        ("cadvisor", "tasks.container-exporter"),
        ("prometheus", "tasks.prometheus"),
        ("alertmanager", "tasks.alertmanager"),
    ] {
        let found: Vec<_> = targets.iter().filter(|t| t["labels"]["job"] == job).collect();
        assert_eq!(found.len(), 1, "{job}: {targets:?}");
        assert_eq!(found[0]["health"], "up", "{found:?}");
        assert_eq!(found[0]["discoveredLabels"]["__meta_dns_name"], name);
    }
    let query = |expression: &str| {
        let path = format!("query?query={}", e2e::http::encode(expression));
        stack.prometheus_of(&path, &state)["result"][0].clone()
    };
    let name = stack.engine.docker(&["info", "-f", "{{.Name}}"]);
    assert_eq!(query("node_meta")["metric"]["node_name"], name.as_str());
    let service = "container_memory_usage_bytes{container_label_com_docker_compose_service=\"prometheus\"}";
    assert_ne!(query(service), Value::Null, "containers have Compose's labels");
    let file =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus/prometheus.yml"));
    let config = stack.prometheus_of("status/config", &state)["yaml"].clone();
    let jobs = |text: &str| text.matches("- job_name:").count();
    assert_eq!(jobs(config.as_str().expect("YAML")), jobs(&file.expect("prometheus.yml")), "the same file");

    // A second time changes nothing.
    let containers = || stack.engine.docker(&["ps", "-q", "--no-trunc"]);
    let before = containers();
    stack.run("compose.sh", &variables);
    assert_eq!(containers(), before);

    stack.run("compose.sh down", &variables);
    assert_eq!(stack.engine.docker(&["ps", "-aq"]), "");
    assert_eq!(stack.engine.docker(&["volume", "ls", "-q"]), "");
    assert!(!state.exists());
}
