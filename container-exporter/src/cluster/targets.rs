//! From services, tasks and nodes to targets in the form of Prometheus' `http_sd`. Nothing here does I/O.

use std::collections::{BTreeMap, HashMap};

use agent_core::docker::bollard::models::{Node, Service};
use serde::{Deserialize, Serialize};

use super::conventions::{CLUSTER_JOB, Key, agent, get};
use super::{nodes, services};

const RUNNING: &str = "running";
const INGRESS: &str = "ingress";

/// What is needed of a task, which bollard's model does not have all of.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ServiceID", default)]
    service: String,
    #[serde(rename = "NodeID", default)]
    node: String,
    #[serde(default)]
    slot: u64,
    status: Option<Status>,
    networks_attachments: Option<Vec<Attachment>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    #[serde(default)]
    state: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    network: Option<Network>,
    addresses: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    spec: Option<NetworkSpec>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSpec {
    #[serde(default)]
    name: String,
}

impl Attachment {
    fn name(&self) -> &str {
        self.network.as_ref().and_then(|n| n.spec.as_ref()).map_or("", |spec| spec.name.as_str())
    }

    /// Without the length of the prefix; in brackets where a port could not be told apart.
    fn address(&self) -> Option<String> {
        let address = self.addresses.as_ref()?.first()?.split('/').next()?;
        Some(if address.contains(':') { format!("[{address}]") } else { address.to_owned() })
    }
}

/// A service that is to be scraped, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish<'s> {
    pub(super) id: &'s str,
    pub(super) job: String,
    service: &'s str,
    port: u16,
    network: Option<&'s str>,
    labels: BTreeMap<String, String>,
}

/// One group as `http_sd` wants it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    targets: [String; 1],
    labels: BTreeMap<String, String>,
}

/// What a service wishes: `None` for those that have nothing to do with Prometheus, an error that tells the label for
/// those whose port is none.
pub(super) fn wish(service: &Service) -> Result<Option<Wish<'_>>, String> {
    let spec = service.spec.as_ref();
    let given = spec.and_then(|spec| spec.labels.as_ref());
    let container = spec.and_then(|spec| spec.task_template.as_ref()?.container_spec.as_ref());
    let first_argument = container.and_then(|c| c.args.as_ref()?.first()).map(String::as_str);
    let known = agent(services::image(service), first_argument);
    let name = services::name(service);
    if get(given, Key::Scrape).is_some_and(|value| value.eq_ignore_ascii_case("false")) {
        return Ok(None);
    }
    let port = match (get(given, Key::Port), known) {
        (Some(text), _) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            format!("service {name}: the port `{text}` in its labels is none; give a number from 1 to 65535")
        })?,
        (None, Some((_, port))) => port,
        (None, None) => return Ok(None),
    };
    let job = get(given, Key::Job).or(known.map(|(job, _)| job)).unwrap_or(name).to_owned();
    let mut labels = BTreeMap::new();
    for (label, value) in [
        ("job", Some(job.as_str())),
        ("__metrics_path__", get(given, Key::Path)),
        ("__scheme__", get(given, Key::Scheme)),
        ("__scrape_interval__", get(given, Key::Interval)),
        ("__scrape_timeout__", get(given, Key::Timeout)),
        ("__meta_dockerswarm_service_id", service.id.as_deref()),
        ("__meta_dockerswarm_service_name", Some(name)),
        ("__meta_dockerswarm_service_mode", Some(services::mode(service))),
    ] {
        labels.extend(value.map(|value| (label.to_owned(), value.to_owned())));
    }
    for (label, value) in given.into_iter().flatten() {
        labels.insert(format!("__meta_dockerswarm_service_label_{}", sanitised(label)), value.clone());
    }
    let network = get(given, Key::Network);
    let id = service.id.as_deref().unwrap_or_default();
    Ok(Some(Wish { id, job, service: name, port, network, labels }))
}

