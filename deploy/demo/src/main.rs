//! The demo's services; `demo --help` lists them.

use std::process::ExitCode;

fn main() -> ExitCode {
    demo::roles::main()
}
