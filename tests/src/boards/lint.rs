//! The rules of Grafana's dashboard-linter, without those for `job` and `instance`, and our own: every query is narrowed by
//! the board's own variables.

use serde_json::Value;

use super::board::{Board, Finding, Panel, list, text};
use super::fill::{Values, used};
use super::promql;

/// What may draw a panel; everything else is Angular, or nobody has looked at it.
const KINDS: [&str; 9] =
    ["bargauge", "gauge", "logs", "row", "stat", "state-timeline", "table", "text", "timeseries"];
/// Kinds whose numbers need a unit.
const WITH_UNIT: [&str; 4] = ["bargauge", "gauge", "stat", "timeseries"];
/// Grafana's IDs of units, one a line.
const UNITS: &str = include_str!("../../boards/units.txt");

/// The rules of this file; those of queries are in [`promql::RULES`].
pub const RULES: [&str; 14] = [
    "annotations",
    "importable",
    "panel-datasource",
    "panel-kind",
    "panel-no-targets",
    "panel-no-value",
    "panel-title-description",
    "panel-units",
    "schema-version",
    "target-variables",
    "template-datasource",
    "template-label-promql",
    "template-on-time-change-reload",
    "uneditable-dashboard",
];

/// Checks a board.
pub fn check(board: &Board) -> Vec<Finding> {
    let mut found = of_board(board);
    found.extend(templates(board));
    found.extend(annotations(board));
    for panel in board.panels() {
        found.extend(of_panel(panel));
        found.extend(targets(panel));
    }
    found
}

fn of_board(board: &Board) -> Vec<Finding> {
    let mut found = Vec::new();
    if board.json.get("__inputs").is_some() || !board.json["id"].is_null() {
        let problem = "exported to be shared: want no __inputs and no id, so that it is provisioned as it is";
        found.push(board.finding("importable", "id", problem));
    }
    if board.json["editable"] != false {
        found.push(board.finding("uneditable-dashboard", "editable", "want false: it is provisioned"));
    }
    let version = board.json["schemaVersion"].as_u64().unwrap_or_default();
    if !(39..=42).contains(&version) {
        found.push(board.finding("schema-version", "schemaVersion", format!("{version}: want 39 to 42")));
    }
    found
}

fn templates(board: &Board) -> Vec<Finding> {
    let mut found = Vec::new();
    let sources = board.variables().iter().filter(|variable| text(variable, "/type") == "datasource");
    let sources: Vec<_> = sources.map(|v| (text(v, "/name"), text(v, "/label"), text(v, "/query"))).collect();
    let known = [("datasource", "Data source", "prometheus"), ("logs", "Logs", "elasticsearch")];
    let needed = !sources.contains(&known[0]);
    if needed || sources.iter().any(|source| !known.contains(source)) {
        found.push(board.finding(
            "template-datasource",
            "templating",
            format!("{sources:?}: want {known:?}, at least the first"),
        ));
    }
    for variable in board.variables().iter().filter(|variable| text(variable, "/type") == "query") {
        let field = |name: &str| format!("variable {}, {name}", text(variable, "/name"));
        let query = text(variable, "/query/query");
        if let Err(problem) = label_values(query).and_then(|(selector, _)| parses(board, selector)) {
            found.push(board.finding(
                "template-label-promql",
                field("query"),
                format!("{query:?}: {problem}"),
            ));
        }
        if variable["refresh"] != 2 {
            let problem = format!("{}: want 2, on change of the time range", variable["refresh"]);
            found.push(board.finding("template-on-time-change-reload", field("refresh"), problem));
        }
        if text(variable, "/datasource/uid") != "${datasource}" {
            found.push(board.finding("template-datasource", field("datasource"), "want ${datasource}"));
        }
    }
    found
}

/// The selector, if there is one, and the label of `label_values(selector, label)`.
pub fn label_values(query: &str) -> Result<(&str, &str), String> {
    let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let inside = inside.ok_or("want label_values(selector, label)")?;
    let (selector, label) = inside.rsplit_once(',').unwrap_or(("", inside));
    let label = label.trim();
    let name = label.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) && !label.is_empty();
    if name { Ok((selector.trim(), label)) } else { Err(format!("{label:?} is no label")) }
}

/// Some value for each of the board's variables.
fn any_values(board: &Board) -> Values {
    board.own_variables().into_iter().map(|name| (name.to_owned(), "any".to_owned())).collect()
}

fn parses(board: &Board, selector: &str) -> Result<(), String> {
    let problems = promql::check(selector, true, &any_values(board));
    match problems.into_iter().find(|(rule, _)| *rule == "target-promql" && !selector.is_empty()) {
        Some((_, problem)) => Err(problem),
        None => Ok(()),
    }
}

