//! What each agent says of itself, asked over the network of the stack.

use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::timeout;

use super::ask::Client;
use super::json::{list, text, texts};
use super::services::name;
use super::swarm::{AgentService, Swarm, runs};
use crate::cluster::conventions::{Key, get as label};

/// How long one agent may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Asked at the same time.
const AT_ONCE: usize = 32;
/// The clock, and how much room there is; both are cheap.
const METRICS: &str = "/metrics?collect[]=time&collect[]=filesystem";
const LISTEN: &str = "--web.listen-address=";

/// One task of an agent.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The service's name.
    pub service: String,
    /// The node's name.
    pub node: String,
    /// Where it was asked.
    pub address: String,
    /// Status and text of `/-/ready`, or why there is none.
    pub ready: Result<(u16, String), String>,
    /// What node-exporter says of clock and disks.
    pub metrics: Option<Metrics>,
}

/// An answer with the times between which it was made, by our own clock.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Before the question was sent.
    pub before: SystemTime,
    /// After the answer came.
    pub after: SystemTime,
    /// The answer.
    pub text: String,
}

/// Asks all running tasks of agents that have an address on the network; gives also how many were left out because they
/// answer by TLS and there is nobody to trust.
pub(super) async fn read(
    client: &Client,
    swarm: &Swarm,
    network: &str,
    now: &dyn Fn() -> SystemTime,
) -> (Vec<Answer>, usize) {
    let mut asked = Vec::new();
    let mut left_out = 0;
    for agent in swarm.agents() {
        let name = certified_name(agent.service);
        for task in swarm.tasks_of(agent.service).filter(|task| runs(task)) {
            let Some(address) = address(task, network) else { continue };
            let address = format!("{address}:{}", port(&agent));
            if name.is_some() && !client.knows_tls() {
                left_out += 1;
                continue;
            }
            asked.push(ask(client, swarm, agent, task, address, name, now));
        }
    }
    (stream::iter(asked).buffered(AT_ONCE).collect().await, left_out)
}

async fn ask(
    client: &Client,
    swarm: &Swarm,
    agent: AgentService<'_>,
    task: &Value,
    address: String,
    certified: Option<&str>,
    now: &dyn Fn() -> SystemTime,
) -> Answer {
    let get = async |target: &str| {
        let answer = timeout(LIMIT, client.agent(&address, certified, target)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
        answer.map(|(status, body)| (status, String::from_utf8_lossy(&body).into_owned()))
    };
    let ready = get("/-/ready").await;
    let metrics = if agent.job == "node" && ready.is_ok() {
        let before = now();
        let answer = get(METRICS).await;
        let after = now();
        answer.ok().map(|(_, text)| Metrics { before, after, text })
    } else {
        None
    };
    let node = swarm.node_name(text(task, "/NodeID")).to_owned();
    Answer { service: name(agent.service).to_owned(), node, address, ready, metrics }
}

/// What the certificate of a service has, where its labels say that it answers by TLS: its name within the stack.
fn certified_name(service: &Value) -> Option<&str> {
    let labels = service.pointer("/Spec/Labels")?;
    let labels = serde_json::from_value(labels.clone()).ok()?;
    label(Some(&labels), Key::Scheme).filter(|scheme| *scheme == "https")?;
    let (name, stack) = (name(service), text(service, "/Spec/Labels/com.docker.stack.namespace"));
    Some(name.strip_prefix(stack).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name))
}

/// A task's address on a network, in brackets where a port could not be told apart.
fn address(task: &Value, network: &str) -> Option<String> {
    let attached = list(task, "/NetworksAttachments").iter();
    let attachment = attached.clone().find(|a| text(a, "/Network/Spec/Name") == network)?;
    let address = texts(attachment, "/Addresses").next()?.split('/').next()?;
    Some(if address.contains(':') { format!("[{address}]") } else { address.to_owned() })
}

/// Where flags of the service say that the agent listens.
fn port(agent: &AgentService<'_>) -> u16 {
    let mut arguments = texts(agent.service, "/Spec/TaskTemplate/ContainerSpec/Args");
    let listen = arguments.find_map(|argument| argument.strip_prefix(LISTEN));
    listen.and_then(|listen| listen.rsplit_once(':')?.1.parse().ok()).unwrap_or(agent.port)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_a_task_is_asked() {
        let task = json!({"NetworksAttachments": [
            {"Network": {"Spec": {"Name": "ingress"}}, "Addresses": ["10.0.0.4/24"]},
            {"Network": {"Spec": {"Name": "mon"}}, "Addresses": ["10.77.0.4/20"]},
        ]});
        assert_eq!(address(&task, "mon").as_deref(), Some("10.77.0.4"));
        assert_eq!(address(&task, "other"), None);
        let service = json!({"Spec": {"TaskTemplate": {"ContainerSpec": {"Args": ["--x", "--web.listen-address=:9200"]}}}});
        let agent = AgentService { service: &service, job: "node", port: 9100 };
        assert_eq!(port(&agent), 9200);
        assert_eq!(port(&AgentService { service: &json!({}), ..agent }), 9100);
    }

    #[test]
    fn who_answers_by_tls() {
        let service = |labels: Value| json!({"Spec": {"Name": "mon_node-exporter", "Labels": labels}});
        let stack = service(json!({"com.docker.stack.namespace": "mon", "prometheus.scheme": "https"}));
        assert_eq!(certified_name(&stack), Some("node-exporter"));
        assert_eq!(
            certified_name(&service(json!({"prometheus.scheme": "https"}))),
            Some("mon_node-exporter")
        );
        assert_eq!(certified_name(&service(json!({"prometheus.scheme": "http"}))), None);
        assert_eq!(certified_name(&json!({})), None);
    }
}
