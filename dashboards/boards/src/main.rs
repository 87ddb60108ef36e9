//! Writes the boards into `dashboards`, or the folder that is the only argument: `make boards`.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map_or_else(boards::folder, PathBuf::from);
    match boards::write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the program has no log")]
            {
                eprintln!("boards: {}: {error}", folder.display());
            }
            ExitCode::FAILURE
        }
    }
}
