//! METRICS.md says what the tables say. `UPDATE=1 cargo test -p container-exporter --test suite` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use agent_core::exposition::Kind;
use container_exporter::collectors::COLLECTORS;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md");
const BEGIN: &str = "<!-- table: written by tests/suite/documents.rs -->\n";
const END: &str = "<!-- end of the table -->\n";

fn cell(origin: &str) -> String {
    if origin == "-" { origin.to_owned() } else { format!("`{origin}`") }
}

fn table() -> String {
    let mut text = String::new();
    for spec in COLLECTORS {
        write!(text, "\n### {}: {}\n\n", spec.name, spec.about).unwrap();
        text.push_str("| family | type | cgroup source | stats source |\n|---|---|---|---|\n");
        for family in (spec.families)() {
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Untyped => "untyped",
            };
            let [cgroup, stats] = [family.origin.cgroup, family.origin.stats].map(cell);
            writeln!(text, "| `{}` | {kind} | {cgroup} | {stats} |", family.name).unwrap();
        }
    }
    text.push('\n');
    text
}

#[test]
fn metrics_md_is_the_table() {
    let file = fs::read_to_string(FILE).unwrap();
    let (head, rest) = file.split_once(BEGIN).expect("the table's beginning");
    let (written, tail) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(FILE, [head, BEGIN, &table(), END, tail].concat()).unwrap();
    } else {
        assert_eq!(written, table(), "METRICS.md is out of date: run this test with UPDATE=1");
    }
}

#[test]
fn every_family_is_told_once_with_its_origin() {
    let families: Vec<_> = COLLECTORS.iter().flat_map(|spec| (spec.families)()).collect();
    let names: BTreeSet<_> = families.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), families.len());
    for family in families {
        assert_ne!(family.origin.cgroup, "-", "{}", family.name);
        let counter = family.name.ends_with("_total") || family.name.ends_with("_failcnt");
        assert_eq!(counter, family.kind == Kind::Counter, "{}", family.name);
    }
}
