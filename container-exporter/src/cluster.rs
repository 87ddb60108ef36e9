//! `container-exporter cluster`: what only a manager knows of the Swarm, as `swarm_cluster_*`, and every agent's
//! address as targets for Prometheus (`/sd`).
//!
//! It is a service of its own with one replica on a manager; the agents on the nodes never serve it, so nothing is
//! counted three times. A scrape asks the engine for all nodes and for all services with their counts of tasks, which
//! the manager has in memory; the tasks themselves are never listed for it.

pub mod config;
pub mod conventions;
pub mod figure;
pub mod manager;
pub mod nodes;
pub mod sd;
pub mod services;
pub mod targets;

use std::sync::Arc;
use std::time::Duration;

use agent_core::backoff::Backoff;
use agent_core::cli::CommonDefaults;
use agent_core::collector::{CollectorSet, Entry};
use agent_core::entry::{self, Agent, Context, Environment, Run, Subcommand};
use agent_core::error::{ConfigErrors, RunError};
use agent_core::identity::{Identity, Places, SharedIdentity};
use agent_core::server::Route;
use agent_core::service::{Readiness, Service};
use clap::ArgMatches;
use tokio::runtime::Handle;

use self::config::{ClusterArgs, Config};
use self::manager::Manager;
use self::sd::Discovery;

/// The part of readiness that the first answer of the manager fulfils.
const PART: &str = "swarm manager";
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How it is started.
pub(crate) const fn subcommand<C>() -> Subcommand<C> {
    Subcommand {
        name: "cluster",
        about: "serves what a manager knows of the Swarm, and targets for Prometheus at /sd (flags of its own)",
        run: Run::Agent(entry::run_agent::<Cluster>),
    }
}

/// The view of the cluster as an agent.
#[derive(Debug)]
pub struct Cluster;

impl Agent for Cluster {
    const NAME: &'static str = "container-exporter cluster";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Nodes and services of a Swarm for Prometheus; one replica on a manager";
    type Args = ClusterArgs;
    type Config = Config;

    fn defaults(_: &Environment) -> CommonDefaults {
        CommonDefaults { listen: ":8080".to_owned(), listen_origin: "default", node_meta: false }
    }

    fn configure(
        args: ClusterArgs,
        _: &ArgMatches,
        environment: &Environment,
    ) -> Result<Config, ConfigErrors> {
        args.check(environment)
    }

    async fn run(config: Config, context: Context) -> Result<(), RunError> {
        let mut registry = context.common.registry();
        let identity = Identity::resolve(&context.environment, &Places::new(None));
        let identity = SharedIdentity::new(identity);
        let manager = Arc::new(Manager::new(config.docker, identity.clone(), &mut registry));
        let readiness = Readiness::default();
        tokio::spawn(first_answer(Arc::clone(&manager), readiness.clone()));
        let discovery = Arc::new(Discovery::new(Arc::clone(&manager), config.network, &mut registry));
        let service = Service {
            agent: "container-exporter-cluster",
            version: Self::VERSION,
            collectors: CollectorSet::new("swarm_cluster", entries(&manager), Vec::new()),
            registry,
            readiness,
            identity,
            routes: vec![Route::new("/sd", move |request| {
                let discovery = Arc::clone(&discovery);
                async move { discovery.answer(request.uri().query()).await }
            })],
        };
        service.serve(&context).await
    }
}

/// The collectors by name; each asks once, and one that fails leaves the other alone.
fn entries(manager: &Arc<Manager>) -> Vec<Entry> {
    let runtime = Handle::current();
    let (nodes, services) = (Arc::clone(manager), Arc::clone(manager));
    let other = runtime.clone();
    vec![
        Entry::new("nodes", move || nodes::build(&runtime, &nodes)),
        Entry::new("services", move || services::build(&other, &services)),
    ]
}

async fn first_answer(manager: Arc<Manager>, readiness: Readiness) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    readiness.waiting(PART, "it has not answered yet");
    while let Err(error) = manager.nodes().await {
        readiness.waiting(PART, error.to_string());
        tokio::time::sleep(backoff.pause()).await;
    }
    readiness.ready(PART);
}

/// All families with their HELP sentence.
pub fn families() -> impl Iterator<Item = (&'static str, &'static str)> {
    nodes::families().chain(services::families())
}

/// The names of each label by which a service asks to be scraped.
pub fn label_names() -> impl Iterator<Item = &'static [&'static str]> {
    conventions::LABELS.iter().map(|(_, names)| *names)
}
