//! The Grafana boards: form, rules, and every query asked of a real Prometheus over real agents.

use e2e::boards::ask::{self, Question};
use e2e::boards::board::{Board, Panel, text};
use e2e::boards::exclusions::Exclusions;
use e2e::boards::fill::{Range, fill};
use e2e::boards::lab::Lab;
use e2e::boards::{lint, promql, schema, shape, simulate};
use e2e::prometheus::Prometheus;
use e2e::wait::{LIMIT, ensure, until};

fn assert_none(left: &[String]) {
    assert!(left.is_empty(), "{} faults:\n{}", left.len(), left.join("\n"));
}

#[test]
fn their_form_is_grafanas() {
    let boards = Board::all();
    assert_none(&Exclusions::read().apply(&schema::RULES, schema::check(&boards)));
}

#[test]
fn they_keep_the_rules() {
    let (boards, exclusions) = (Board::all(), Exclusions::read());
    let rules = [&lint::RULES[..], &promql::RULES, &shape::RULES].concat();
    let mut found: Vec<_> = boards.iter().flat_map(lint::check).collect();
    found.extend(shape::check(&boards));
    for board in &boards {
        let uid = board.uid();
        found.extend(lint::empty_panels(board, |title| exclusions.cover("empty", &uid, title)));
    }
    let mut left = exclusions.apply(&rules, found);
    left.extend(exclusions.without_panel(&boards));
    assert_none(&left);
}

/// The latest minute of the lab, which scrapes every two seconds.
fn now(prometheus: &Prometheus) -> Range {
    let end = prometheus.query("time()");
    let end: f64 = end[1].as_str().and_then(|time| time.parse().ok()).expect("a time");
    Range { start: end - 60.0, end, scrape: 2.0 }
}

#[test]
fn every_query_has_an_answer() {
    let lab = Lab::start("boards", 27);
    let (boards, exclusions) = (Board::all(), Exclusions::read());
    every_panel_has_data(&lab, &boards, &exclusions);
    log_lines_are_found(&lab, &boards);
    fifty_nodes_fit(&lab, &boards, &exclusions);
}

fn every_panel_has_data(lab: &Lab, boards: &[Board], exclusions: &Exclusions) {
    let rules: Vec<_> = ask::RULES.into_iter().filter(|rule| *rule != "empty").collect();
    // Whatever is slow to come has come then; what is wrong is told in full.
    until(LIMIT, "data in every panel", || {
        let question = Question { prometheus: lab.prometheus(), range: now(lab.prometheus()) };
        let found = boards.iter().flat_map(|board| ask::check(board, &question)).collect();
        let left = exclusions.apply(&rules, found);
        ensure(left.is_empty(), format!("{} faults:\n{}", left.len(), left.join("\n")))
    });
}

/// Searches of log panels and of marks, by the real level of each line.
fn log_lines_are_found(lab: &Lab, boards: &[Board]) {
    let question = Question { prometheus: lab.prometheus(), range: now(lab.prometheus()) };
    let mut asked = 0;
    for board in boards {
        let (values, _) = ask::values(board, &question);
        let panels = board.panels();
        let logs = panels.iter().filter(|panel| panel.kind() == "logs").flat_map(Panel::targets);
        let searches = logs.map(|target| text(target.json, "/query"));
        let marks = board.annotations().iter().map(|annotation| text(annotation, "/target/query"));
        for search in searches.chain(marks).filter(|search| !search.is_empty()) {
            let search = fill(search, &values, &question.range).expect("known variables");
            let lines = lab.lines(&search);
            assert!(!lines.is_empty(), "{}: no line for {search}", board.uid());
            for line in &lines {
                assert!(line["_source"]["severity"].as_u64().is_some_and(|level| level <= 3), "{line}");
            }
            asked += 1;
        }
    }
    assert!(asked > boards.len(), "each board marks errors, and some show them");
}

fn fifty_nodes_fit(lab: &Lab, boards: &[Board], exclusions: &Exclusions) {
    let end: u32 = format!("{:.0}", now(lab.prometheus()).end).parse().expect("seconds");
    let end = end / simulate::SCRAPE * simulate::SCRAPE;
    let many = simulate::nodes(lab.prometheus(), boards, end);
    let end = f64::from(end);
    let range = Range { start: end - 3600.0, end, scrape: f64::from(simulate::SCRAPE) };
    let question = Question { prometheus: &many, range };
    // The simulation shows what it is for: more than six, and other ones at other times.
    let reporting = question.at_end("node_meta").expect("an answer");
    assert_eq!(reporting.len(), simulate::NODES as usize);
    let anew = question.over_range("topk(6, node_load1)", range.step()).expect("an answer");
    assert!(anew.len() > 20, "{} nodes were among the first six", anew.len());
    let found: Vec<_> = boards.iter().flat_map(|board| ask::check(board, &question)).collect();
    let found = found.into_iter().filter(|finding| finding.rule != "empty").collect();
    assert_none(&exclusions.apply(&[], found));
}
