//! A line as a document for a data stream: ECS fields, and the book's copied beside them.

use serde::Serialize;

use super::event::{Events, STACK_LABELS, Syslog, TASK_LABELS, label_of, write_json, write_key, write_text};
use crate::container::Container;
use crate::priority::Priority;
use crate::record::Line;
use crate::sink::syslog::format::sanitized;
use crate::time::Utc;

const NODE_ID_LABEL: &str = "com.docker.swarm.node.id";
const SERVICE_ID_LABEL: &str = "com.docker.swarm.service.id";
const TASK_ID_LABEL: &str = "com.docker.swarm.task.id";
/// What everybody calls the severities of syslog.
const LEVELS: [&str; 8] = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];
/// The part of a data stream's name that says what is in it.
pub(super) const DATASET: &str = "docker";

#[derive(Serialize)]
struct ByContainer<'a> {
    program: &'a str,
    logsource: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Process>,
    host: Named<'a>,
    /// The sender's address, where no container printed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    syslog: Option<Syslog<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Ecs<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docker: Option<Docker<'a>>,
    data_stream: DataStream<'a>,
    event: Event,
    ecs: Version,
}

#[derive(Serialize)]
struct Process {
    pid: i64,
}

#[derive(Serialize)]
struct Source<'a> {
    address: &'a str,
}

#[derive(Serialize)]
struct Ecs<'a> {
    id: &'a str,
    name: &'a str,
    image: Named<'a>,
    runtime: &'static str,
}

#[derive(Serialize, Clone, Copy)]
struct Named<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Docker<'a> {
    swarm: Swarm<'a>,
}

#[derive(Serialize)]
struct Swarm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Named<'a>>,
}

#[derive(Serialize)]
struct DataStream<'a> {
    r#type: &'static str,
    dataset: &'static str,
    namespace: &'a str,
}

#[derive(Serialize)]
struct Event {
    dataset: &'static str,
    kind: &'static str,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

impl<'a> Named<'a> {
    fn new(id: Option<&'a str>, name: Option<&'a str>) -> Option<Self> {
        (id.is_some() || name.is_some()).then_some(Self { id, name })
    }
}

/// The part that is the same for all lines of a container.
pub(super) fn render(container: &Container, node: Option<&str>, namespace: &str) -> Vec<u8> {
    let sender = container.sender.as_ref();
    let logsource = match sender {
        // The message's own, to the letter.
        Some(_) => container.hostname.clone(),
        None => sanitized(node.unwrap_or(&container.hostname), container),
    };
    let service = container.service();
    let swarm = Swarm {
        stack: Named::new(None, label_of(container, &STACK_LABELS)),
        service: Named::new(container.label(SERVICE_ID_LABEL), service),
        task: Named::new(container.label(TASK_ID_LABEL), label_of(container, &TASK_LABELS)),
        node: Named::new(container.label(NODE_ID_LABEL), node.filter(|_| sender.is_none())),
    };
    let in_swarm =
        swarm.stack.is_some() || swarm.service.is_some() || swarm.task.is_some() || swarm.node.is_some();
    let fields = ByContainer {
        program: &container.name,
        logsource: &logsource,
        pid: match sender {
            Some(sender) => sender.process.clone(),
            None => (container.pid > 0).then(|| container.pid.to_string()),
        },
        process: (container.pid > 0).then_some(Process { pid: container.pid }),
        host: Named { id: None, name: Some(node.filter(|_| sender.is_none()).unwrap_or(&logsource)) },
        source: sender.map(|sender| Source { address: &sender.peer }),
        syslog: sender.and_then(Syslog::of),
        container: sender.is_none().then_some(Ecs {
            id: &container.id,
            name: &container.name,
            image: Named { id: None, name: Some(&container.image) },
            runtime: "docker",
        }),
        service: Named::new(None, service),
        docker: in_swarm.then_some(Docker { swarm }),
        data_stream: DataStream { r#type: "logs", dataset: DATASET, namespace },
        event: Event { dataset: DATASET, kind: "event" },
        ecs: Version { version: "8.11.0" },
    };
    serde_json::to_vec(&fields).unwrap_or_default()
}

/// The fields of a line before those of its container.
pub(super) fn write(line: &Line<'_>, out: &mut Vec<u8>) {
    let time = Utc::from_nanos(line.time);
    let priority = Priority::of(line);
    out.extend_from_slice(b"{\"@timestamp\":\"");
    time.write_rfc3339(9, out);
    out.extend_from_slice(b"\",");
    write_text(line, out);
    for name in ["timestamp8601", "timestamp"] {
        write_key(name, out);
        out.push(b'"');
        time.write_rfc3339(9, out);
        out.push(b'"');
    }
    write_key("stream", out);
    write_json(line.stream.name(), out);
    let numbers = [
        ("priority", priority.value()),
        ("severity", priority.severity()),
        ("facility", priority.facility()),
    ];
    for (name, value) in numbers {
        write_key(name, out);
        Events::write_number(value, out);
    }
    let labels =
        [("severity_label", priority.severity_label()), ("facility_label", priority.facility_label())];
    for (name, label) in labels {
        write_key(name, out);
        write_json(label, out);
    }
    let level = LEVELS.get(usize::from(priority.severity())).copied().unwrap_or_default();
    out.extend_from_slice(b",\"log\":{\"level\":");
    write_json(level, out);
    out.extend_from_slice(b",\"syslog\":{\"priority\":");
    Events::write_number(priority.value(), out);
    for (name, code, label) in [
        ("severity", priority.severity(), priority.severity_label()),
        ("facility", priority.facility(), priority.facility_label()),
    ] {
        write_key(name, out);
        out.extend_from_slice(b"{\"code\":");
        Events::write_number(code, out);
        out.extend_from_slice(b",\"name\":");
        write_json(label, out);
        out.push(b'}');
    }
    out.extend_from_slice(b"}}");
}
