//! How a program ends that cannot go on: exit codes, and the last words before there is a log.

/// Exit code for a wrong command line or configuration.
pub const EXIT_USAGE: u8 = 2;
/// Exit code for everything that goes wrong later.
pub const EXIT_RUN: u8 = 1;

/// Tells the user before there is a log.
#[expect(clippy::print_stderr, reason = "the log is set up from the command line that is wrong here")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
