//! Documents that are made from the table of collectors.

use std::fmt::Write;

use node_exporter::collectors::{COLLECTORS, Spec};
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

const SURROUNDINGS: &str = "
## What a container's surroundings take away

`node-exporter doctor`, with the exporter's flags behind it and in the place where the exporter runs, tells what of this
applies, what each collector reads or why not, and what the other nodes of the Swarm say. Two gauges tell it to Prometheus:

- `node_exporter_network_namespace{source}`: `host` where the network collectors read the host's network through
  PID 1 of `--path.procfs`, `self` where they can only read that of the exporter.
- `node_exporter_confined{by=\"hidepid\"}`: `/proc` is mounted with `hidepid` and hides PID 1: network and mounts are the
  exporter's own. Mount it without, or give the exporter its `gid=` or CAP_SYS_PTRACE.
- `node_exporter_confined{by=\"user_namespace\"}`: userns-remap or a rootless engine: our root is not the host's, so files
  for root alone (slabinfo, rapl, DMI serial numbers) are missing. Run with `--userns=host`.
- `node_exporter_confined{by=\"selinux\"}`: a domain like `container_t` is enforced: files below the mounted roots may be
  refused, above all text files and sockets. Label them, or run with `--security-opt label=disable`.
- `node_exporter_confined{by=\"apparmor\"}`: a profile like `docker-default` is enforced: tracing PID 1 and parts of `/proc`
  and `/sys` may be refused; no default collector needs them. Else run with `--security-opt apparmor=unconfined`.
";

/// Between these lines the README has the table.
const BEGIN: &str = "<!-- collectors: made from node-exporter/src/collectors.rs, checked by a test -->\n";
const END: &str = "<!-- end of collectors -->\n";

/// What Markdown would take for emphasis.
fn plain(text: &str) -> String {
    text.replace('*', "\\*")
}

fn state(spec: &Spec) -> &'static str {
    if spec.default_on { "on" } else { "off" }
}

#[test]
fn the_table_in_the_readme_is_that_of_the_code() {
    let path = package().join("../README.md");
    let readme = std::fs::read_to_string(&path).expect("the README");
    let (before, rest) = readme.split_once(BEGIN).expect("the line before the table");
    let (_, after) = rest.split_once(END).expect("the line after the table");
    let mut table = String::from("| Collector | Default | What | Reads |\n|---|---|---|---|\n");
    for spec in COLLECTORS {
        let (about, reads) = (plain(spec.about), plain(spec.reads));
        writeln!(table, "| {} | {} | {about} | {reads} |", spec.name, state(spec)).expect("a String");
    }
    assert_golden(&path, &[before, BEGIN, &table, END, after].concat());
}

#[test]
fn the_list_of_collectors_is_that_of_the_code() {
    let mut text = String::from(INTRODUCTION);
    for spec in COLLECTORS {
        let flags = spec.flags.iter().map(|flag| match flag.takes {
            Takes::Value { what, .. } | Takes::Values { what } => format!("`--{}={what}`", flag.name),
            Takes::Switch { .. } => format!("`--{}`", flag.name),
        });
        let flags = flags.collect::<Vec<_>>().join("<br>");
        let (about, reads) = (plain(spec.about), plain(spec.reads));
        let state = state(spec);
        writeln!(text, "| {} | {state} | {about} | {reads} | {flags} |", spec.name).expect("a String");
    }
    text.push_str(SURROUNDINGS);
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
