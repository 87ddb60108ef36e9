//! What passes: the table of paths, and the check of a request against it. Nothing here does I/O.

use std::fmt::Write;

use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};

/// A path that passes.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The path without version; `{id}` stands for one ID or name.
    pub path: &'static str,
    /// Whether HEAD passes beside GET.
    pub head: bool,
    /// The query parameters that pass.
    pub query: &'static [(&'static str, Kind)],
    /// What the answer is.
    pub answer: Answer,
}

/// What a query parameter may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `0`, `1`, `false` or `true`.
    Switch,
    /// `0` or `false`, which clients write out.
    Off,
    /// A Unix time, a time by RFC 3339, or a duration.
    Time,
    /// A number of lines, or `all`.
    Tail,
    /// A JSON object.
    Filters,
}

/// How an answer is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// As it is, and it ends soon.
    Whole,
    /// As it comes, perhaps for ever.
    Stream,
    /// Without environments.
    Redacted,
}

const LIST: &[(&str, Kind)] = &[("filters", Kind::Filters)];

/// All that passes.
pub const RULES: &[Rule] = &[
    Rule { path: "/_ping", head: true, query: &[], answer: Answer::Whole },
    Rule { path: "/version", head: false, query: &[], answer: Answer::Whole },
    Rule { path: "/info", head: false, query: &[], answer: Answer::Whole },
    Rule {
        path: "/events",
        head: false,
        query: &[("since", Kind::Time), ("until", Kind::Time), ("filters", Kind::Filters)],
        answer: Answer::Stream,
    },
    Rule {
        path: "/containers/json",
        head: false,
        // No `size`: it makes the engine walk all layers of all containers.
        query: &[("all", Kind::Switch), ("size", Kind::Off), ("filters", Kind::Filters)],
        answer: Answer::Redacted,
    },
    Rule {
        path: "/containers/{id}/json",
        head: false,
        query: &[("size", Kind::Switch)],
        answer: Answer::Redacted,
    },
    Rule {
        path: "/containers/{id}/stats",
        head: false,
        query: &[("stream", Kind::Switch), ("one-shot", Kind::Switch)],
        answer: Answer::Stream,
    },
    Rule {
        path: "/containers/{id}/logs",
        head: false,
        query: &[
            ("follow", Kind::Switch),
            ("stdout", Kind::Switch),
            ("stderr", Kind::Switch),
            ("timestamps", Kind::Switch),
            ("since", Kind::Time),
            ("until", Kind::Time),
            ("tail", Kind::Tail),
        ],
        answer: Answer::Stream,
    },
    Rule { path: "/nodes", head: false, query: LIST, answer: Answer::Redacted },
    Rule {
        path: "/services",
        head: false,
        query: &[("filters", Kind::Filters), ("status", Kind::Switch)],
        answer: Answer::Redacted,
    },
    Rule { path: "/tasks", head: false, query: LIST, answer: Answer::Redacted },
];

/// A request that passes.
#[derive(Debug, PartialEq, Eq)]
pub struct Allowed {
    /// By which rule.
    pub rule: &'static Rule,
    /// Path and query, written anew from what was understood.
    pub target: String,
}

/// Checks a request line; the error says what is refused and what would pass.
pub fn check(method: &Method, path: &str, query: Option<&str>) -> Result<Allowed, String> {
    if *method != Method::GET && *method != Method::HEAD {
        return Err(format!("{method} is refused; only GET passes"));
    }
    let bare = without_version(path);
    let rule = RULES.iter().find(|rule| fits(rule.path, bare)).ok_or_else(|| {
        let known: Vec<_> = RULES.iter().map(|rule| rule.path).collect();
        format!("{path} is refused; what passes: {}", known.join(" "))
    })?;
    if *method == Method::HEAD && !rule.head {
        return Err(format!("HEAD {path} is refused; only GET passes"));
    }
    let mut target = path.to_owned();
    let mut seen = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = rule.query.iter().find(|(name, _)| *name == key && !seen.contains(name));
        let Some((name, kind)) = known else {
            let names: Vec<_> = rule.query.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "query parameter `{key}` of {bare} is refused; what passes, once each: {}",
                names.join(" ")
            ));
        };
        let value = decode(value).filter(|value| kind.takes(value));
        let value = value.ok_or_else(|| format!("`{pair}` is refused; right would be {}", kind.right()))?;
        let mark = if seen.is_empty() { '?' } else { '&' };
        // Writing into a String cannot fail.
        let _unused = write!(target, "{mark}{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC));
        seen.push(name);
    }
    Ok(Allowed { rule, target })
}

