//! `log-router setup`: templates, retention and a role, put as often as one likes.

use serde_json::{Value, json};

use super::client::{Answer, Method};
use super::event::Mode;
use super::server::Flavor;
use super::target::Target;
use super::{book_template, stream_template};

/// A role with what the router needs and no more.
const ROLE: &str = "log_router";
const PATTERNS: [&str; 2] = ["logstash-*", "logs-docker-*"];

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// What was put, for people.
    pub what: String,
    /// `None` where it is there now.
    pub problem: Option<String>,
    /// The server has no such thing, which is no error: no security, no lifecycles.
    pub absent: bool,
}

/// Does everything for one cluster.
pub(super) async fn set_up(target: &Target, retention_seconds: u64) -> Vec<Step> {
    let server = match target.client.call(Method::Get, "/", None).await {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) => return vec![failed("server", answer.told())],
        Err(problem) => return vec![failed("server", problem)],
    };
    let flavor = Flavor::parse(&server.body);
    let open_search = flavor == Flavor::OpenSearch;
    let mut steps = Vec::new();
    let policy = policy_name(&target.mode);
    let mut has_policy = false;
    if retention_seconds > 0 {
        let step = if open_search {
            put_ism(target, policy, retention_seconds).await
        } else {
            let body = lifecycle(&target.mode, retention_seconds);
            put(target, format!("lifecycle policy {policy}"), &format!("/_ilm/policy/{policy}"), &body).await
        };
        has_policy = step.problem.is_none();
        steps.push(step);
    }
    let (name, template) = target.template();
    let mut template = flavor.template(template);
    let settings = template.pointer_mut("/template/settings/index").and_then(Value::as_object_mut);
    if let Some(settings) = settings.filter(|_| has_policy && !open_search) {
        settings.insert("lifecycle".to_owned(), json!({"name": policy}));
    }
    steps.push(
        put(target, format!("index template {name}"), &format!("/_index_template/{name}"), &template).await,
    );
    let (path, role) = if open_search {
        (format!("/_plugins/_security/api/roles/{ROLE}"), open_search_role())
    } else {
        (format!("/_security/role/{ROLE}"), role())
    };
    steps.push(put(target, format!("role {ROLE}"), &path, &role).await);
    steps
}

fn policy_name(mode: &Mode) -> &'static str {
    match mode {
        Mode::Book => book_template().0,
        Mode::DataStream { .. } => stream_template().0,
    }
}

/// Daily indices only age; a data stream's are rolled over, and age from then on.
fn lifecycle(mode: &Mode, retention_seconds: u64) -> Value {
    let hot = match mode {
        Mode::Book => json!({"actions": {}}),
        Mode::DataStream { .. } => {
            json!({"actions": {"rollover": {"max_age": "1d", "max_primary_shard_size": "50gb"}}})
        }
    };
    json!({"policy": {"phases": {
        "hot": hot,
        "delete": {"min_age": format!("{retention_seconds}s"), "actions": {"delete": {}}},
    }}})
}

async fn put_ism(target: &Target, policy: &str, retention_seconds: u64) -> Step {
    let what = format!("state management policy {policy}");
    let path = format!("/_plugins/_ism/policies/{policy}");
    let age = format!("{}m", (retention_seconds / 60).max(1));
    let rollover = match target.mode {
        Mode::Book => json!([]),
        Mode::DataStream { .. } => {
            json!([{"rollover": {"min_index_age": "1d", "min_primary_shard_size": "50gb"}}])
        }
    };
    let patterns = match target.mode {
        Mode::Book => PATTERNS[0],
        Mode::DataStream { .. } => PATTERNS[1],
    };
    let body = json!({"policy": {
        "description": "Retention of log-router's indices",
        "default_state": "hot",
        "states": [
            {"name": "hot", "actions": rollover, "transitions": [{"state_name": "delete", "conditions": {"min_index_age": age}}]},
            {"name": "delete", "actions": [{"delete": {}}], "transitions": []},
        ],
        "ism_template": [{"index_patterns": [patterns], "priority": 500}],
    }});
    // One that is there is replaced only by somebody who knows its version.
    let known = target.client.call(Method::Get, &path, None).await.ok().filter(Answer::is_success);
    let known: Option<Value> = known.and_then(|answer| serde_json::from_slice(&answer.body).ok());
    let version = known.map_or_else(String::new, |known| {
        format!("?if_seq_no={}&if_primary_term={}", part(&known, "/_seq_no"), part(&known, "/_primary_term"))
    });
    put(target, what, &format!("{path}{version}"), &body).await
}

fn part<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn role() -> Value {
    json!({
        "cluster": ["monitor", "manage_index_templates"],
        "indices": [{
            "names": PATTERNS,
            "privileges": ["create_doc", "create_index", "auto_configure", "read", "view_index_metadata"],
        }],
    })
}

fn open_search_role() -> Value {
    json!({
        "cluster_permissions": ["cluster_monitor", "cluster:admin/indices/template/put", "indices:admin/index_template/put",
            "indices:data/write/bulk", "indices:data/read/mget"],
        "index_permissions": [{
            "index_patterns": PATTERNS,
            "allowed_actions": ["create_index", "indices:data/write/index", "indices:data/write/bulk*", "read",
                "indices:admin/mapping/auto_put"],
        }],
    })
}

async fn put(target: &Target, what: String, path: &str, body: &Value) -> Step {
    match target.client.call(Method::Put, path, Some(body.to_string())).await {
        Ok(answer) if answer.is_success() => Step { what, problem: None, absent: false },
        Ok(answer) => Step { what, absent: is_absent(&answer), problem: Some(answer.told()) },
        Err(problem) => failed(&what, problem),
    }
}

/// A path that this server does not know, or security that is off.
fn is_absent(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body);
    matches!(answer.status, 400 | 404 | 405 | 500)
        && [
            "no handler found",
            "Incorrect HTTP method",
            "ecurity must be explicitly enabled",
            "security_disabled",
            "ecurity is not enabled",
            "ecurity is disabled",
        ]
        .iter()
        .any(|known| text.contains(known))
}

fn failed(what: &str, problem: String) -> Step {
    Step { what: what.to_owned(), problem: Some(problem), absent: false }
}
