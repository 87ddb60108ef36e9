//! The program; see the library.

use std::process::ExitCode;

use dashboard_viewer::agent::Viewer;

fn main() -> ExitCode {
    agent_core::entry::run::<Viewer>()
}
