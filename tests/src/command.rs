//! Running programs of the machine.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs a program to its end and returns what it printed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    check(program, arguments, Command::new(program).args(arguments).output())
}

/// The same with something to read.
pub fn feed(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    child.stdin.take().expect("piped").write_all(input).expect("the program reads its input");
    check(program, arguments, child.wait_with_output())
}

/// Runs a program that may fail.
pub fn attempt(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program} cannot be started (`make test` installs what it needs): {error}")
    });
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn check(program: &str, arguments: &[&str], output: std::io::Result<Output>) -> String {
    let output = output.unwrap_or_else(|error| {
        panic!("{program} cannot be started (`make test` installs what it needs): {error}")
    });
    assert!(
        output.status.success(),
        "{program} {arguments:?} ended with {}:\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
