//! METRICS.md says what the tables say. `UPDATE=1 cargo test -p container-exporter --test suite` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use agent_core::exposition::Kind;
use container_exporter::cadvisor_flags::{ABSENT_GROUPS, GROUPS, NO_EFFECT};
use container_exporter::collectors::COLLECTORS;
use container_exporter::collectors::left_out::LEFT_OUT;
use container_exporter::collectors::metric::NOT_LEAN;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md");
const BEGIN: &str = "<!-- table: written by tests/suite/documents.rs -->\n";
const END: &str = "<!-- end of the table -->\n";

fn cell(origin: &str) -> String {
    if origin == "-" { origin.to_owned() } else { format!("`{origin}`") }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Untyped => "untyped",
    }
}

fn table() -> String {
    let mut text = String::new();
    for spec in COLLECTORS {
        write!(text, "\n### {}: {}\n\n", spec.name, spec.about).unwrap();
        let group =
            spec.group.map_or("not a group of cAdvisor's".to_owned(), |g| format!("cAdvisor's group `{g}`"));
        let default = if spec.default { "on by default" } else { "off by default" };
        write!(text, "{group}; {default}.\n\n").unwrap();
        text.push_str("| family | type | lean | cgroup source | stats source |\n|---|---|---|---|---|\n");
        for family in (spec.families)() {
            let lean = if NOT_LEAN.contains(&family.name) { "-" } else { "yes" };
            let [cgroup, stats] = [family.origin.cgroup, family.origin.stats].map(cell);
            writeln!(text, "| `{}` | {} | {lean} | {cgroup} | {stats} |", family.name, word(family.kind))
                .unwrap();
        }
    }
    text.push_str("\n### Left out\n\n| cAdvisor's family | why |\n|---|---|\n");
    for (name, why) in LEFT_OUT {
        writeln!(text, "| `{name}` | {why} |").unwrap();
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
        // cAdvisor's gauges with a counter's name, kept for parity.
        if family.name.starts_with("container_network_tcp")
            || family.name.starts_with("container_network_udp")
        {
            continue;
        }
        let counter = family.name.ends_with("_total") || family.name.ends_with("_failcnt");
        assert_eq!(counter, family.kind == Kind::Counter, "{}", family.name);
    }
}

/// cAdvisor's families: name, type, group, whether they are on by default.
fn cadvisor() -> Vec<[String; 4]> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cadvisor-families.tsv");
    let text = fs::read_to_string(file).unwrap();
    let rows = text.lines().skip(1);
    rows.map(|row| row.split('\t').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()).collect()
}

#[test]
fn every_family_of_cadvisor_is_there_or_left_out_with_a_reason() {
    let ours: Vec<_> =
        COLLECTORS.iter().flat_map(|spec| (spec.families)().into_iter().map(move |f| (spec, f))).collect();
    let families = cadvisor();
    assert!(families.len() > 110);
    for [name, kind, group, default] in &families {
        let left_out = LEFT_OUT.iter().any(|(left_out, why)| left_out == name && why.len() > 8);
        let Some((spec, family)) = ours.iter().find(|(_, family)| family.name == name) else {
            assert!(left_out, "{name} is neither there nor left out with a reason");
            continue;
        };
        assert!(!left_out, "{name} is there");
        assert_eq!(word(family.kind), kind, "{name}");
        assert!(spec.default || default == "no", "{name} is on by default in cAdvisor");
        let theirs = group.split(' ').next().unwrap();
        assert_eq!(spec.group.unwrap_or("-"), theirs, "{name}");
    }
    for (name, _) in LEFT_OUT {
        assert!(families.iter().any(|[family, ..]| family == name), "{name} is no family of cAdvisor's");
    }
}

#[test]
fn groups_are_collectors_or_absent() {
    for group in GROUPS.iter().filter(|group| **group != "percpu") {
        let collected = COLLECTORS.iter().any(|spec| spec.group == Some(group));
        assert_ne!(collected, ABSENT_GROUPS.contains(group), "{group}");
    }
    for name in NOT_LEAN {
        let known = COLLECTORS.iter().flat_map(|spec| (spec.families)()).any(|family| family.name == *name);
        assert!(known, "{name}");
    }
}

#[test]
fn the_guide_names_every_flag() {
    let guide =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/container-exporter.md")).unwrap();
    for flag in NO_EFFECT {
        assert!(guide.contains(&format!("`{}`", flag.name)), "{}", flag.name);
    }
    for group in GROUPS {
        assert!(guide.contains(&format!("`{group}`")), "{group}");
    }
}
