//! `log-router doctor`: whether lines can be read here, kept, and taken by somebody; with the router's own flags and in the
//! place where it runs. It looks, and changes nothing.

mod logs;
mod sinks;
mod state;

use std::fs;

use agent_core::docker::bollard::query_parameters::ListContainersOptions;
use agent_core::docker::{Container as Inspected, Engine};
use agent_core::doctor::{Cause, Finding, Level, Report, block_on};
use agent_core::entry::{Run, Subcommand};
use agent_core::identity::Places;

use crate::config::Config;
use crate::time;

/// How it is started.
pub const DOCTOR: Subcommand<Config> = Subcommand {
    name: "doctor",
    about: "tells with the flags that follow what keeps lines from being read, kept or taken",
    run: Run::Here(|config, _| block_on(examine(&config))),
};

/// Declares the causes and the list of all of them.
macro_rules! causes {
    ($($name:ident $level:ident $id:literal $wrong:literal $remedy:literal)*) => {
        $(const $name: Cause = Cause { id: $id, level: Level::$level, wrong: $wrong, remedy: $remedy };)*
        /// All of them, in the order of docs/doctor.md.
        #[cfg(test)]
        const CAUSES: &[Cause] = &[$($name),*];
    };
}

causes! {
    NO_ROUTE Problem "no-route"
        "There is no route, so no line goes anywhere."
        "give URIs as an argument or in ROUTE_URIS"
    SINK_UNREACHABLE Problem "sink-unreachable"
        "The receiver of a route does not answer; its lines wait in the spool."
        "start the receiver, or mend the host or port of the route; both must be on one network"
    SINK_REFUSES Problem "sink-refuses"
        "The search engine of a route answers, but not to us."
        "401: --elasticsearch.username and --elasticsearch.password-file; else do what the reason says"
    ENGINE_SILENT Problem "engine-silent"
        "The Docker Engine does not answer."
        "mount its socket and run as its owner (user 0:0), or give its address by --docker"
    UNREADABLE Problem "log-unreadable"
        "The log driver of a container keeps nothing that can be read, so no line of it is shipped."
        "use json-file or local, or remove cache-disabled from the driver's options"
    FILES_UNREADABLE Note "files-unreadable"
        "Log files cannot be read here, so lines come through the engine, which costs it more."
        "mount the folder containers of Docker's data at the same path, read-only, as deploy/logs.yml does"
    ROTATION_SMALL Problem "rotation-small"
        "At its rate a container's log is gone within five minutes: what a router misses while it is updated is lost."
        "raise max-size or max-file of the container's log"
    STATE_NONE Note "state-none"
        "--state.path=none keeps no positions and no spool."
        "give a folder in a volume"
    STATE_UNUSABLE Problem "state-unusable"
        "The folder of positions and spools cannot be used."
        "mount a volume there that our user may write to, or name another folder by --state.path"
    STATE_LOST Problem "state-lost"
        "The folder of positions and spools is no volume: it goes with the container, and lines with it."
        "mount a volume at --state.path, as deploy/logs.yml does"
    SPOOL_ROOM Problem "spool-room"
        "The disk has less room than the spools may take."
        "a smaller --spool.max-bytes, or a larger disk for the volume"
    SPOOL_IN_USE Note "spool-in-use"
        "Lines wait on disk: a receiver takes nothing now, or less than comes."
        "see the receiver; log_router_sink_up and log_router_lag_seconds tell since when"
}

async fn examine(config: &Config) -> Report {
    let mut report = Report::default();
    report.add("Routes", sinks::examine(config).await);
    let logs = match inspect_all(config).await {
        Ok(containers) => logs::examine(config, containers, time::now()),
        Err(error) => vec![Finding::of(&ENGINE_SILENT, error)],
    };
    report.add("Logs of this node", logs);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let contained = Places::new(None).in_container();
    report.add("Positions and spools", state::examine(config, contained.then_some(mounts.as_str())));
    report
}

/// Every container that runs.
async fn inspect_all(config: &Config) -> Result<Vec<Inspected>, String> {
    let engine = Engine::connect(&config.docker).await.map_err(|error| error.to_string())?;
    let listed = engine.docker.list_containers(None::<ListContainersOptions>).await;
    let mut containers = Vec::new();
    for id in listed.map_err(|error| error.to_string())?.into_iter().filter_map(|summary| summary.id) {
        // One that has gone since is no matter.
        containers.extend(engine.docker.inspect_container(&id, None).await.ok());
    }
    Ok(containers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_cause() {
        let document = include_str!("../../docs/doctor.md");
        let table = agent_core::doctor::table(CAUSES);
        assert!(document.contains(&table), "docs/doctor.md needs these rows:\n{table}");
    }
}
