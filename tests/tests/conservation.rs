//! Whatever breaks in the middle, the lines that arrive are the lines that were written: numbered lines from real
//! containers, faults, and the two sets compared, row by row. `make test` takes a pairwise choice of rows, `LOSS=all` (as
//! `make test-loss` sets it) every one, `LOSS=SpoolFull` those of one fault.

mod bulk;
mod run;
mod table;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::rsyslog::Rsyslog;
use e2e::wait::{LIMIT, ensure, until};

use self::run::{Outcome, Running};
use self::table::{Case, Fault};

/// Rows at once: each waits most of the time.
const WORKERS: usize = 4;

#[test]
fn every_line_arrives_whatever_breaks() {
    let cases = match std::env::var("LOSS").as_deref() {
        Err(_) => table::pairwise(),
        Ok("all") => table::all(),
        Ok(fault) => table::all().into_iter().filter(|case| format!("{:?}", case.fault) == fault).collect(),
    };
    assert!(!cases.is_empty(), "LOSS is `all` or one of {:?}", Fault::ALL);
    let (restarted, others): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| case.fault == Fault::EngineRestarted);
    let outcomes = Mutex::new(Vec::new());
    let queue = Mutex::new(others.into_iter().enumerate().collect::<VecDeque<_>>());
    let engine = Engine::start("loss", 13);
    thread::scope(|scope| {
        scope.spawn(|| {
            for cases in restarted.chunks(WORKERS * 2) {
                let told = restart_engine(cases);
                outcomes.lock().expect("a lock").extend(told);
            }
        });
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("a lock").pop_front();
                    let Some((index, case)) = next else { return };
                    let outcome = Running::begin(&engine, case, &format!("case{index}")).through(&engine);
                    outcomes.lock().expect("a lock").push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("a lock");
    outcomes.sort_by_key(|outcome| outcome.case);
    println!("{}", Outcome::HEADER);
    for outcome in &outcomes {
        println!("{outcome}");
    }
    let broken: Vec<_> = outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).collect();
    assert!(broken.is_empty(), "{} of {} rows: {broken:#?}", broken.len(), outcomes.len());
}

/// All rows of this fault share one engine and its restart.
fn restart_engine(cases: &[Case]) -> Vec<Outcome> {
    let mut engine = Engine::start("again", 14);
    let running: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(index, case)| Running::begin(&engine, *case, &format!("again{index}")))
        .collect();
    for running in &running {
        running.wait_for_first_lines();
    }
    engine.stop();
    engine.resume();
    for running in &running {
        engine.docker(&["start", running.name()]);
    }
    running.into_iter().map(|running| running.finish(&engine)).collect()
}

#[test]
fn an_engine_restart_is_told_and_the_next_run_is_read() {
    let mut engine = Engine::start("restart", 26);
    let rsyslog = Rsyslog::start();
    let state = engine.data().with_file_name("router");
    let arguments = [
        format!("--docker={}", engine.host()),
        format!("--state.path={}", state.display()),
        format!("syslog+tcp://{}?filter.name=before", rsyslog.address()),
    ];
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let router = Agent::start("log-router", &arguments, &[("SYSLOG_FORMAT", "rfc3164")]);
    engine.busybox(
        &["--name", "before", "--network", "none"],
        &["sh", "-c", "for i in 1 2 3; do echo line $i; done; sleep 300"],
    );
    rsyslog.expect("before", 3);
    engine.stop();
    until(LIMIT, "the router to notice", || ensure(router.log().contains("does not answer"), router.log()));
    engine.resume();
    engine.docker(&["start", "before"]);
    rsyslog.expect("before", 6);
}
