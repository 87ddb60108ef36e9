//! Every line of a real engine's containers, through rotations of every kind, restarts, terminals, damage.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::rsyslog::Rsyslog;
use e2e::wait::{ensure, until};

fn router(engine: &Engine, rsyslog: &Rsyslog, name: &str, more: &[&str]) -> Agent {
    let state = engine.data().with_file_name(format!("router-{name}"));
    let arguments = [
        format!("--docker={}", engine.host()),
        format!("--state.path={}", state.display()),
        format!("syslog+tcp://{}?filter.name={name}*", rsyslog.address()),
    ];
    let mut arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    arguments.extend(more);
    Agent::start("log-router", &arguments, &[("SYSLOG_FORMAT", "rfc3164")])
}

/// Prints numbered lines of 85 bytes as fast as it can.
fn burst(lines: usize) -> String {
    format!(
        "awk 'BEGIN{{for(i=1;i<={lines};i++) printf \"line %d of a burst that is as long as a line of a log is when it is ordinary %010d\\n\",i,i}}'"
    )
}

fn numbers(rsyslog: &Rsyslog, name: &str) -> Vec<usize> {
    let number = |event: &serde_json::Value| {
        let text = event["message"].as_str()?.trim().strip_prefix("line ")?;
        text.split(' ').next()?.parse().ok()
    };
    rsyslog.received(name).iter().filter_map(number).collect()
}

/// Waits for the last line, then tells how many are missing and how many came twice.
fn missing(rsyslog: &Rsyslog, name: &str, lines: usize) -> (usize, usize) {
    until(Duration::from_secs(90), "the last line", || {
        let got = numbers(rsyslog, name);
        ensure(got.last() == Some(&lines), format!("{} lines, the last {:?}", got.len(), got.last()))
    });
    let got = numbers(rsyslog, name);
    let set: BTreeSet<_> = got.iter().copied().collect();
    // Line 0 comes before the burst.
    (lines + 1 - set.len(), got.len() - set.len())
}

fn gaps(router: &Agent) -> usize {
    let of = |line: &str| line.rsplit_once(' ')?.1.parse::<usize>().ok();
    router.metrics().lines().filter(|line| line.starts_with("log_router_gaps_total{")).filter_map(of).sum()
}

/// A burst with a rotation; the lines that are missing must be in a reported gap, and there must be none where
/// `complete`.
fn rotation(engine: &Engine, rsyslog: &Rsyslog, name: &str, options: &[&str], lines: usize, complete: bool) {
    let router = router(engine, rsyslog, name, &[]);
    let options: Vec<&str> = options.iter().flat_map(|option| ["--log-opt", option]).collect();
    // Silent for longer than the longest pause between two looks, so that the burst finds the router idle.
    let script = format!("echo line 0; sleep 3; {}; sleep 300", burst(lines));
    engine.busybox(&[&["--name", name, "--network", "none"], &options[..]].concat(), &["sh", "-c", &script]);
    let (missing, twice) = missing(rsyslog, name, lines);
    let gaps = gaps(&router);
    println!("{name} {options:?}: {lines} lines, {missing} missing, {twice} twice, {gaps} gaps");
    assert_eq!(twice, 0, "{name}");
    if complete {
        assert_eq!((missing, gaps), (0, 0), "{name}: {}", router.log());
    } else if missing > 0 {
        assert!(gaps > 0, "{name}: {missing} missing and no gap");
        assert!(router.log().contains("lines of a log may be missing"), "{}", router.log());
    }
    engine.docker(&["rm", "-f", name]);
}

#[test]
fn rotations_lose_nothing() {
    let engine = Engine::start("rotate", 46);
    let rsyslog = Rsyslog::start();
    rotation(&engine, &rsyslog, "rot1m", &["max-size=1m", "max-file=3"], 40_000, true);
    rotation(&engine, &rsyslog, "packed", &["max-size=1m", "max-file=3", "compress=true"], 40_000, true);
    // Engines before 23.0 truncate the only file while it is read.
    rotation(&engine, &rsyslog, "single", &["max-size=1m", "max-file=1"], 40_000, false);
}

#[test]
#[ignore = "minutes: make test-loss"]
fn loss_rotations_of_long_bursts() {
    let engine = Engine::start("rotates", 47);
    let rsyslog = Rsyslog::start();
    rotation(&engine, &rsyslog, "long5m", &["max-size=5m", "max-file=3"], 300_000, true);
    rotation(&engine, &rsyslog, "long1m", &["max-size=1m", "max-file=3"], 300_000, true);
    rotation(&engine, &rsyslog, "longgz", &["max-size=5m", "max-file=3", "compress=true"], 300_000, true);
    rotation(&engine, &rsyslog, "long1", &["max-size=10m", "max-file=1"], 300_000, false);
}

