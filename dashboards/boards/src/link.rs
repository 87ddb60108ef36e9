//! Ways from one board to another. Time and the data sources are kept, and so are the variables that the other board has.

use serde_json::{Value, json};

/// A board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    /// Is anything wrong, and where?
    Home,
    /// Which node is worse off than the others?
    Nodes,
    /// One node.
    Node,
    /// Services.
    Services,
    /// Containers.
    Containers,
    /// Traffic.
    Network,
    /// The way of log lines.
    Logs,
    /// What the managers know.
    Swarm,
    /// What is set aside, used and allowed.
    Reservations,
    /// Prometheus and our own agents.
    Agents,
}

/// All boards, in the order of links.
pub const ALL: [Id; 10] = [
    Id::Home,
    Id::Nodes,
    Id::Node,
    Id::Services,
    Id::Containers,
    Id::Network,
    Id::Logs,
    Id::Swarm,
    Id::Reservations,
    Id::Agents,
];

impl Id {
    /// The name that links show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Nodes => "Nodes",
            Self::Node => "Node",
            Self::Services => "Services",
            Self::Containers => "Containers",
            Self::Network => "Network",
            Self::Logs => "Logs",
            Self::Swarm => "Swarm",
            Self::Reservations => "Reservations",
            Self::Agents => "Agents",
        }
    }

    /// The stable uid.
    pub fn uid(self) -> String {
        format!("swarmscope-{}", self.name().to_lowercase())
    }

    /// The file's name.
    pub fn file(self) -> String {
        format!("{}.json", self.name().to_lowercase())
    }
}

/// A link from a series, bar or cell to a board about that one thing.
#[derive(Debug, Clone)]
pub struct Drill {
    to: Id,
    variable: &'static str,
    value: String,
}

impl Drill {
    /// To a board whose `variable` becomes the series' `label`.
    pub fn label(to: Id, variable: &'static str, label: &str) -> Self {
        Self { to, variable, value: format!("${{__field.labels.{label}}}") }
    }

    /// The same from a table, where `column` has the value.
    pub fn column(to: Id, variable: &'static str, column: &str) -> Self {
        Self { to, variable, value: format!("${{__data.fields[\"{column}\"]}}") }
    }

    /// Grafana's data link.
    pub fn json(&self) -> Value {
        let url = format!("{}&var-{}={}", address(self.to), self.variable, self.value);
        json!({"title": format!("Open in {}", self.to.name()), "url": url})
    }
}

/// A link of a panel to a board.
pub fn of_panel(to: Id) -> Value {
    link(to, &address(to), false)
}

/// A link to Kibana's Discover: the lines of `$service` in the time that the board shows; see [`LINES_OF_SERVICES`].
///
/// [`LINES_OF_SERVICES`]: crate::query::LINES_OF_SERVICES
pub fn kibana() -> Value {
    let time = "_g=(time:(from:'${__from:date:iso}',to:'${__to:date:iso}'))";
    let query = "_a=(query:(language:lucene,query:'docker.service.keyword:%2F${service:regex}%2F%20OR%20docker.container_name.keyword:%2F${service:regex}%2F'))";
    json!({
        "type": "link", "title": "Kibana", "icon": "external link", "tooltip": "These services and this time in Kibana",
        "url": format!("${{kibana:raw}}/app/discover#/view/swarmscope-all-logs?{time}&{query}"),
        "tags": [], "asDropdown": false, "targetBlank": true, "includeVars": false, "keepTime": false,
    })
}

fn link(to: Id, url: &str, carries: bool) -> Value {
    json!({
        "type": "link", "title": to.name(), "url": url, "icon": "dashboard", "tooltip": "", "tags": [],
        "asDropdown": false, "targetBlank": false, "includeVars": carries, "keepTime": carries,
    })
}

fn address(to: Id) -> String {
    format!("/d/{}?${{__url_time_range}}&${{datasource:queryparam}}&${{logs:queryparam}}", to.uid())
}

/// The row of links above a board.
pub fn of_board(from: Id) -> Vec<Value> {
    let others = ALL.into_iter().filter(|to| *to != from);
    others.map(|to| link(to, &format!("/d/{}", to.uid()), true)).collect()
}
