//! A service that ends by itself, with an error.

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use crate::say;

/// What it ends with.
const EXIT_CODE: u8 = 3;

/// Waits and fails.
pub async fn wait(time: Duration) -> ExitCode {
    say::line("INFO: started");
    sleep(time).await;
    say::error("FATAL: cannot go on");
    ExitCode::from(EXIT_CODE)
}
