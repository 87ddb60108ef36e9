//! What the documents name exists: flags of the agents, metrics, files behind links.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::agent::binary;
use regex::Regex;

/// What can be called with flags.
const CALLED: [&[&str]; 6] = [
    &["node-exporter"],
    &["container-exporter"],
    &["container-exporter", "cluster"],
    &["container-exporter", "socket-proxy"],
    &["container-exporter", "doctor"],
    &["log-router"],
];
/// Documents whose flags and metrics are looked at.
const DOCUMENTS: [&str; 5] = [
    "docs/doctor.md",
    "docs/migration.md",
    "docs/releases.md",
    "docs/security.md",
    "docs/troubleshooting.md",
];
/// Where the names of all metrics are.
const METRICS: [&str; 6] = [
    "container-exporter/METRICS.md",
    "docs/cluster.md",
    "log-router/src/metrics.rs",
    "node-exporter/src",
    "node-exporter/tests/golden",
    "agent-core/src",
];
/// Metrics of others.
const FOREIGN: [&str; 1] = ["prometheus_"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    let path = root().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of a file, or of all files below a folder.
fn read_all(path: &Path, text: &mut String) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder").flatten() {
            read_all(&entry.path(), text);
        }
    } else {
        text.push_str(&std::fs::read_to_string(path).unwrap_or_default());
    }
}

/// Whether a program takes a flag: the first unknown one is told of. The other keeps it from starting.
fn takes(called: &[&str], flag: &str) -> bool {
    let (program, subcommand) = called.split_first().expect("a program");
    let output =
        Command::new(binary(program)).args(subcommand).args([flag, "--help", "--no-such-flag"]).output();
    let output = output.expect("the program starts");
    !String::from_utf8_lossy(&output.stderr).contains(&format!("unexpected argument '{flag}'"))
}

/// What stands between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn flags(text: &str) -> BTreeSet<String> {
    let flag = Regex::new("^--[a-z][A-Za-z0-9_.-]*").expect("a pattern");
    // NAME stands for any collector.
    let found = code(text).filter_map(|code| flag.find(code)).map(|found| found.as_str().to_owned());
    found.filter(|flag| flag.strip_suffix(".NAME").is_none()).collect()
}

/// Tables with one of our programs as the second column: the program, and each cell below.
fn our_cells(text: &str) -> Vec<(String, String)> {
    let mut cells = Vec::new();
    let mut program = None;
    for line in text.lines() {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        let Some(cell) = columns.get(2) else {
            program = None;
            continue;
        };
        if CALLED.iter().any(|called| called[0] == *cell) {
            program = Some((*cell).to_owned());
        } else {
            cells.extend(program.clone().map(|program| (program, (*cell).to_owned())));
        }
    }
    cells
}

#[test]
fn flags_of_ours_exist() {
    let mut checked = 0;
    for (program, cell) in our_cells(&read("docs/migration.md")) {
        for flag in flags(&cell) {
            assert!(takes(&[&program], &flag), "docs/migration.md: {program} has no {flag}");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked} flags in the tables of docs/migration.md");
    assert!(!takes(&["node-exporter"], "--no.such.flag"));
    for document in DOCUMENTS.iter().filter(|document| **document != "docs/migration.md") {
        for flag in flags(&read(document)) {
            assert!(CALLED.iter().any(|called| takes(called, &flag)), "{document}: nobody has {flag}");
        }
    }
}

#[test]
fn metrics_of_ours_exist() {
    let mut known = String::new();
    for path in METRICS {
        read_all(&root().join(path), &mut known);
    }
    let name = Regex::new("^(node|container|log_router|log|swarm_cluster|swarmscope|socket_proxy|process|promhttp|prometheus)_[a-z0-9_]+[a-z0-9]").expect("a pattern");
    let mut checked = 0;
    for document in DOCUMENTS {
        let text = read(document);
        let cells: Vec<_> = if document == "docs/migration.md" {
            our_cells(&text).into_iter().map(|(_, cell)| cell).collect()
        } else {
            vec![text]
        };
        for found in cells.iter().flat_map(|cell| code(cell)).filter_map(|code| name.find(code)) {
            let found = found.as_str();
            let base = found.trim_end_matches("_total");
            let foreign = FOREIGN.iter().any(|start| found.starts_with(start));
            // Some names are put together with the agent's namespace.
            let rest = base.split_once('_').map_or(base, |(_, rest)| rest);
            let ours = known.contains(base) || known.contains(&format!("}}_{rest}"));
            assert!(foreign || ours, "{document}: nobody has {found}");
            checked += 1;
        }
    }
    assert!(checked > 25, "{checked} names of metrics");
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]+)(#[^)]*)?\)").expect("a pattern");
    let mut documents =
        vec![root().join("README.md"), root().join("ARCHITECTURE.md"), root().join("CONTRIBUTING.md")];
    let docs = std::fs::read_dir(root().join("docs")).expect("a folder").flatten().map(|entry| entry.path());
    documents.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    for document in documents {
        let text = std::fs::read_to_string(&document).expect("a document");
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if !target.contains("://") {
                let path = document.parent().expect("a folder").join(&target);
                assert!(path.exists(), "{}: {target}", document.display());
            }
        }
    }
}
