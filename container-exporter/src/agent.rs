//! The program: command line in, parts wired together, served.

use std::sync::Arc;
use std::time::SystemTime;

use agent_core::cli::CommonDefaults;
use agent_core::collector::CollectorSet;
use agent_core::docker::watch;
use agent_core::entry::{Agent, Context, Environment, Subcommand};
use agent_core::error::{ConfigErrors, RunError};
use agent_core::identity::{Identity, Places, SharedIdentity};
use agent_core::prometheus::metrics::counter::Counter;
use agent_core::prometheus::registry::Registry;
use agent_core::server::{Route, reply};
use agent_core::service::{Readiness, Service};
use clap::{ArgMatches, Command};
use hyper::StatusCode;
use rustix::process::{Resource, getrlimit};
use tracing::warn;

use crate::cadvisor_flags;
use crate::collectors::{self, Shared};
use crate::config::{Config, ContainerArgs};
use crate::follow::Follower;
use crate::source::cgroup::CgroupSource;
use crate::source::stats::StatsSource;
use crate::source::{AutoSource, Choice, Source};
use crate::store::Store;
use crate::{cluster, doctor, socket_proxy};

/// The agent `container-exporter`.
#[derive(Debug)]
pub struct ContainerExporter;

impl Agent for ContainerExporter {
    const NAME: &'static str = "container-exporter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Metrics of Docker containers with cAdvisor's names";
    type Args = ContainerArgs;
    type Config = Config;

    fn defaults(_: &Environment) -> CommonDefaults {
        CommonDefaults { listen: ":8080".to_owned(), listen_origin: "default", node_meta: false }
    }

    fn add_flags(command: Command) -> Command {
        cadvisor_flags::add_flags(collectors::add_flags(command))
    }

    fn configure(
        args: ContainerArgs,
        matches: &ArgMatches,
        environment: &Environment,
    ) -> Result<Config, ConfigErrors> {
        args.check(matches, environment)
    }

    fn subcommands() -> Vec<Subcommand<Config>> {
        vec![cluster::subcommand(), doctor::subcommand(), socket_proxy::subcommand()]
    }

    async fn run(config: Config, mut context: Context) -> Result<(), RunError> {
        for notice in &config.notices {
            warn!("{notice}");
        }
        if let Some(listen) = &config.listen {
            context.common.listen = vec![listen.clone()];
        }
        if let Some(path) = &config.telemetry_path {
            context.common.telemetry_path.clone_from(path);
        }
        let mut registry = context.common.registry();
        let store = Store::default();
        let shared = Shared::new(
            store.clone(),
            source(&config, &store, &mut registry),
            config.paths.clone(),
            Arc::new(SystemTime::now),
        )
        .with_options(config.options.clone());
        let disk = shared.disk.clone().keep(config.options.disk_usage, store.clone(), config.paths.clone());
        tokio::spawn(disk);
        let identity = Identity::resolve(&context.environment, &Places::new(Some(&config.paths.rootfs)));
        let identity = SharedIdentity::new(identity);
        let readiness = Readiness::default();
        let follower = Follower::new(store, config.labels, identity.clone(), readiness.clone());
        tokio::spawn(follower.run(watch(config.docker, context.shutdown.clone())));
        let (entries, disabled) = collectors::entries(&shared, &config.collectors);
        let service = Service {
            agent: Self::NAME,
            version: Self::VERSION,
            collectors: CollectorSet::new("container_exporter", entries, disabled),
            registry,
            readiness,
            identity,
            routes: vec![Route::new("/healthz", |_| async { reply(StatusCode::OK, "text/plain", "ok") })],
        };
        service.serve(&context).await
    }
}

fn source(config: &Config, store: &Store, registry: &mut Registry) -> Box<dyn Source> {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let cgroup = || CgroupSource::new(&config.paths, descriptors);
    let mut stats = || {
        let reopened = Counter::default();
        registry.register(
            "container_exporter_stream_reconnects",
            "Stats streams opened anew because they ended, failed or fell silent",
            reopened.clone(),
        );
        StatsSource::spawn(store.clone(), config.stats_mode, reopened)
    };
    match config.source {
        Choice::Cgroup => Box::new(cgroup()),
        Choice::Stats => Box::new(stats()),
        Choice::Auto => Box::new(AutoSource::new(cgroup(), stats())),
    }
}
