//! A line as a syslog message. No IO; nothing is truncated unless `--compat` asks for logspout's own frames.

use agent_core::identity::{Identity, SharedIdentity};

use crate::container::Container;
use crate::priority::Priority;
use crate::record::Line;
use crate::template::{Template, View};
use crate::time::{self, Utc};

/// `SYSLOG_FORMAT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `<PRI>1 TIME HOST TAG PID - SD TEXT`
    Rfc5424,
    /// `<PRI>TIME HOST TAG[PID]: TEXT` with an RFC 3339 time, which Logstash's syslog input parses to the full.
    Rfc3164,
}

impl Format {
    /// How exact a time is unless the user says otherwise: RFC 5424 allows six digits, and nothing forbids nine in the
    /// other.
    pub const fn time_digits(self) -> u32 {
        match self {
            Self::Rfc5424 => 6,
            Self::Rfc3164 => 9,
        }
    }
}

/// What goes around the text, or makes all of the message.
#[derive(Debug, Clone)]
pub struct Header {
    /// Which form.
    pub format: Format,
    /// Which node this is.
    pub identity: SharedIdentity,
    /// What the user wants otherwise.
    pub parts: Parts,
    /// Behind the container's name.
    pub append_tag: String,
    /// Digits of the seconds' fraction.
    pub time_digits: u32,
    /// `--compat`: exactly logspout's frames.
    pub compat: bool,
}

/// `SYSLOG_*`: parts of a message as templates; `None` is our own form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// `SYSLOG_PRIORITY`.
    pub priority: Option<Template>,
    /// `SYSLOG_TIMESTAMP`.
    pub timestamp: Option<Template>,
    /// `SYSLOG_HOSTNAME`.
    pub hostname: Option<Template>,
    /// `SYSLOG_TAG`.
    pub tag: Option<Template>,
    /// `SYSLOG_PID`.
    pub pid: Option<Template>,
    /// `SYSLOG_STRUCTURED_DATA`, without its brackets.
    pub structured_data: Option<Template>,
    /// `SYSLOG_DATA`.
    pub data: Option<Template>,
}

/// How much of a part logspout sends, in characters.
const COMPAT_HOST: usize = 255;
const COMPAT_TAG_RFC5424: usize = 48;
const COMPAT_TAG_RFC3164: usize = 32;
const COMPAT_PID: usize = 128;

/// The parts that are the same for all lines of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Between time and text; `None` where that differs from line to line.
    middle: Option<Vec<u8>>,
}

impl Parts {
    /// Whether what stands between time and text differs from line to line.
    fn middle_needs_line(&self) -> bool {
        [&self.hostname, &self.tag, &self.pid, &self.structured_data]
            .into_iter()
            .flatten()
            .any(Template::needs_line)
    }
}

impl Header {
    /// Renders a container's part once for many lines.
    pub fn prepare(&self, container: &Container) -> Prepared {
        if self.parts.middle_needs_line() {
            return Prepared { middle: None };
        }
        let identity = self.identity.get();
        let own_name = identity.node_name.as_deref().unwrap_or_default();
        Prepared { middle: Some(self.middle(container, &View::of_container(container, own_name))) }
    }

    /// Appends a whole message, without what ends it.
    pub fn write(&self, line: &Line<'_>, prepared: &Prepared, out: &mut Vec<u8>) {
        // Only where a template asks for it.
        let identity = self.needs_view(prepared).then(|| self.identity.get());
        let own_name = identity.as_ref().and_then(|i| i.node_name.as_deref()).unwrap_or_default();
        let mut view = View::of(line, own_name, self.time_digits);
        if self.compat {
            // logspout knows only when it read a line.
            view.time = time::now();
        }
        self.write_at(&view, || Priority::of(line), prepared, out);
    }

    fn needs_view(&self, prepared: &Prepared) -> bool {
        let Parts { priority, timestamp, data, .. } = &self.parts;
        prepared.middle.is_none() || [priority, timestamp, data].into_iter().any(Option::is_some)
    }

