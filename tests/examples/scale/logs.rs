//! Many containers at a high rate, through log-router to a TCP receiver and into a search engine.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::Agent;
use e2e::document::{machine, today};
use e2e::engine::Engine;
use e2e::ledger::Ledger;
use e2e::printers::{LINE_BYTES, Printed, Printers};
use e2e::search::{Kind, PASSWORD, SearchEngine};
use serde_json::{Value, json};

use crate::process::{cpu_seconds, memory_mb};
use crate::{setting, tell};

const STREAM: &str = "logs-docker-default";
/// Without a new line for so long, the rest is missing.
const PATIENCE: Duration = Duration::from_secs(60);

/// One run.
struct Row {
    what: &'static str,
    lines: u64,
    lines_per_second: f64,
    /// Of a core.
    cpu: f64,
    cpu_micros_a_line: f64,
    memory_mb: f64,
    /// While lines were printed: median and most, seconds.
    lag: (f64, f64),
    /// From the last line printed to the last line there.
    after: Duration,
    missing: u64,
    twice: u64,
}

/// First to a TCP receiver, then into Elasticsearch.
pub(crate) fn measure() -> bool {
    let engine = Engine::start("logs", 27);
    let count = std::env::var("CONTAINERS").map_or(200, |value| value.parse().expect("CONTAINERS: a number"));
    let rate = setting("LINES_PER_SECOND", 20_000.0);
    let minutes = setting("MINUTES", 10.0);
    let duration = Duration::from_secs_f64(minutes * 60.0);
    let rotated = ["--network", "none", "--log-opt", "max-size=10m", "--log-opt", "max-file=3"];
    let printers = Printers::start(&engine, "many", count, &rotated);

    let (printers, to_tcp) = tcp(&engine, printers, rate, duration);
    let (_printers, to_search) = search(&engine, printers, rate, duration);
    let mut text = format!(
        "{}, {}. {count} containers, lines of {LINE_BYTES} bytes, {minutes} minutes each, json-file with 10 MB × 3.\n\n\
         | into | lines | lines/s | CPU of a core | CPU µs/line | resident MB, at most | lag, median and most | after the last line | missing | twice |\n|---|---|---|---|---|---|---|---|---|---|\n",
        today(),
        machine()
    );
    for row in [&to_tcp, &to_search] {
        let _never_fails = writeln!(
            text,
            "| {} | {} | {:.0} | {:.1} % | {:.2} | {:.1} | {:.1}, {:.1} s | {:.1} s | {} | {} |",
            row.what,
            row.lines,
            row.lines_per_second,
            row.cpu * 100.0,
            row.cpu_micros_a_line,
            row.memory_mb,
            row.lag.0,
            row.lag.1,
            row.after.as_secs_f64(),
            row.missing,
            row.twice,
        );
    }
    tell("logs", &text);
    to_tcp.missing + to_tcp.twice + to_search.missing + to_search.twice == 0
}

/// One that reads all containers already, and what they print from now on.
fn router(engine: &Engine, count: usize, state: &str, route: &str, flags: &[&str]) -> Agent {
    let docker = format!("--docker={}", engine.host());
    let state = format!("--state.path={}", engine.data().with_file_name(state).display());
    let arguments = [&[docker.as_str(), &state, "--log.level=warn", "--start=now"], flags, &[route]].concat();
    let router = Agent::start("log-router", &arguments, &[("SYSLOG_FORMAT", "rfc3164")]);
    router.expect(
        &format!("log_router_containers{{route=\"{route}\",source=\"json-file\"}}"),
        &count.to_string(),
    );
    router
}

fn tcp(engine: &Engine, printers: Printers, rate: f64, duration: Duration) -> (Printers, Row) {
    let ledger = Ledger::start();
    let route = format!("syslog+tcp://127.0.0.1:{}", ledger.port());
    let router = router(engine, printers.printed().len(), "state-tcp", &route, &[]);
    let (printers, printed, watched) = watch(&router, printers, rate, duration);
    let begun = Instant::now();
    let lines = ledger.wait_for_all(&printed.lines, PATIENCE);
    let missing = lines.missing.iter().map(|(_, count, _)| count).sum();
    let row = Row::of("TCP syslog", &router, &printed, lines.written, &watched, begun.elapsed());
    (printers, Row { missing, twice: lines.twice, ..row })
}

