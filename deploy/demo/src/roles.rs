//! Which roles there are, and the way into them.

use std::process::ExitCode;
use std::time::Duration;

use agent_core::entry::Environment;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::{api, burn, client, crash, db, eat_memory, http, redeploy, say, sick, traces};

/// Whatever ends a role.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(name = "demo", version, about = "Services to look at: one that works and some that do not")]
struct Line {
    #[command(subcommand)]
    role: Role,
}

/// What one container does.
#[derive(Debug, Subcommand)]
enum Role {
    /// The book's service: /demo/hello, /demo/person, /demo/random-error (one call in ten fails), /metrics
    Api {
        /// Where its persons are kept
        #[arg(long, default_value = "http://db:8080")]
        db: String,
    },
    /// Keeps persons: GET and PUT /person
    Db,
    /// Calls the service again and again
    Client {
        /// The service, or a proxy before it
        #[arg(long, default_value = "http://proxy:8080")]
        url: String,
        /// Calls a second
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
        rate: u32,
    },
    /// Takes memory until the limit ends it
    EatMemory {
        /// Megabytes a second
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
        megabytes: u32,
    },
    /// Works on one core without a pause: give it a quota
    Burn,
    /// Healthy for a while, then not
    Sick {
        /// Seconds of health, then as many of sickness
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
    /// Ends with exit code 3 after a while
    Crash {
        /// Seconds until then
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
    /// Writes stack traces of several languages, JSON and plain lines of all levels
    Traces {
        /// Seconds between two
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
    /// Updates a service again and again, as a team that deploys often would; needs a manager's Docker socket
    Redeploy {
        /// The service's name
        #[arg(long)]
        service: String,
        /// Seconds between two updates
        #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
        /// The engine, else the variable `DOCKER_HOST`, else the usual socket
        #[arg(long)]
        docker: Option<String>,
    },
    /// Asks a URL: exit 0 when it answers 2xx
    Healthcheck {
        /// What to ask
        #[arg(long, default_value = "http://127.0.0.1:8080/health")]
        url: String,
    },
}

/// Parses the command line and plays the role until it ends or SIGTERM comes.
pub fn main() -> ExitCode {
    let line = Line::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map_err(Failure::from).and_then(|runtime| {
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                ended = play(line.role) => ended,
                _ = terminate.recv() => Ok(ExitCode::SUCCESS),
            }
        })
    });
    ended.unwrap_or_else(|failure| {
        say::error(&format!("ERROR: {failure}"));
        ExitCode::FAILURE
    })
}

async fn play(role: Role) -> Result<ExitCode, Failure> {
    match role {
        Role::Api { db } => api::serve(&db).await?,
        Role::Db => db::serve().await?,
        Role::Client { url, rate } => client::call(&url, rate).await?,
        Role::EatMemory { megabytes } => eat_memory::eat(megabytes).await,
        Role::Burn => burn::burn().await,
        Role::Sick { seconds } => sick::serve(Duration::from_secs(seconds)).await?,
        Role::Crash { seconds } => return Ok(crash::wait(Duration::from_secs(seconds)).await),
        Role::Traces { seconds } => traces::write(Duration::from_secs(seconds)).await,
        Role::Redeploy { service, seconds, docker } => {
            let environment: Environment = std::env::vars().collect();
            redeploy::repeat(&service, Duration::from_secs(seconds), docker.as_deref(), &environment).await?;
        }
        Role::Healthcheck { url } => {
            let status = http::get(&url).await?.0;
            return Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}
