//! Every rule file is deployed; every alert has a runbook and a promtool test that fires and one that does not.

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
        let section = section.split("\n#").next().expect("text");
        assert!(section.contains("Seen:"), "docs/runbooks.md: {name} does not say how far it has been seen");
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
fn every_rule_file_is_deployed() {
    let stack = fs::read_to_string(root().join("deploy/metrics.yml")).expect("the stack file");
    for path in files("deploy/prometheus/rules") {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(stack.contains(&format!("target: /etc/prometheus/rules/{name}}}")), "{name}");
        assert!(stack.contains(&format!("file: ./prometheus/rules/{name}")), "{name}");
    }
}
