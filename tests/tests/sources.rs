//! Every line of a real engine's containers, through rotations of every kind, restarts, terminals, damage.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::rsyslog::Rsyslog;
use e2e::wait::{LIMIT, ensure, until};

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

/// Lines of a paced burst: about 1.7 MB of records, that is one or two rotations at 1 MB, of files that the engine keeps.
const BURST: usize = 10_000;

/// The same in bursts, each of which waits for a file: `/go10000` lets the second begin.
fn paced_bursts(lines: usize) -> String {
    let print = "printf \"line %d of a burst that is as long as a line of a log is when it is ordinary %010d\\n\",i,i";
    format!(
        "n=0; while [ $n -lt {lines} ]; do \
         awk -v n=$n 'BEGIN{{for(i=n+1;i<=n+{BURST};i++) {print}}}'; n=$((n+{BURST})); \
         until [ $n -ge {lines} ] || [ -e /go$n ]; do sleep 0.1; done; done"
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
    until(LIMIT, "the last line", || {
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

/// Bursts with rotations; the lines that are missing must be in a reported gap, and there must be none where `complete`.
/// A burst waits until the one before has arrived, so that none is longer than what the engine keeps, if `paced`: how fast
/// the router gets a turn does not matter then.
fn rotation(
    engine: &Engine,
    rsyslog: &Rsyslog,
    (name, options): (&str, &[&str]),
    (lines, paced): (usize, bool),
    complete: bool,
) {
    let router = router(engine, rsyslog, name, &[]);
    let options: Vec<&str> = options.iter().flat_map(|option| ["--log-opt", option]).collect();
    // Silent for longer than the longest pause between two looks, so that the burst finds the router idle.
    let script = if paced {
        format!("echo line 0; sleep 3; {}; sleep 300", paced_bursts(lines))
    } else {
        format!("echo line 0; sleep 3; {}; sleep 300", burst(lines))
    };
    engine.busybox(&[&["--name", name, "--network", "none"], &options[..]].concat(), &["sh", "-c", &script]);
    if paced {
        for end in (BURST..lines).step_by(BURST) {
            until(LIMIT, "a burst", || {
                let got = numbers(rsyslog, name);
                ensure(got.last() == Some(&end), format!("{} lines, the last {:?}", got.len(), got.last()))
            });
            engine.docker(&["exec", name, "/bin/busybox", "touch", &format!("/go{end}")]);
        }
    }
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
    rotation(&engine, &rsyslog, ("rot1m", &["max-size=1m", "max-file=3"]), (40_000, true), true);
    let packed = ["max-size=1m", "max-file=3", "compress=true"];
    rotation(&engine, &rsyslog, ("packed", &packed), (40_000, true), true);
    // Engines before 23.0 truncate the only file while it is read.
    rotation(&engine, &rsyslog, ("single", &["max-size=1m", "max-file=1"]), (40_000, false), false);
}

#[test]
#[ignore = "minutes: make test-loss"]
fn loss_rotations_of_long_bursts() {
    let engine = Engine::start("rotates", 47);
    let rsyslog = Rsyslog::start();
    let lines = (300_000, false);
    rotation(&engine, &rsyslog, ("long5m", &["max-size=5m", "max-file=3"]), lines, true);
    rotation(&engine, &rsyslog, ("long1m", &["max-size=1m", "max-file=3"]), lines, true);
    rotation(&engine, &rsyslog, ("longgz", &["max-size=5m", "max-file=3", "compress=true"]), lines, true);
    rotation(&engine, &rsyslog, ("long1", &["max-size=10m", "max-file=1"]), lines, false);
}

fn texts(rsyslog: &Rsyslog, name: &str) -> Vec<String> {
    let text = |event: &serde_json::Value| event["message"].as_str().unwrap_or_default().trim().to_owned();
    rsyslog.received(name).iter().map(text).collect()
}

fn expect_texts(rsyslog: &Rsyslog, name: &str, expected: &[&str]) {
    until(LIMIT, name, || {
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
        until(LIMIT, "a run's line", || {
            let got = texts(rsyslog, &name("again"));
            ensure(got == vec!["run"; run], format!("{got:?}"))
        });
        engine.docker(&["restart", "-t", "0", &name("again")]);
    }
    expect_texts(rsyslog, &name("again"), &["run"; 4]);

    // Gone at once after its last line, once the router has been told of it: that takes as long as it takes. The engine
    // answers for a log only while the container is there.
    let gate = |file: &str| format!("until [ -e {file} ]; do sleep 0.1; done");
    let stay = if driver == "local" { gate("/read") } else { ":".to_owned() };
    let script = format!("echo one; {}; echo two; echo three; {stay}", gate("/known"));
    let open =
        |container: &str, file: &str| engine.docker(&["exec", container, "/bin/busybox", "touch", file]);
    for number in 0..10 {
        start(&format!("rm{number}"), &["--rm"], &script);
    }
    for number in 0..10 {
        let name = name(&format!("rm{number}"));
        expect_texts(rsyslog, &name, &["one"]);
        open(&name, "/known");
    }
    for number in 0..10 {
        let name = name(&format!("rm{number}"));
        expect_texts(rsyslog, &name, &["one", "two", "three"]);
        if driver == "local" {
            open(&name, "/read");
        }
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
    until(LIMIT, "the log", || {
        let text = fs::read_to_string(&log).map_err(|error| error.to_string())?;
        ensure(text.lines().count() == 2, text)
    });
    // As after a power loss: a block of NULs in the place of records.
    File::options().append(true).open(&log).expect("the log").write_all(&[0; 4096]).expect("damage");
    engine.docker(&["start", "hurt"]);
    let router = router(&engine, &rsyslog, "hurt", &[]);
    expect_texts(&rsyslog, "hurt", &["line 1", "line 2", "line 1", "line 2"]);
    until(LIMIT, "what is told of both", || {
        let metrics = router.metrics();
        ensure(metrics.contains("reason=\"damaged\"} 1"), metrics.clone())?;
        ensure(metrics.contains("container=\"hurt-none\",driver=\"none\"} 1"), metrics)
    });
    router.expect_log("hurt-none");
}
