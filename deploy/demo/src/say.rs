//! Lines of the log, for the engine to keep.

use std::io::{Write, stderr, stdout};

/// A line on standard output. A log nobody reads is no reason to end.
pub fn line(text: &str) {
    drop(writeln!(stdout().lock(), "{text}"));
}

/// A line on standard error.
pub fn error(text: &str) {
    drop(writeln!(stderr().lock(), "{text}"));
}
