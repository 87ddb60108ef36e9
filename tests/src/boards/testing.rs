//! A small board without a fault, for tests that break it.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::board::{Board, Finding};

/// The small board after a change.
pub(super) fn board(change: impl FnOnce(&mut Value)) -> Board {
    let source = json!({"type": "prometheus", "uid": "${datasource}"});
    let panel = |id: u32, x: u32, title: &str| {
        json!({
            "id": id, "type": "timeseries", "title": title, "description": "Is it well?", "datasource": source,
            "gridPos": {"x": x, "y": 0, "w": 8, "h": 10},
            "fieldConfig": {"defaults": {"unit": "short"}, "overrides": []},
            "targets": [{"refId": "A", "datasource": source, "expr": "up{node=~\"$node\"}", "instant": false}],
        })
    };
    let mark = |name: &str| json!({"name": name, "datasource": source, "expr": "up"});
    let mut json = json!({
        "uid": "small-board", "title": "Small", "editable": false, "schemaVersion": 41,
        "links": [{"url": "/d/small-board"}],
        "annotations": {"list": [mark("Errors"), mark("Deploys"), mark("Alerts")]},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
            {
                "name": "node", "type": "query", "refresh": 2, "multi": true, "includeAll": true, "allValue": ".*",
                "current": {"text": ["All"], "value": ["$__all"]},
                "datasource": source, "query": {"query": "label_values(up, node)"},
            },
        ]},
        "panels": [
            panel(1, 0, "One"),
            panel(2, 8, "Two"),
            {
                "id": 3, "type": "row", "title": "Is there more?", "collapsed": true,
                "gridPos": {"x": 0, "y": 10, "w": 24, "h": 1}, "panels": [panel(4, 0, "Three")],
            },
        ],
    });
    change(&mut json);
    Board { file: PathBuf::from("small.json"), json }
}

/// The rules that findings are of, each once.
pub(super) fn rules(findings: &[Finding]) -> Vec<&'static str> {
    let mut rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}
