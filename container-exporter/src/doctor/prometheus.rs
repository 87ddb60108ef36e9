//! Prometheus: targets that are down and why, jobs without targets, rules that fail, alerts that do not leave.

use std::collections::BTreeSet;

use agent_core::doctor::Finding;
use serde_json::Value;

use super::ask::Client;
use super::causes::{
    JOB_EMPTY, NO_ALERTMANAGER, NOT_ASKED, PROMETHEUS_UNREACHABLE, RULE_FAILING, TARGET_DOWN,
};
use super::json::{list, text, texts};
use super::url::Url;

/// What Prometheus' API answers.
#[derive(Debug, Default)]
struct Answers {
    /// `/api/v1/targets?state=active`
    targets: Value,
    /// `/api/v1/scrape_pools`, which Prometheus has from 2.42 on.
    pools: Value,
    /// `/api/v1/rules`
    rules: Value,
    /// `/api/v1/alertmanagers`
    alertmanagers: Value,
}

/// Asks and judges; a note where there is no URL.
pub(super) async fn read_and_examine(client: &Client, url: Option<&Url>) -> Vec<Finding> {
    let Some(url) = url else { return vec![Finding::of(&NOT_ASKED, "Prometheus (--prometheus.url)")] };
    match read(client, url).await {
        Ok(answers) => examine(&answers),
        Err(error) => vec![Finding::of(&PROMETHEUS_UNREACHABLE, error)],
    }
}

async fn read(client: &Client, url: &Url) -> Result<Answers, String> {
    let ask = async |path: &str| {
        let mut answer = client.json(url, path).await?;
        Ok::<_, String>(answer.get_mut("data").map(Value::take).unwrap_or_default())
    };
    Ok(Answers {
        targets: ask("/api/v1/targets?state=active").await?,
        pools: ask("/api/v1/scrape_pools").await.unwrap_or_default(),
        rules: ask("/api/v1/rules").await?,
        alertmanagers: ask("/api/v1/alertmanagers").await?,
    })
}

fn examine(answers: &Answers) -> Vec<Finding> {
    let targets = list(&answers.targets, "/activeTargets");
    let mut findings = Vec::new();
    let mut up = 0_usize;
    for target in targets {
        let who = format!("{} {}", text(target, "/labels/job"), text(target, "/labels/instance"));
        match text(target, "/health") {
            "up" => up += 1,
            "down" => {
                let node = text(target, "/labels/node_name");
                let node = if node.is_empty() { String::new() } else { format!(" on {node}") };
                let seen = format!("{who}{node}: {}", text(target, "/lastError"));
                findings.push(Finding::of(&TARGET_DOWN, seen));
            }
            _ => findings.push(Finding::note(format!("{who} was not scraped yet"))),
        }
    }
    findings.insert(0, Finding::good(format!("{up} of {} targets are up", targets.len())));
    let jobs: BTreeSet<_> = targets.iter().map(|target| text(target, "/scrapePool")).collect();
    let empty = texts(&answers.pools, "/scrapePools").filter(|pool| !jobs.contains(pool));
    findings.extend(empty.map(|pool| Finding::of(&JOB_EMPTY, pool)));
    for group in list(&answers.rules, "/groups") {
        for rule in list(group, "/rules").iter().filter(|rule| text(rule, "/health") == "err") {
            let seen = format!("{}: {}", text(rule, "/name"), text(rule, "/lastError"));
            findings.push(Finding::of(&RULE_FAILING, seen));
        }
    }
    if list(&answers.alertmanagers, "/activeAlertmanagers").is_empty() {
        findings.push(Finding::of(&NO_ALERTMANAGER, "none is active"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_prometheus_knows() {
        let answers = Answers {
            targets: json!({"activeTargets": [
                {"scrapePool": "node", "labels": {"job": "node", "instance": "10.0.0.2:9100"}, "health": "up"},
                {"scrapePool": "node", "labels": {"job": "node", "instance": "10.0.0.3:9100", "node_name": "n3"}, "health": "down", "lastError": "connection refused"},
                {"scrapePool": "node", "labels": {"job": "node", "instance": "10.0.0.4:9100"}, "health": "unknown"},
            ]}),
            pools: json!({"scrapePools": ["node", "log-router"]}),
            rules: json!({"groups": [{"rules": [{"name": "Good", "health": "ok"}, {"name": "Bad", "health": "err", "lastError": "many-to-many"}]}]}),
            alertmanagers: json!({"activeAlertmanagers": []}),
        };
        let seen: Vec<_> = examine(&answers).into_iter().map(|finding| finding.what).collect();
        assert_eq!(
            seen,
            [
                "1 of 3 targets are up",
                "target-down: node 10.0.0.3:9100 on n3: connection refused",
                "node 10.0.0.4:9100 was not scraped yet",
                "job-empty: log-router",
                "rule-failing: Bad: many-to-many",
                "no-alertmanager: none is active",
            ]
        );
    }
}
