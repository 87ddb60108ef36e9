//! Every numbered line is there after the router was killed, its sink was away, or its engine was restarted.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::rsyslog::Rsyslog;
use e2e::wait::{ensure, until};

const LINES: usize = 10_000;

/// Prints numbered lines in bursts, so that the router is killed in the middle.
fn writer(engine: &Engine, name: &str) {
    let script = format!(
        "i=1; while [ $i -le {LINES} ]; do echo line $i; i=$((i+1)); [ $((i % 500)) = 0 ] && sleep 0.1; done; sleep 300"
    );
    engine.busybox(
        &["--name", name, "--network", "none", "--log-opt", "max-size=200k", "--log-opt", "max-file=5"],
        &["sh", "-c", &script],
    );
}

fn numbers(rsyslog: &Rsyslog, name: &str) -> BTreeSet<usize> {
    let number =
        |event: &serde_json::Value| event["message"].as_str()?.trim().strip_prefix("line ")?.parse().ok();
    rsyslog.received(name).iter().filter_map(number).collect()
}

fn assert_all_arrive(rsyslog: &Rsyslog, name: &str) {
    until(Duration::from_secs(90), "all lines", || {
        let there = numbers(rsyslog, name);
        let missing: Vec<_> = (1..=LINES).filter(|n| !there.contains(n)).take(5).collect();
        ensure(missing.is_empty(), format!("{} are there; the first missing: {missing:?}", there.len()))
    });
}

fn router(engine: &Engine, rsyslog: &Rsyslog, name: &str) -> Agent {
    let state = engine.data().with_file_name(format!("router-{name}"));
    let route = format!("syslog+tcp://{}?filter.name={name}", rsyslog.address());
    let arguments =
        [format!("--docker={}", engine.host()), format!("--state.path={}", state.display()), route];
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Agent::start("log-router", &arguments, &[("SYSLOG_FORMAT", "rfc3164")])
}

#[test]
fn a_killed_router_and_a_lost_sink_lose_nothing() {
    let engine = Engine::start("lines", 13);
    let mut rsyslog = Rsyslog::start();
    let started = |name: &str, rsyslog: &Rsyslog| {
        until(Duration::from_secs(30), "the first lines", || {
            ensure(numbers(rsyslog, name).len() > 500, "few lines")
        });
    };

    let first = router(&engine, &rsyslog, "killed");
    writer(&engine, "killed");
    started("killed", &rsyslog);
    first.kill();
    let second = router(&engine, &rsyslog, "killed");
    assert_all_arrive(&rsyslog, "killed");
    drop(second);

    let router = router(&engine, &rsyslog, "sink");
    writer(&engine, "sink");
    started("sink", &rsyslog);
    // rsyslog ends in an orderly way: it reads what has reached it, so nothing is lost on its side.
    rsyslog.stop();
    until(Duration::from_secs(30), "the router to notice", || {
        ensure(router.log().contains("the sink takes nothing"), router.log())
    });
    rsyslog.resume();
    assert_all_arrive(&rsyslog, "sink");
    println!("10,000 lines each: router killed, sink away: all there");
}

#[test]
fn an_engine_restart_loses_nothing() {
    let mut engine = Engine::start("restart", 14);
    let rsyslog = Rsyslog::start();
    let router = router(&engine, &rsyslog, "before");
    engine.busybox(
        &["--name", "before", "--network", "none"],
        &["sh", "-c", "for i in 1 2 3; do echo line $i; done; sleep 300"],
    );
    rsyslog.expect("before", 3);
    engine.stop();
    until(Duration::from_secs(30), "the router to notice", || {
        ensure(router.log().contains("does not answer"), router.log())
    });
    engine.resume();
    engine.docker(&["start", "before"]);
    rsyslog.expect("before", 6);
}
