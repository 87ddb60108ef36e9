//! A Swarm of one node with everything that boards show, good and bad, seen by the real agents: their metrics in a real
//! Prometheus with the rules that are deployed, their log lines in a real Elasticsearch.
//!
//! Stacks `shop` and `infra`; services that work, fail, are throttled, run out of memory, are unhealthy, find no node, and
//! one that was deployed anew. All of it stays until the [`Lab`] is dropped.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::agent::Agent;
use crate::engine::{BUSYBOX, Engine};
use crate::prometheus::Prometheus;
use crate::search::{Kind, PASSWORD, SearchEngine};
use crate::wait::{LIMIT, ensure, until};

/// Lines of all levels, in several forms, one after the other.
const SPEAK: &str = "while :; do echo 'ERROR: Something, somewhere, went wrong!' >&2; \
    echo '{\"level\":\"warn\",\"msg\":\"slow answer\"}'; echo 'level=debug msg=\"cache hit\"'; \
    echo '2026-11-29 10:00:00,000 CRITICAL no route to the database'; echo 'GET /demo/hello 200'; sleep 0.3; done";
/// Past the page cache, so that the kernel accounts it where it accounts block I/O at all.
const WRITE: &str =
    "while :; do dd if=/dev/zero of=/f bs=64k count=4 oflag=direct 2>/dev/null; sleep 0.5; done";
/// What is mounted as tmpfs counts as memory of the container.
const EAT: &str = "sleep 3; x=a; while :; do x=$x$x$x$x; done";
const BURN: &str = "while :; do :; done";

/// Rules that fire at once, as those that are deployed wait for minutes.
const RULES: &str = r#"groups:
  - name: lab
    rules:
      - alert: LabServiceShort
        expr: swarm_cluster_service_running_tasks < swarm_cluster_service_desired_tasks
        labels:
          severity: warning
          service: "{{ $labels.container_label_com_docker_swarm_service_name }}"
      - alert: LabNodeBusy
        expr: (node_load1 >= 0) * on (instance) group_left (node_id, node_name) node_meta
        labels: {severity: critical}
"#;

/// What must have an answer before the lab is ready: the slowest of what boards ask for.
const READY: &[&str] = &[
    "count(up == 1) >= 5",
    "count(up == 0) == 1",
    "rate(node_cpu_seconds_total{mode=\"user\"}[30s]) > 0",
    "rate(container_cpu_usage_seconds_total{container_label_com_docker_swarm_service_name=\"shop_web\"}[30s])",
    "rate(container_cpu_cfs_throttled_periods_total{container_label_com_docker_swarm_service_name=\"shop_burner\"}[30s]) > 0",
    "rate(container_network_receive_bytes_total{container_label_com_docker_swarm_service_name=\"shop_web\"}[30s]) > 0",
    "container_network_info{network=\"proxy\"}",
    "container_service_oom_events_total > 0",
    "container_service_task_exits_total{exit_code=\"3\"} > 0",
    "max_over_time(container_restarts_total[10m]) > 0",
    "container_health_state == 0",
    "swarm_cluster_service_update_start_time_seconds",
    "swarm_cluster_service_running_tasks < swarm_cluster_service_desired_tasks",
    "rate(log_messages_total{severity=\"critical\"}[30s]) > 0",
    "rate(log_router_lines_total{route=~\"elasticsearch.*\"}[30s]) > 0",
    "rate(log_router_sink_errors_total[30s]) > 0",
    "ALERTS{alertstate=\"firing\",alertname=\"LabServiceShort\"}",
    "ALERTS{alertstate=\"firing\",alertname=\"LabNodeBusy\",node_name!=\"\"}",
    // Graphs have more than one point.
    "count_over_time(up{job=\"prometheus\"}[1m]) >= 15",
];

/// The lab; everything of it ends when it is dropped.
#[derive(Debug)]
pub struct Lab {
    prometheus: Prometheus,
    search: SearchEngine,
    // Before the engine, whose socket they use.
    _agents: Vec<Agent>,
    engine: Engine,
    _rules: tempfile::TempDir,
}

