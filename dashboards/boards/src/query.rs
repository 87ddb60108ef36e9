//! Expressions that panels share, in the language of Prometheus.

/// The label with a service's name.
pub const SERVICE: &str = "container_label_com_docker_swarm_service_name";
/// The label with a stack's name.
pub const STACK: &str = "container_label_com_docker_stack_namespace";
/// The label with a task's name.
pub const TASK: &str = "container_label_com_docker_swarm_task_name";

/// File systems that hold something.
pub const DISKS: &str = "fstype!~\"tmpfs|devtmpfs|overlay|squashfs|nsfs|autofs|fuse.*|iso9660|ramfs\",mountpoint!~\"/run.*|/sys.*|/proc.*|/var/lib/docker/.+\"";
/// Devices of the machine's own, without the ends of containers' pairs and bridges.
pub const DEVICES: &str = "device!~\"lo|veth.*|docker.*|br-.*|virbr.*|cali.*|flannel.*|dummy.*\"";
/// Levels of log lines that tell of an error.
pub const ERROR_LEVELS: &str = "severity=~\"emergency|alert|critical|error\"";

/// What it means where nobody measures the disk use of containers.
pub const NO_DISK_USE: &str =
    "Disk use is not measured: add --disk-usage=api to container-exporter's command";

/// A query of a panel.
#[derive(Debug, Clone)]
pub struct Query {
    /// The expression.
    pub text: String,
    /// The name of each series.
    pub legend: String,
    /// Asked once, for the end of the range.
    pub instant: bool,
}

impl Query {
    /// Over the range.
    pub fn range(text: impl Into<String>, legend: impl Into<String>) -> Self {
        Self { text: text.into(), legend: legend.into(), instant: false }
    }

    /// At the end of the range.
    pub fn instant(text: impl Into<String>, legend: impl Into<String>) -> Self {
        Self { text: text.into(), legend: legend.into(), instant: true }
    }
}

/// Lucene for lines of the chosen services. A container that is in none has a name of its own, so that "All" finds its lines,
/// too.
pub const LINES_OF_SERVICES: &str =
    "(docker.service.keyword:/${service:regex}/ OR docker.container_name.keyword:/${service:regex}/)";
/// Lucene for lines on the chosen nodes.
pub const LINES_ON_NODES: &str = "docker.node.keyword:/${node:regex}/";

/// How often each second, between two scrapes or more.
pub fn rate(selector: &str) -> String {
    format!("rate({selector}[$__rate_interval])")
}

/// How often between two points: a whole number, which Prometheus' estimate for the ends of the interval is not.
pub fn increase(selector: &str) -> String {
    format!("round(increase({selector}[$__rate_interval]))")
}

/// The series that lead by their mean over the whole range, ranked once: a graph never shows more than so many.
pub fn leaders(count: usize, by: &[&str], text: &str) -> String {
    ranked("topk", count, by, text)
}

/// The same from the other end.
pub fn laggards(count: usize, by: &[&str], text: &str) -> String {
    ranked("bottomk", count, by, text)
}

/// The leaders of what should not be at all: those that had none of it in the whole range are left out.
pub fn leaders_with_any(count: usize, by: &[&str], text: &str) -> String {
    format!("{} > 0", leaders(count, by, text))
}

fn ranked(rank: &str, count: usize, by: &[&str], text: &str) -> String {
    let by = by.join(", ");
    format!("({text})\nand on ({by})\n{rank}({count}, avg_over_time(({text})[$__range:$__interval] @ end()))")
}

/// `text`, which has `instance`, with the node's name, for the chosen nodes (`node-exporter`).
pub fn on_nodes(text: &str) -> String {
    format!(
        "{text}\n* on (instance) group_left (node_name) max by (instance, node_name) (node_meta{{node_name=~\"$node\"}})"
    )
}

/// The same for every node, on boards without the variable.
pub fn on_all_nodes(text: &str) -> String {
    format!("{text}\n* on (instance) group_left (node_name) max by (instance, node_name) (node_meta)")
}

/// `text` of an agent with the node's name, for the chosen nodes.
pub fn on_agents(agent: &str, text: &str) -> String {
    format!(
        "{text} * on (instance) group_left (node_name) max by (instance, node_name) (swarmscope_agent_info{{agent=\"{agent}\",node_name=~\"$node\"}})"
    )
}

/// The series of containers of the chosen stacks and services; `more` are further matchers, each with a comma at its end.
pub fn of_services(family: &str, more: &str) -> String {
    format!("{family}{{{more}{STACK}=~\"$stack\",{SERVICE}=~\"$service\",{SERVICE}!=\"\"}}")
}

/// The series of containers of the chosen stacks, services and tasks; all containers where nothing is chosen.
pub fn of_tasks(family: &str, more: &str) -> String {
    format!("{family}{{{more}name!=\"\",{STACK}=~\"$stack\",{SERVICE}=~\"$service\",{TASK}=~\"$task\"}}")
}

/// A task's name without the ID that each of its containers has anew: `shop_web.1` for all that were in that place. A task
/// of a global service has its node's ID where others have a number; the node's name, which `text` has, says more.
pub fn places(text: &str) -> String {
    let place = format!("label_replace({text}, \"name\", \"$1\", \"name\", \"(.+)[.][a-z0-9]{{25}}\")");
    let at = format!("label_join({place}, \"at\", \".\", \"name\", \"node_name\")");
    format!("label_replace({at}, \"name\", \"$1.$2\", \"at\", \"(.+)[.][a-z0-9]{{25}}[.](.+)\")")
}

fn by(aggregate: &str, label: &str, text: &str) -> String {
    let text = on_agents("container-exporter", text);
    let text = if label.split(", ").any(|label| label == "name") { places(&text) } else { text };
    format!("{aggregate} by ({label}) ({text})")
}

/// `text` of container-exporter added up by labels, on the chosen nodes.
pub fn sum_by(label: &str, text: &str) -> String {
    by("sum", label, text)
}

/// The largest of `text` of container-exporter by labels, on the chosen nodes.
pub fn max_by(label: &str, text: &str) -> String {
    by("max", label, text)
}

/// The least of `text` of container-exporter by labels, on the chosen nodes.
pub fn min_by(label: &str, text: &str) -> String {
    by("min", label, text)
}

/// `text` by `service`, where what is outside of services has a name, too.
pub fn named(text: &str) -> String {
    format!("label_replace({text}, \"service\", \"no service\", \"service\", \"\")")
}

/// What the managers know of the chosen services.
pub fn known(family: &str) -> String {
    format!("{family}{{{STACK}=~\"$stack\",{SERVICE}=~\"$service\"}}")
}
