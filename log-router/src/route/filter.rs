//! `filter.*` parameters: which containers and streams a route takes.

use crate::container::Container;
use crate::record::{PerStream, Stream};

/// The parameters, as URIs name them.
pub const KEYS: [&str; 4] = ["filter.id", "filter.labels", "filter.name", "filter.sources"];

/// What their values look like, for messages.
pub const EXPECTED: &str =
    "give filter.id=PREFIX, filter.name=GLOB, filter.labels=LABEL:GLOB,… or filter.sources=stdout,stderr";

/// Conditions that all must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    id: Option<String>,
    name: Option<String>,
    labels: Vec<(String, String)>,
    sources: Option<PerStream<bool>>,
    /// Scheme and host of the route, which containers can choose by label.
    route: (String, String),
}

impl Filter {
    /// Takes a parameter; false if it is none of these, an error where its value makes no sense.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "filter.id" => self.id = Some(value.to_owned()),
            "filter.name" => {
                check_glob(key, value)?;
                self.name = Some(value.to_owned());
            }
            "filter.labels" => {
                for entry in value.split(',').filter(|entry| !entry.is_empty()) {
                    let (label, glob) = entry
                        .split_once(':')
                        .ok_or_else(|| format!("has an entry `{entry}` without a colon in filter.labels"))?;
                    check_glob(key, glob)?;
                    self.labels.push((label.to_owned(), glob.to_owned()));
                }
            }
            "filter.sources" => {
                let mut sources = PerStream::default();
                for name in value.split(',').filter(|name| !name.is_empty()) {
                    let stream = Stream::parse(name.as_bytes())
                        .ok_or_else(|| format!("has an unknown stream `{name}` in filter.sources"))?;
                    *sources.get_mut(stream) = true;
                }
                self.sources = Some(sources);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Says whose filter it is.
    pub(super) fn belongs_to(&mut self, scheme: &str, host: &str) {
        self.route = (scheme.to_owned(), host.to_owned());
    }

    /// Whether the route takes this container.
    pub fn takes(&self, container: &Container) -> bool {
        container.settings.takes_route(&self.route.0, &self.route.1)
            && self.id.as_ref().is_none_or(|prefix| container.id.starts_with(prefix.as_str()))
            && self.name.as_ref().is_none_or(|glob| matches(glob.as_bytes(), container.name.as_bytes()))
            && self.labels.iter().all(|(label, glob)| {
                container.labels.get(label).is_some_and(|value| matches(glob.as_bytes(), value.as_bytes()))
            })
    }

    /// Whether it asks for one container.
    pub fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Which streams the route takes.
    pub fn streams(&self) -> PerStream<bool> {
        self.sources.unwrap_or(PerStream { stdout: true, stderr: true })
    }
}

/// What `path.Match` calls a bad pattern: a class without its end, an empty one, or nothing behind a backslash.
fn check_glob(key: &str, glob: &str) -> Result<(), String> {
    let mut rest = glob.as_bytes();
    let good = loop {
        rest = match rest {
            [] => break true,
            [b'\\'] => break false,
            [b'[', after @ ..] => {
                let items = after.strip_prefix(b"^").unwrap_or(after);
                match items.iter().position(|byte| *byte == b']') {
                    None | Some(0) => break false,
                    Some(end) => items.get(end + 1..).unwrap_or_default(),
                }
            }
            [b'\\', _, after @ ..] | [_, after @ ..] => after,
        };
    };
    if good { Ok(()) } else { Err(format!("has a bad glob `{glob}` in {key}")) }
}

/// Go's `path.Match`: `*` and `?` do not cross a slash, `[a-z]` and `[^a-z]` are classes, `\` quotes.
pub(crate) fn matches(glob: &[u8], text: &[u8]) -> bool {
    // Where to go on if the last `*` has to take one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    let (mut glob, mut text) = (glob, text);
    loop {
        if let [b'*', after @ ..] = glob {
            retry = Some((after, text));
            glob = after;
            continue;
        }
        match (one(glob, text), text) {
            (Some(after), [_, rest @ ..]) => (glob, text) = (after, rest),
            (_, []) if glob.is_empty() => return true,
            _ => match retry {
                Some((after, [taken, rest @ ..])) if *taken != b'/' => {
                    retry = Some((after, rest));
                    (glob, text) = (after, rest);
                }
                _ => return false,
            },
        }
    }
}

/// What is left of the glob once its first element took the first byte of the text.
fn one<'a>(glob: &'a [u8], text: &[u8]) -> Option<&'a [u8]> {
    let byte = *text.first()?;
    match glob {
        [b'?', rest @ ..] => (byte != b'/').then_some(rest),
        [b'\\', quoted, rest @ ..] => (*quoted == byte).then_some(rest),
        [b'[', rest @ ..] => class(rest, byte),
        [same, rest @ ..] => (*same == byte).then_some(rest),
        [] => None,
    }
}

fn class(glob: &[u8], byte: u8) -> Option<&[u8]> {
    let (negated, mut rest) = match glob {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, glob),
    };
    let mut found = false;
    loop {
        let (low, high);
        (low, high, rest) = match rest {
            [b']', rest @ ..] => return (found != negated).then_some(rest),
            [low, b'-', high, rest @ ..] if *high != b']' => (*low, *high, rest),
            [single, rest @ ..] => (*single, *single, rest),
            [] => return None,
        };
        found |= (low..=high).contains(&byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(key: &str, value: &str) -> Filter {
        let mut filter = Filter::default();
        assert_eq!(filter.set(key, value), Ok(true));
        filter
    }

    #[test]
    fn globs_are_those_of_go() {
        for (glob, text, expected) in [
            ("web*", "web_1.x", true),
            ("*web*", "my-web-1", true),
            ("*_db", "a_db_db", true),
            ("*_db", "a_db_x", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*", "a/b", false),
            ("", "", true),
            ("[", "a", false),
        ] {
            assert_eq!(matches(glob.as_bytes(), text.as_bytes()), expected, "{glob} {text}");
        }
    }

    #[test]
    fn bad_globs_are_refused() {
        for (glob, good) in [("[a-c]*", true), ("[", false), ("[]a]", false), ("a\\", false), ("\\[", true)] {
            assert_eq!(Filter::default().set("filter.name", glob).is_ok(), good, "{glob}");
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let labels = [("com.docker.swarm.service.name".to_owned(), "proxy_proxy".to_owned())].into();
        let container = Container {
            id: "4d2c9ae1b0f3aa".to_owned(),
            name: "proxy.1".to_owned(),
            labels,
            ..Container::default()
        };
        assert!(Filter::default().takes(&container));
        assert!(filter("filter.id", "4d2c9ae1b0f3").takes(&container));
        assert!(!filter("filter.id", "5").takes(&container));
        assert!(filter("filter.name", "proxy*").takes(&container));
        assert!(filter("filter.labels", "com.docker.swarm.service.name:proxy*").takes(&container));
        assert!(!filter("filter.labels", "com.docker.swarm.service.name:proxy*,other:*").takes(&container));
    }

    #[test]
    fn streams_are_chosen_by_name() {
        assert_eq!(Filter::default().streams(), PerStream { stdout: true, stderr: true });
        assert_eq!(filter("filter.sources", "stderr").streams(), PerStream { stdout: false, stderr: true });
        assert!(Filter::default().set("filter.labels", "no-colon").is_err());
    }

    proptest! {
        #[test]
        fn globs_end(glob in "[*?a\\[\\]^\\\\-]{0,12}", text in "[a/]{0,12}") {
            matches(glob.as_bytes(), text.as_bytes());
        }
    }
}
