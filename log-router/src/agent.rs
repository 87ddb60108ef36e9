//! The parts put together: the engine's containers, and for each route a reader, a queue and a delivery.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_core::cli::CommonDefaults;
use agent_core::collector::{CollectorSet, Entry};
use agent_core::docker::watch;
use agent_core::entry::{Agent, Context, Environment, Subcommand};
use agent_core::error::{ConfigErrors, RunError};
use agent_core::service::{Readiness, Service};
use agent_core::shutdown::CancellationToken;
use clap::ArgMatches;
use tokio::sync::watch as latest;
use tracing::{info, warn};

use crate::config::{Config, RouterArgs, unsupported_variables};
use crate::container::own::own_container_id;
use crate::doctor::DOCTOR;
use crate::endpoints;
use crate::endpoints::logs::Logs;
use crate::inventory::{self, Inventory, LeftAlone};
use crate::listen::{self, feed::Feeds};
use crate::metrics::{Listeners, Metrics, Routes};
use crate::position::store::StateFolder;
use crate::router::{Parts, Router};
use crate::sink::{Patience, elasticsearch};
use crate::time;

/// How long lines that are under way may still take after a stop; a Swarm kills after 10 s.
const DRAIN: Duration = Duration::from_secs(5);

/// The agent.
#[derive(Debug)]
pub struct LogRouter;

impl Agent for LogRouter {
    const NAME: &'static str = "log-router";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Ships the lines of this node's containers to syslog receivers and Elasticsearch, in logspout's place.";
    type Args = RouterArgs;
    type Config = Config;

    fn defaults(environment: &Environment) -> CommonDefaults {
        let host = environment.get("HTTP_BIND_ADDRESS").unwrap_or_default();
        let (listen_origin, port) = match (environment.get("PORT"), environment.get("HTTP_PORT")) {
            (Some(port), _) => ("PORT", port),
            (None, Some(port)) => ("HTTP_PORT", port),
            (None, None) => ("HTTP_BIND_ADDRESS", "80"),
        };
        CommonDefaults { listen: format!("{host}:{port}"), listen_origin, node_meta: false }
    }

    fn subcommands() -> Vec<Subcommand<Config>> {
        vec![DOCTOR, elasticsearch::SETUP, elasticsearch::REPLAY]
    }

    fn configure(
        args: RouterArgs,
        _: &ArgMatches,
        environment: &Environment,
    ) -> Result<Config, ConfigErrors> {
        args.check(environment)
    }

    async fn run(config: Config, context: Context) -> Result<(), RunError> {
        config.identity.report();
        for variable in unsupported_variables(&context.environment) {
            warn!(variable, "this variable of logspout has no meaning here; see docs/logspout.md");
        }
        if config.routes.is_empty() {
            warn!("there are no routes: give URIs as an argument or in ROUTE_URIS");
        }
        let readiness = Readiness::default();
        let mut registry = context.common.registry();
        let metrics = Metrics::register(&mut registry);
        let state = open_state(config.state_path.as_deref())?;
        let containers = watch_containers(&config, &context, &readiness);
        let not_before = config.start.not_before(time::now());
        info!(routes = config.routes.len(), start = %config.start, "routing");

        let feeds = Feeds::default();
        let listeners = Listeners::register(&mut registry);
        let give_up = CancellationToken::new();
        let patience = config
            .compat
            .as_ref()
            .map(|compat| Patience { attempts: compat.retries, lost: CancellationToken::new() });
        let router = Router::new(Parts {
            sinks: config.sinks,
            metrics,
            state,
            spool_bytes: config.spool_bytes,
            containers: containers.clone(),
            readiness: readiness.clone(),
            not_before,
            last: config.start.last(),
            joining: Arc::new(config.joining),
            feeds: feeds.clone(),
            shutdown: context.shutdown.clone(),
            give_up: give_up.clone(),
            folder: config.routes_folder,
            patience: patience.clone(),
        });
        for ready in config.routes {
            router.start(ready).await.map_err(RunError::Other)?;
        }
        let shown = router.shown();
        listen::serve(&config.listen, &config.lines, &feeds, &listeners, &context.shutdown).await?;
        let service = Service {
            agent: Self::NAME,
            version: Self::VERSION,
            collectors: CollectorSet::new(
                "log_router",
                vec![Entry::new("routes", move || Box::new(Routes(Arc::clone(&shown))))],
                Vec::new(),
            ),
            registry,
            readiness,
            identity: config.identity,
            routes: endpoints::all(&router, Logs::new(containers, context.shutdown.clone())),
        };
        let served = tokio::select! {
            served = service.serve(&context) => served,
            () = lost(patience.as_ref()) => Err(RunError::Other("RETRY_COUNT attempts to deliver failed".to_owned())),
        };
        // Also where serving failed: nothing runs on unseen.
        context.shutdown.cancel();
        drain(&router, &give_up).await;
        served
    }
}

/// Comes back when a route gave up for good, which it does only with `--compat`.
async fn lost(patience: Option<&Patience>) {
    match patience {
        Some(patience) => patience.lost.cancelled().await,
        None => std::future::pending().await,
    }
}

fn open_state(path: Option<&Path>) -> Result<Option<StateFolder>, RunError> {
    let Some(path) = path else {
        warn!("--state.path=none: a restart begins by --start again");
        return Ok(None);
    };
    StateFolder::open(path).map(Some).map_err(|error| RunError::Other(error.to_string()))
}

fn watch_containers(
    config: &Config,
    context: &Context,
    readiness: &Readiness,
) -> latest::Receiver<Arc<Inventory>> {
    let own_id = own_container_id(Path::new("/"));
    let compat = config.compat.as_ref();
    let left_alone = LeftAlone {
        exclusions: config.exclusions.clone(),
        own_id,
        log_stack: !config.include_log_stack,
        exited: compat.is_some(),
        terminals: compat.is_some_and(|compat| !compat.terminals),
    };
    let changes = watch(config.docker.clone(), context.shutdown.clone());
    let (sender, containers) = latest::channel(Arc::default());
    let (defaults, identity) = (Arc::new(config.lines.clone()), config.identity.clone());
    tokio::spawn(inventory::keep(changes, sender, left_alone, defaults, identity, readiness.clone()));
    containers
}

async fn drain(router: &Router, give_up: &CancellationToken) {
    let timer = give_up.clone();
    tokio::spawn(async move {
        tokio::time::sleep(DRAIN).await;
        timer.cancel();
    });
    router.drain().await;
}
