//! Elasticsearch, each line exactly once: what a bulk request can run into, one row each.

use e2e::agent::Agent;
use e2e::bulk::{Bulk, Fault};
use e2e::engine::Engine;
use e2e::wait::{LIMIT, ensure, until};

use super::run::writer;

const LINES: usize = 6_000;

#[test]
fn every_line_is_stored_once_whatever_a_bulk_runs_into() {
    let engine = Engine::start("bulk", 25);
    let rows: &[(&str, &[Fault])] = &[
        ("429", &[Fault::Status(429); 2]),
        ("401", &[Fault::Status(401); 2]),
        ("403", &[Fault::Status(403); 1]),
        ("404", &[Fault::Status(404); 1]),
        ("413", &[Fault::Status(413); 2]),
        ("503", &[Fault::Status(503); 2]),
        ("items 429", &[Fault::Items(429), Fault::Items(429)]),
        ("items 503", &[Fault::Items(503)]),
        ("items 400", &[Fault::Items(400)]),
        ("no answer", &[Fault::NoAnswer, Fault::NoAnswer]),
        ("broken answer", &[Fault::BrokenAnswer, Fault::BrokenAnswer]),
        // One, as a router that is late may send everything at once.
        ("slow", &[Fault::Slow]),
        ("killed in between", &[Fault::NoAnswer]),
    ];
    let running: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(index, (what, faults))| {
            let (name, bulk) = (format!("bulk{index}"), Bulk::start());
            bulk.fail(faults);
            let state = engine.data().with_file_name(format!("bulk-{index}"));
            let arguments = [
                format!("--docker={}", engine.host()),
                format!("--state.path={}", state.display()),
                format!("elasticsearch://{}?filter.name={name}", bulk.address()),
            ];
            let start = || {
                let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                Agent::start("log-router", &arguments, &[])
            };
            let mut router = start();
            writer(&engine, &name, &["max-size=1m", "max-file=3"], ":", (LINES, 2_000));
            if *what == "killed in between" {
                until(LIMIT, "the first fault", || ensure(bulk.happened() > 0, "nothing happened"));
                router.kill();
                router = start();
            }
            (*what, faults.len(), bulk, router)
        })
        .collect();
    println!("bulk               stored  twice  dead letters");
    for (what, faults, bulk, router) in running {
        let dead = || {
            let metrics = router.metrics();
            let letters = metrics.lines().filter(|line| line.starts_with("log_router_dead_letters_total{"));
            letters.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum::<usize>()
        };
        until(LIMIT, what, || {
            let (stored, dead) = (bulk.counts().len(), dead());
            let happened = bulk.happened();
            let told = format!("{stored} stored, {dead} dead letters, {happened} faults: {}", router.log());
            ensure(stored + dead >= LINES && happened == faults, told)
        });
        let counts = bulk.counts();
        let twice = counts.values().filter(|count| **count > 1).count();
        println!("{what:18} {:>6} {twice:>6} {:>8}", counts.len(), dead());
        assert_eq!(bulk.happened(), faults, "{what}: the faults came about");
        assert_eq!(twice, 0, "{what}");
        // Only a document's own fault may keep it out.
        assert_eq!((counts.len() + dead(), dead() > 0), (LINES, what == "items 400"), "{what}");
    }
}
