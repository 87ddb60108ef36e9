//! Marks on all graphs of a board: errors by their real level, deploys, firing alerts.

use serde_json::{Value, json};

use crate::query::{LINES_OF_SERVICES, LINES_ON_NODES, SERVICE, STACK};
use crate::style::Colour;

/// Which errors, deploys and alerts concern a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Swarm,
    /// Those of `$service` in `$stack`.
    Service,
    /// Those of `$service`, where there is no `$stack`.
    ServiceOnly,
    /// Those on `$node`.
    Node,
}

impl Scope {
    fn lines(self) -> String {
        match self {
            Self::Swarm => ERRORS.to_owned(),
            Self::Service | Self::ServiceOnly => format!("{ERRORS} AND {LINES_OF_SERVICES}"),
            Self::Node => format!("{ERRORS} AND {LINES_ON_NODES}"),
        }
    }

    fn deploys(self) -> String {
        match self {
            Self::Swarm | Self::Node => String::new(),
            Self::Service => format!("{{{STACK}=~\"$stack\",{SERVICE}=~\"$service\"}}"),
            Self::ServiceOnly => format!("{{{SERVICE}=~\"$service\"}}"),
        }
    }

    fn alerts(self) -> &'static str {
        match self {
            Self::Node => ",node_name=~\"$node\"",
            _ => "",
        }
    }
}

/// Lucene for lines of level error and worse: of the level that the line itself states, where it states one.
pub const ERRORS: &str = "severity:[0 TO 3]";

/// When each firing alert began, in milliseconds, by labels; `more` are further matchers, each after a comma.
pub fn since(labels: &str, more: &str) -> String {
    let firing = format!("ALERTS{{alertstate=\"firing\",severity!~\"none|info\"{more}}}");
    let began = format!("ALERTS_FOR_STATE and ignoring (alertstate) {firing}");
    // Rules tell of services under the name that containers' metrics have for them, or under a shorter one.
    let named = format!("label_replace({began}, \"service\", \"$1\", \"{SERVICE}\", \"(.+)\")");
    format!("max by ({labels}) ({named}) * 1000")
}

/// The three kinds of marks.
pub fn all(scope: Scope) -> Value {
    let prometheus = json!({"type": "prometheus", "uid": "${datasource}"});
    json!([
        {
            "name": "Errors", "enable": false, "hide": false, "iconColor": Colour::Bad.name(),
            "datasource": {"type": "elasticsearch", "uid": "${logs}"},
            "target": {"refId": "Errors", "query": scope.lines()},
            "timeField": "@timestamp", "textField": "message", "tagsField": "program",
        },
        {
            "name": "Deploys", "enable": true, "hide": false, "iconColor": Colour::Neutral.name(),
            "datasource": prometheus, "step": "60s", "useValueForTime": true,
            "expr": format!("swarm_cluster_service_update_start_time_seconds{} * 1000", scope.deploys()),
            "titleFormat": format!("{{{{{SERVICE}}}}} deployed"), "textFormat": "", "tagKeys": STACK,
        },
        {
            "name": "Alerts", "enable": true, "hide": false, "iconColor": Colour::Warning.name(),
            "datasource": prometheus, "step": "60s", "useValueForTime": true,
            "expr": since("alertname, severity, node_name, service", scope.alerts()),
            "titleFormat": "{{alertname}}", "textFormat": "{{node_name}} {{service}}", "tagKeys": "severity",
        },
    ])
}
