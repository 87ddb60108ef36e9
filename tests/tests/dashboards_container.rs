//! Every expression of the known boards for containers, asked of a real Prometheus that scrapes a Swarm node with all that
//! those boards expect: container-exporter, node-exporter with the old names too, dockerd's own metrics, Prometheus itself.
//! The boards' expressions are in `dashboards_container.tsv`, with the reason where there can be no answer.

use std::collections::BTreeMap;
use std::time::Instant;

use e2e::agent::Agent;
use e2e::engine::{BUSYBOX, Engine};
use e2e::prometheus::Prometheus;
use e2e::wait::{LIMIT, ensure, until};

const TABLE: &str = include_str!("dashboards_container.tsv");

/// Past the page cache, so that the kernel accounts it to the container where it accounts block I/O at all.
const WRITES: &str =
    "while :; do dd if=/dev/zero of=/f bs=4096 count=1 oflag=direct 2>/dev/null; sleep 0.5; done";

/// A row of the table.
struct Expression {
    board: &'static str,
    panel: &'static str,
    wanted: &'static str,
    reason: &'static str,
    text: &'static str,
}

fn expressions() -> Vec<Expression> {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split('\t').collect();
        let [board, panel, wanted, reason, text] = cells[..] else { panic!("{line}: not five cells") };
        assert!(["some", "none", "accounted"].contains(&wanted), "{line}");
        assert_eq!(wanted == "some", reason.is_empty(), "{line}: a reason, where there may be no answer");
        Expression { board, panel, wanted, reason, text }
    };
    rows.map(row).collect()
}

/// What Grafana would put in the place of the boards' variables.
fn fill(text: &str, node: &str) -> String {
    let values = [
        ("$__rate_interval", "30s"),
        ("$interval", "30s"),
        ("$stack_namespace", "shop"),
        ("$service_name", ".+"),
        ("$proxy", "shop_proxy"),
        ("$topk", "20"),
        ("$node_id", node),
        ("$node", node),
        ("$instance", "alpha:9100"),
        ("$server", "alpha"),
        ("$host", "alpha:8080"),
        ("$job", "cadvisor"),
    ];
    let filled = values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    let known = regex::Regex::new(r"\$[a-z_]+").expect("a pattern");
    let left: Vec<_> = known.find_iter(&filled).map(|name| name.as_str().to_owned()).collect();
    assert!(left.is_empty(), "{left:?} in {text}: a variable without a value");
    filled
}

fn service(engine: &Engine, name: &str, options: &[&str], script: &str) {
    let start = ["service", "create", "-d", "--name", name];
    let label = ["--container-label", "com.docker.stack.namespace=shop", "--stop-grace-period", "1s"];
    engine.docker(&[&start[..], &label, options, &[BUSYBOX, "sh", "-c", script]].concat());
}

#[test]
fn every_expression_of_the_known_boards_has_an_answer() {
    let engine = Engine::start_with("boards", 39, &["--experimental", "--metrics-addr", "0.0.0.0:9323"]);
    engine.docker(&["swarm", "init", "--advertise-addr", &engine.address()]);
    let id = engine.docker(&["info", "-f", "{{.Swarm.NodeID}}"]);
    service(&engine, "shop_front", &["--replicas", "2", "--limit-memory", "64m"], WRITES);
    service(&engine, "shop_proxy", &[], "sleep 1000");
    engine.busybox(&["--name", "alone", "--memory-reservation", "16m"], &["sleep", "1000"]);

    let docker = format!("--docker={}", engine.host());
    let identity = [("NODE_NAME", "alpha"), ("NODE_ID", id.as_str())];
    let node = Agent::start("node-exporter", &["--compat.legacy-names"], &identity);
    let containers = Agent::start("container-exporter", &[&docker, "--disk-usage=api"], &identity);
    let job = |name: &str, target: &str, instance: &str| {
        format!(
            "  - job_name: {name}\n    static_configs: [{{targets: ['{target}'], labels: {{instance: '{instance}'}}}}]\n"
        )
    };
    let scrapes = [
        job("prometheus", "SELF", "SELF"),
        job("node-exporter", &node.address(), "alpha:9100"),
        job("cadvisor", &containers.address(), "alpha:8080"),
        job("dockerd", &format!("{}:9323", engine.address()), "alpha:9323"),
    ];
    let prometheus = Prometheus::configured(&scrapes.concat());
    prometheus.expect("up == 1", 4);
    prometheus.expect("container_memory_rss{container_label_com_docker_swarm_task_name=~\".+\"}", 3);

    let expressions = expressions();
    prometheus.expect("container_exporter_blkio_unaccounted", 1);
    let unaccounted = prometheus.query("container_exporter_blkio_unaccounted == 1").len() == 1;
    let wants = |row: &Expression| row.wanted == "some" || (row.wanted == "accounted" && !unaccounted);
    let mut series = BTreeMap::new();
    // Ranges fill, the disks are walked: those that had an answer once are not asked again.
    let missing = |series: &mut BTreeMap<usize, usize>| {
        for (row, expression) in expressions.iter().enumerate() {
            if series.get(&row).is_none_or(|&count| count == 0) {
                series.insert(row, prometheus.query(&fill(expression.text, &id)).len());
            }
        }
        let empty = |(row, expression): (usize, &Expression)| {
            (series[&row] == 0 && wants(expression))
                .then(|| format!("{} {}", expression.board, expression.panel))
        };
        expressions.iter().enumerate().filter_map(empty).collect::<Vec<_>>()
    };
    let end = Instant::now() + LIMIT;
    // What is empty then is told with all the others below.
    until(LIMIT * 2, "answers", || {
        let empty = missing(&mut series);
        ensure(empty.is_empty() || Instant::now() > end, empty.join(", "))
    });
    let still_unaccounted = prometheus.query("container_exporter_blkio_unaccounted == 1").len() == 1;
    let mut wrong = Vec::new();
    for (row, expression) in expressions.iter().enumerate() {
        let Expression { board, panel, reason, text, .. } = expression;
        let why = if series[&row] == 0 { reason } else { "" };
        println!("{:>4}  {board}: {panel}  {why}", series[&row]);
        // Somebody else's limit makes the kernel count from then on.
        let counted_since = expression.wanted == "accounted" && unaccounted && !still_unaccounted;
        match (wants(expression), series[&row]) {
            _ if counted_since => (),
            (true, 0) => wrong.push(format!("{board}, {panel}: no series for {text}")),
            (false, count @ 1..) => {
                wrong.push(format!("{board}, {panel}: {count} series, where none is expected: {text}"));
            }
            _ => (),
        }
    }
    let answered = series.values().filter(|&&count| count > 0).count();
    println!("{answered} of {} expressions have an answer", expressions.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
