use serde_json::json;

use super::*;
use crate::boards::testing::{board, rules};

type Change = fn(&mut Value);

#[test]
fn a_small_board_passes() {
    let found = check(&board(|_| ()));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn faults_are_found() {
    let changes: [(&str, Change); 19] = [
        ("importable", |b| b["__inputs"] = json!([])),
        ("uneditable-dashboard", |b| b["editable"] = true.into()),
        ("schema-version", |b| b["schemaVersion"] = 14.into()),
        ("template-datasource", |b| b["templating"]["list"][0]["name"] = "ds".into()),
        ("template-datasource", |b| b["templating"]["list"][1]["datasource"]["uid"] = "prometheus".into()),
        ("template-label-promql", |b| {
            b["templating"]["list"][1]["query"]["query"] = "label_values(up{, node)".into();
        }),
        ("template-label-promql", |b| {
            b["templating"]["list"][1]["query"]["query"] = "query_result(up)".into();
        }),
        ("template-on-time-change-reload", |b| b["templating"]["list"][1]["refresh"] = 1.into()),
        ("annotations", |b| b["annotations"]["list"][2]["name"] = "Other".into()),
        ("annotations", |b| b["annotations"]["list"][2]["datasource"]["uid"] = "other".into()),
        ("annotations", |b| b["annotations"]["list"][2]["expr"] = "up{n=~\"$service\"}".into()),
        ("panel-kind", |b| b["panels"][0]["type"] = "graph".into()),
        ("panel-title-description", |b| b["panels"][0]["title"] = "".into()),
        ("panel-title-description", |b| b["panels"][0]["description"] = "It is well.".into()),
        ("panel-datasource", |b| b["panels"][0]["datasource"]["uid"] = "prometheus".into()),
        ("panel-datasource", |b| b["panels"][0]["targets"][0]["datasource"]["uid"] = "other".into()),
        ("panel-no-targets", |b| b["panels"][0]["targets"] = json!([])),
        ("panel-units", |b| b["panels"][0]["fieldConfig"]["defaults"]["unit"] = "furlongs".into()),
        ("target-variables", |b| b["panels"][2]["panels"][0]["targets"][0]["expr"] = "up".into()),
    ];
    for (rule, change) in changes {
        assert_eq!(rules(&check(&board(change))), [rule]);
    }
}

#[test]
fn a_finding_names_board_panel_and_field() {
    let found = check(&board(|b| b["panels"][1]["targets"][0]["expr"] = "up{node=~\"$node\"".into()));
    assert_eq!(found.len(), 1, "{found:?}");
    let text = found[0].to_string();
    assert!(text.starts_with("small-board, panel \"Two\", targets[0].expr: "), "{text}");
    assert!(text.ends_with("[target-promql]"), "{text}");
}

#[test]
fn an_empty_panel_says_what_that_means() {
    let silent = board(|_| ());
    assert_eq!(rules(&empty_panels(&silent, |title| title == "Two")), ["panel-no-value"]);
    let telling = board(|b| b["panels"][1]["fieldConfig"]["defaults"]["noValue"] = "All is well".into());
    assert!(empty_panels(&telling, |title| title == "Two").is_empty());
}

#[test]
fn a_query_for_a_variable_has_a_selector_and_a_label() {
    assert_eq!(label_values("label_values(up{a=\"b\",c=\"d\"}, node)"), Ok(("up{a=\"b\",c=\"d\"}", "node")));
    assert_eq!(label_values("label_values(node)"), Ok(("", "node")));
    assert!(label_values("label_values(up, no de)").is_err());
}
