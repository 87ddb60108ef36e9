//! Answers scrapes for many nodes: `simulated-nodes PORT NODES`.
//!
//! | path | what |
//! |---|---|
//! | `/sd` | targets of all nodes for `http_sd_configs` |
//! | `/node-0001/node`, `/cadvisor`, `/log-router` | what that node's agents say |
//! | `POST /nodes/N` | from now on there are N nodes |
//!
//! The series are those that the three agents told of a real node with 20 containers (`recorded/`, made by
//! `tests/scale/record.sh`): counters go on at the rates they had then, gauges move between the values they had, names and
//! IDs differ for each node.

mod answer;
mod identity;
mod number;
mod sd;
mod server;
mod template;

use std::process::ExitCode;

use crate::template::Template;

#[expect(clippy::print_stderr, reason = "a mistake on the command line")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse().ok());
    let (Some(port), Some(nodes)) = (number(), number()) else {
        eprintln!("usage: simulated-nodes PORT NODES (1 to {})", identity::MOST);
        return ExitCode::from(2);
    };
    let (Ok(port), 1..=identity::MOST) = (u16::try_from(port), nodes) else {
        eprintln!("PORT {port} NODES {nodes}: want a port and 1 to {} nodes", identity::MOST);
        return ExitCode::from(2);
    };
    let result = Template::recorded()
        .and_then(|templates| server::run(port, nodes, templates).map_err(|error| error.to_string()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
