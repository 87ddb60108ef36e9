//! Our node-exporter beside the original on the same machine at the same time, with every collector that both have.
//!
//! Names, types and label sets are equal, gauges are equal or between two reads of the other, as counters are. Every other
//! difference is in `node_exporter_live.tsv` with its reason; one that is not there fails.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use e2e::agent::{Agent, binary};
use e2e::command::{attempt, run};
use e2e::exposition::{Family, parse};
use regex::Regex;

/// A reading of both: ours, then theirs.
type Reading = [BTreeMap<String, Family>; 2];

/// How often both are read, by turns. A gauge may move in between, but hardly each time.
const READINGS: usize = 6;
/// Where something is left, both are read again: what differs by chance, on a machine that has much else to do, does not
/// differ each time.
const MOST_READINGS: usize = 30;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A row of the table of known differences.
struct Known {
    metric: Regex,
    /// The beginning of the peer's version, or `any`.
    peer: String,
    /// `ours`, `theirs`, `type`, `moves` or `value`.
    difference: String,
    line: usize,
    used: Cell<bool>,
}

fn known_differences() -> Vec<Known> {
    let text = fs::read_to_string(folder().join("tests/node_exporter_live.tsv")).expect("the table");
    let rows = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    rows.map(|(index, row)| {
        let line = index + 1;
        let [metric, peer, difference, reason] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("line {line} has not four columns: {row}")
        };
        assert!(
            ["ours", "theirs", "type", "moves", "value"].contains(&difference),
            "line {line}: {difference}"
        );
        assert!(!reason.is_empty(), "line {line} has no reason");
        let metric = Regex::new(&format!("^(?:{metric})(?:$|\\{{)")).expect("a regular expression");
        Known {
            metric,
            peer: peer.to_owned(),
            difference: difference.to_owned(),
            line,
            used: Cell::new(false),
        }
    })
    .collect()
}

/// A difference: what kind, which series (or family), how it looks.
#[derive(Debug)]
struct Difference {
    kind: &'static str,
    series: String,
    detail: String,
}

#[test]
fn the_installed_node_exporter_says_the_same() {
    compare(Path::new("/usr/bin/prometheus-node-exporter"));
}

#[test]
fn the_newest_node_exporter_says_the_same() {
    let path = run("bash", &[&folder().join("peers.sh").display().to_string()]);
    compare(Path::new(path.trim()));
}

fn compare(theirs: &Path) {
    let version = version(theirs);
    let textfiles = tempfile::tempdir().expect("a folder");
    fs::write(
        textfiles.path().join("role.prom"),
        "# HELP role A role.\n# TYPE role gauge\nrole{role=\"db\"} 1\n",
    )
    .expect("a text file");
    let names = common_collectors(theirs);
    let switches = names.iter().map(|name| format!("--collector.{name}"));
    // Debian changes some defaults: both get node_exporter's own.
    let flags: Vec<_> = switches
        .chain([
            "--collector.disable-defaults".to_owned(),
            "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+)($|/)"
                .to_owned(),
            r"--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$".to_owned(),
            "--collector.netdev.device-exclude=".to_owned(),
            format!("--collector.textfile.directory={}", textfiles.path().display()),
        ])
        .collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let ours = Agent::start_program(&binary("node-exporter"), "/-/healthy", &flags, &[]);
    let theirs = Agent::start_program(theirs, "/", &flags, &[]);
    let known = known_differences();
    let peer = |row: &Known| row.peer == "any" || version.starts_with(&row.peer);
    let mut readings: Vec<Reading> = Vec::new();
    let differences = loop {
        readings.push([&ours, &theirs].map(|agent| parse(&agent.metrics())));
        if readings.len() < READINGS {
            continue;
        }
        let mut differences = shapes(&readings);
        differences.extend(values(&readings));
        differences.retain(|difference| {
            let rows = known.iter().filter(|row| {
                peer(row) && row.difference == difference.kind && row.metric.is_match(&difference.series)
            });
            rows.map(|row| row.used.set(true)).count() == 0
        });
        if differences.is_empty() || readings.len() == MOST_READINGS {
            break differences;
        }
    };
    // A number that moves may stand still for once.
    for row in known.iter().filter(|row| peer(row) && !row.used.get() && row.difference != "moves") {
        println!("node_exporter_live.tsv:{}: nothing like this on this machine ({version})", row.line);
    }
    let series = readings[0][0].values().map(|family| family.samples.len()).sum::<usize>();
    println!("{series} series of {} collectors compared with {version}", names.len());
    let lines: Vec<_> =
        differences.iter().map(|d| format!("{}\t{version}\t{}\t{}", d.series, d.kind, d.detail)).collect();
    assert!(
        lines.is_empty(),
        "differences from {version} that the table does not know:\n{}",
        lines.join("\n")
    );
}

