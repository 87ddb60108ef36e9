//! `container-exporter doctor`: looks at a running Swarm from a manager as an operator would, and tells what is wrong.
//!
//! Everything is asked first ([`swarm`] of the manager, [`agents`] of the agents, [`prometheus`], [`alertmanager`]); what
//! follows from the answers is pure, so each finding is tried with answers that show it. Nothing is changed.

pub mod agents;
pub mod alertmanager;
pub mod ask;
pub mod causes;
pub mod config;
pub mod json;
pub mod logs;
pub mod nodes;
pub mod overlay;
pub mod prometheus;
pub mod said;
pub mod services;
pub mod swarm;
pub mod url;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::SystemTime;

use agent_core::doctor::{Finding, Report};
use agent_core::entry::{Environment, Run, Subcommand};

use self::ask::Client;
use self::causes::ENGINE_UNREACHABLE;
use self::config::{Config, DoctorArgs};
use self::swarm::Swarm;

const NAME: &str = "container-exporter doctor";
const ABOUT: &str = "Looks at a running Swarm from a manager, and tells what is wrong and what to do";

/// How it is started.
pub(crate) const fn subcommand<C>() -> Subcommand<C> {
    Subcommand {
        name: "doctor",
        about: "looks at the Swarm from a manager and tells what is wrong and what to do (flags of its own)",
        run: Run::Agent(run),
    }
}

fn run(arguments: Vec<OsString>, environment: &Environment) -> ExitCode {
    let called = (NAME, env!("CARGO_PKG_VERSION"), ABOUT);
    let check = |args: DoctorArgs| args.check(environment);
    agent_core::doctor::run(called, arguments, check, async |config| examine(&config, &SystemTime::now).await)
}

/// Asks everybody, then judges. `now` is our own clock.
pub async fn examine(config: &Config, now: &dyn Fn() -> SystemTime) -> Report {
    let mut report = Report::default();
    let swarm = match Swarm::read(&config.docker).await {
        Ok(swarm) => swarm,
        Err(error) => {
            report.add("Engine", vec![Finding::of(&ENGINE_UNREACHABLE, error)]);
            return report;
        }
    };
    report.add("Engine", nodes::engine(&swarm));
    let client = Client::new(config);
    if swarm.is_manager() {
        report.add("Nodes", nodes::examine(&swarm));
        report.add("Network", overlay::examine(&swarm, &config.network));
        report.add("Agents", services::examine(&swarm));
        let (answers, left_out) = agents::read(&client, &swarm, &config.network, now).await;
        report.add("What agents say", said::examine(&swarm, &answers, left_out));
    }
    report.add("Logs", logs::examine(&swarm));
    report.add("Prometheus", prometheus::read_and_examine(&client, config.prometheus.as_ref()).await);
    report.add("Alertmanager", alertmanager::read_and_examine(&client, config.alertmanager.as_ref()).await);
    report
}