/// One target for each running task that has an address, sorted.
pub(super) fn targets(wishes: &[Wish<'_>], tasks: &[Task], all: &[Node], network: &str) -> Vec<Target> {
    let wishes: HashMap<_, _> = wishes.iter().map(|wish| (wish.id, wish)).collect();
    let by_id: HashMap<_, _> = all.iter().filter_map(|node| Some((node.id.as_deref()?, node))).collect();
    let target = |task: &Task| {
        let wish = wishes.get(task.service.as_str())?;
        if task.status.as_ref()?.state != RUNNING {
            return None;
        }
        let attachment = choose(task, wish, network)?;
        let mut labels = wish.labels.clone();
        let mut add = |label: &str, value: Option<String>| {
            labels.extend(value.map(|value| (label.to_owned(), value)));
        };
        add("__meta_dockerswarm_network_name", Some(attachment.name().to_owned()));
        add("__meta_dockerswarm_task_id", Some(task.id.clone()));
        add("__meta_dockerswarm_task_slot", Some(task.slot.to_string()));
        add("__meta_dockerswarm_task_state", Some(RUNNING.to_owned()));
        add("__meta_dockerswarm_node_id", Some(task.node.clone()));
        if let Some(node) = by_id.get(task.node.as_str()) {
            let spec = node.spec.as_ref();
            add("__meta_dockerswarm_node_hostname", Some(nodes::name(node).to_owned()));
            add("__meta_dockerswarm_node_role", spec.and_then(|s| s.role).map(|role| role.to_string()));
            add(
                "__meta_dockerswarm_node_availability",
                spec.and_then(|s| s.availability).map(|availability| availability.to_string()),
            );
            add("__meta_dockerswarm_node_address", node.status.as_ref().and_then(|s| s.addr.clone()));
            // The cluster view tells of other nodes than its own.
            if wish.job != CLUSTER_JOB {
                add("node_name", Some(nodes::name(node).to_owned()));
            }
        }
        Some(Target { targets: [format!("{}:{}", attachment.address()?, wish.port)], labels })
    };
    let mut targets: Vec<_> = tasks.iter().filter_map(target).collect();
    targets.sort_by(|a, b| (a.labels.get("job"), &a.targets).cmp(&(b.labels.get("job"), &b.targets)));
    targets
}

/// The network that the label names (in a stack, without the stack's name too), else the usual one, else the first.
fn choose<'t>(task: &'t Task, wish: &Wish<'_>, usual: &str) -> Option<&'t Attachment> {
    let attachments = task.networks_attachments.as_deref().unwrap_or_default();
    let stack = wish.labels.get("__meta_dockerswarm_service_label_com_docker_stack_namespace");
    let is = |attachment: &Attachment, wanted: &str| {
        let name = attachment.name();
        let in_stack = stack.and_then(|stack| name.strip_prefix(stack.as_str())?.strip_prefix('_'));
        name == wanted || in_stack == Some(wanted)
    };
    if let Some(wanted) = wish.network {
        return attachments.iter().find(|attachment| is(attachment, wanted));
    }
    let mut others = attachments.iter().filter(|attachment| attachment.name() != INGRESS);
    attachments.iter().find(|attachment| is(attachment, usual)).or_else(|| others.next())
}

/// Services of which a task runs but has no address where it was looked for.
pub(super) fn without_address(wishes: &[Wish<'_>], tasks: &[Task], network: &str) -> Vec<String> {
    let lost = |wish: &&Wish<'_>| {
        tasks.iter().any(|task| {
            task.service == wish.id
                && task.status.as_ref().is_some_and(|status| status.state == RUNNING)
                && choose(task, wish, network).is_none_or(|attachment| attachment.address().is_none())
        })
    };
    let tell = |wish: &Wish<'_>| {
        let network = wish.network.unwrap_or("any overlay network");
        format!("service {}: its tasks have no address on {network}", wish.service)
    };
    wishes.iter().filter(lost).map(tell).collect()
}

