//! What the kernel alone takes for the files of a scrape: reads each of them to its end through a descriptor that is
//! kept, and does nothing with what it reads. `tests/bench/node-exporter.sh` compares a whole scrape with this.
//!
//! `pread ROUNDS FILE…` prints the CPU time of a round in microseconds and how many files could be opened.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

/// As much as the exporter reads at once.
const BUFFER: usize = 16 * 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(rounds) = arguments.next().and_then(|rounds| rounds.parse::<u32>().ok()) else {
        return ExitCode::from(2);
    };
    let files: Vec<_> = arguments.filter_map(|path| File::open(path).ok()).collect();
    let mut buffer = vec![0; BUFFER];
    read_all(&files, &mut buffer);
    let Some(before) = cpu_nanoseconds() else { return ExitCode::FAILURE };
    for _ in 0..rounds {
        read_all(&files, &mut buffer);
    }
    let Some(after) = cpu_nanoseconds() else { return ExitCode::FAILURE };
    report((after - before) / 1e3 / f64::from(rounds), files.len());
    ExitCode::SUCCESS
}

fn read_all(files: &[File], buffer: &mut [u8]) {
    for file in files {
        let mut offset = 0;
        // Some attributes cannot be read while their device is down.
        while let Ok(count @ 1..) = file.read_at(buffer, offset) {
            offset += count as u64;
        }
    }
}

/// User and system time of this process, which has one thread.
fn cpu_nanoseconds() -> Option<f64> {
    let statistics = fs::read_to_string("/proc/self/schedstat").ok()?;
    statistics.split_whitespace().next()?.parse().ok()
}

#[expect(clippy::print_stdout, reason = "the answer of a program for the command line")]
fn report(microseconds: f64, files: usize) {
    println!("{microseconds:.1} {files}");
}
