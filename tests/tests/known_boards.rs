//! Every expression of the known boards for nodes, asked of a real Prometheus that scrapes our node-exporter as it is by
//! default, once more with what those boards name as extra, and the originals beside it on the same machine. The
//! expressions are in `known_boards.tsv`, where they come from in `docs/known-boards.md`. The boards for containers are in
//! `dashboards_container.tsv`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use e2e::agent::Agent;
use e2e::command::run;
use e2e::prometheus::Prometheus;
use e2e::wait::{LIMIT, ensure, until};

const TABLE: &str = include_str!("known_boards.tsv");

/// A row of the table.
struct Expression {
    board: &'static str,
    panel: &'static str,
    /// Why there may be no answer; empty where there must be one.
    reason: &'static str,
    text: &'static str,
}

fn expressions() -> Vec<Expression> {
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split('\t').collect();
        let [board, panel, reason, text] = cells[..] else { panic!("{line}: not four cells") };
        let kind = reason.split(':').next().unwrap_or_default();
        let known = ["", "hardware", "kernel", "flag", "systemd", "site", "nobody"];
        assert!(known.contains(&kind), "{line}: {kind}");
        Expression { board, panel, reason, text }
    };
    TABLE.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

/// What Grafana would put in the place of the boards' variables.
fn fill(text: &str, job: &str) -> String {
    let values = [
        ("$__rate_interval", "30s"),
        ("$diskdevices", "[a-z]+|nvme[0-9]+n[0-9]+|mmcblk[0-9]+"),
        ("$node", job),
        ("$server", job),
        ("$job", job),
    ];
    let filled = values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains('$'), "{text}: a variable without a value");
    filled
}

/// How many series an expression has for each job.
type Answers = BTreeMap<(usize, &'static str), usize>;

const OURS: &str = "ours";
/// Ours with the flags that the boards ask for.
const MORE: &str = "more";
const PEERS: [&str; 2] = ["installed", "newest"];

/// In the states `fin_wait2` and `close_wait` until it is dropped.
fn half_closed_connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    let (server, _) = listener.accept().expect("the other side");
    client.shutdown(Shutdown::Write).expect("one side closed");
    (client, server)
}

#[test]
fn every_expression_of_the_boards_for_nodes_has_an_answer() {
    let identity = [("NODE_NAME", "alpha"), ("NODE_ID", "a")];
    let extra =
        ["--compat.legacy-names", "--collector.processes", "--collector.interrupts", "--collector.tcpstat"];
    // Debian leaves out more than node_exporter itself does.
    let original = [
        "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+)($|/)",
        "--collector.netdev.device-exclude=",
        // On by default in Debian's only.
        "--no-collector.systemd",
    ];
    // A connection that one side has closed, so that the states which last a moment elsewhere are there at every scrape.
    let _half_closed = half_closed_connection();
    let newest = run("bash", &[concat!(env!("CARGO_MANIFEST_DIR"), "/peers.sh")]);
    let agents = [
        (OURS, Agent::start("node-exporter", &[], &identity)),
        (MORE, Agent::start("node-exporter", &extra, &identity)),
        (PEERS[0], Agent::start_program(Path::new("/usr/bin/prometheus-node-exporter"), "/", &original, &[])),
        (PEERS[1], Agent::start_program(Path::new(newest.trim()), "/", &original, &[])),
    ];
    let job = |(name, agent): &(&str, Agent)| {
        format!(
            "  - job_name: {name}\n    static_configs: [{{targets: ['{}'], labels: {{instance: '{name}'}}}}]\n",
            agent.address()
        )
    };
    let prometheus = Prometheus::configured(&agents.iter().map(job).collect::<String>());
    prometheus.expect("up == 1", agents.len());

    let expressions = expressions();
    let mut answers = Answers::new();
    let end = Instant::now() + LIMIT;
    // Ranges fill. What has had an answer once is not asked again; what is empty at the end is told below.
    until(LIMIT * 2, "answers", || {
        ask(&prometheus, &expressions, &mut answers);
        let missing = complaints(&expressions, &answers);
        ensure(missing.is_empty() || Instant::now() > end, missing.join("\n"))
    });
    tell(&expressions, &answers);
    let missing = complaints(&expressions, &answers);
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

fn ask(prometheus: &Prometheus, expressions: &[Expression], answers: &mut Answers) {
    for (row, expression) in expressions.iter().enumerate() {
        for job in [OURS, MORE, PEERS[0], PEERS[1]] {
            if answers.get(&(row, job)).is_none_or(|&count| count == 0) {
                answers.insert((row, job), prometheus.query(&fill(expression.text, job)).len());
            }
        }
    }
}

fn complaints(expressions: &[Expression], answers: &Answers) -> Vec<String> {
    let mut wrong = Vec::new();
    for (row, Expression { board, panel, reason, text }) in expressions.iter().enumerate() {
        let count = |job: &'static str| answers[&(row, job)];
        // The old names are ours to add, where somebody asks for them.
        let ours = if *board == "22" { MORE } else { OURS };
        for peer in PEERS {
            if count(peer) > 0 && count(ours) == 0 {
                wrong.push(format!(
                    "{board}, {panel}: the {peer} node_exporter has an answer, ours has none: {text}"
                ));
            }
        }
        if reason.is_empty() && count(ours) == 0 {
            wrong.push(format!("{board}, {panel}: no series for {text}"));
        }
        if reason.starts_with("flag") && count(MORE) == 0 {
            wrong.push(format!("{board}, {panel}: no series even with the flag: {text}"));
        }
        if reason.starts_with("nobody") && count(MORE) > 0 {
            wrong.push(format!("{board}, {panel}: there is an answer, the table says there is none: {text}"));
        }
    }
    wrong
}

/// The figures of the page.
fn tell(expressions: &[Expression], answers: &Answers) {
    for (row, Expression { board, panel, reason, .. }) in expressions.iter().enumerate() {
        if answers[&(row, OURS)] == 0 {
            println!("{board}, {panel}: {reason}");
        }
    }
    for board in ["1860", "704", "22"] {
        let rows: Vec<_> = (0..expressions.len()).filter(|&row| expressions[row].board == board).collect();
        let answered = |job| rows.iter().filter(|&&row| answers[&(row, job)] > 0).count();
        let [ours, more] = [OURS, MORE].map(answered);
        let [installed, newest] = PEERS.map(answered);
        println!(
            "{board}: {} expressions; ours {ours}, with flags {more}; node_exporter installed {installed}, newest {newest}",
            rows.len()
        );
    }
}

#[test]
fn the_page_tells_of_every_board_and_every_reason() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/known-boards.md"))
        .expect("the page");
    let containers = include_str!("dashboards_container.tsv").lines().filter(|line| !line.starts_with('#'));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut reasons = BTreeSet::new();
    for line in containers {
        let cells: Vec<_> = line.split('\t').collect();
        *counts.entry(cells[0]).or_default() += 1;
        reasons.insert(cells[3]);
    }
    for expression in expressions() {
        *counts.entry(expression.board).or_default() += 1;
        reasons.insert(expression.reason.split_once(": ").map_or("", |(_, why)| why));
    }
    for (board, count) in counts {
        let row = page.lines().find(|line| line.starts_with(&format!("| {board} |")));
        let row = row.unwrap_or_else(|| panic!("docs/known-boards.md has no row for {board}"));
        assert!(row.contains(&format!("| {count} |")), "{board} has {count} expressions: {row}");
    }
    for reason in reasons.into_iter().filter(|reason| !reason.is_empty()) {
        assert!(page.contains(reason), "docs/known-boards.md does not give the reason: {reason}");
    }
}
