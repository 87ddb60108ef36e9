//! `container-exporter cluster` on a real manager: nodes, services, and targets that a real Prometheus takes.

use e2e::agent::Agent;
use e2e::engine::{BUSYBOX, Engine};
use e2e::http;
use e2e::prometheus::Prometheus;
use e2e::wait::{LIMIT, ensure, until};
use serde_json::Value;

fn cluster(engine: &Engine) -> Agent {
    let docker = format!("--docker={}", engine.host());
    Agent::start("container-exporter", &["cluster", &docker, "--sd.network=mon"], &[])
}

fn wait_for(agent: &Agent, line: &str) {
    until(LIMIT, line, || {
        let metrics = agent.metrics();
        ensure(metrics.lines().any(|known| known == line), metrics)
    });
}

#[test]
fn the_swarm_as_a_manager_sees_it() {
    let engine = Engine::start("cluster", 36);
    engine.docker(&["swarm", "init", "--advertise-addr", &engine.address()]);
    engine.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.77.0.0/24", "mon"]);
    let create =
        ["service", "create", "-d", "--no-resolve-image", "--network", "mon", "--endpoint-mode", "dnsrr"];
    let resources =
        ["--limit-memory", "64m", "--reserve-memory", "16m", "--limit-cpu", "0.5", "--limit-pids", "32"];
    let labels = ["--label", "com.df.scrapePort=8080", "--label", "com.df.metricsPath=/m"];
    let stack = ["--label", "com.docker.stack.namespace=shop", "--name", "shop_web", "--replicas", "2"];
    let command = ["--stop-grace-period", "1s", BUSYBOX, "sleep", "1000"];
    engine.docker(&[&create[..], &resources, &labels, &stack, &command].concat());
    engine.docker(&["tag", BUSYBOX, "any/node-exporter:1"]);
    let agents = ["--mode", "global", "--name", "agents", "any/node-exporter:1", "sleep", "1000"];
    engine.docker(&[&create[..], &agents].concat());
    let bad = ["--label", "prometheus.port=http", "--replicas", "0", "--name", "bad", BUSYBOX, "sleep", "1"];
    engine.docker(&[&create[..], &bad].concat());

    let agent = cluster(&engine);
    let id = engine.docker(&["info", "-f", "{{.Swarm.NodeID}}"]);
    let name = engine.docker(&["info", "-f", "{{.Name}}"]);
    let node = format!("node_id=\"{id}\",node_name=\"{name}\"");
    let service = "container_label_com_docker_swarm_service_name=\"shop_web\",container_label_com_docker_stack_namespace=\"shop\"";
    for line in [
        format!("swarm_cluster_manager_leader{{{node}}} 1"),
        format!("swarm_cluster_manager_reachable{{{node}}} 1"),
        format!("swarm_cluster_service_desired_tasks{{{service}}} 2"),
        format!("swarm_cluster_service_running_tasks{{{service}}} 2"),
        format!("swarm_cluster_service_task_memory_limit_bytes{{{service}}} 67108864"),
        format!("swarm_cluster_service_task_memory_reservation_bytes{{{service}}} 16777216"),
        format!("swarm_cluster_service_task_cpu_limit{{{service}}} 0.5"),
        format!("swarm_cluster_service_task_pids_limit{{{service}}} 32"),
        "swarm_cluster_service_running_tasks{container_label_com_docker_swarm_service_name=\"agents\"} 1"
            .to_owned(),
        "swarm_cluster_scrape_collector_success{collector=\"nodes\"} 1".to_owned(),
        "swarm_cluster_request_errors_total{request=\"services\"} 0".to_owned(),
    ] {
        wait_for(&agent, &line);
    }
    let ready = "role=\"manager\",availability=\"active\",state=\"ready\",";
    agent.sample(&format!("swarm_cluster_node_info{{{node},{ready}"));
    until(LIMIT, "readiness", || http::body(&agent.url("/-/ready")));

    targets(&engine, &agent, &name);

    // What changes in the Swarm is there at the next scrape.
    engine.docker(&["service", "update", "-d", "--limit-memory", "96m", "shop_web"]);
    wait_for(&agent, &format!("swarm_cluster_service_task_memory_limit_bytes{{{service}}} 100663296"));
    wait_for(&agent, &format!("swarm_cluster_service_update_state{{{service},state=\"completed\"}} 1"));
    engine.docker(&["node", "update", "--availability", "drain", &id]);
    wait_for(&agent, &format!("swarm_cluster_service_running_tasks{{{service}}} 0"));
    agent.sample(&format!("swarm_cluster_node_info{{{node},role=\"manager\",availability=\"drain\","));
    engine.docker(&["service", "rm", "shop_web", "agents", "bad"]);
    until(LIMIT, "the end of their series", || {
        let metrics = agent.metrics();
        ensure(!metrics.contains("service_name=\"shop_web\""), metrics)
    });
}

fn targets(engine: &Engine, agent: &Agent, node: &str) {
    let found = until(LIMIT, "three targets", || {
        let answer = http::get(&agent.url("/sd"))?;
        let targets = answer.json().as_array().cloned().unwrap_or_default();
        ensure(targets.len() == 3 && answer.content_type == "application/json", answer.body)?;
        Ok(targets)
    });
    let of = |job: &str| found.iter().filter(|t| t["labels"]["job"] == job).cloned().collect::<Vec<Value>>();
    let exporter = &of("node")[0];
    assert_eq!(exporter["labels"]["node_name"], node);
    let id = engine.docker(&["ps", "-q", "--filter", "label=com.docker.swarm.service.name=agents"]);
    let address = engine.docker(&["inspect", "-f", "{{.NetworkSettings.Networks.mon.IPAddress}}", &id]);
    assert_eq!(exporter["targets"][0], format!("{address}:9100"), "the task's own address");
    let web = of("shop_web");
    assert_eq!(web.len(), 2);
    assert_eq!(web[0]["labels"]["__metrics_path__"], "/m");
    agent.expect("swarm_cluster_sd_invalid_services", "1");
    agent.expect_log("service bad: the port `http`");
    let one = http::get(&agent.url("/sd?job=node")).expect("an answer").json();
    assert_eq!(one.as_array().map(Vec::len), Some(1));
    assert_eq!(http::get(&agent.url("/sd?name=x")).expect("an answer").status, 400);

    // Nothing answers at these addresses, so `up` is 0: with the node's name.
    let config = format!(
        "  - job_name: swarm\n    http_sd_configs: [{{url: '{}', refresh_interval: 1s}}]\n",
        agent.url("/sd")
    );
    let prometheus = Prometheus::configured(&config);
    let up = prometheus.expect(&format!("up{{job=\"node\",node_name=\"{node}\"}}"), 1);
    assert_eq!(up[0]["metric"]["instance"], format!("{address}:9100"));
    prometheus.expect("up{job=\"shop_web\"}", 2);
}

#[test]
fn an_engine_that_is_no_manager_is_told() {
    let engine = Engine::start("alone", 37);
    let agent = cluster(&engine);
    wait_for(&agent, "swarm_cluster_scrape_collector_success{collector=\"nodes\"} 0");
    until(LIMIT, "the reason", || {
        let ready = http::get(&agent.url("/-/ready"))?;
        ensure(ready.status == 503 && ready.body.contains("not a swarm manager"), ready.body)?;
        let errors = agent.sample("swarm_cluster_request_errors_total{request=\"nodes\"} ");
        ensure(errors != "0", errors)
    });
    assert_eq!(http::get(&agent.url("/sd")).expect("an answer").status, 503);
}
