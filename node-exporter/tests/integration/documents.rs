//! Documents that are made from the table of collectors.

use std::fmt::Write;

use node_exporter::collectors::COLLECTORS;
use node_exporter::flags::Takes;

use crate::exporter::{assert_golden, package};

const INTRODUCTION: &str = "\
# Collectors of node-exporter

Made from the table in `src/collectors.rs` and checked by a test; do not edit by hand.

`P`, `S`, `R` and `U` stand for `--path.procfs`, `--path.sysfs`, `--path.rootfs` and `--path.udev.data`. Each collector
is switched by `--collector.NAME` and `--no-collector.NAME`.

| Collector | Default | What | Reads | Flags |
|---|---|---|---|---|
";

#[test]
fn the_list_of_collectors_is_that_of_the_code() {
    let mut text = String::from(INTRODUCTION);
    for spec in COLLECTORS {
        let state = if spec.default_on { "on" } else { "off" };
        let flags = spec.flags.iter().map(|flag| match flag.takes {
            Takes::Value { what, .. } | Takes::Values { what } => format!("`--{}={what}`", flag.name),
            Takes::Switch { .. } => format!("`--{}`", flag.name),
        });
        let flags = flags.collect::<Vec<_>>().join("<br>");
        let plain = |text: &str| text.replace('*', "\\*");
        let (about, reads) = (plain(spec.about), plain(spec.reads));
        writeln!(text, "| {} | {state} | {about} | {reads} | {flags} |", spec.name).expect("a String");
    }
    assert_golden(&package().join("COLLECTORS.md"), &text);
}

#[test]
fn names_are_unique_and_in_order() {
    let names: Vec<_> = COLLECTORS.iter().map(|spec| spec.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
}
