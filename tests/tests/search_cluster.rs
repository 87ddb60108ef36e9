//! A search cluster of three nodes that loses one.

use std::collections::BTreeMap;

use e2e::agent::{Agent, binary};
use e2e::command::run;
use e2e::engine::Engine;
use e2e::search::SearchEngine;
use e2e::wait::{LIMIT, ensure, until};
use serde_json::Value;

const LINES: usize = 3000;
const STREAM: &str = "logs-docker-default";

/// The node that log-router writes to, which also is the master, is killed in the middle, and comes back.
#[test]
#[ignore = "make test-loss"]
fn a_data_stream_on_three_nodes_has_each_line_once() {
    let docker = Engine::start("three", 45);
    let nodes = SearchEngine::cluster("three");
    let [first, second, third] = nodes.each_ref().map(SearchEngine::address);
    let flags = [
        format!("--docker={}", docker.host()),
        format!("--state.path={}", docker.data().with_file_name("state").display()),
        format!("elasticsearch://{first}?mode=data-stream&nodes={second},{third}&filter.name=w*"),
    ];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    run(&binary("log-router").display().to_string(), &[&["setup"], &flags[..]].concat());
    let router = Agent::start("log-router", &flags, &[]);

    write(&docker, "w1");
    until(LIMIT, "the first lines", || {
        let there = numbers(&nodes[1], "w1").len();
        ensure(there > 300, format!("{there} lines; {}", router.log()))
    });
    // What only the lost node had would be lost with it, whoever sent it.
    until(LIMIT, "a replica on another node", || {
        let health = nodes[1].call("GET", &format!("/_cluster/health/{STREAM}"), &Value::Null);
        ensure(health.status == 200 && health.json()["status"] == "green", health.body)
    });
    nodes[0].kill();
    go_on(&docker, "w1");
    expect_each_once(&nodes[1], "w1");
    println!("one of three nodes killed: {LINES} lines are there once");

    write(&docker, "w2");
    go_on(&docker, "w2");
    nodes[0].resume();
    expect_each_once(&nodes[0], "w2");
    expect_each_once(&nodes[0], "w1");
    let metrics = router.metrics();
    let lost = ["log_router_dead_letters_total{", "log_router_dropped_total{", "log_router_gaps_total{"];
    let told = metrics.lines().filter(|line| lost.iter().any(|name| line.starts_with(name)));
    let told: Vec<_> = told.filter(|line| !line.ends_with(" 0")).collect();
    assert!(told.is_empty(), "{told:?}");
    println!("the node came back: {LINES} more lines are there once");
}

/// Numbered lines in bursts; the second half waits for [`go_on`].
fn write(docker: &Engine, name: &str) {
    let half = LINES / 2;
    let script = format!(
        "i=1; while [ $i -le {LINES} ]; do echo line $i; i=$((i+1)); [ $((i % 300)) = 0 ] && sleep 0.2; \
         [ $i = {half} ] && until [ -e /go ]; do sleep 0.1; done; done; sleep 300"
    );
    docker.busybox(&["--name", name, "--network", "none"], &["sh", "-c", &script]);
}

fn go_on(docker: &Engine, name: &str) {
    docker.docker(&["exec", name, "/bin/busybox", "touch", "/go"]);
}

/// How often each number is there.
fn numbers(node: &SearchEngine, program: &str) -> BTreeMap<usize, usize> {
    let mut numbers = BTreeMap::new();
    for hit in node.documents(STREAM, &format!("program:\"{program}\"")) {
        let message = hit["_source"]["message"].as_str().and_then(|text| text.strip_prefix("line "));
        let number = message.and_then(|digits| digits.parse().ok()).expect("a number");
        *numbers.entry(number).or_default() += 1;
    }
    numbers
}

fn expect_each_once(node: &SearchEngine, program: &str) {
    until(LIMIT, program, || {
        let there = numbers(node, program);
        let missing: Vec<_> = (1..=LINES).filter(|number| !there.contains_key(number)).take(5).collect();
        ensure(missing.is_empty(), format!("{} are there; the first missing: {missing:?}", there.len()))
    });
    let twice: Vec<_> = numbers(node, program).into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "{program}: twice {twice:?}");
}
