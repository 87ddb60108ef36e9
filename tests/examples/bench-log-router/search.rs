//! Lines a second into a real search engine, beside one client that sends bulks of 1,000 prepared lines.

use std::fmt::Write as _;
use std::time::Instant;

use e2e::agent::Agent;
use e2e::http;
use e2e::search::{Kind, PASSWORD, SearchEngine};
use e2e::wait::{ensure, until};
use serde_json::Value;

use crate::measure::{Cost, Limits, Outputs, PATIENCE, cpu_micros, log_of, logged, memory_mb, router};
use crate::{Bench, heading, remove};

const BULK_LINES: usize = 1000;

/// Both modes and the client, each into indices of its own.
pub(crate) fn measure(bench: &Bench, _limits: &mut Limits) {
    let (engine, lines) = (&bench.engine, bench.lines / 2);
    let search = SearchEngine::start(Kind::Elasticsearch8, "bench", &[]);
    Outputs::of(engine, "search", 1, &[]).print(lines);
    logged(&log_of(engine, "search-0"), lines);
    heading(&format!("json-file to Elasticsearch 8.19, {lines} lines"));
    // The server's compiler is at work first: a round that is not counted.
    client(&search, "warm-up", lines / 5);
    println!(
        "  {:46} {:>10} {:>12.0}",
        "one client, bulks of 1,000",
        "",
        client(&search, "logstash-client", lines)
    );
    let password = engine.data().with_file_name("password");
    std::fs::write(&password, PASSWORD).expect("a file");
    let flags = [
        "--elasticsearch.username=elastic".to_owned(),
        format!("--elasticsearch.password-file={}", password.display()),
    ];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    for (what, query, index) in [
        ("log-router, book mode", "", "logstash-2*"),
        ("log-router, data stream", "?mode=data-stream", "logs-docker-default"),
    ] {
        let begun = Instant::now();
        let router =
            router(engine, "search", &format!("elasticsearch://{}{query}", search.address()), &flags);
        until(PATIENCE, what, || {
            let there = indexed(&search, index);
            ensure(there >= lines, format!("{there} of {lines}; {}", router.log()))
        });
        cost(&router, lines, begun).print(what);
    }
    remove(engine, "search");
}

fn cost(router: &Agent, lines: usize, begun: Instant) -> Cost {
    Cost {
        cpu: cpu_micros(router.pid()) / lines as f64,
        lines_per_second: lines as f64 / begun.elapsed().as_secs_f64(),
        memory: memory_mb(router.pid(), "VmHWM:"),
    }
}

/// Documents that were indexed, whether they can be found yet or not.
fn indexed(search: &SearchEngine, index: &str) -> usize {
    let answer = search.call("GET", &format!("/{index}/_stats/indexing"), &Value::Null);
    if answer.status != 200 {
        return 0;
    }
    let total = answer.json()["_all"]["primaries"]["indexing"]["index_total"].as_u64();
    total.and_then(|total| usize::try_from(total).ok()).unwrap_or(0)
}

/// Lines a second.
fn client(search: &SearchEngine, index: &str, lines: usize) -> f64 {
    let url = format!("http://{}/{index}/_bulk?filter_path=errors", search.address());
    let login = http::basic("elastic", PASSWORD);
    let connection = http::Connection::new();
    let begun = Instant::now();
    for first in (0..lines).step_by(BULK_LINES) {
        let mut body = String::new();
        for number in first..(first + BULK_LINES).min(lines) {
            let _never_fails = writeln!(
                body,
                "{{\"create\":{{\"_id\":\"18d0e2b7c1a0{number:010}-1f2e3d4c5b6a-o-0\"}}}}\n{{\"@timestamp\":\
                 \"2026-11-24T10:00:00.{:09}Z\",\"message\":\"{:.<84}\",\"program\":\"search-0\",\"host\":\"node1\",\
                 \"severity\":6,\"facility\":1,\"stream\":\"stdout\"}}",
                number, "a line of a service that says something"
            );
        }
        let answer = connection.post(&url, &[("authorization", &login)], &body);
        assert!(answer.contains("\"errors\":false"), "{answer}");
    }
    lines as f64 / begun.elapsed().as_secs_f64()
}
