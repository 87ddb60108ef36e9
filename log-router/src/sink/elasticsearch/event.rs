//! A line as a document: the fields that Logstash's syslog input gives, and `docker.*`; and where it goes.

use std::borrow::Cow;

use agent_core::identity::SharedIdentity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::ecs;
use crate::container::{Container, Sender};
use crate::position::Fingerprint;
use crate::priority::Priority;
use crate::record::{Batch, Line, Part, Stream};
use crate::sink::syslog::format::sanitized;
use crate::time::Utc;

pub(super) const TASK_LABELS: [&str; 1] = ["com.docker.swarm.task.name"];
pub(super) const STACK_LABELS: [&str; 2] = ["com.docker.stack.namespace", "com.docker.compose.project"];

/// Which documents, and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::sink) enum Mode {
    /// The fields of the book, into `logstash-YYYY.MM.dd`.
    #[default]
    Book,
    /// ECS, into the data stream `logs-docker-NAMESPACE`.
    DataStream {
        /// The last part of its name.
        namespace: String,
    },
}

/// Writes documents; what is the same for all lines of a container is rendered once a batch.
#[derive(Debug)]
pub(in crate::sink) struct Events {
    identity: SharedIdentity,
    mode: Mode,
    /// By [`Line::container_index`].
    rendered: Vec<Vec<u8>>,
}

#[derive(Serialize)]
struct ByContainer<'a> {
    host: &'a str,
    logsource: &'a str,
    program: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    syslog: Option<Syslog<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docker: Option<Docker<'a>>,
}

/// What only RFC 5424 has.
#[derive(Serialize)]
pub(super) struct Syslog<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    msgid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_data: Option<&'a str>,
}

impl<'a> Syslog<'a> {
    pub(super) fn of(sender: &'a Sender) -> Option<Self> {
        let (msgid, structured_data) = (sender.message_id.as_deref(), sender.structured_data.as_deref());
        (msgid.is_some() || structured_data.is_some()).then_some(Self { msgid, structured_data })
    }
}

#[derive(Serialize)]
struct Docker<'a> {
    container_id: &'a str,
    container_name: &'a str,
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
}

impl Events {
    /// The node's name is asked for with each batch: it may become known later.
    pub(in crate::sink) fn new(identity: SharedIdentity, mode: Mode) -> Self {
        Self { identity, mode, rendered: Vec::new() }
    }

    /// Renders the containers of a batch.
    pub(in crate::sink) fn begin(&mut self, batch: &Batch) {
        self.rendered = vec![Vec::new(); batch.containers()];
        for line in batch.lines() {
            if let Some(rendered) = self.rendered.get_mut(line.container_index).filter(|r| r.is_empty()) {
                let identity = self.identity.get();
                let node = identity.node_name.as_deref();
                *rendered = match &self.mode {
                    Mode::Book => render(line.container, node),
                    Mode::DataStream { namespace } => ecs::render(line.container, node, namespace),
                };
            }
        }
    }

    /// Appends the action line and the document. `attempt` above 0 gives another ID: the others are taken.
    pub(super) fn write(&self, line: &Line<'_>, attempt: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"create\":{\"_index\":\"");
        self.write_index(line, out);
        out.extend_from_slice(b"\",\"_id\":\"");
        write_id(line, attempt, out);
        out.extend_from_slice(b"\"}}\n");
        self.write_document(line, out);
        out.push(b'\n');
    }

