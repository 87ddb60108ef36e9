//! How far one machine goes; `tests/scale.sh` builds and runs this, `make scale` that.
//!
//! `nodes`: one Prometheus scrapes simulated nodes, more and more of them, and is asked what the home board asks.
//! `dns`: how much of an answer of the engine's DNS a target takes. `logs`: what log-router costs with many containers at a
//! high rate. The tables go into `docs/scale.md`; what was not measured but computed is marked there.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on ends, and its output is the report"
)]

mod dns;
mod logs;
mod nodes;
mod panels;
mod process;
mod server;
mod steps;

use std::process::ExitCode;

/// A part; false where something does not hold.
type Part = fn() -> bool;

/// What is measured, by the names that `PARTS` chooses from.
const PARTS: [(&str, Part); 3] = [("nodes", nodes::measure), ("dns", dns::measure), ("logs", logs::measure)];

/// A variable as a number.
fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}: {value}")))
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, command, name] = arguments.as_slice()
        && command == "ask"
    {
        return dns::ask(name);
    }
    let chosen = std::env::var("PARTS").unwrap_or_else(|_| PARTS.map(|(name, _)| name).join(" "));
    for name in chosen.split_whitespace() {
        assert!(PARTS.iter().any(|(known, _)| *known == name), "PARTS: {name}");
    }
    let mut holds = true;
    for (name, part) in PARTS {
        if chosen.split_whitespace().any(|chosen| chosen == name) {
            holds &= part();
        }
    }
    ExitCode::from(u8::from(!holds))
}

/// Prints a table and puts it into the document.
fn tell(block: &str, text: &str) {
    println!("{text}");
    e2e::document::replace("docs/scale.md", block, text);
}
