//! `container-exporter socket-proxy`: what the agents need of the Docker socket, and nothing else.
//!
//! It listens on a unix socket and passes on what the table in [`rules`] allows: GET only, exact paths, known query
//! parameters. Environments of containers are removed but for an allow-list ([`redact`]). With it the agents need
//! neither the engine's socket, which is as good as root, nor uid 0.

pub mod config;
pub mod redact;
pub mod relay;
pub mod rules;
pub mod socket;

use std::sync::Arc;

use agent_core::cli::CommonDefaults;
use agent_core::collector::CollectorSet;
use agent_core::entry::{self, Agent, Context, Environment, Run, Subcommand};
use agent_core::error::{ConfigErrors, RunError};
use agent_core::identity::{Identity, Places, SharedIdentity};
use agent_core::service::{Readiness, Service};
use clap::ArgMatches;
use tracing::info;

use self::config::{Config, ProxyArgs};
use self::relay::{Counts, Relay};

/// How it is started.
pub(crate) const fn subcommand<C>() -> Subcommand<C> {
    Subcommand {
        name: "socket-proxy",
        about: "passes on to agents what they need of the Docker socket and nothing else (flags of its own)",
        run: Run::Agent(entry::run_agent::<SocketProxy>),
    }
}

/// The proxy as an agent.
#[derive(Debug)]
pub struct SocketProxy;

impl Agent for SocketProxy {
    const NAME: &'static str = "container-exporter socket-proxy";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "A read-only Docker socket for agents, without environments of containers";
    type Args = ProxyArgs;
    type Config = Config;

    fn defaults(_: &Environment) -> CommonDefaults {
        CommonDefaults { listen: ":8080".to_owned(), listen_origin: "default", node_meta: false }
    }

    fn configure(args: ProxyArgs, _: &ArgMatches, environment: &Environment) -> Result<Config, ConfigErrors> {
        args.check(environment)
    }

    async fn run(config: Config, context: Context) -> Result<(), RunError> {
        let mut registry = context.common.registry();
        let counts = Counts::register(&mut registry);
        let listener = socket::open(&config.socket).map_err(|error| RunError::Other(error.to_string()))?;
        info!(socket = %config.socket.path.display(), docker = %config.docker, "passing on");
        let relay = Arc::new(Relay::new(config.docker, config.kept, counts));
        tokio::spawn(socket::serve(listener, relay, config.connections, context.shutdown.clone()));
        let identity = Identity::resolve(&context.environment, &Places::new(None));
        let service = Service {
            agent: "container-exporter-socket-proxy",
            version: Self::VERSION,
            collectors: CollectorSet::new("socket_proxy", Vec::new(), Vec::new()),
            registry,
            readiness: Readiness::default(),
            identity: SharedIdentity::new(identity),
            routes: Vec::new(),
        };
        service.serve(&context).await
    }
}
