//! The program; see the library.

use std::process::ExitCode;

use log_router::agent::LogRouter;

fn main() -> ExitCode {
    agent_core::entry::run::<LogRouter>()
}
