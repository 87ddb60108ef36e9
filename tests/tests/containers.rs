//! container-exporter against a real engine: what starts appears, what is gone is gone, restarts of the engine are
//! survived.

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::wait::{LIMIT, ensure, until};

fn exporter(engine: &Engine, source: &str) -> Agent {
    let docker = format!("--docker={}", engine.host());
    Agent::start("container-exporter", &[&docker, &format!("--source={source}")], &[("NODE_NAME", "alpha")])
}

/// Lines of resource families that carry this container's name.
fn resources(metrics: &str, name: &str) -> Vec<String> {
    let label = format!("name=\"{name}\"");
    let kinds = [
        "container_cpu_",
        "container_memory_",
        "container_network_",
        "container_spec_",
        "container_start_",
        "container_last_seen",
    ];
    let wanted = |line: &&str| kinds.iter().any(|kind| line.starts_with(kind)) && line.contains(&label);
    metrics.lines().filter(wanted).map(str::to_owned).collect()
}

#[test]
fn containers_come_and_go_by_both_sources() {
    let engine = Engine::start("come", 15);
    for source in ["cgroup", "stats"] {
        let exporter = exporter(&engine, source);
        let name = format!("web-{source}");
        let labels =
            ["--label", "com.docker.swarm.service.name=front", "--label", "com.docker.stack.namespace=shop"];
        let options = [&["--name", name.as_str(), "--memory", "64m", "--cpus", "0.5"], &labels[..]].concat();
        let id = engine.busybox(&options, &["sh", "-c", "while :; do :; done"]);
        let cpu = format!("container_cpu_usage_seconds_total{{id=\"/docker/{id}\"");
        let limit = format!("container_spec_memory_limit_bytes{{id=\"/docker/{id}\"");
        until(LIMIT, "the container's CPU", || {
            let metrics = exporter.metrics();
            let line = metrics.lines().find(|line| line.starts_with(&cpu)).ok_or_else(|| metrics.clone())?;
            let value: f64 = line.rsplit(' ').next().and_then(|v| v.parse().ok()).unwrap_or_default();
            ensure(value > 0.1, line)?;
            for part in [
                "container_label_com_docker_swarm_service_name=\"front\"",
                "container_label_com_docker_stack_namespace=\"shop\"",
                &format!("image=\"{}\"", e2e::engine::BUSYBOX),
                &format!("name=\"{name}\""),
            ] {
                ensure(line.contains(part), format!("{part} in {line}"))?;
            }
            ensure(metrics.lines().any(|l| l.starts_with(&limit) && l.ends_with(" 67108864")), "the limit")?;
            ensure(
                resources(&metrics, &name)
                    .iter()
                    .any(|l| l.starts_with("container_network_receive_bytes_total")),
                "the network",
            )
        });
        engine.docker(&["kill", &id]);
        until(LIMIT, "the end of its series", || {
            let left = resources(&exporter.metrics(), &name);
            ensure(left.is_empty(), left.join("\n"))
        });
    }
}

#[test]
fn an_engine_restart_is_survived() {
    let mut engine = Engine::start("again", 16);
    let exporter = exporter(&engine, "auto");
    engine.busybox(&["--name", "one", "--network", "none"], &["sleep", "300"]);
    let has = |exporter: &Agent, name: &str| !resources(&exporter.metrics(), name).is_empty();
    until(LIMIT, "the container", || ensure(has(&exporter, "one"), exporter.log()));
    engine.stop();
    until(LIMIT, "the series to end", || ensure(!has(&exporter, "one"), exporter.metrics()));
    assert!(exporter.metrics().contains("\nmachine_memory_bytes"), "what does not need the engine stays");
    engine.resume();
    engine.busybox(&["--name", "two", "--network", "none"], &["sleep", "300"]);
    until(LIMIT, "the new container", || ensure(has(&exporter, "two"), exporter.log()));
}
