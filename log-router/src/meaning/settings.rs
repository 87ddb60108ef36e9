//! What holds for a container's lines: what the command line says of all, and what the container's labels say of it.

use std::collections::HashMap;

use super::level;
use super::mask::Pattern;
use super::multiline::Rule;
use crate::route::filter::matches;

/// The longest line that is sent whole unless `--max-line-bytes` says otherwise.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// Settings of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `--max-line-bytes`: longer lines go in parts.
    pub max_line_bytes: usize,
    /// Globs of the schemes and hosts of the routes that take this container's lines; empty is all of them.
    pub routes: Vec<String>,
    /// Joins lines; also where a route does not.
    pub multiline: Multiline,
    /// JSON lines give fields.
    pub json: bool,
    /// Severity goes by the line, not by the stream alone.
    pub detect: bool,
    /// Lines of a greater number are left out.
    pub least_severity: u8,
    /// One of so many lines is kept; warnings and worse always are.
    pub sample: u32,
    /// Lines a second.
    pub rate_limit: Option<u32>,
    /// What must not be seen.
    pub mask: Vec<Pattern>,
    /// `log-router.exclude`, where it is set.
    pub exclude: Option<bool>,
}

/// What a container says of joining lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Multiline {
    /// Nothing: the route decides.
    #[default]
    Unsaid,
    /// Never, as logspout's `LOGSPOUT_MULTILINE=false`.
    Never,
    /// As the route has it, also where the route would not by default (`LOGSPOUT_MULTILINE=true`).
    Always,
    /// By this rule on every route.
    By(Rule),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_line_bytes: MAX_LINE_BYTES,
            routes: Vec::new(),
            multiline: Multiline::default(),
            json: false,
            detect: true,
            least_severity: 7,
            sample: 1,
            rate_limit: None,
            mask: Vec::new(),
            exclude: None,
        }
    }
}

/// What a label sets; gives what would have been right where it cannot.
type Set = fn(&mut Settings, &str) -> Result<(), String>;

/// One label.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Takes its value in.
    set: Set,
}

/// All labels.
pub const LABELS: &[Label] = &[
    Label {
        name: "log-router.exclude",
        set: |settings, value| boolean(value).map(|on| settings.exclude = Some(on)),
    },
    Label { name: "log-router.json", set: |settings, value| boolean(value).map(|on| settings.json = on) },
    Label {
        name: "log-router.level",
        set: |settings, value| match level::parse(value) {
            Some(severity) => {
                settings.least_severity = severity;
                Ok(())
            }
            None => Err("give debug, info, notice, warning, error, critical, alert or emergency".to_owned()),
        },
    },
    Label {
        name: "log-router.level-detection",
        set: |settings, value| boolean(value).map(|on| settings.detect = on),
    },
    Label {
        name: "log-router.mask",
        set: |settings, value| {
            for given in value.split(',').map(str::trim).filter(|given| !given.is_empty()) {
                settings.mask.push(Pattern::parse(given)?);
            }
            Ok(())
        },
    },
    Label {
        name: "log-router.multiline",
        set: |settings, value| {
            settings.multiline = match boolean(value) {
                Ok(true) => Multiline::By(Rule::traces()),
                Ok(false) => Multiline::Never,
                Err(_) => Multiline::By(Rule::parse(value)?),
            };
            Ok(())
        },
    },
    Label {
        name: "log-router.rate-limit",
        set: |settings, value| count(value).map(|lines| settings.rate_limit = Some(lines)),
    },
    Label {
        name: "log-router.route",
        set: |settings, value| {
            settings.routes = value.split(',').map(|glob| glob.trim().to_owned()).collect();
            Ok(())
        },
    },
    Label { name: "log-router.sample", set: |settings, value| count(value).map(|of| settings.sample = of) },
];

fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("give true or false".to_owned()),
    }
}

fn count(value: &str) -> Result<u32, String> {
    value.parse().ok().filter(|number| *number > 0).ok_or_else(|| "give a whole number from 1".to_owned())
}

/// A label that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLabel {
    /// Its name.
    pub name: String,
    /// What it says.
    pub value: String,
    /// What would be right.
    pub expected: String,
}

