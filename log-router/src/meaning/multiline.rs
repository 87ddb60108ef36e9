//! Which lines are one event: logspout's four ways to go by a pattern, and the traces of Java, Python, Go, .NET and Ruby.
//!
//! It decides on lines only; who joins them is the assembler, for each stream by itself.

use std::time::Duration;

use regex::bytes::Regex;

/// How long a group waits for its next line, as logspout has it.
pub const FLUSH_AFTER: Duration = Duration::from_millis(500);
/// logspout's `MULTILINE_PATTERN`.
pub const PATTERN: &str = r"^\s";
/// logspout's `MULTILINE_SEPARATOR`.
pub const SEPARATOR: &str = "\n";
/// Lines of one group at most.
pub const MOST_LINES: u32 = 10_000;

/// `MULTILINE_MATCH`: what a line is that the pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Match {
    /// The first line of an event.
    First,
    /// The last.
    Last,
    /// Any but the first.
    #[default]
    NonFirst,
    /// Any but the last.
    NonLast,
}

impl Match {
    /// Reads logspout's names.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "first" => Self::First,
            "last" => Self::Last,
            "nonfirst" => Self::NonFirst,
            "nonlast" => Self::NonLast,
            _ => return None,
        })
    }
}

/// How lines are joined.
#[derive(Debug, Clone)]
pub struct Rule {
    kind: Kind,
    /// Between the lines of an event.
    pub separator: String,
    /// How long an event waits for its next line.
    pub flush_after: Duration,
}

#[derive(Debug, Clone)]
enum Kind {
    Pattern(Regex, Match),
    Traces,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        let kind = match (&self.kind, &other.kind) {
            (Kind::Pattern(a, how_a), Kind::Pattern(b, how_b)) => a.as_str() == b.as_str() && how_a == how_b,
            (Kind::Traces, Kind::Traces) => true,
            _ => false,
        };
        kind && self.separator == other.separator && self.flush_after == other.flush_after
    }
}

impl Eq for Rule {}

/// Names of languages whose traces are joined; all of them by the same rule, because containers mix them.
pub const LANGUAGES: &[&str] = &["traces", "java", "python", "go", "dotnet", "ruby"];

impl Rule {
    /// Joins the traces of all [`LANGUAGES`].
    pub fn traces() -> Self {
        Self { kind: Kind::Traces, separator: SEPARATOR.to_owned(), flush_after: FLUSH_AFTER }
    }

    /// Goes by a pattern; what is wrong with it.
    pub fn by_pattern(pattern: &str, how: Match) -> Result<Self, String> {
        let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
        Ok(Self { kind: Kind::Pattern(pattern, how), ..Self::traces() })
    }

    /// The same pattern, met in another way.
    #[must_use]
    pub fn matching(mut self, how: Match) -> Self {
        if let Kind::Pattern(_, known) = &mut self.kind {
            *known = how;
        }
        self
    }

    /// What a container's label says: a language, or a pattern with or without `first:`, `last:`, `nonfirst:`, `nonlast:`.
    pub fn parse(given: &str) -> Result<Self, String> {
        if LANGUAGES.contains(&given) {
            return Ok(Self::traces());
        }
        let how = given.split_once(':').and_then(|(name, pattern)| Some((Match::parse(name)?, pattern)));
        let (how, pattern) = how.unwrap_or((Match::NonFirst, given));
        Self::by_pattern(pattern, how)
    }
}

/// What is known of an unfinished event, to judge its next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trace {
    /// One line that stands for itself so far.
    #[default]
    Plain,
    /// It may have a trace behind it: an error.
    Failed,
    /// Indented lines have come.
    Indented,
    /// Within a Python traceback.
    Python,
    /// Behind the last line of a traceback, which another may follow.
    PythonEnd,
    /// Within the dump of a Go program.
    Go,
}

/// What a line is to the event before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// It belongs to the event before it, where there is one.
    pub joins: bool,
    /// It is the last of its event.
    pub ends: bool,
    /// What to know for the next line.
    pub trace: Trace,
}

impl Rule {
    /// Judges a line; `before` is what is known of the event under way.
    pub fn judge(&self, line: &[u8], before: Option<Trace>) -> Verdict {
        let (pattern, how) = match &self.kind {
            Kind::Traces => return judge_trace(line, before),
            Kind::Pattern(pattern, how) => (pattern, *how),
        };
        let found = pattern.is_match(line);
        let (joins, ends) = match how {
            Match::First => (!found, false),
            Match::NonFirst => (found, false),
            Match::Last => (true, found),
            Match::NonLast => (true, !found),
        };
        Verdict { joins, ends, trace: Trace::Plain }
    }
}

fn judge_trace(line: &[u8], before: Option<Trace>) -> Verdict {
    let continued = before.and_then(|trace| continuation(line, trace));
    Verdict { joins: continued.is_some(), ends: false, trace: continued.unwrap_or_else(|| beginning(line)) }
}

fn beginning(line: &[u8]) -> Trace {
    if line.starts_with(b"Traceback (most recent call last)") {
        return Trace::Python;
    }
    if line.starts_with(b"panic: ") || line.starts_with(b"fatal error: ") || line.starts_with(b"goroutine ") {
        return Trace::Go;
    }
    match super::level::severity(line) {
        Some(0..=3) => Trace::Failed,
        _ if is_exception(line) => Trace::Failed,
        _ => Trace::Plain,
    }
}

/// What the event is with this line; `None` where the line begins another.
fn continuation(line: &[u8], trace: Trace) -> Option<Trace> {
    let indented = matches!(line, [b' ' | b'\t', ..]);
    match trace {
        Trace::Python if indented => Some(Trace::Python),
        // `ValueError: x`, which ends it.
        Trace::Python => Some(Trace::PythonEnd),
        Trace::PythonEnd if line.is_empty() => Some(Trace::PythonEnd),
        Trace::PythonEnd | Trace::Failed if line.starts_with(b"Traceback (most") => Some(Trace::Python),
        Trace::PythonEnd
            if line.starts_with(b"During handling of the above")
                || line.starts_with(b"The above exception") =>
        {
            Some(Trace::PythonEnd)
        }
        Trace::Go if line.is_empty() || indented || is_go(line) => Some(Trace::Go),
        Trace::Failed if is_exception(line) => Some(Trace::Failed),
        Trace::Failed | Trace::Indented if is_cause(line) => Some(Trace::Indented),
        _ if indented => Some(Trace::Indented),
        _ => None,
    }
}

fn is_cause(line: &[u8]) -> bool {
    [&b"Caused by: "[..], b"---> ", b"--- End of ", b"Suppressed: "]
        .iter()
        .any(|begin| line.starts_with(begin))
}

fn is_go(line: &[u8]) -> bool {
    let begins = [&b"goroutine "[..], b"created by ", b"[signal ", b"exit status ", b"panic: ", b"..."];
    // `main.main()`, `net/http.(*conn).serve(0xc0, {0x1, 0x2})`
    let call =
        line.ends_with(b")") && line.iter().take_while(|byte| **byte != b' ').any(|byte| *byte == b'(');
    call || begins.iter().any(|begin| line.starts_with(begin))
}

/// `java.lang.IllegalStateException: text`, `System.InvalidOperationException: text`.
fn is_exception(line: &[u8]) -> bool {
    let end = line.iter().position(|byte| *byte == b':' || *byte == b' ').unwrap_or(line.len());
    let name = line.get(..end).unwrap_or_default();
    name.contains(&b'.')
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'))
        && (name.ends_with(b"Exception") || name.ends_with(b"Error"))
}

#[cfg(test)]
mod tests;