fn texts(rsyslog: &Rsyslog, name: &str) -> Vec<String> {
    let text = |event: &serde_json::Value| event["message"].as_str().unwrap_or_default().trim().to_owned();
    rsyslog.received(name).iter().map(text).collect()
}

fn expect_texts(rsyslog: &Rsyslog, name: &str, expected: &[&str]) {
    until(Duration::from_secs(60), name, || {
        let got = texts(rsyslog, name);
        ensure(got == expected, format!("{got:?}, not {expected:?}"))
    });
}

fn log_file(engine: &Engine, name: &str) -> PathBuf {
    engine.docker(&["inspect", "-f", "{{.LogPath}}", name]).into()
}

/// The same by the files and by the engine, which is asked where a driver has no json-file.
fn odd_containers(engine: &Engine, rsyslog: &Rsyslog, driver: &str) {
    let name = |what: &str| format!("{driver}-{what}");
    let start = |what: &str, options: &[&str], script: &str| {
        let name = name(what);
        let common = ["--name", &name, "--network", "none", "--log-driver", driver];
        engine.busybox(&[&common[..], options].concat(), &["sh", "-c", script])
    };
    let router = router(engine, rsyslog, driver, &[]);

    start("tail", &[], "printf 'first\\nno newline'");
    expect_texts(rsyslog, &name("tail"), &["first", "no newline"]);

    let length = 40_000;
    let script = format!("awk 'BEGIN{{for(i=0;i<{length};i++) printf \"x\"; print \"\"; print \"end\"}}'");
    start("tty", &["-t"], &script);
    expect_texts(rsyslog, &name("tty"), &[&"x".repeat(length), "end"]);

    start("again", &[], "echo run; sleep 300");
    for run in 1..=3 {
        until(Duration::from_secs(60), "a run's line", || {
            let got = texts(rsyslog, &name("again"));
            ensure(got == vec!["run"; run], format!("{got:?}"))
        });
        engine.docker(&["restart", "-t", "0", &name("again")]);
    }
    expect_texts(rsyslog, &name("again"), &["run"; 4]);

    for number in 0..10 {
        // The engine answers for a log only while the container is there, and the router has to be told of it first.
        let stay = if driver == "local" { "; sleep 1" } else { "" };
        start(&format!("rm{number}"), &["--rm"], &format!("echo one; echo two; echo three{stay}"));
    }
    for number in 0..10 {
        expect_texts(rsyslog, &name(&format!("rm{number}")), &["one", "two", "three"]);
    }
    assert_eq!(gaps(&router), 0, "{}", router.log());

    engine.docker(&["rm", "-f", &name("again")]);
}

#[test]
fn odd_containers_are_read_whole() {
    let engine = Engine::start("odd", 48);
    let rsyslog = Rsyslog::start();
    odd_containers(&engine, &rsyslog, "json-file");
    odd_containers(&engine, &rsyslog, "local");
}

#[test]
fn damage_costs_what_is_damaged_and_a_driver_without_a_reader_is_told() {
    let engine = Engine::start("damage", 49);
    let rsyslog = Rsyslog::start();
    engine.busybox(&["--name", "hurt", "--network", "none"], &["sh", "-c", "echo line 1; echo line 2"]);
    engine.busybox(
        &["--name", "hurt-none", "--network", "none", "--log-driver", "none"],
        &["sh", "-c", "echo lost; sleep 300"],
    );
    let log = log_file(&engine, "hurt");
    until(Duration::from_secs(20), "the log", || {
        let text = fs::read_to_string(&log).map_err(|error| error.to_string())?;
        ensure(text.lines().count() == 2, text)
    });
    // As after a power loss: a block of NULs in the place of records.
    File::options().append(true).open(&log).expect("the log").write_all(&[0; 4096]).expect("damage");
    engine.docker(&["start", "hurt"]);
    let router = router(&engine, &rsyslog, "hurt", &[]);
    expect_texts(&rsyslog, "hurt", &["line 1", "line 2", "line 1", "line 2"]);
    router.sample("log_router_gaps_total{route=\"syslog+tcp://");
    let metrics = router.metrics();
    assert!(metrics.contains("reason=\"damaged\"} 1"), "{metrics}");
    assert!(metrics.contains("container=\"hurt-none\",driver=\"none\"} 1"), "{metrics}");
    assert!(router.log().contains("hurt-none"), "{}", router.log());
}
