//! `log-router setup` and `log-router dead-letter replay`, for every Elasticsearch route.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use agent_core::entry::{Run, Subcommand};
use agent_core::exit::EXIT_RUN;

use super::replay::replay;
use super::setup::set_up;
use super::target::Target;
use crate::config::Config;
use crate::route::Route;
use crate::router::Ready;

/// `log-router setup`.
pub const SETUP: Subcommand<Config> = Subcommand {
    name: "setup",
    about: "puts index templates, retention and a role into the search engines of its routes",
    run: Run::Here(|config, _| run(&config, Task::SetUp)),
};

/// `log-router dead-letter replay`.
pub const REPLAY: Subcommand<Config> = Subcommand {
    name: "dead-letter replay",
    about: "sends the lines again that search engines could not store",
    run: Run::Here(|config, _| run(&config, Task::Replay)),
};

#[derive(Clone, Copy)]
enum Task {
    SetUp,
    Replay,
}

fn run(config: &Config, task: Task) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (text, good) = match runtime {
        Ok(runtime) => runtime.block_on(all(config, task)),
        Err(error) => (format!("the runtime could not be started: {error}\n"), false),
    };
    // A closed terminal is no reason for another exit code.
    let _unused: Result<(), std::io::Error> = write!(std::io::stdout(), "{text}");
    if good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_RUN) }
}

async fn all(config: &Config, task: Task) -> (String, bool) {
    let mut text = String::new();
    let mut good = true;
    let protocols = [("elasticsearch", "http"), ("elasticsearch+tls", "https")];
    let mut count = 0;
    for Ready { route, .. } in &config.routes {
        let Some((_, protocol)) = protocols.iter().find(|(name, _)| *name == route.scheme.name) else {
            continue;
        };
        count += 1;
        match Target::new(protocol, route, &config.sinks.elasticsearch) {
            Ok(target) => good &= one(config, route, &target, task, &mut text).await,
            Err(error) => {
                add(&mut text, route, &error.to_string());
                good = false;
            }
        }
    }
    if count == 0 {
        text.push_str("there is no elasticsearch:// route: give URIs as an argument or in ROUTE_URIS\n");
    }
    (text, good && count > 0)
}

async fn one(config: &Config, route: &Route, target: &Target, task: Task, text: &mut String) -> bool {
    let mut good = true;
    match task {
        Task::SetUp => {
            for step in set_up(target, config.sinks.elasticsearch.retention.as_secs()).await {
                good &= step.problem.is_none() || step.absent;
                let told = match (&step.problem, step.absent) {
                    (None, _) => "done".to_owned(),
                    (Some(_), true) => "left out, this server has no such thing".to_owned(),
                    (Some(problem), false) => problem.clone(),
                };
                add(text, route, &format!("{}: {told}", step.what));
            }
        }
        Task::Replay => {
            let Some(folder) = &config.state_path else {
                add(text, route, "--state.path=none keeps no dead letters");
                return true;
            };
            match replay(target, &folder.join(route.key())).await {
                Ok(report) => {
                    add(text, route, &format!("{} stored, {} refused again", report.stored, report.refused));
                    if let Some(problem) = report.stopped {
                        add(text, route, &format!("the others stay in the file: {problem}"));
                        good = false;
                    }
                }
                Err(error) => {
                    add(text, route, &format!("{}: {error}", folder.display()));
                    good = false;
                }
            }
        }
    }
    good
}

fn add(text: &mut String, route: &Route, line: &str) {
    // Writing to a String cannot fail.
    let _infallible = writeln!(text, "{route}: {line}");
}
