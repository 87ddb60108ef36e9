//! The part of Go's text/template that logspout's users write: text, `{{.Field.Path}}`, `index … "key"`,
//! `.Time.Format "layout"`, `toJSON`, logspout's methods, pipes, `{{-` and `-}}`, comments.
//!
//! A template is compiled once; whatever is not known is refused there, with its position. Control structures (`if`,
//! `range`, `with`) are not known.

mod layout;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use agent_core::error::ConfigError;

use self::layout::Layout;
use self::value::Value;
pub(crate) use self::value::message;
use crate::container::Container;
use crate::record::{Line, Stream};
use crate::time::Utc;

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Text(Vec<u8>),
    Value(Expression),
}

/// What stands between the braces.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Text(String),
    Number(i64),
    /// `.`
    Message,
    Field(Field),
    /// `.Container.Config.Labels.NAME`
    Label(String),
    Index(Box<Expression>, Vec<Expression>),
    ToJson(Box<Expression>),
    Format(Layout),
    /// `.ContainerNameSplitN "separator" count`
    NameSplit(String, i64),
}

/// What has a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Container,
    ContainerName,
    Data,
    Driver,
    Hostname,
    Id,
    ConfigHostname,
    ConfigImage,
    Labels,
    LogPath,
    Name,
    Pid,
    Priority,
    Running,
    Source,
    StartedAt,
    Time,
    TimeUnix,
    TimeUnixNano,
    Timestamp,
    Tty,
}

/// All paths, as Go names them.
const FIELDS: &[(&str, Field)] = &[
    (".Container", Field::Container),
    (".Container.Config.Hostname", Field::ConfigHostname),
    (".Container.Config.Image", Field::ConfigImage),
    (".Container.Config.Labels", Field::Labels),
    (".Container.Config.Tty", Field::Tty),
    (".Container.HostConfig.LogConfig.Type", Field::Driver),
    (".Container.ID", Field::Id),
    (".Container.LogPath", Field::LogPath),
    (".Container.Name", Field::Name),
    (".Container.State.Pid", Field::Pid),
    (".Container.State.Running", Field::Running),
    (".Container.State.StartedAt", Field::StartedAt),
    (".ContainerName", Field::ContainerName),
    (".Data", Field::Data),
    (".Hostname", Field::Hostname),
    (".Priority", Field::Priority),
    (".Source", Field::Source),
    (".Time", Field::Time),
    (".Time.Unix", Field::TimeUnix),
    (".Time.UnixNano", Field::TimeUnixNano),
    (".Timestamp", Field::Timestamp),
];

/// Labels can be named as fields, too.
const LABELS: &str = ".Container.Config.Labels.";

impl Field {
    /// Whether it is the same for all lines of a container.
    const fn is_of_container(self) -> bool {
        !matches!(
            self,
            Self::Data
                | Self::Priority
                | Self::Source
                | Self::Time
                | Self::TimeUnix
                | Self::TimeUnixNano
                | Self::Timestamp
        )
    }
}

/// What a template is filled from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Who printed the line.
    pub container: &'a Container,
    /// The name of the host that the router runs on.
    pub hostname: &'a str,
    /// On which stream.
    pub stream: Stream,
    /// When, in nanoseconds of Unix time.
    pub time: i64,
    /// Digits of the fraction in `.Timestamp`.
    pub time_digits: u32,
    /// What.
    pub data: &'a [u8],
}

impl<'a> View<'a> {
    /// For a line.
    pub fn of(line: &Line<'a>, hostname: &'a str, time_digits: u32) -> Self {
        Self {
            container: line.container,
            hostname,
            stream: line.stream,
            time: line.time,
            time_digits,
            data: line.text,
        }
    }

    /// For what is the same for all lines of a container; see [`Template::needs_line`].
    pub fn of_container(container: &'a Container, hostname: &'a str) -> Self {
        Self { container, hostname, stream: Stream::Stdout, time: 0, time_digits: 0, data: b"" }
    }

    fn timestamp(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Utc::from_nanos(self.time).write_rfc3339(self.time_digits, &mut out);
        out
    }
}

impl Template {
    /// Compiles a template. `origin` is the variable or parameter that holds it.
    pub fn parse(origin: &str, text: &str) -> Result<Self, ConfigError> {
        parse::parse(text).map(|nodes| Self { nodes }).map_err(|problem| {
            ConfigError::new(
                origin,
                text,
                format!("is not a template at position {}: {}", problem.position, problem.what),
                problem.expected,
            )
        })
    }

    /// Whether it differs from line to line.
    pub fn needs_line(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node, Node::Value(value) if value.needs_line()))
    }

    /// Appends it, filled in.
    pub fn render(&self, view: &View<'_>, out: &mut Vec<u8>) {
        for node in &self.nodes {
            match node {
                Node::Text(text) => out.extend_from_slice(text),
                Node::Value(Expression::Field(Field::Data)) => out.extend_from_slice(view.data),
                Node::Value(expression) => expression.value(view).print(out),
            }
        }
    }
}

impl Expression {
    fn needs_line(&self) -> bool {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Label(_) | Self::NameSplit(..) => false,
            Self::Message | Self::Format(_) => true,
            Self::Field(field) => !field.is_of_container(),
            Self::Index(of, keys) => of.needs_line() || keys.iter().any(Self::needs_line),
            Self::ToJson(of) => of.needs_line(),
        }
    }

    fn value<'a>(&'a self, view: &View<'a>) -> Value<'a> {
        let container = view.container;
        match self {
            Self::Text(text) => Value::text(text),
            Self::Number(number) => Value::Number(*number),
            Self::Message => Value::Message(*view),
            Self::Label(name) => {
                container.labels.get(name).map_or(Value::Missing, |value| Value::text(value))
            }
            Self::Index(of, keys) => {
                keys.iter().fold(of.value(view), |value, key| value.index(&key.value(view)))
            }
            Self::ToJson(of) => Value::Text(of.value(view).json().into()),
            Self::Format(layout) => Value::Text(layout.format(view.time).into()),
            Self::NameSplit(separator, count) => value::split(&container.name, separator, *count),
            Self::Field(field) => field.value(view),
        }
    }
}

impl Field {
    fn value<'a>(self, view: &View<'a>) -> Value<'a> {
        let container = view.container;
        match self {
            Self::Container => Value::Container(container),
            Self::ContainerName => Value::text(&container.name),
            Self::Data => Value::Text(view.data.into()),
            Self::Driver => Value::text(&container.driver),
            Self::Hostname => Value::text(view.hostname),
            Self::Id => Value::text(&container.id),
            Self::ConfigHostname => Value::text(&container.hostname),
            Self::ConfigImage => Value::text(&container.image),
            Self::Labels => Value::Labels(&container.labels),
            Self::LogPath => Value::text(&container.log_path),
            // As the engine has it, with its slash.
            Self::Name => Value::Text(format!("/{}", container.name).into_bytes().into()),
            Self::Pid => Value::Number(container.pid),
            Self::Priority => Value::Number(crate::priority::Priority::by_stream(view.stream).value().into()),
            Self::Running => Value::Flag(container.running),
            Self::Source => Value::text(view.stream.name()),
            Self::StartedAt => container.started.map_or(Value::Missing, Value::Time),
            Self::Time => Value::Time(view.time),
            Self::TimeUnix => Value::Number(view.time.div_euclid(1_000_000_000)),
            Self::TimeUnixNano => Value::Number(view.time),
            Self::Timestamp => Value::Text(view.timestamp().into()),
            Self::Tty => Value::Flag(container.terminal),
        }
    }
}
