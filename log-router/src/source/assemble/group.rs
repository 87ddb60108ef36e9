//! Lines that are one event, while it may still grow.

use std::time::{Duration, Instant};

use super::Began;
use crate::meaning::multiline::{Rule, Trace};

/// An unfinished event of one stream.
#[derive(Debug)]
pub(super) struct Group {
    /// Its first line.
    pub began: Began,
    /// Time and number of the line before it, for a position that begins here again.
    pub before: (i64, u32),
    /// The first line's number among those of its time.
    pub ordinal: u32,
    pub text: Vec<u8>,
    pub lines: u32,
    pub trace: Trace,
    /// The last line's time.
    last: i64,
    /// When that came here.
    touched: Instant,
    patience: Duration,
}

impl Group {
    pub(super) fn new(
        rule: &Rule,
        began: Began,
        before: (i64, u32),
        ordinal: u32,
        trace: Trace,
        text: &[u8],
    ) -> Self {
        Self {
            began,
            before,
            ordinal,
            text: text.to_vec(),
            lines: 1,
            trace,
            last: began.time,
            touched: Instant::now(),
            patience: rule.flush_after,
        }
    }

    pub(super) fn add(&mut self, rule: &Rule, time: i64, trace: Trace, text: &[u8]) {
        self.text.extend_from_slice(rule.separator.as_bytes());
        self.text.extend_from_slice(text);
        self.lines += 1;
        self.trace = trace;
        self.last = time;
        self.touched = Instant::now();
    }

    /// Whether a line of this time comes too late; by the lines' own times, so that a second reading joins the same.
    pub(super) fn is_over(&self, time: i64) -> bool {
        u128::try_from(time - self.last).is_ok_and(|gap| gap > self.patience.as_nanos())
    }

    /// Whether it has waited long enough for a line that does not come.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.touched) >= self.patience
    }
}
