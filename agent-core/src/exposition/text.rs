//! Turns the crate's OpenMetrics output into the Prometheus text format 0.0.4 while it is written.
//!
//! Two things differ in what we write: the type word `unknown` is `untyped` there, and HELP and TYPE of a counter
//! carry the full name. Collectors already use full names; the agent's own counters come from a `Registry`, which
//! writes HELP before the type is known, so those two lines are held back until it is.

use std::fmt::{self, Write};

const HELP: &str = "# HELP ";
const TYPE: &str = "# TYPE ";

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

    fn finish_descriptor(&mut self, word: &str) {
        let word = if word == "unknown" { "untyped" } else { word };
        let suffix = if self.complete_counters && word == "counter" { "_total" } else { "" };
        let sentence = self.help.strip_prefix(self.name.as_str()).unwrap_or(&self.help);
        for part in [HELP, &self.name, suffix, sentence, TYPE, &self.name, suffix, " ", word] {
            self.out.push_str(part);
        }
        self.help.clear();
        self.name.clear();
    }
}

impl Write for TextWriter<'_> {
    fn write_str(&mut self, token: &str) -> fmt::Result {
        match self.state {
            State::Samples if token == HELP => self.state = State::Help,
            State::Samples => self.out.push_str(token),
            State::Help if token == TYPE => self.state = State::TypeName,
            State::Help => self.help.push_str(token),
            State::TypeName if token == " " => self.state = State::TypeWord,
            State::TypeName => self.name.push_str(token),
            State::TypeWord => {
                self.finish_descriptor(token);
                self.state = State::Samples;
            }
        }
        Ok(())
    }
}
