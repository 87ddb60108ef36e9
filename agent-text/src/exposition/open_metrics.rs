//! Writes the crate's OpenMetrics output as it is, and histograms and summaries made of ready samples as one family each.
//!
//! Their parts are families whose names carry a mark, see [`part_name`](super::text::part_name).

use std::fmt;

use super::text::{HELP, MARK, TYPE, parse_part, push};

/// A writer that sees each token of `prometheus-client` as its own `write_str`.
#[derive(Debug)]
pub(super) struct OpenMetricsWriter<'a> {
    out: &'a mut String,
    state: State,
}

/// How far the descriptor of a part is.
#[derive(Debug)]
enum State {
    /// In none.
    Elsewhere,
    /// Behind `# HELP name`; its TYPE line is still to come.
    Help,
    /// Behind `# TYPE name`; this is the word of the whole.
    Word(String),
    /// In one that is left out, before and in its last line.
    LeftOut,
    LastLine,
}

impl<'a> OpenMetricsWriter<'a> {
    pub(super) fn new(out: &'a mut String) -> Self {
        Self { out, state: State::Elsewhere }
    }

    /// A name with a mark, of a descriptor or of a sample.
    #[cold]
    fn write_marked(&mut self, token: &str) {
        let Some((word, base, suffix, first)) = parse_part(token) else { return self.out.push_str(token) };
        if matches!(self.state, State::Help) {
            self.out.push_str(base);
            self.state = State::Word(word.to_owned());
        } else if !self.out.ends_with(HELP) {
            self.out.extend([base, suffix]);
        } else if first {
            self.out.push_str(base);
            self.state = State::Help;
        } else {
            self.out.truncate(self.out.len() - HELP.len());
            self.state = State::LeftOut;
        }
    }

    #[cold]
    fn write_descriptor(&mut self, token: &str) {
        match &self.state {
            State::Elsewhere | State::Help => push(self.out, token),
            State::Word(_) if token == " " => self.out.push(' '),
            State::Word(word) => {
                self.out.push_str(word);
                self.state = State::Elsewhere;
            }
            State::LeftOut if token == TYPE => self.state = State::LastLine,
            State::LastLine if token == "\n" => self.state = State::Elsewhere,
            State::LeftOut | State::LastLine => {}
        }
    }
}

impl fmt::Write for OpenMetricsWriter<'_> {
    fn write_str(&mut self, token: &str) -> fmt::Result {
        match (&self.state, token.as_bytes().first()) {
            (State::Elsewhere | State::Help, Some(&MARK)) => self.write_marked(token),
            (State::Elsewhere, _) => push(self.out, token),
            _ => self.write_descriptor(token),
        }
        Ok(())
    }
}
