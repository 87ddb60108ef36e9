//! A line as a syslog message. No IO; nothing is truncated.

use agent_core::identity::{Identity, SharedIdentity};

use crate::container::Container;
use crate::priority::Priority;
use crate::record::Line;
use crate::time::Utc;

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

/// Everything before the text.
#[derive(Debug, Clone)]
pub struct Header {
    /// Which form.
    pub format: Format,
    /// Given by the user for all lines.
    pub hostname: Option<String>,
    /// Which node this is.
    pub identity: SharedIdentity,
    /// Behind the container's name.
    pub append_tag: String,
    /// RFC 5424's structured data, in its brackets.
    pub structured_data: String,
    /// Digits of the seconds' fraction.
    pub time_digits: u32,
}

/// The parts that are the same for all lines of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Between time and text.
    middle: Vec<u8>,
}

impl Header {
    /// Renders a container's part once for many lines.
    pub fn prepare(&self, container: &Container) -> Prepared {
        let identity = self.identity.get();
        let host = host(self.hostname.as_deref(), &identity, container);
        let tag = format!("{}{}", container.name, self.append_tag);
        let middle = match (self.format, container.pid) {
            (Format::Rfc3164, pid @ 1..) => format!(" {} {tag}[{pid}]: ", sanitized(host, container)),
            // Logstash takes no `[0]` and would leave program and pid in the message.
            (Format::Rfc3164, _) => format!(" {} {tag}: ", sanitized(host, container)),
            (Format::Rfc5424, pid @ 1..) => {
                format!(" {} {tag} {pid} - {} ", printable(host), self.structured_data)
            }
            (Format::Rfc5424, _) => format!(" {} {tag} - - {} ", printable(host), self.structured_data),
        };
        Prepared { middle: middle.into_bytes() }
    }

    /// Appends a whole message.
    pub fn write(&self, line: &Line<'_>, prepared: &Prepared, out: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        out.push(b'<');
        out.extend_from_slice(number.format(Priority::of(line).value()).as_bytes());
        let time = Utc::from_nanos(line.time);
        out.extend_from_slice(match self.format {
            Format::Rfc3164 => b">",
            Format::Rfc5424 => b">1 ",
        });
        time.write_rfc3339(self.time_digits, out);
        out.extend_from_slice(&prepared.middle);
        out.extend_from_slice(line.text);
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
