//! The variables by which boards are narrowed, the same on each: stack, service, task, node.

use serde_json::{Value, json};

use crate::query::{SERVICE, STACK, TASK};

/// A variable that an operator chooses.
#[derive(Debug, Clone)]
pub struct Variable {
    name: &'static str,
    label: &'static str,
    query: String,
    many: bool,
}

impl Variable {
    fn many(name: &'static str, label: &'static str, query: String) -> Self {
        Self { name, label, query, many: true }
    }

    /// Stacks that have containers.
    pub fn stack() -> Self {
        Self::many("stack", "Stack", format!("label_values(container_last_seen, {STACK})"))
    }

    /// Services of the chosen stacks that have containers.
    pub fn service() -> Self {
        Self::many(
            "service",
            "Service",
            format!("label_values(container_last_seen{{{STACK}=~\"$stack\"}}, {SERVICE})"),
        )
    }

    /// Tasks of the chosen services.
    pub fn task() -> Self {
        let chosen = format!("{STACK}=~\"$stack\",{SERVICE}=~\"$service\"");
        Self::many("task", "Task", format!("label_values(container_last_seen{{{chosen}}}, {TASK})"))
    }

    /// Stacks that the managers know, whether or not they have containers.
    pub fn known_stack() -> Self {
        Self::many("stack", "Stack", format!("label_values(swarm_cluster_service_info, {STACK})"))
    }

    /// Services that the managers know.
    pub fn known_service() -> Self {
        Self::many(
            "service",
            "Service",
            format!("label_values(swarm_cluster_service_info{{{STACK}=~\"$stack\"}}, {SERVICE})"),
        )
    }

    /// Services that have written log lines.
    pub fn speaking_service() -> Self {
        Self::many("service", "Service", "label_values(log_messages_total, service)".to_owned())
    }

    /// Nodes on which an agent runs: `node-exporter`, `container-exporter` or `log-router`.
    pub fn nodes(agent: &str) -> Self {
        Self::many(
            "node",
            "Node",
            format!("label_values(swarmscope_agent_info{{agent=\"{agent}\"}}, node_name)"),
        )
    }

    /// One node.
    pub fn node() -> Self {
        let query = "label_values(node_meta, node_name)".to_owned();
        Self { name: "node", label: "Node", query, many: false }
    }

    /// The network by which the proxy reaches services; `proxy` where there is one of that name.
    pub fn proxy() -> Self {
        let query = "label_values(container_network_info, network)".to_owned();
        Self { name: "proxy", label: "Proxy's network", query, many: false }
    }

    /// Grafana's variable.
    pub fn json(&self) -> Value {
        let current = match self {
            Self { many: true, .. } => json!({"text": ["All"], "value": ["$__all"]}),
            Self { name: "proxy", .. } => json!({"text": "proxy", "value": "proxy"}),
            _ => json!({"text": "", "value": ""}),
        };
        // All takes in what has no such label, too: containers outside of stacks and services.
        let all = if self.many { ".*" } else { "" };
        json!({
            "name": self.name, "label": self.label, "type": "query", "hide": 0, "skipUrlSync": false,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "query": {"qryType": 1, "query": self.query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
            "refresh": 2, "regex": "", "sort": 1, "multi": self.many, "includeAll": self.many, "allValue": all,
            "current": current,
        })
    }
}

/// Where browsers find Kibana.
pub fn kibana() -> Value {
    let address = "http://localhost:5601";
    json!({
        "name": "kibana", "label": "Kibana", "type": "textbox", "hide": 0, "skipUrlSync": false, "query": address,
        "current": {"text": address, "value": address},
        "options": [{"selected": true, "text": address, "value": address}],
    })
}

/// Where metrics and logs come from: the provisioned ones, until another is chosen.
pub fn data_sources() -> [Value; 2] {
    [
        ("datasource", "Data source", "prometheus", "Prometheus"),
        ("logs", "Logs", "elasticsearch", "Elasticsearch"),
    ]
    .map(|(name, label, kind, title)| {
        json!({
            "name": name, "label": label, "type": "datasource", "query": kind, "hide": 0, "skipUrlSync": false,
            "refresh": 1, "regex": "", "multi": false, "includeAll": false, "options": [],
            "current": {"text": title, "value": kind},
        })
    })
}
