//! `node-exporter doctor`: what an exporter with these flags at this place sees, what it does not, and what to do.

mod collectors;
mod report;
mod rights;
mod roots;
mod swarm;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use agent_core::entry::{Context, EXIT_RUN, Run, Subcommand};
use agent_core::identity::{Identity, Places, SharedIdentity};

use self::report::{Finding, Report};
use crate::agent::Config;
use crate::confinement::Confinement;
use crate::host::Host;

pub(crate) const SUBCOMMAND: Subcommand<Config> = Subcommand {
    name: "doctor",
    about: "tells what it sees of the host with the flags that follow, and what is in the way",
    run: Run::Here(run),
};

fn run(config: Config, context: &Context) -> ExitCode {
    let report = examine(config, context);
    // A closed pipe is no reason for another exit code.
    let _unused: Result<(), std::io::Error> = write!(std::io::stdout(), "{report}");
    if report.problems() == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_RUN) }
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
    report.add("Swarm", swarm::examine(&context.environment, port, path));
    report
}

fn name(host: &Host) -> Finding {
    let identity = host.identity.get();
    match (&identity.node_name, &identity.node_id) {
        (Some(name), Some(id)) => Finding::good(format!("{name}, in the Swarm {id}")),
        (Some(name), None) => Finding::good(format!("{name} (no NODE_ID: not in a Swarm?)")),
        (None, _) => Finding::problem(
            "its name is not known: node_meta and host are missing",
            "set NODE_NAME (in a Swarm NODE_NAME={{.Node.Hostname}}) or mount /etc/hostname as /etc/host_hostname",
        ),
    }
}
