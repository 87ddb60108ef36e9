//! Every metric that well-known boards and rules ask for is exported, or `boards.tsv` says why not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use node_exporter::collectors::COLLECTORS;

use crate::exporter::package;
use crate::golden;

/// A row of the list.
struct Wanted<'t> {
    name: &'t str,
    users: &'t str,
    collector: &'t str,
    missing: &'t str,
}

fn parse(text: &str) -> Vec<Wanted<'_>> {
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let mut columns = row.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        Wanted { name: next(), users: next(), collector: next(), missing: next() }
    })
    .collect()
}

/// The names in an answer from the recorded host.
fn exported() -> BTreeSet<String> {
    let answer = golden::exporter().metrics();
    let samples = answer.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| Some(line.split(['{', ' ']).next()?.to_owned())).collect()
}

/// All sources, for names of things that the recorded host does not have (what comes over D-Bus or netlink).
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("the sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else {
            text.push_str(&fs::read_to_string(&path).expect("a source file"));
        }
    }
    text
}

#[test]
fn every_name_that_boards_ask_for_is_exported() {
    let list = fs::read_to_string(package().join("tests/boards.tsv")).expect("the list");
    let exported = exported();
    let sources = sources(&package().join("src"));
    let mut wrong = Vec::new();
    for Wanted { name, users, collector, missing } in parse(&list) {
        let known = exported.contains(name) || sources.contains(&format!("\"{name}\""));
        let of_collector = collector == "exporter" || COLLECTORS.iter().any(|spec| spec.name == collector);
        if !of_collector {
            wrong.push(format!("{name}: there is no collector {collector} ({users})"));
        } else if known != missing.is_empty() {
            let what = if known { "is exported, yet the list says why not" } else { "is missing" };
            wrong.push(format!("{name} {what} ({users})"));
        }
        if !missing.is_empty() {
            println!("{name} of {users} is not exported: {missing}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
