//! Values of expressions, printed as Go prints them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use super::{Layout, View};
use crate::container::Container;
use crate::time::Utc;

/// What an expression comes to.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Text(Cow<'a, [u8]>),
    Number(i64),
    Flag(bool),
    /// Nanoseconds of Unix time.
    Time(i64),
    Labels(&'a HashMap<String, String>),
    List(Vec<&'a str>),
    Container(&'a Container),
    Message(View<'a>),
    /// No such label, or no such place in a list.
    Missing,
}

/// `strings.SplitN`.
pub(super) fn split<'a>(text: &'a str, separator: &str, count: i64) -> Value<'a> {
    Value::List(match usize::try_from(count) {
        Ok(0) => Vec::new(),
        Ok(count) => text.splitn(count, separator).collect(),
        Err(_) => text.split(separator).collect(),
    })
}

impl<'a> Value<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(text.as_bytes().into())
    }

    /// Go's `index`: a label that is not there is empty.
    pub(super) fn index(&self, key: &Value<'_>) -> Self {
        match (self, key) {
            (Self::Labels(labels), Value::Text(key)) => {
                let value = std::str::from_utf8(key).ok().and_then(|key| labels.get(key));
                Self::text(value.map_or("", String::as_str))
            }
            (Self::List(list), Value::Number(index)) => {
                let item = usize::try_from(*index).ok().and_then(|index| list.get(index));
                item.map_or(Self::Missing, |item| Self::text(item))
            }
            _ => Self::Missing,
        }
    }

    pub(super) fn print(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text),
            Self::Number(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
            Self::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
            Self::Time(time) => out.extend_from_slice(&Layout::default().format(*time)),
            Self::Labels(labels) => {
                let sorted: BTreeMap<_, _> = labels.iter().collect();
                let pairs: Vec<_> = sorted.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                out.extend_from_slice(format!("map[{}]", pairs.join(" ")).as_bytes());
            }
            Self::List(list) => out.extend_from_slice(format!("[{}]", list.join(" ")).as_bytes()),
            // What Go would print is of no use to anybody.
            Self::Container(_) | Self::Message(_) => out.extend_from_slice(&self.json()),
            Self::Missing => out.extend_from_slice(b"<no value>"),
        }
    }

    pub(super) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.to_json()).unwrap_or_default()
    }

    fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => json!(String::from_utf8_lossy(text)),
            Self::Number(number) => json!(number),
            Self::Flag(flag) => json!(flag),
            Self::Time(time) => json!(timestamp(*time)),
            Self::Labels(labels) => json!(labels),
            Self::List(list) => json!(list),
            Self::Container(container) => container.to_json(),
            Self::Message(view) => message(view.container, view.stream.name(), view.data, view.time),
            Self::Missing => Json::Null,
        }
    }
}

/// A line as logspout's JSON has it, but never a container's environment.
pub(crate) fn message(container: &Container, source: &str, data: &[u8], time: i64) -> Json {
    json!({
        "Container": container.to_json(),
        "Source": source,
        "Data": String::from_utf8_lossy(data),
        "Time": timestamp(time),
    })
}

fn timestamp(time: i64) -> String {
    let mut out = Vec::new();
    Utc::from_nanos(time).write_rfc3339(9, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
