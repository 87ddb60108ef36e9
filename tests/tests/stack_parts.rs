//! The optional parts of the stack, on Docker 28: each comes up beside the base and does its job.

use std::fs;
use std::path::Path;

use e2e::command::run;
use e2e::engine::{BUSYBOX, Engine};
use e2e::http::basic;
use e2e::make_up::MakeUp;
use e2e::wait::{LIMIT, ensure, until};
use serde_json::Value;

#[test]
fn each_optional_part_does_its_job() {
    let engine = Engine::start_newer("parts", 18, &["--metrics-addr=0.0.0.0:9323"]);
    let mut stack = MakeUp::on(engine);
    let text = stack.up("agents metrics pushgateway engine-metrics shards proxy-labels");
    assert!(text.contains(" engine-25\n"), "chosen by the version of client and engine");
    only_what_was_chosen_runs(&stack);
    newer_engines_check_the_agents_health(&stack);
    pushed_metrics_are_found(&stack);
    shards_share_the_targets_and_send(&stack);
    pages_know_the_path_that_the_proxy_takes_away(&stack);
    a_changed_config_makes_new_tasks_of_its_service_only(&mut stack);
    everything_speaks_tls(&stack);
    the_doctor_asks_over_tls(&stack);
    targets_come_with_names_of_nodes(&stack);
    stack.run("down.sh", &[]);
    assert_eq!(stack.engine.docker(&["volume", "ls", "-q"]), "");
}

fn only_what_was_chosen_runs(stack: &MakeUp) {
    // The viewer is there where Grafana's image is not.
    let services = stack.tasks().into_keys().filter(|service| service != "viewer");
    let services = services.collect::<Vec<_>>().join(" ");
    assert_eq!(
        services,
        "alertmanager cluster container-exporter node-exporter prometheus prometheus-shard pushgateway"
    );
}

fn newer_engines_check_the_agents_health(stack: &MakeUp) {
    for agent in ["node-exporter", "container-exporter", "cluster"] {
        let id = stack.container(agent);
        let format =
            "{{.Config.Healthcheck.StartInterval}} {{.Config.Healthcheck.Interval}} {{.State.Health.Status}}";
        // Asked every second while it starts: long before the first minute is over.
        let facts = stack.engine.docker(&["inspect", "-f", format, &id]);
        assert_eq!(facts, "1s 1m0s healthy", "{agent}");
    }
}

fn pushed_metrics_are_found(stack: &MakeUp) {
    let password = fs::read_to_string(stack.state().join("admin_password")).expect("the password");
    let header = format!("Authorization: {}", basic("admin", &password));
    let url = "http://pushgateway:9091/metrics/job/backup/instance/db";
    let push =
        ["wget", "-q", "-O-", "--header", &header, "--post-data", "backup_last_success_seconds 42\n", url];
    stack.on_the_network(&push).expect("a push");
    // As the job named itself, not as what was scraped.
    let pushed = stack.expect("backup_last_success_seconds");
    assert_eq!(pushed["metric"]["job"], "backup", "{pushed}");
    assert_eq!(pushed["metric"]["instance"], "db", "{pushed}");
    assert_eq!(pushed["value"][1], "42", "{pushed}");
    assert!(stack.on_the_network(&["wget", "-q", "-O-", url]).is_err(), "nobody pushes without the password");
}

fn shards_share_the_targets_and_send(stack: &MakeUp) {
    assert_eq!(stack.targets("prometheus-shard").len(), 2);
    for job in ["node", "cadvisor", "swarm-cluster", "engine"] {
        assert!(stack.targets(job).is_empty(), "{job}: the first Prometheus scrapes it itself");
        let up = stack.query(&format!("up{{job=\"{job}\"}} == 1"));
        assert_eq!(up.len(), 1, "{job} is scraped by one shard: {up:?}");
        assert!(["1", "2"].iter().any(|shard| up[0]["metric"]["shard"] == *shard), "{up:?}");
    }
    // What the shards scraped is there, and rules are evaluated over it.
    let name = stack.engine.docker(&["info", "-f", "{{.Name}}"]);
    assert_eq!(stack.expect("node_meta")["metric"]["node_name"], name.as_str());
    assert_eq!(stack.expect("engine_daemon_engine_info")["metric"]["node_name"], name.as_str());
    stack.expect("swarm_manager_leader == 1");
    stack.expect("{__name__=~\"node:.+\"}");
}

fn pages_know_the_path_that_the_proxy_takes_away(stack: &MakeUp) {
    for (service, port, path) in
        [("prometheus", 9090, "/prometheus/"), ("alertmanager", 9093, "/alertmanager/")]
    {
        let labels = stack.engine.docker(&[
            "service",
            "inspect",
            "-f",
            "{{json .Spec.Labels}}",
            &format!("swarmscope_{service}"),
        ]);
        let labels: Value = serde_json::from_str(&labels).expect("JSON");
        for (label, value) in
            [("notify", "true"), ("servicePath", path), ("reqPathSearch", path), ("reqPathReplace", "/")]
        {
            assert_eq!(labels[format!("com.df.{label}")], value, "{service}: {labels}");
        }
        assert_eq!(labels["com.df.port"], port.to_string(), "{labels}");
    }
    let answer = stack.get(9090, "/").expect("an answer");
    assert!(answer.to_lowercase().contains("\nlocation: /prometheus/"), "{answer}");
}

/// A copy of what `make up` reads, so that a file can be changed.
fn copy_of_deploy(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = folder.display();
    let copy = format!(
        "cd {}; cp -r deploy Cargo.toml {folder}; ln -s $PWD/dashboards {folder}/dashboards",
        root.display()
    );
    run("bash", &["-euc", &copy]);
}