/// As Prometheus makes label names of Docker's labels.
fn sanitised(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn service(name: &str, image: &str, labels: &Value, args: &[&str]) -> Service {
        from_value(json!({
            "ID": format!("{name}-id"),
            "Spec": {
                "Name": name, "Labels": labels, "Mode": {"Global": {}},
                "TaskTemplate": {"ContainerSpec": {"Image": image, "Args": args}},
            },
        }))
        .unwrap()
    }

    fn task(service: &str, state: &str, networks: &Value) -> Task {
        let attachments: Vec<_> = networks
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, address)| json!({"Network": {"Spec": {"Name": name}}, "Addresses": [address]}))
            .collect();
        from_value(json!({
            "ID": "t", "ServiceID": format!("{service}-id"), "NodeID": "n1", "Status": {"State": state},
            "DesiredState": "running", "NetworksAttachments": attachments, "Unknown": {"a": 1},
        }))
        .unwrap()
    }

    fn found(service: &Service, tasks: &[Task]) -> Vec<Value> {
        let nodes: Vec<Node> = from_value(json!([{
            "ID": "n1", "Spec": {"Role": "manager", "Availability": "active"},
            "Description": {"Hostname": "one"}, "Status": {"State": "ready", "Addr": "192.0.2.1"},
        }]))
        .unwrap();
        let wishes: Vec<_> = wish(service).unwrap().into_iter().collect();
        targets(&wishes, tasks, &nodes, "swarmscope")
            .iter()
            .map(|t| serde_json::to_value(t).unwrap())
            .collect()
    }

    #[test]
    fn an_agent_has_its_job_its_port_and_its_nodes_name() {
        let agent = service("mon_node-exporter", "swarmscope/node-exporter:1", &json!({}), &[]);
        let tasks = [
            task(
                "mon_node-exporter",
                "running",
                &json!({"ingress": "10.0.0.9/24", "swarmscope": "10.83.0.5/20"}),
            ),
            task("mon_node-exporter", "starting", &json!({"swarmscope": "10.83.0.6/20"})),
            task("another", "running", &json!({"swarmscope": "10.83.0.7/20"})),
        ];
        let targets = found(&agent, &tasks);
        assert_eq!(targets.len(), 1);
        assert_eq!(targets[0]["targets"], json!(["10.83.0.5:9100"]));
        let labels = &targets[0]["labels"];
        for (label, value) in [
            ("job", "node"),
            ("node_name", "one"),
            ("__meta_dockerswarm_node_hostname", "one"),
            ("__meta_dockerswarm_node_role", "manager"),
            ("__meta_dockerswarm_node_address", "192.0.2.1"),
            ("__meta_dockerswarm_service_mode", "global"),
            ("__meta_dockerswarm_network_name", "swarmscope"),
        ] {
            assert_eq!(labels[label], value, "{label}: {labels}");
        }
    }

    #[test]
    fn the_cluster_view_has_no_node_of_its_own() {
        let cluster = service("c", "container-exporter", &json!({}), &["cluster", "--docker=x"]);
        let targets = found(&cluster, &[task("c", "running", &json!({"n": "10.1.0.2/24"}))]);
        assert_eq!(targets[0]["labels"]["job"], CLUSTER_JOB);
        assert_eq!(targets[0]["labels"].get("node_name"), None);
    }

    #[test]
    fn docker_flows_labels() {
        let labels = json!({
            "com.df.scrapePort": "8080", "com.df.metricsPath": "/m", "com.df.scrapeInterval": "5s",
            "com.df.scrapeNetwork": "back", "com.docker.stack.namespace": "shop",
        });
        let app = service("shop_app", "app:1", &labels, &[]);
        let networks = json!({"swarmscope": "10.83.0.5/20", "shop_back": "fd00::5/64"});
        let targets = found(&app, &[task("shop_app", "running", &networks)]);
        assert_eq!(targets[0]["targets"], json!(["[fd00::5]:8080"]));
        let labels = &targets[0]["labels"];
        assert_eq!(labels["job"], "shop_app");
        assert_eq!(labels["__metrics_path__"], "/m");
        assert_eq!(labels["__scrape_interval__"], "5s");
        assert_eq!(labels["__meta_dockerswarm_service_label_com_df_scrapePort"], "8080");
    }

    #[test]
    fn what_does_not_want_to_be_scraped_is_not() {
        assert_eq!(wish(&service("a", "app", &json!({}), &[])).unwrap(), None);
        let off = json!({"prometheus.scrape": "false", "prometheus.port": "1"});
        assert_eq!(wish(&service("a", "node-exporter", &off, &[])).unwrap(), None);
        for bad in ["0", "http", "65536"] {
            let text = wish(&service("a", "app", &json!({"prometheus.port": bad}), &[])).unwrap_err();
            assert!(text.contains(bad) && text.contains("service a"), "{text}");
        }
    }

    #[test]
    fn a_task_that_is_not_on_the_network_is_told() {
        let app = service("app", "app", &json!({"prometheus.port": "1", "prometheus.network": "back"}), &[]);
        let tasks = [task("app", "running", &json!({"front": "10.0.0.2/24"}))];
        assert_eq!(found(&app, &tasks), Vec::<Value>::new());
        let wishes = [wish(&app).unwrap().unwrap()];
        assert_eq!(without_address(&wishes, &tasks, "x"), ["service app: its tasks have no address on back"]);
    }
}
