//! The parts put together: the engine's containers, and for each route a reader, a queue and a delivery.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_core::cli::CommonDefaults;
use agent_core::collector::{CollectorSet, Entry};
use agent_core::docker::watch;
use agent_core::entry::{Agent, Context, Environment, Subcommand};
use agent_core::error::{ConfigErrors, RunError};
use agent_core::server::{Route as Endpoint, reply};
use agent_core::service::{Readiness, Service};
use agent_core::shutdown::CancellationToken;
use clap::ArgMatches;
use hyper::StatusCode;
use tokio::sync::watch as latest;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::config::{Config, RouterArgs, unsupported_variables};
use crate::container::own::own_container_id;
use crate::delivery::SharedPositions;
use crate::inventory::{self, Inventory, LeftAlone};
use crate::listen::{self, feed::Feeds};
use crate::metrics::{Listeners, Metrics, Routes};
use crate::pipeline::Pipeline;
use crate::position::store::{Positions, StateError, StateFolder};
use crate::route::Route;
use crate::sink::elasticsearch;
use crate::spool::Spool;
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
        vec![elasticsearch::SETUP, elasticsearch::REPLAY]
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
            warn!(variable, "this variable of logspout has no meaning here; see OUTPUTS.md");
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
        let mut pipelines = JoinSet::new();
        let give_up = CancellationToken::new();
        let mut shown = Vec::new();
        for (route, sink) in config.routes {
            let metrics = metrics.route(&route.to_string());
            shown.push(metrics.clone());
            let positions = load_positions(state.as_ref(), &route)?;
            let spool = open_spool(state.as_ref(), &route, config.spool_bytes, &positions)?;
            let readiness = readiness.clone();
            let (last, multiline, feed) = (config.start.last(), None, Some(feeds.subscribe()));
            let pipeline = Pipeline {
                route,
                sink,
                metrics,
                positions,
                spool,
                readiness,
                not_before,
                last,
                multiline,
                feed,
            };
            pipelines.spawn(pipeline.run(containers.clone(), context.shutdown.clone(), give_up.clone()));
        }
        listen::serve(&config.listen, &config.lines, &feeds, &listeners, &context.shutdown).await?;
        let service = Service {
            agent: Self::NAME,
            version: Self::VERSION,
            collectors: CollectorSet::new(
                "log_router",
                vec![Entry::new("routes", move || Box::new(Routes(shown.clone())))],
                Vec::new(),
            ),
            registry,
            readiness,
            identity: config.identity,
            routes: vec![Endpoint::new("/health", |_| async {
                // What logspout answers.
                reply(StatusCode::OK, "text/plain; charset=utf-8", "Healthy!\n")
            })],
        };
        let served = service.serve(&context).await;
        // Also where serving failed: nothing runs on unseen.
        context.shutdown.cancel();
        drain(pipelines, &give_up).await;
        served
    }
}

fn open_state(path: Option<&Path>) -> Result<Option<StateFolder>, RunError> {
    let Some(path) = path else {
        warn!("--state.path=none: a restart begins by --start again");
        return Ok(None);
    };
    StateFolder::open(path).map(Some).map_err(|error| RunError::Other(error.to_string()))
}

fn load_positions(state: Option<&StateFolder>, route: &Route) -> Result<SharedPositions, RunError> {
    let file = state.map(|folder| folder.file(&route.key(), "positions.json"));
    Positions::load(file, &route.to_string())
        .map(SharedPositions::new)
        .map_err(|error: StateError| RunError::Other(error.to_string()))
}

fn open_spool(
    state: Option<&StateFolder>,
    route: &Route,
    most_bytes: u64,
    positions: &SharedPositions,
) -> Result<Option<Spool>, RunError> {
    let Some(folder) = state.filter(|_| most_bytes > 0) else { return Ok(None) };
    Spool::open(&folder.file(&route.key(), "spool"), most_bytes, positions.spool())
        .map(Some)
        .map_err(|error| RunError::Other(error.to_string()))
}

fn watch_containers(
    config: &Config,
    context: &Context,
    readiness: &Readiness,
) -> latest::Receiver<Arc<Inventory>> {
    let own_id = own_container_id(Path::new("/"));
    let left_alone =
        LeftAlone { exclusions: config.exclusions.clone(), own_id, log_stack: !config.include_log_stack };
    let changes = watch(config.docker.clone(), context.shutdown.clone());
    let (sender, containers) = latest::channel(Arc::default());
    let (defaults, identity) = (Arc::new(config.lines.clone()), config.identity.clone());
    tokio::spawn(inventory::keep(changes, sender, left_alone, defaults, identity, readiness.clone()));
    containers
}

async fn drain(mut pipelines: JoinSet<()>, give_up: &CancellationToken) {
    let timer = give_up.clone();
    tokio::spawn(async move {
        tokio::time::sleep(DRAIN).await;
        timer.cancel();
    });
    while let Some(result) = pipelines.join_next().await {
        if let Err(error) = result {
            warn!(%error, "a route ended with an error");
        }
    }
}
