//! Every rule file is deployed; every alert has a runbook, a row in the table of what was seen, and a promtool test that
//! fires and one that does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    wait: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(default)]
    alert_rule_test: Vec<Expectation>,
}

#[derive(Deserialize)]
struct Expectation {
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<serde::de::IgnoredAny>,
}

fn files(folder: &str) -> Vec<PathBuf> {
    let files =
        fs::read_dir(root().join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "yml")).collect();
    assert!(!files.is_empty(), "{folder}");
    files
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).expect("a file");
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn alerts() -> Vec<Rule> {
    let files = files("deploy/prometheus/rules");
    let rules = files.iter().flat_map(|path| read::<RuleFile>(path).groups).flat_map(|group| group.rules);
    rules.filter(|rule| rule.alert.is_some()).collect()
}

#[test]
fn every_alert_says_what_where_and_what_to_do() {
    let runbooks = fs::read_to_string(root().join("docs/runbooks.md")).expect("the runbooks");
    let mut headings: BTreeSet<_> = runbooks.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut names = BTreeSet::new();
    for rule in alerts() {
        let name = rule.alert.expect("an alert");
        assert!(names.insert(name.clone()), "{name} is there twice");
        let summary = rule.annotations.get("summary").unwrap_or_else(|| panic!("{name} has no summary"));
        assert!(summary.len() > 20, "{name}: {summary}");
        let severity = rule.labels.get("severity").map(String::as_str);
        assert!(
            ["critical", "warning", "info", "none"].contains(&severity.unwrap_or("?")),
            "{name}: {severity:?}"
        );
        let link = format!("docs/runbooks.md#{}", name.to_lowercase());
        assert_eq!(rule.annotations.get("runbook_url"), Some(&link), "{name}");
        assert!(headings.remove(name.as_str()), "docs/runbooks.md has no `### {name}`");
        let section = runbooks.split(&format!("### {name}\n")).nth(1).expect("its section");
        let section = section.split("\n#").next().expect("text").trim();
        assert!(section.len() > 40, "docs/runbooks.md: {name} says nothing");
    }
    assert!(headings.is_empty(), "runbooks without an alert: {headings:?}");
}

#[test]
fn every_alert_has_a_test_that_fires_and_one_that_does_not() {
    let tests = files("deploy/prometheus/tests");
    let tests: Vec<_> = tests.iter().flat_map(|path| read::<TestFile>(path).tests).collect();
    let expectations: Vec<_> = tests.iter().flat_map(|test| &test.alert_rule_test).collect();
    for rule in alerts() {
        let name = rule.alert.expect("an alert");
        let mut of_this = expectations.iter().filter(|expected| expected.alertname == name);
        assert!(
            of_this.clone().any(|expected| !expected.exp_alerts.is_empty()),
            "{name} is never seen to fire"
        );
        // The one that always fires.
        let quiet = name == "Watchdog" || of_this.any(|expected| expected.exp_alerts.is_empty());
        assert!(quiet, "{name} is never seen not to fire");
    }
}

#[test]
fn summaries_use_labels_that_their_alerts_have() {
    for rule in alerts() {
        let name = rule.alert.expect("an alert");
        let summary = &rule.annotations["summary"];
        let about_node = rule.expr.contains("group_left (node_id, node_name)") || rule.expr.contains("node:");
        assert!(
            !about_node || summary.contains(".node_name") || summary.contains("\"node_name\""),
            "{name} knows its node and does not say it: {summary}"
        );
        if let Some(service) = rule.labels.get("service").filter(|service| service.contains("$labels")) {
            let label = "container_label_com_docker_swarm_service_name";
            assert!(service.contains(label), "{name}: {service}");
            assert!(
                summary.contains(label) || summary.contains("$labels.name "),
                "{name} knows its service and does not say it: {summary}"
            );
        }
    }
}

#[test]
fn the_table_of_alerts_says_how_far_each_was_seen() {
    let page = fs::read_to_string(root().join("docs/alerts.md")).expect("the table");
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, severity, wait, seen, remark] = cells[..] else { panic!("docs/alerts.md: {line}") };
        if name != "alert" {
            assert!(rows.insert(name.to_owned(), [severity, wait, seen, remark]).is_none(), "{name} twice");
        }
    }
    for rule in alerts() {
        let name = rule.alert.expect("an alert");
        let row = rows.remove(&name).unwrap_or_else(|| panic!("docs/alerts.md has no row for {name}"));
        let [severity, wait, seen, remark] = row;
        assert_eq!(Some(severity), rule.labels.get("severity").map(String::as_str), "{name}");
        assert_eq!(wait, rule.wait.as_deref().unwrap_or("at once"), "{name}");
        assert!(["demo", "three nodes", "promtool"].contains(&seen), "{name}: {seen}");
        assert!(seen != "promtool" || remark.len() > 10, "{name}: why was it seen nowhere else?");
    }
    assert!(rows.is_empty(), "rows without an alert: {:?}", rows.keys());
}

#[test]
fn every_rule_file_is_deployed() {
    let stack = fs::read_to_string(root().join("deploy/metrics.yml")).expect("the stack file");
    for path in files("deploy/prometheus/rules") {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(stack.contains(&format!("target: /etc/prometheus/rules/{name}}}")), "{name}");
        assert!(stack.contains(&format!("file: ./prometheus/rules/{name}")), "{name}");
    }
}
