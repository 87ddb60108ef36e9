//! All three agents' answers are taken by a real Prometheus and by promtool, in both formats.

use e2e::agent::Agent;
use e2e::command::feed;
use e2e::http::get_with;
use e2e::prometheus::Prometheus;

/// What Prometheus 2 and 3 ask for by themselves.
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5";

fn agents() -> [Agent; 3] {
    let state = std::env::temp_dir().join(format!("e2e-formats-{}", std::process::id()));
    let state = format!("--state.path={}", state.display());
    let no_engine = "--docker=unix:///nonexistent/docker.sock";
    let debug = "--log.level=debug";
    [
        Agent::start("node-exporter", &[], &[("NODE_NAME", "n1"), ("NODE_ID", "id1")]),
        Agent::start("container-exporter", &[no_engine, debug], &[("NODE_NAME", "n1"), ("NODE_ID", "id1")]),
        Agent::start(
            "log-router",
            &[no_engine, debug, &state, "syslog+tcp://127.0.0.1:9"],
            &[("NODE_NAME", "n1")],
        ),
    ]
}

#[test]
fn prometheus_takes_every_agent() {
    let agents = agents();
    let targets: Vec<_> = agents.iter().map(Agent::address).collect();
    let jobs = ["node", "cadvisor", "log-router"];
    let jobs: Vec<_> = jobs.into_iter().zip(targets.iter().map(String::as_str)).collect();
    let prometheus = Prometheus::start(&jobs);
    prometheus.expect("up == 1", 3);
    let info = prometheus.expect("swarmscope_agent_info", 3);
    assert!(info.iter().all(|series| series["metric"]["node_name"] == "n1"), "{info:?}");
    // One agent of a node has these. A scrape that fails on a busy machine ends all series of its agent until the next.
    prometheus.expect("node_meta", 1);
    prometheus.expect("host{host=\"n1\"}", 1);
}

#[test]
fn both_formats_are_well_formed() {
    for agent in agents() {
        let text = get_with(&agent.url("/metrics"), &[("accept", "text/plain")]).expect("an answer");
        assert!(text.content_type.starts_with("text/plain; version=0.0.4"), "{}", text.content_type);
        let words: Vec<_> = text.body.lines().filter_map(|l| l.strip_prefix("# TYPE ")).collect();
        assert!(!words.is_empty());
        for line in words {
            let word = line.split(' ').nth(1).unwrap_or_default();
            assert!(["counter", "gauge", "untyped", "histogram"].contains(&word), "{line}");
        }
        let open = get_with(&agent.url("/metrics"), &[("accept", OPEN_METRICS)]).expect("an answer");
        assert!(open.content_type.starts_with("application/openmetrics-text"), "{}", open.content_type);
        assert!(open.body.ends_with("# EOF\n"));
        assert_promtool_takes(&text.body);
    }
}

/// promtool reads everything; of its advice, what concerns names that the field has fixed long ago is left aside.
fn assert_promtool_takes(text: &str) {
    // Exit 3 means advice, 1 means it could not read the text: `feed` fails on either, so advice is read from a shell.
    let script = "promtool check metrics 2>&1; test $? -ne 1 && echo taken";
    let output = feed("sh", &["-c", script], text.as_bytes());
    assert!(output.trim_end().ends_with("taken"), "{output}");
}

#[test]
fn a_given_label_is_on_every_series() {
    let state = tempfile::tempdir().expect("a folder");
    let state = format!("--state.path={}", state.path().display());
    let no_engine = "--docker=unix:///nonexistent/docker.sock";
    for (name, arguments) in [
        ("node-exporter", &[][..]),
        ("container-exporter", &[no_engine]),
        ("log-router", &[no_engine, &state, "syslog+tcp://127.0.0.1:9"]),
    ] {
        let agent = Agent::start(name, &[&["--label=dc=eu"], arguments].concat(), &[]);
        for line in agent.metrics().lines().filter(|line| !line.starts_with('#')) {
            assert!(line.contains("{dc=\"eu\""), "{name}: {line}");
        }
    }
}

#[test]
fn an_agent_ends_at_once_and_its_health_can_be_asked() {
    for mut agent in agents() {
        let binary = std::fs::read_link(format!("/proc/{}/exe", agent.pid())).expect("a running agent");
        let listen = format!("--web.listen-address={}", agent.address());
        e2e::command::run(&binary.display().to_string(), &["healthcheck", &listen]);
        assert_eq!(agent.terminate(), Some(0), "{}", agent.log());
        let gone = e2e::command::attempt(&binary.display().to_string(), &["healthcheck", &listen]);
        assert!(gone.unwrap_err().contains("does not answer /-/healthy"));
    }
}

#[test]
fn a_missing_engine_is_told_once_and_the_rest_is_served() {
    let [_, containers, router] = agents();
    for agent in [&containers, &router] {
        // The watch tries again several times a second at first; only the change is told.
        agent.expect_log("the engine still does not answer");
        assert_eq!(agent.log().matches("trying again").count(), 1, "{}", agent.log());
        assert!(agent.log().contains("/nonexistent/docker.sock"), "{}", agent.log());
    }
    assert!(containers.metrics().contains("\nmachine_memory_bytes"), "{}", containers.metrics());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", router.pid())).expect("a running router");
    let files = limits.lines().find(|l| l.starts_with("Max open files")).expect("the limit of open files");
    let numbers: Vec<_> = files.split_whitespace().filter(|f| f.parse::<u64>().is_ok()).collect();
    assert_eq!(numbers[0], numbers[1], "the soft limit is raised to the hard one: {files}");
}

#[test]
fn all_mistakes_of_a_command_line_are_told_at_once() {
    for name in ["node-exporter", "container-exporter", "log-router"] {
        let binary = e2e::agent::binary(name).display().to_string();
        let script =
            format!("{binary} --web.listen-address=nine -log.level loud --label 1=2 2>&1; echo code $?");
        let output = e2e::command::run("sh", &["-c", &script]);
        for part in ["`nine`", "`loud`", "`1=2`", "code 2"] {
            assert!(output.contains(part), "{name}: {output}");
        }
        let output = e2e::command::run("sh", &["-c", &format!("{binary} --no-such-flag 2>&1; echo code $?")]);
        assert!(output.contains("--no-such-flag") && output.contains("code 2"), "{name}: {output}");
    }
}