fn a_changed_config_makes_new_tasks_of_its_service_only(stack: &mut MakeUp) {
    let folder = tempfile::tempdir().expect("a folder");
    copy_of_deploy(folder.path());
    let file = folder.path().join("deploy/alertmanager/alertmanager.yml");
    let config = fs::read_to_string(&file).expect("the file");
    fs::write(&file, format!("{config}\n# A change.\n")).expect("the file");
    let binaries = std::env::var("BINARIES").unwrap_or_else(|_| {
        format!(
            "{}/../target/{}-unknown-linux-gnu/release",
            env!("CARGO_MANIFEST_DIR"),
            std::env::consts::ARCH
        )
    });
    stack.change_to(folder.path().join("deploy"));
    let before = stack.tasks();
    let parts = "agents metrics pushgateway engine-metrics shards proxy-labels";
    stack.run("up.sh", &[("STACKS", parts), ("BINARIES", &binaries)]);
    let after = stack.tasks();
    let changed: Vec<_> = before.iter().filter(|(service, id)| after.get(*service) != Some(*id)).collect();
    assert_eq!(
        changed.iter().map(|(service, _)| service.as_str()).collect::<Vec<_>>(),
        ["alertmanager"],
        "{after:?}"
    );
    let read =
        stack.engine.docker(&["exec", &after["alertmanager"], "cat", "/etc/alertmanager/alertmanager.yml"]);
    assert!(read.ends_with("# A change."), "{read}");
    // The one before is not kept.
    let configs = stack.engine.docker(&[
        "config",
        "ls",
        "--format",
        "{{.Name}}",
        "--filter",
        "name=swarmscope_alertmanager_yml",
    ]);
    assert_eq!(configs.lines().count(), 1, "{configs}");
    stack.change_to(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy"));
}

fn everything_speaks_tls(stack: &MakeUp) {
    let text = stack.up("agents metrics logs tls http-sd least-rights");
    assert!(!text.lines().any(|line| line.starts_with("pushgateway")), "what is not chosen any more is gone");
    for (job, agents) in [
        ("node", Some("node-exporter:9100")),
        ("cadvisor", Some("container-exporter:8080")),
        ("swarm-cluster", Some("cluster:8080")),
        ("log-router", Some("log-router:80")),
        ("socket-proxy", Some("docker-socket-proxy:8080")),
        ("prometheus", None),
        ("alertmanager", None),
    ] {
        let targets = until(LIMIT, job, || {
            let targets = stack.targets(job);
            ensure(targets.len() == 1, format!("{targets:?}"))?;
            Ok(targets)
        });
        assert!(
            targets[0]["scrapeUrl"].as_str().is_some_and(|url| url.starts_with("https://")),
            "{targets:?}"
        );
        if let Some(agent) = agents {
            let plain =
                stack.on_the_network(&["wget", "-q", "-O-", &format!("http://tasks.{agent}/metrics")]);
            assert!(plain.is_err(), "{agent} answers without TLS: {plain:?}");
        }
    }
    // A container that speaks comes through log-router into Elasticsearch, each over TLS.
    stack.engine.docker(&["run", "-d", "--name", "speaker", BUSYBOX, "echo", "over TLS"]);
    until(LIMIT, "a line in Elasticsearch", || {
        let answer = stack.search("logstash-*/_count?q=program:speaker")?;
        ensure(answer["count"] == 1, answer.to_string())
    });
    let id = stack.container("elasticsearch");
    let plain = stack.engine.try_docker(&["exec", &id, "curl", "-sS", "-m", "10", "http://localhost:9200/"]);
    assert!(plain.is_err(), "Elasticsearch answers without TLS: {plain:?}");
    // Who is not of the stack's authority is not believed.
    let id = stack.container("prometheus");
    let ours = run(
        "openssl",
        &[
            "x509",
            "-noout",
            "-issuer",
            "-in",
            &stack.state().join("tls/prometheus.crt").display().to_string(),
        ],
    );
    assert!(ours.contains("swarmscope authority"), "{ours}");
    let modes = stack.engine.docker(&["exec", &id, "ls", "-ln", "/run/secrets/tls.key"]);
    assert!(modes.starts_with("-r--------") && modes.contains(" 65534 "), "{modes}");
}

fn the_doctor_asks_over_tls(stack: &MakeUp) {
    until(LIMIT, "a doctor that everybody answers", || {
        let (_, report) = stack.try_run("doctor.sh", &[]);
        // Alerts go nowhere as the stack comes; the disk of the machine that runs the tests is no matter of theirs.
        let known = |line: &str| line.contains("no-receiver") || line.contains("disk-low");
        let sick = report.lines().filter(|line| line.contains("PROBLEM") && !known(line));
        ensure(sick.count() == 0, report.clone())?;
        let all_up = report
            .lines()
            .find_map(|line| line.trim().strip_prefix("ok")?.trim().strip_suffix(" targets are up"));
        let all_up = all_up.and_then(|counts| counts.split_once(" of "));
        ensure(all_up.is_some_and(|(up, all)| up == all && up != "0"), report)
    });
}

fn targets_come_with_names_of_nodes(stack: &MakeUp) {
    let name = stack.engine.docker(&["info", "-f", "{{.Name}}"]);
    for job in ["node", "cadvisor", "log-router"] {
        let up = stack.expect(&format!("up{{job=\"{job}\",node_name=\"{name}\"}} == 1"));
        assert!(up["metric"].get("shard").is_none(), "{up}");
    }
}