impl Settings {
    /// These settings with what a container's labels say; labels that cannot be used leave what holds for all.
    pub fn with_labels(&self, labels: &HashMap<String, String>) -> (Self, Vec<BadLabel>) {
        let (mut settings, mut bad) = (self.clone(), Vec::new());
        for (name, value) in labels.iter().filter(|(name, _)| name.starts_with("log-router.")) {
            let result = if let Some(label) = LABELS.iter().find(|label| label.name == name) {
                (label.set)(&mut settings, value.trim())
            } else {
                let known: Vec<_> = LABELS.iter().map(|label| label.name).collect();
                Err(format!("known are {}", known.join(", ")))
            };
            if let Err(expected) = result {
                bad.push(BadLabel { name: name.clone(), value: value.clone(), expected });
            }
        }
        (settings, bad)
    }

    /// Whether a route takes the lines.
    pub fn takes_route(&self, scheme: &str, host: &str) -> bool {
        let fits =
            |glob: &String| [scheme, host].iter().any(|name| matches(glob.as_bytes(), name.as_bytes()));
        self.routes.is_empty() || self.routes.iter().any(fits)
    }

    /// The rule by which lines are joined, the route having `rule` and joining by default or not.
    pub fn rule<'a>(&'a self, route: Option<&'a RouteRule>) -> Option<&'a Rule> {
        match (&self.multiline, route) {
            (Multiline::By(rule), _) => Some(rule),
            (Multiline::Never, _) | (_, None) => None,
            (Multiline::Always, Some(route)) => Some(&route.rule),
            (Multiline::Unsaid, Some(route)) => route.by_default.then_some(&route.rule),
        }
    }
}

/// What a `multiline+` route does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    /// `MULTILINE_PATTERN`, `_MATCH`, `_SEPARATOR`, `_FLUSH_AFTER`.
    pub rule: Rule,
    /// `MULTILINE_ENABLE_DEFAULT`.
    pub by_default: bool,
}

/// What the spool keeps of a container's settings: what sinks ask for. The rest has had its effect when a line comes there.
pub(crate) mod spooled {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Settings;

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Kept {
        json: bool,
    }

    pub(crate) fn serialize<S: Serializer>(settings: &Settings, to: S) -> Result<S::Ok, S::Error> {
        Kept { json: settings.json }.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Settings>, D::Error> {
        let Kept { json } = Kept::deserialize(from)?;
        Ok(Arc::new(Settings { json, ..Settings::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(labels: &[(&str, &str)]) -> (Settings, Vec<BadLabel>) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::default().with_labels(&labels)
    }

    #[test]
    fn labels_set_what_they_name() {
        let (settings, bad) = with(&[
            ("log-router.json", "true"),
            ("log-router.level", "warn"),
            ("log-router.sample", "10"),
            ("log-router.rate-limit", "100"),
            ("log-router.multiline", "java"),
            ("log-router.mask", "password, bearer"),
            ("log-router.route", "elasticsearch*"),
            ("com.docker.stack.namespace", "x"),
        ]);
        assert_eq!(bad, []);
        assert!(settings.json && settings.mask.len() == 2);
        assert_eq!((settings.least_severity, settings.sample, settings.rate_limit), (4, 10, Some(100)));
        assert_eq!(settings.multiline, Multiline::By(Rule::traces()));
        assert!(settings.takes_route("elasticsearch+tls", "x") && !settings.takes_route("syslog", "logs"));
    }

    #[test]
    fn labels_that_cannot_be_used_leave_the_rest() {
        let (settings, bad) =
            with(&[("log-router.sample", "0"), ("log-router.jsno", "true"), ("log-router.json", "true")]);
        assert!(settings.json && settings.sample == 1);
        let mut names: Vec<_> = bad.iter().map(|bad| bad.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["log-router.jsno", "log-router.sample"]);
    }

    #[test]
    fn containers_decide_over_routes_on_joining() {
        let route = RouteRule { rule: Rule::parse("^ ").unwrap(), by_default: false };
        let settings = |multiline| Settings { multiline, ..Settings::default() };
        assert_eq!(settings(Multiline::Unsaid).rule(Some(&route)), None);
        assert_eq!(settings(Multiline::Always).rule(Some(&route)), Some(&route.rule));
        assert_eq!(settings(Multiline::Always).rule(None), None);
        let own = Multiline::By(Rule::traces());
        assert_eq!(settings(own).rule(Some(&route)), Some(&Rule::traces()));
    }

    #[test]
    fn every_label_is_in_the_document() {
        let document = include_str!("../../../docs/log-router-meaning.md");
        for label in LABELS {
            assert!(document.contains(&format!("| `{}` |", label.name)), "{}", label.name);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(value: String) {
            for label in LABELS {
                with(&[(label.name, value.as_str())]);
            }
        }
    }
}