/// `/v1.41/info` is `/info`.
fn without_version(path: &str) -> &str {
    let digits = |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
    path.strip_prefix("/v")
        .and_then(|rest| rest.find('/').and_then(|end| rest.split_at_checked(end)))
        .filter(|(version, _)| version.split_once('.').is_some_and(|(a, b)| digits(a) && digits(b)))
        .map_or(path, |(_, rest)| rest)
}

fn fits(rule: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    rule.split('/').all(|wanted| match parts.next() {
        Some(part) if wanted == "{id}" => is_id(part),
        part => part == Some(wanted),
    }) && parts.next().is_none()
}

/// As Docker lets IDs and names be.
fn is_id(text: &str) -> bool {
    text.len() <= 255
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        // A list and other things that are no container.
        && text != "json"
}

fn decode(text: &str) -> Option<String> {
    let spaces = text.replace('+', " ");
    percent_decode_str(&spaces).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

impl Kind {
    fn takes(self, value: &str) -> bool {
        match self {
            Self::Switch => matches!(value, "0" | "1" | "false" | "true"),
            Self::Off => matches!(value, "0" | "false"),
            Self::Time => {
                value.len() <= 64 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b".:+-".contains(&b))
            }
            Self::Tail => {
                value == "all"
                    || value.len() <= 12 && value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty()
            }
            Self::Filters => value.is_empty() || serde_json::from_str::<Map<String, Value>>(value).is_ok(),
        }
    }

    const fn right(self) -> &'static str {
        match self {
            Self::Switch => "0, 1, false or true",
            Self::Off => "0 or false",
            Self::Time => "a Unix time, a time by RFC 3339 or a duration",
            Self::Tail => "a number or all",
            Self::Filters => "a JSON object",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn get(target: &str) -> Result<Allowed, String> {
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        check(&Method::GET, path, query)
    }

    #[test]
    fn what_agents_ask_passes() {
        for (target, path) in [
            ("/_ping", "/_ping"),
            ("/v1.41/info", "/info"),
            ("/version", "/version"),
            ("/events?since=1&filters=%7B%22type%22%3A%5B%22container%22%5D%7D", "/events"),
            ("/containers/json?all=true&size=false", "/containers/json"),
            ("/v1.53/containers/web.1.abc/json", "/containers/{id}/json"),
            ("/containers/0a/stats?stream=false&one-shot=true", "/containers/{id}/stats"),
            (
                "/containers/0a/logs?follow=true&stdout=1&stderr=1&timestamps=1&tail=all&since=1795343999.123",
                "/containers/{id}/logs",
            ),
            ("/services?status=true", "/services"),
            ("/tasks?filters=%7B%7D", "/tasks"),
        ] {
            assert_eq!(get(target).unwrap().rule.path, path, "{target}");
        }
        assert!(check(&Method::HEAD, "/_ping", None).is_ok());
    }

    #[test]
    fn nothing_else_does() {
        for target in [
            "/",
            "",
            "/containers/0a/archive?path=/",
            "/containers/0a/export",
            "/containers/0a/json/",
            "/containers//json",
            "/containers/../info",
            "/containers/json/json",
            "/containers/a%2Fb/json",
            "/containers/0a/attach/ws",
            "/containers/0a/top",
            "/v1.41/v1.41/info",
            "/v/info",
            "/swarm",
            "/swarm/unlockkey",
            "/secrets",
            "/configs",
            "/images/x/get",
            "/Info",
            "/info?x=1",
            "/containers/json?size=1",
            "/containers/json?all=1&all=0",
            "/containers/json?all=perhaps",
            "/containers/0a/logs?tail=-1",
            "/events?filters=%5B%5D",
            "/events?since=1%0d%0aX",
            "/%69nfo",
        ] {
            assert!(get(target).is_err(), "{target}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert!(check(&method, "/info", None).unwrap_err().contains("only GET passes"), "{method}");
        }
        assert!(check(&Method::HEAD, "/info", None).is_err());
    }

    #[test]
    fn a_query_is_written_anew() {
        let allowed = get("/v1.41/events?since=&filters=%7B%22a%22:%20%22b+c%22%7D").unwrap();
        assert_eq!(allowed.target, "/v1.41/events?since=&filters=%7B%22a%22%3A%20%22b%20c%22%7D");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_decided(path in "\\PC*", query in "\\PC*") {
            if let Ok(allowed) = check(&Method::GET, &path, Some(&query)) {
                prop_assert!(allowed.target.starts_with(&path));
            }
        }

        #[test]
        fn only_known_paths_pass(tail in "(/[a-z{}.%0-9]{0,8}){1,5}") {
            if let Ok(allowed) = check(&Method::GET, &tail, None) {
                prop_assert_eq!(allowed.rule.path.split('/').count(), without_version(&tail).split('/').count());
                prop_assert!(!tail.contains('%') && !tail.contains("//"));
            }
        }
    }
}