/// Errors, deploys and alerts are marked on every board.
fn annotations(board: &Board) -> Vec<Finding> {
    let mut found = Vec::new();
    let names: Vec<_> = board.annotations().iter().map(|annotation| text(annotation, "/name")).collect();
    for name in ["Errors", "Deploys", "Alerts"] {
        if !names.contains(&name) {
            found.push(board.finding(
                "annotations",
                "annotations",
                format!("{name} is missing: there are {names:?}"),
            ));
        }
    }
    for annotation in board.annotations() {
        let name = text(annotation, "/name");
        let field = format!("annotation {name}");
        let known = match text(annotation, "/datasource/type") {
            "prometheus" => text(annotation, "/datasource/uid") == "${datasource}",
            "elasticsearch" => text(annotation, "/datasource/uid") == "${logs}",
            _ => false,
        };
        if !known {
            let problem = format!("{}: want ${{datasource}} or ${{logs}}", annotation["datasource"]);
            found.push(board.finding("annotations", &field, problem));
        }
        let queries = [text(annotation, "/expr"), text(annotation, "/target/query")];
        let values = any_values(board);
        for unknown in queries.iter().flat_map(|query| used(query)).filter(|name| !values.contains_key(*name))
        {
            found.push(board.finding(
                "annotations",
                &field,
                format!("${unknown} is no variable of the board"),
            ));
        }
        if !queries[0].is_empty() {
            let problems = promql::check(queries[0], true, &values);
            let problems = problems.into_iter().filter(|(rule, _)| *rule == "target-promql");
            found.extend(problems.map(|(_, problem)| board.finding("annotations", &field, problem)));
        }
    }
    found
}

fn of_panel(panel: Panel<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let kind = panel.kind();
    if !KINDS.contains(&kind) {
        found.push(panel.finding("panel-kind", "type", format!("{kind:?} is none of {KINDS:?}")));
    }
    if kind == "text" {
        return found;
    }
    let description = text(panel.json, "/description");
    if panel.title().is_empty() || !description.contains('?') {
        let problem = format!("{description:?}: want a title, and a question that the panel answers");
        found.push(panel.finding("panel-title-description", "description", problem));
    }
    let sources: Vec<_> = std::iter::once(("datasource".to_owned(), panel.json))
        .chain(panel.targets().into_iter().map(|target| (target.field("datasource"), target.json)))
        .collect();
    for (field, owner) in sources {
        let source = (text(owner, "/datasource/type"), text(owner, "/datasource/uid"));
        let wanted =
            if kind == "logs" { ("elasticsearch", "${logs}") } else { ("prometheus", "${datasource}") };
        if source != wanted {
            found.push(panel.finding("panel-datasource", field, format!("{source:?}: want {wanted:?}")));
        }
    }
    if panel.targets().is_empty() {
        found.push(panel.finding("panel-no-targets", "targets", "it asks nothing"));
    }
    found.extend(unit(panel));
    found
}

fn unit(panel: Panel<'_>) -> Option<Finding> {
    // Of its prefixes for units of one's own, the one that boards use.
    let own = |unit: &str| unit.strip_prefix("count:").is_some_and(|own| !own.is_empty());
    let known = |unit: &str| own(unit) || UNITS.lines().any(|known| known == unit);
    let defaults = text(panel.json, "/fieldConfig/defaults/unit");
    let mapped = !list(panel.json, "/fieldConfig/defaults/mappings").is_empty();
    let fine =
        if defaults.is_empty() { mapped || !WITH_UNIT.contains(&panel.kind()) } else { known(defaults) };
    let overrides = list(panel.json, "/fieldConfig/overrides").iter().flat_map(|o| list(o, "/properties"));
    let mut units =
        overrides.filter(|property| property["id"] == "unit").map(|property| text(property, "/value"));
    let wrong = if fine { units.find(|unit| !known(unit)) } else { Some(defaults) };
    wrong.map(|unit| panel.finding("panel-units", "fieldConfig", format!("{unit:?} is no unit of Grafana's")))
}

fn targets(panel: Panel<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let values = any_values(panel.board);
    for target in panel.targets().into_iter().filter(|_| panel.is_of_prometheus()) {
        let field = target.field("expr");
        let problems = promql::check(target.expression(), target.is_instant(), &values);
        found.extend(problems.into_iter().map(|(rule, problem)| panel.finding(rule, &field, problem)));
        let used = used(target.expression());
        for variable in panel.board.own_variables().into_iter().filter(|name| !used.contains(name)) {
            let problem = format!("it is not narrowed by ${variable}");
            found.push(panel.finding("target-variables", &field, problem));
        }
    }
    for target in panel.targets().into_iter().filter(|_| panel.kind() == "logs") {
        for unknown in
            used(text(target.json, "/query")).into_iter().filter(|name| !values.contains_key(*name))
        {
            let problem = format!("${unknown} is no variable of the board");
            found.push(panel.finding("target-variables", target.field("query"), problem));
        }
    }
    found.dedup();
    found
}

/// A panel that may be empty says what that means; `may_be_empty` tells which.
pub fn empty_panels(board: &Board, may_be_empty: impl Fn(&str) -> bool) -> Vec<Finding> {
    let silent = |panel: &Panel<'_>| {
        let says = panel.json.pointer("/fieldConfig/defaults/noValue").and_then(Value::as_str);
        may_be_empty(panel.title()) && says.is_none_or(str::is_empty)
    };
    let panels = board.panels().into_iter().filter(silent);
    panels
        .map(|panel| {
            panel.finding(
                "panel-no-value",
                "fieldConfig.defaults.noValue",
                "it may be empty: want what that means",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
