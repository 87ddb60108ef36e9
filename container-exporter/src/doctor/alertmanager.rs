//! Alertmanager: whether alerts reach anybody.

use agent_core::doctor::Finding;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ask::Client;
use super::causes::{ALERTMANAGER_UNREACHABLE, NO_RECEIVER, NOT_ASKED};
use super::json::text;
use super::url::Url;

/// Asks and judges; a note where there is no URL.
pub(super) async fn read_and_examine(client: &Client, url: Option<&Url>) -> Vec<Finding> {
    let Some(url) = url else { return vec![Finding::of(&NOT_ASKED, "Alertmanager (--alertmanager.url)")] };
    match client.json(url, "/api/v2/status").await {
        Ok(status) => examine(text(&status, "/config/original")),
        Err(error) => vec![Finding::of(&ALERTMANAGER_UNREACHABLE, error)],
    }
}

/// Of the configuration only what decides.
#[derive(Debug, Deserialize)]
struct Config {
    route: Route,
    #[serde(default)]
    receivers: Vec<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct Route {
    #[serde(default)]
    receiver: String,
    #[serde(default)]
    routes: Vec<Route>,
}

fn examine(config: &str) -> Vec<Finding> {
    let config: Config = match serde_saphyr::from_str(config) {
        Ok(config) => config,
        Err(error) => {
            let seen = format!("its configuration cannot be read: {error}");
            return vec![Finding::of(&ALERTMANAGER_UNREACHABLE, seen)];
        }
    };
    let tells = |name: &str| {
        let receiver = config.receivers.iter().find(|r| r.get("name").and_then(Value::as_str) == Some(name));
        receiver.is_some_and(|receiver| {
            let filled = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
            receiver.iter().any(|(key, value)| key.ends_with("_configs") && filled(value))
        })
    };
    let root = config.route.receiver.as_str();
    // A child that is sent nowhere is meant to be silent; what no child takes goes to the root's.
    let children = told_by(&config.route.routes, &tells);
    if tells(root) {
        return vec![Finding::good(format!("alerts go to the receiver {root}"))];
    }
    let some = if children { "; only some routes have one that does" } else { "" };
    vec![Finding::of(&NO_RECEIVER, format_args!("{root}{some}"))]
}

fn told_by(routes: &[Route], tells: &dyn Fn(&str) -> bool) -> bool {
    routes.iter().any(|route| tells(&route.receiver) || told_by(&route.routes, tells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_without_a_way_out() {
        let null = examine("route: {receiver: \"null\"}\nreceivers: [{name: \"null\"}]\n");
        assert_eq!(null[0].what, "no-receiver: null");
        let some = examine(
            "route:\n  receiver: none\n  routes: [{receiver: pager, matchers: [severity = critical]}]\n\
             receivers:\n- name: none\n- name: pager\n  webhook_configs: [{url: http://x/}]\n",
        );
        assert_eq!(some[0].what, "no-receiver: none; only some routes have one that does");
        let good = examine(
            "global: {resolve_timeout: 5m}\nroute: {receiver: mail}\nreceivers:\n- name: mail\n  email_configs: [{to: a@b, auth_password: <secret>}]\n",
        );
        assert_eq!(good[0].what, "alerts go to the receiver mail");
        assert!(examine("- a list")[0].is(&ALERTMANAGER_UNREACHABLE));
    }
}