    /// The same at a given time.
    pub(super) fn write_at(
        &self,
        view: &View<'_>,
        priority: impl FnOnce() -> Priority,
        prepared: &Prepared,
        out: &mut Vec<u8>,
    ) {
        out.push(b'<');
        if let Some(template) = &self.parts.priority {
            template.render(view, out);
        } else {
            let priority = if self.compat { Priority::by_stream(view.stream) } else { priority() };
            out.extend_from_slice(itoa::Buffer::new().format(priority.value()).as_bytes());
        }
        out.extend_from_slice(match self.format {
            Format::Rfc3164 => b">",
            Format::Rfc5424 => b">1 ",
        });
        match &self.parts.timestamp {
            Some(template) => template.render(view, out),
            None => Utc::from_nanos(view.time).write_rfc3339(self.time_digits, out),
        }
        match &prepared.middle {
            Some(middle) => out.extend_from_slice(middle),
            None => out.extend_from_slice(&self.middle(view.container, view)),
        }
        match &self.parts.data {
            Some(template) => template.render(view, out),
            None => out.extend_from_slice(view.data),
        }
    }

    /// What stands between time and text.
    fn middle(&self, container: &Container, view: &View<'_>) -> Vec<u8> {
        let render = |template: &Template| {
            let mut out = Vec::new();
            template.render(view, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        let parts = &self.parts;
        let given = parts.hostname.as_ref().map(render);
        let tag = parts.tag.as_ref().map_or_else(|| format!("{}{}", container.name, self.append_tag), render);
        let data = parts.structured_data.as_ref().map(render).filter(|data| !data.is_empty());
        let data = data.map_or_else(|| "-".to_owned(), |data| format!("[{data}]"));
        let pid = parts.pid.as_ref().map(render);
        let middle = if self.compat {
            let host = given.unwrap_or_else(|| container.hostname.clone());
            self.compat_middle(&host, &tag, &pid.unwrap_or_else(|| container.pid.to_string()), &data)
        } else {
            let identity = self.identity.get();
            let host = host(given.as_deref(), &identity, container);
            let pid = pid.unwrap_or_else(|| container.pid.max(0).to_string());
            match (self.format, pid.as_str()) {
                // Logstash takes no `[0]` and would leave program and pid in the message.
                (Format::Rfc3164, "0" | "") => format!(" {} {tag}: ", sanitized(host, container)),
                (Format::Rfc3164, pid) => format!(" {} {tag}[{pid}]: ", sanitized(host, container)),
                (Format::Rfc5424, "0" | "") => format!(" {} {tag} - - {data} ", printable(host)),
                (Format::Rfc5424, pid) => format!(" {} {tag} {pid} - {data} ", printable(host)),
            }
        };
        middle.into_bytes()
    }

    fn compat_middle(&self, host: &str, tag: &str, pid: &str, data: &str) -> String {
        match self.format {
            Format::Rfc3164 => format!(" {host} {tag:.COMPAT_TAG_RFC3164$}[{pid}]: "),
            Format::Rfc5424 => {
                format!(" {host:.COMPAT_HOST$} {tag:.COMPAT_TAG_RFC5424$} {pid:.COMPAT_PID$} - {data} ")
            }
        }
    }
}

/// The host that lines are said to come from: what the user says, else the node's name, else the container's own. A message
/// from the network keeps its own.
pub fn host<'a>(given: Option<&'a str>, identity: &'a Identity, container: &'a Container) -> &'a str {
    if container.sender.is_some() {
        return &container.hostname;
    }
    given.or(identity.node_name.as_deref()).unwrap_or(&container.hostname)
}

/// A host that Logstash's pattern takes: labels of letters, digits and hyphens.
pub fn sanitized(host: &str, container: &Container) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let labels = host.split('.').map(|label| label.chars().map(plain).take(63).collect::<String>());
    let labels: Vec<String> =
        labels.map(|label| label.trim_matches('-').to_owned()).filter(|label| !label.is_empty()).collect();
    if labels.is_empty() { container.short_id().to_owned() } else { labels.join(".") }
}

/// RFC 5424 allows printable ASCII; nothing at all is written `-`.
fn printable(host: &str) -> String {
    let host: String = host.chars().filter(char::is_ascii_graphic).take(255).collect();
    if host.is_empty() { "-".to_owned() } else { host }
}

#[cfg(test)]
mod tests;
