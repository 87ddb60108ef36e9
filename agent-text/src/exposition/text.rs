//! Turns the crate's OpenMetrics output into the Prometheus text format 0.0.4 while it is written.
//!
//! Two things differ in what we write: the type word `unknown` is `untyped` there, and HELP and TYPE of a counter
//! carry the full name. Collectors already use full names; the agent's own counters come from a `Registry`, which
//! writes HELP before the type is known, so those two lines are held back until it is.
//!
//! The crate has no histograms or summaries made of ready samples (from text files). Their parts are written as
//! families whose names carry a mark, see [`part_name`]; here they become one family again.

use std::fmt::{self, Write};

pub(super) const HELP: &str = "# HELP ";
pub(super) const TYPE: &str = "# TYPE ";

/// Separates what the name of a part carries; no metric name has it.
pub(super) const MARK: u8 = 0x1f;
const SEPARATOR: char = MARK as char;

/// The name under which a part of a histogram or a summary is opened: the word of its TYPE line, the name of the whole,
/// the suffix of the part, and whether it is the first of its parts.
pub(super) fn part_name(word: &str, base: &str, suffix: &str, first: bool) -> String {
    format!("{SEPARATOR}{word}{SEPARATOR}{base}{SEPARATOR}{suffix}{SEPARATOR}{}", u8::from(first))
}

pub(super) fn parse_part(name: &str) -> Option<(&str, &str, &str, bool)> {
    let mut parts = name.strip_prefix(SEPARATOR)?.split(SEPARATOR);
    let part = (parts.next()?, parts.next()?, parts.next()?, parts.next()? == "1");
    parts.next().is_none().then_some(part)
}

/// Adds a piece. Every other piece of the encoder's is a single byte, which is pushed for a fraction of what a call to copy
/// it costs.
#[inline]
pub(super) fn push(out: &mut String, piece: &str) {
    match *piece.as_bytes() {
        [byte] => out.push(char::from(byte)),
        _ => out.push_str(piece),
    }
}

/// A writer that sees each token of `prometheus-client` as its own `write_str` (guarded by tests: the crate's
/// version is pinned).
#[derive(Debug)]
pub(super) struct TextWriter<'a> {
    out: &'a mut String,
    /// Whether counters get `_total` in HELP and TYPE.
    complete_counters: bool,
    state: State,
    /// The held HELP line, without its prefix: name, blank, sentence, newline.
    help: String,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Samples,
    Help,
    TypeName,
    TypeWord,
    /// The end of a TYPE line that was left out.
    TypeEnd,
}

impl<'a> TextWriter<'a> {
    /// For families that were opened by their full names.
    pub(super) fn collectors(out: &'a mut String) -> Self {
        Self::new(out, false)
    }

    /// For the crate's own metric types in a `Registry`.
    pub(super) fn registry(out: &'a mut String) -> Self {
        Self::new(out, true)
    }

    fn new(out: &'a mut String, complete_counters: bool) -> Self {
        Self { out, complete_counters, state: State::Samples, help: String::new(), name: String::new() }
    }

    fn finish_descriptor(&mut self, word: &str) -> State {
        let word = if word == "unknown" { "untyped" } else { word };
        let suffix = if self.complete_counters && word == "counter" { "_total" } else { "" };
        let sentence = self.help.strip_prefix(self.name.as_str()).unwrap_or(&self.help);
        let (name, word, first) = match parse_part(&self.name) {
            Some((word, base, _, first)) => (base, word, first),
            None => (self.name.as_str(), word, true),
        };
        if first {
            for part in [HELP, name, suffix, sentence, TYPE, name, suffix, " ", word] {
                self.out.push_str(part);
            }
        }
        self.help.clear();
        self.name.clear();
        if first { State::Samples } else { State::TypeEnd }
    }
}

impl Write for TextWriter<'_> {
    fn write_str(&mut self, token: &str) -> fmt::Result {
        match self.state {
            State::Samples if token == HELP => self.state = State::Help,
            State::Samples => match parse_part(token) {
                Some((_, base, suffix, _)) => self.out.extend([base, suffix]),
                None => push(self.out, token),
            },
            State::Help if token == TYPE => self.state = State::TypeName,
            State::Help => self.help.push_str(token),
            State::TypeName if token == " " => self.state = State::TypeWord,
            State::TypeName => self.name.push_str(token),
            State::TypeWord => self.state = self.finish_descriptor(token),
            State::TypeEnd => self.state = State::Samples,
        }
        Ok(())
    }
}