    /// Appends the name of the index or data stream.
    pub(super) fn write_index(&self, line: &Line<'_>, out: &mut Vec<u8>) {
        match &self.mode {
            Mode::Book => write_index(&Utc::from_nanos(line.time), out),
            Mode::DataStream { namespace } => {
                for part in ["logs-", ecs::DATASET, "-", namespace] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
        }
    }

    pub(super) fn write_number(value: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Appends the document.
    pub(in crate::sink) fn write_document(&self, line: &Line<'_>, out: &mut Vec<u8>) {
        match self.mode {
            Mode::Book => write_book(line, out),
            Mode::DataStream { .. } => ecs::write(line, out),
        }
        out.push(b',');
        // Rendered as an object of its own: without its opening brace it ends ours.
        out.extend_from_slice(
            self.rendered.get(line.container_index).and_then(|r| r.get(1..)).unwrap_or(b"}"),
        );
    }
}

/// Appends `message` and what else follows from the text.
pub(super) fn write_text(line: &Line<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"message\":");
    let text = String::from_utf8_lossy(line.text);
    write_json(&text, out);
    if matches!(text, Cow::Owned(_)) {
        // Not UTF-8: the exact bytes beside what can be shown of them.
        write_key("message_base64", out);
        write_json(&STANDARD.encode(line.text), out);
    }
    if let Some(Part { number, last }) = line.part {
        write_key("part", out);
        write_value(&serde_json::json!({"number": number, "last": last}), out);
    }
    if line.container.settings.json
        && let Some(fields) = json_fields(line.text)
    {
        write_key("json", out);
        write_value(&fields, out);
    }
}

fn write_book(line: &Line<'_>, out: &mut Vec<u8>) {
    let time = Utc::from_nanos(line.time);
    let priority = Priority::of(line);
    out.push(b'{');
    write_text(line, out);
    out.extend_from_slice(b",\"@version\":\"1\",\"@timestamp\":\"");
    // Milliseconds, as Logstash has them; the two below sort to the nanosecond.
    time.write_rfc3339(3, out);
    for name in ["timestamp8601", "timestamp"] {
        out.extend_from_slice(b"\",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":\"");
        time.write_rfc3339(9, out);
    }
    out.push(b'"');
    for (name, value) in
        [("priority", priority.value()), ("severity", priority.severity()), ("facility", priority.facility())]
    {
        write_key(name, out);
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
    for (name, label) in
        [("severity_label", priority.severity_label()), ("facility_label", priority.facility_label())]
    {
        write_key(name, out);
        write_json(label, out);
    }
}

fn render(container: &Container, node: Option<&str>) -> Vec<u8> {
    let label = |names: &[&str]| label_of(container, names);
    let sender = container.sender.as_ref();
    let logsource = match sender {
        // The message's own, to the letter.
        Some(_) => container.hostname.clone(),
        None => sanitized(node.unwrap_or(&container.hostname), container),
    };
    let fields = ByContainer {
        host: sender.map_or(node.unwrap_or(&logsource), |sender| &sender.peer),
        logsource: &logsource,
        program: &container.name,
        pid: match sender {
            Some(sender) => sender.process.clone(),
            None => (container.pid > 0).then(|| container.pid.to_string()),
        },
        syslog: sender.and_then(Syslog::of),
        docker: sender.is_none().then(|| Docker {
            container_id: &container.id,
            container_name: &container.name,
            image: &container.image,
            service: container.service(),
            task: label(&TASK_LABELS),
            stack: label(&STACK_LABELS),
            node,
        }),
    };
    serde_json::to_vec(&fields).unwrap_or_default()
}

/// The first of these labels that there is.
pub(super) fn label_of<'a>(container: &'a Container, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| container.label(name))
}

/// `logstash-2016.10.19`, by the day of the line in UTC.
fn write_index(time: &Utc, out: &mut Vec<u8>) {
    out.extend_from_slice(b"logstash-");
    time.write_date(b'.', out);
}

/// Follows from the line alone, sorts by time, and differs for equal texts at equal times.
pub(super) fn write_id(line: &Line<'_>, attempt: u8, out: &mut Vec<u8>) {
    for shift in (0..16).rev() {
        let digit = (line.time >> (shift * 4)) & 15;
        out.push(b"0123456789abcdef".get(usize::try_from(digit).unwrap_or(0)).copied().unwrap_or(b'0'));
    }
    out.push(b'-');
    out.extend_from_slice(line.container.short_id().as_bytes());
    out.extend_from_slice(match line.stream {
        Stream::Stdout => b"-o",
        Stream::Stderr => b"-e",
    });
    out.extend_from_slice(itoa::Buffer::new().format(line.ordinal).as_bytes());
    if attempt > 0 {
        // By the text, so that it is the same when the line is sent again.
        let hash = line
            .text
            .chunks(Fingerprint::LONGEST)
            .fold(0_u64, |hash, part| hash.rotate_left(5) ^ Fingerprint::of(part).hash);
        out.extend_from_slice(format!("-{attempt}-{hash:016x}").as_bytes());
    }
}

pub(super) fn write_key(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// The members of a line that is a JSON object, each name once.
fn json_fields(text: &[u8]) -> Option<serde_json::Value> {
    let text = text.trim_ascii();
    if !text.starts_with(b"{") {
        return None;
    }
    serde_json::from_slice::<serde_json::Value>(text).ok().filter(serde_json::Value::is_object)
}

fn write_value(value: &serde_json::Value, out: &mut Vec<u8>) {
    // As below.
    let _infallible: Result<(), serde_json::Error> = serde_json::to_writer(out, value);
}

pub(super) fn write_json(text: &str, out: &mut Vec<u8>) {
    // A Vec has no errors of its own, and text always has a JSON form.
    let _infallible: Result<(), serde_json::Error> = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests;