fn search(engine: &Engine, printers: Printers, rate: f64, duration: Duration) -> (Printers, Row) {
    let before: HashMap<_, _> = printers.printed().into_iter().collect();
    let search = SearchEngine::start(Kind::Elasticsearch8, "scale", &[]);
    let password = engine.data().with_file_name("password");
    std::fs::write(&password, PASSWORD).expect("a file");
    let route = format!("elasticsearch://{}?mode=data-stream", search.address());
    let router = router(
        engine,
        before.len(),
        "state-search",
        &route,
        &login(&password).each_ref().map(String::as_str),
    );
    let (printers, printed, watched) = watch(&router, printers, rate, duration);
    let begun = Instant::now();
    let wanted: Vec<_> = printed
        .lines
        .iter()
        .map(|(name, lines)| (name.clone(), lines - before.get(name).unwrap_or(&0)))
        .collect();
    let written = wanted.iter().map(|(_, lines)| lines).sum();
    let there = wait_for_documents(&search, written);
    let (mut missing, mut twice) = (0, 0);
    for (name, lines) in &wanted {
        let documents = there.get(name).copied().unwrap_or(0);
        missing += lines.saturating_sub(documents);
        twice += documents.saturating_sub(*lines);
    }
    let row =
        Row::of("Elasticsearch 8.19, data stream", &router, &printed, written, &watched, begun.elapsed());
    (printers, Row { missing, twice, ..row })
}

fn login(password: &Path) -> [String; 2] {
    [
        format!("--elasticsearch.password-file={}", password.display()),
        "--elasticsearch.username=elastic".to_owned(),
    ]
}

/// Documents of each container once all are there, or no more come. An ID follows from its line, so there are as many
/// documents as lines.
fn wait_for_documents(search: &SearchEngine, wanted: u64) -> HashMap<String, u64> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let there = documents(search);
        let total = there.values().sum::<u64>();
        if total != last {
            (last, since) = (total, Instant::now());
        }
        if total >= wanted || since.elapsed() > PATIENCE {
            return there;
        }
        thread::sleep(Duration::from_millis(500));
    }
}

fn documents(search: &SearchEngine) -> HashMap<String, u64> {
    search.call("POST", &format!("/{STREAM}/_refresh"), &Value::Null);
    let question =
        json!({"size": 0, "aggs": {"programs": {"terms": {"field": "program.keyword", "size": 10_000}}}});
    let answer = search.call("POST", &format!("/{STREAM}/_search"), &question);
    if answer.status != 200 {
        return HashMap::new();
    }
    let answer = answer.json();
    let buckets = answer["aggregations"]["programs"]["buckets"].as_array().cloned().unwrap_or_default();
    let count = |bucket: &Value| Some((bucket["key"].as_str()?.to_owned(), bucket["doc_count"].as_u64()?));
    buckets.iter().filter_map(count).collect()
}

/// CPU and memory and lag of a router while lines are printed.
struct Watch {
    cpu_before: f64,
    seconds: f64,
    cpu_while: f64,
    lags: Vec<f64>,
}

fn watch(router: &Agent, printers: Printers, rate: f64, duration: Duration) -> (Printers, Printed, Watch) {
    let (cpu_before, begun) = (cpu_seconds(router.pid()), Instant::now());
    let printing = printers.print(rate, duration);
    let mut lags = Vec::new();
    while !printing.is_finished() {
        thread::sleep(Duration::from_secs(1));
        lags.push(
            router
                .sample("log_router_lag_seconds{")
                .rsplit(' ')
                .next()
                .and_then(|lag| lag.parse().ok())
                .unwrap_or(f64::NAN),
        );
    }
    let (seconds, cpu_while) = (begun.elapsed().as_secs_f64(), cpu_seconds(router.pid()) - cpu_before);
    let (printers, printed) = printing.join().expect("the writer");
    lags.sort_by(f64::total_cmp);
    (printers, printed, Watch { cpu_before, seconds, cpu_while, lags })
}

impl Row {
    fn of(
        what: &'static str,
        router: &Agent,
        printed: &Printed,
        lines: u64,
        watch: &Watch,
        after: Duration,
    ) -> Self {
        Self {
            what,
            lines,
            lines_per_second: printed.lines_per_second,
            cpu: watch.cpu_while / watch.seconds,
            cpu_micros_a_line: (cpu_seconds(router.pid()) - watch.cpu_before) * 1e6 / lines as f64,
            memory_mb: memory_mb(router.pid(), "VmHWM:"),
            lag: (watch.lags[watch.lags.len() / 2], watch.lags[watch.lags.len() - 1]),
            after,
            missing: 0,
            twice: 0,
        }
    }
}
