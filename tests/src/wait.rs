//! Waiting for conditions.

use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(100);

/// How long a condition may take. Only a failure takes as long: a slow or busy machine must never get here.
pub const LIMIT: Duration = Duration::from_secs(180);

/// Waits until `attempt` gives a value; its error says what is still missing.
pub fn until<T>(limit: Duration, what: &str, attempt: impl FnMut() -> Result<T, String>) -> T {
    within(limit, attempt).unwrap_or_else(|missing| panic!("{what}: not within {limit:?}: {missing}"))
}

/// The same where it may not come to that: the error is what was still missing at the end.
pub fn within<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let end = Instant::now() + limit;
    loop {
        match attempt() {
            Err(missing) if Instant::now() >= end => return Err(missing),
            Err(_) => thread::sleep(STEP),
            value => return value,
        }
    }
}

/// Turns a condition into what [`until`] takes.
pub fn ensure(condition: bool, missing: impl Into<String>) -> Result<(), String> {
    if condition { Ok(()) } else { Err(missing.into()) }
}