fn version(program: &Path) -> String {
    let program = program.display().to_string();
    // Old ones print it to standard error.
    let text = run("sh", &["-c", &format!("{program} --version 2>&1")]);
    let found = Regex::new(r"version (\d+\.\d+\.\d+)").expect("a pattern").captures(&text);
    found.unwrap_or_else(|| panic!("{program} has no version: {text}"))[1].to_owned()
}

/// The collectors that both have.
fn common_collectors(theirs: &Path) -> BTreeSet<String> {
    let switch = Regex::new(r"--(?:\[no-\])?collector\.([a-z0-9_]+)\s+Enable the").expect("a pattern");
    let help = run("sh", &["-c", &format!("{} --help 2>&1", theirs.display())]);
    let theirs: BTreeSet<_> = switch.captures_iter(&help).map(|found| found[1].to_owned()).collect();
    let switch = Regex::new(r"--collector\.([a-z0-9_]+)(?:\[=<BOOL>\])?\s").expect("a pattern");
    let help = attempt(&binary("node-exporter").display().to_string(), &["--help"]).expect("our help");
    let ours: BTreeSet<_> = switch.captures_iter(&help).map(|found| found[1].to_owned()).collect();
    let common: BTreeSet<_> = ours.intersection(&theirs).cloned().collect();
    assert!(common.len() > 15, "{common:?} of {ours:?} and {theirs:?}");
    common
}

/// Families, types and series that are not the same in any reading.
fn shapes(readings: &[Reading]) -> Vec<Difference> {
    let mut differences = BTreeMap::new();
    for (number, [ours, theirs]) in readings.iter().enumerate() {
        let mut now = BTreeMap::new();
        for (kind, here, there) in [("ours", ours, theirs), ("theirs", theirs, ours)] {
            for (name, family) in here {
                let Some(other) = there.get(name) else {
                    now.insert((kind, name.clone()), format!("{} series", family.samples.len()));
                    continue;
                };
                if kind == "ours" && family.kind != other.kind {
                    now.insert(("type", name.clone()), format!("{}, theirs {}", family.kind, other.kind));
                }
                let only = family.samples.keys().filter(|series| !other.samples.contains_key(*series));
                now.extend(only.map(|series| ((kind, series.clone()), String::from("series"))));
            }
        }
        if number == 0 {
            differences = now;
        } else {
            differences.retain(|key, _| now.contains_key(key));
        }
    }
    let difference = |((kind, series), detail)| Difference { kind, series, detail };
    differences.into_iter().map(difference).collect()
}

/// Series whose values differ.
fn values(readings: &[Reading]) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (name, family) in &readings[0][0] {
        for series in family.samples.keys() {
            let value = |reading: &Reading, side: usize| {
                reading[side].get(name).and_then(|family| family.samples.get(series)).copied()
            };
            // Ours and theirs by turns, as they were read.
            let both: Option<Vec<f64>> = readings.iter().flat_map(|r| [value(r, 0), value(r, 1)]).collect();
            let Some(both) = both else { continue };
            let counts =
                family.kind != "gauge" && both.windows(2).all(|pair| pair[0] <= pair[1] + slack(pair[1]));
            let equal = both.windows(2).any(|pair| same(pair[0], pair[1]));
            // One's value lies between two of the other's.
            let between = |three: &[f64]| {
                let [before, value, after] = three else { return false };
                before.min(*after) <= *value && *value <= before.max(*after)
            };
            if !counts && !equal && !both.windows(3).any(between) {
                differences.push(Difference {
                    kind: if moves(&both) { "moves" } else { "value" },
                    series: series.clone(),
                    detail: format!("{}: {both:?}", family.kind),
                });
            }
        }
    }
    differences
}

/// Whether ours and theirs, read by turns, differ no more than a number that moves all the time.
fn moves(both: &[f64]) -> bool {
    if both.iter().all(|value| same(*value, 0.0) || same(*value, 1.0)) {
        return false;
    }
    let mean = |side: usize| {
        let values: Vec<_> = both.iter().skip(side).step_by(2).collect();
        values.iter().copied().sum::<f64>() / f64::from(u32::try_from(values.len()).expect("few"))
    };
    let (ours, theirs) = (mean(0), mean(1));
    (ours - theirs).abs() <= (ours.abs().max(theirs.abs()) * 0.2).max(16.0)
}

/// What two programs may make of the same number.
fn slack(value: f64) -> f64 {
    value.abs() * 1e-12
}

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= slack(one) || one.total_cmp(&other).is_eq() || one.is_nan() && other.is_nan()
}