impl Lab {
    /// Starts it and waits until everything that boards show has happened. `index` is of the engine's address, see
    /// [`Engine::start`].
    pub fn start(name: &str, index: u8) -> Self {
        let search = SearchEngine::start(Kind::Elasticsearch8, name, &[]);
        let engine = Engine::start(name, index);
        run_services(&engine);
        let agents = start_agents(&engine, &search);
        let rules = tempfile::tempdir().expect("a folder");
        let own = rules.path().join("lab.yml");
        fs::write(&own, RULES).expect("rules");
        let deployed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus/rules/*.yml");
        let files = [own.display().to_string(), deployed.display().to_string()];
        let prometheus = Prometheus::with_rules(&scrapes(&agents), &files.each_ref().map(String::as_str));
        // Deployed anew, once it runs.
        until(LIMIT, "the service shop_web", || {
            let list = engine.docker(&["service", "ls", "--format", "{{.Name}} {{.Replicas}}"]);
            ensure(list.lines().any(|line| line == "shop_web 2/2"), list)
        });
        engine.docker(&["service", "update", "-d", "--env-add", "RELEASE=2", "shop_web"]);
        let lab = Self { prometheus, search, _agents: agents, engine, _rules: rules };
        lab.wait();
        lab
    }

    fn wait(&self) {
        for expression in READY {
            until(LIMIT, expression, || {
                ensure(!self.prometheus.query(expression).is_empty(), self.prometheus.log())
            });
        }
        until(LIMIT, "errors in the search engine", || {
            let found =
                self.search.documents("logstash-*", "severity:[0 TO 3] AND docker.service:shop_speaker");
            ensure(found.len() > 1, "no line of shop_speaker")
        });
    }

    /// Prometheus; it asks for no password.
    pub fn prometheus(&self) -> &Prometheus {
        &self.prometheus
    }

    /// Elasticsearch, with log lines in `logstash-*`; the user is `elastic`, see [`PASSWORD`].
    pub fn search(&self) -> &SearchEngine {
        &self.search
    }

    /// The engine whose containers are seen.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Documents of `logstash-*` that match a Lucene query.
    pub fn lines(&self, query: &str) -> Vec<Value> {
        self.search.documents("logstash-*", query)
    }
}

fn run_services(engine: &Engine) {
    engine.docker(&["swarm", "init", "--advertise-addr", &engine.address()]);
    for (network, subnet) in [("proxy", "10.71.0.0/24"), ("shop_default", "10.72.0.0/24")] {
        engine.docker(&["network", "create", "--driver", "overlay", "--subnet", subnet, network]);
    }
    let limited =
        ["--limit-memory", "64m", "--reserve-memory", "16m", "--limit-cpu", "0.5", "--reserve-cpu", "0.1"];
    let serve =
        "head -c 200000 /dev/zero >/index.html; echo 'level=info msg=listening'; httpd -f -p 8080 -h /";
    let web = ["--replicas", "2", "--network", "proxy", "--network", "shop_default"];
    service(engine, "shop", "web", &[&limited[..], &web].concat(), serve);
    service(engine, "infra", "proxy", &["--network", "proxy"], serve);
    let fetch = "while :; do wget -q -O /dev/null http://tasks.shop_web:8080/; \
        wget -q -O /dev/null http://tasks.infra_proxy:8080/; sleep 0.2; done";
    service(engine, "shop", "client", &["--network", "proxy", "--network", "shop_default"], fetch);
    service(engine, "shop", "db", &["--reserve-memory", "128m"], WRITE);
    service(engine, "shop", "speaker", &[], SPEAK);
    service(engine, "shop", "burner", &["--limit-cpu", "0.1", "--reserve-cpu", "0.05"], BURN);
    service(engine, "shop", "eater", &["--limit-memory", "8m", "--restart-delay", "2s"], EAT);
    service(engine, "shop", "crasher", &["--restart-delay", "2s"], "sleep 4; exit 3");
    let sick = ["--health-cmd", "/bin/busybox false", "--health-interval", "3s", "--health-retries", "8"];
    service(engine, "infra", "sick", &sick, "sleep 1000");
    service(engine, "infra", "nowhere", &["--constraint", "node.labels.none == such"], "sleep 1000");
    service(engine, "infra", "everywhere", &["--mode", "global"], "sleep 1000");
    let speak = ["sh", "-c", "while :; do echo alone; sleep 1; done"];
    engine.busybox(&["--name", "alone", "--memory-reservation", "16m"], &speak);
    engine.busybox(&["--name", "again", "--restart", "always"], &["sh", "-c", "sleep 2; exit 1"]);
}

fn service(engine: &Engine, stack: &str, name: &str, options: &[&str], script: &str) {
    let (name, label) = (format!("{stack}_{name}"), format!("com.docker.stack.namespace={stack}"));
    let start =
        ["service", "create", "-d", "--no-resolve-image", "--endpoint-mode", "dnsrr", "--name", &name];
    let usual = ["--label", &label, "--container-label", &label, "--stop-grace-period", "1s"];
    engine.docker(&[&start[..], &usual, options, &[BUSYBOX, "sh", "-c", script]].concat());
}

/// Jobs and agents, in the same order.
const JOBS: [&str; 4] = ["node", "cadvisor", "swarm-cluster", "log-router"];

fn start_agents(engine: &Engine, search: &SearchEngine) -> Vec<Agent> {
    let docker = format!("--docker={}", engine.host());
    let id = engine.docker(&["info", "-f", "{{.Swarm.NodeID}}"]);
    // As in the stack, where Swarm puts the node's own name in.
    let name = engine.docker(&["info", "-f", "{{.Name}}"]);
    let identity = [("NODE_NAME", name.as_str()), ("NODE_ID", id.as_str())];
    let file = |name: &str| engine.data().with_file_name(name).display().to_string();
    let (state, password) = (format!("--state.path={}", file("router")), file("password"));
    fs::write(&password, PASSWORD).expect("a file");
    let password = format!("--elasticsearch.password-file={password}");
    let elasticsearch = format!("elasticsearch://{}", search.address());
    let router = [
        &docker,
        &state,
        "--elasticsearch.username=elastic",
        &password,
        &elasticsearch,
        // Nobody listens there: a sink that is down.
        "syslog+tcp://127.0.0.1:9?filter.name=alone",
    ];
    vec![
        Agent::start("node-exporter", &[], &identity),
        Agent::start("container-exporter", &[&docker, "--disk-usage=api"], &identity),
        Agent::start("container-exporter", &["cluster", &docker, "--sd.network=proxy"], &identity),
        Agent::start("log-router", &router, &identity),
    ]
}

fn scrapes(agents: &[Agent]) -> String {
    let job = |name: &str, target: &str| {
        format!("  - job_name: {name}\n    static_configs: [{{targets: ['{target}']}}]\n")
    };
    let agents = JOBS.iter().zip(agents).map(|(name, agent)| job(name, &agent.address()));
    // One that is down, and Prometheus itself.
    agents.chain([job("gone", "127.0.0.1:9"), job("prometheus", "SELF")]).collect()
}
