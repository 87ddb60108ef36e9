//! `node-exporter doctor`: what an exporter with these flags at this place sees, what it does not, and what to do.

mod collectors;
mod rights;
mod roots;
mod swarm;

use std::path::Path;
use std::process::ExitCode;

use agent_core::doctor::{Cause, Finding, Level, Report};
use agent_core::entry::{Context, Run, Subcommand};
use agent_core::identity::{Identity, Places, SharedIdentity};

use crate::agent::Config;
use crate::confinement::Confinement;
use crate::host::Host;

pub(crate) const SUBCOMMAND: Subcommand<Config> = Subcommand {
    name: "doctor",
    about: "tells what it sees of the host with the flags that follow, and what is in the way",
    run: Run::Here(run),
};

/// A row of [`CAUSES`].
const fn cause(id: &'static str, wrong: &'static str, remedy: &'static str) -> Cause {
    Cause { id, level: Level::Problem, wrong, remedy }
}

const NAME_UNKNOWN: Cause = cause(
    "name-unknown",
    "Nothing tells the name of the node, so `node_meta` and `host` are missing.",
    "set NODE_NAME (in a Swarm NODE_NAME={{.Node.Hostname}}) or mount /etc/hostname as /etc/host_hostname",
);
const ROOT_UNREADABLE: Cause = cause(
    "root-unreadable",
    "A root that a flag names is not there or cannot be read.",
    "mount the host's there, or set the flag to where it is",
);
const ROOT_OWN: Cause = cause(
    "root-own",
    "A root that a flag names is the container's own instead of the host's.",
    "mount the host's read-only and name it by the flag",
);
const NETWORK_OWN: Cause = cause(
    "network-own",
    "Figures of the network would be the container's own.",
    "mount the host's /proc without hidepid, or run in the network of the host",
);
const COLLECTOR_FAILED: Cause = cause(
    "collector-failed",
    "A collector that is on cannot read what it reads.",
    "mend what the line says, or leave the collector out by --no-collector.NAME",
);
const COLLECTOR_PANICKED: Cause = cause(
    "collector-panicked",
    "A collector ended by a mistake of ours; the others go on.",
    "report it with the text of the line",
);
const TASK_SILENT: Cause = cause(
    "task-silent",
    "A task that the Swarm's name server knows does not answer.",
    "look at the task's log (docker service ps, docker service logs)",
);
const TASK_NAMELESS: Cause = cause(
    "task-nameless",
    "A task does not know its node.",
    "set NODE_NAME={{.Node.Hostname}} and NODE_ID={{.Node.ID}} in the service's environment",
);
const NAME_TWICE: Cause = cause(
    "name-twice",
    "Several tasks say that they are the same node.",
    "joins need one answer per node: is NODE_NAME set to the same text for all, or are there two services?",
);

/// Everything that can be wrong.
#[cfg(test)]
const CAUSES: [Cause; 9] = [
    NAME_UNKNOWN,
    ROOT_UNREADABLE,
    ROOT_OWN,
    NETWORK_OWN,
    COLLECTOR_FAILED,
    COLLECTOR_PANICKED,
    TASK_SILENT,
    TASK_NAMELESS,
    NAME_TWICE,
];

fn run(config: Config, context: &Context) -> ExitCode {
    examine(config, context).print()
}

fn examine(config: Config, context: &Context) -> Report {
    let own = Path::new("/proc/self");
    let places = Places::new(Some(&config.roots.rootfs));
    let identity = SharedIdentity::new(Identity::resolve(&context.environment, &places));
    let host = Host::new(config.roots, identity);
    let mut report = Report::default();
    report.add("This node", vec![name(&host)]);
    report.add("Roots and namespaces", roots::examine(&host, &places, own));
    report.add("Rights", rights::examine(own, &Confinement::read(own, &host)));
    report.add("Collectors", collectors::examine(&config.chosen, &config.disabled, &host));
    let port = context.common.listen.first().map_or(0, |address| address.port);
    let path = &context.common.telemetry_path;
    // All tasks have the same configuration.
    let tls = context.common.web.as_ref().is_some_and(|web| web.speaks_tls());
    let tasks = if tls { swarm::not_asked() } else { swarm::examine(&context.environment, port, path) };
    report.add("Swarm", tasks);
    report
}

fn name(host: &Host) -> Finding {
    let identity = host.identity.get();
    match (&identity.node_name, &identity.node_id) {
        (Some(name), Some(id)) => Finding::good(format!("{name}, in the Swarm {id}")),
        (Some(name), None) => Finding::good(format!("{name} (no NODE_ID: not in a Swarm?)")),
        (None, _) => Finding::of(&NAME_UNKNOWN, "node_meta and host are missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_cause() {
        let document = include_str!("../../docs/doctor.md");
        let table = agent_core::doctor::table(&CAUSES);
        assert!(document.contains(&table), "docs/doctor.md needs these rows:\n{table}");
    }
}
