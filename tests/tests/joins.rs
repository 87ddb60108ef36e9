//! The joins of swarmprom's dashboards and of 609 give one series per node, with all three agents scraped.

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::prometheus::Prometheus;

#[test]
fn swarmprom_joins_find_the_nodes_name() {
    let engine = Engine::start("joins", 11);
    engine.docker(&["swarm", "init", "--advertise-addr", &engine.address()]);
    let id = engine.docker(&["info", "-f", "{{.Swarm.NodeID}}"]);
    let service =
        ["service", "create", "-d", "--name", "busy", "--restart-condition", "none", e2e::engine::BUSYBOX];
    engine.docker(&[&service[..], &["sh", "-c", "while :; do :; done"]].concat());
    let state = engine.data().with_file_name("router").display().to_string();
    let (docker, state) = (format!("--docker={}", engine.host()), format!("--state.path={state}"));
    let identity = [("NODE_NAME", "alpha"), ("NODE_ID", id.as_str())];
    let node = Agent::start("node-exporter", &[], &identity);
    let containers = Agent::start("container-exporter", &[&docker], &[]);
    let router = Agent::start("log-router", &[&docker, &state, "syslog+tcp://127.0.0.1:9"], &[]);
    let (node, containers, router) = (node.address(), containers.address(), router.address());
    let prometheus =
        Prometheus::start(&[("node", &node), ("cadvisor", &containers), ("log-router", &router)]);
    prometheus.expect("up == 1", 3);

    let by_node = "* on(container_label_com_docker_swarm_node_id) group_left(node_name) node_meta";
    for expression in [
        format!("sum by (container_label_com_docker_swarm_node_id) (rate(container_cpu_usage_seconds_total{{id=~\"/docker/.*\", container_label_com_docker_swarm_node_id=~\".+\"}}[10s])) {by_node}"),
        format!("sum by (container_label_com_docker_swarm_node_id, container_label_com_docker_swarm_service_name) (container_memory_usage_bytes{{container_label_com_docker_swarm_service_name=\"busy\"}}) {by_node}"),
        "sum((node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes) * on(instance) group_left(node_name) node_meta{node_id=~\".+\"}) by (node_name)".to_owned(),
        "node_uname_info * on(instance) group_left(node_name) node_meta".to_owned(),
    ] {
        let series = prometheus.expect(&expression, 1);
        assert_eq!(series[0]["metric"]["node_name"], "alpha", "{expression}: {series:?}");
    }
    let uname = prometheus.expect("node_uname_info", 1);
    assert_eq!(uname[0]["metric"]["nodename"], "alpha");
    let infos = prometheus.expect("swarmscope_agent_info", 3);
    assert!(infos.iter().all(|info| info["metric"]["node_id"] == id.as_str()), "{infos:?}");
    prometheus.expect("host", 1);
}
