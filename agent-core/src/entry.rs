//! The way from `main` into an agent: command line, log, limits, runtime, signals.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use tracing::{error, info};

use crate::cli::{Common, CommonArgs, CommonDefaults, accept_single_dashes};
use crate::error::{ConfigErrors, RunError};
use crate::exit::{EXIT_RUN, EXIT_USAGE, complain};
use crate::shutdown::CancellationToken;
use crate::{healthcheck, limits, logging, shutdown};

/// One of the three programs.
pub trait Agent {
    /// The program's name, as its image and its metrics carry it.
    const NAME: &'static str;
    /// The version of its package.
    const VERSION: &'static str;
    /// One sentence for `--help`.
    const ABOUT: &'static str;
    /// Its flags; [`CommonArgs`] are added by the core.
    type Args: Args;
    /// Its flags and environment, checked.
    type Config;

    /// Defaults of the common flags; the environment may change them.
    fn defaults(environment: &Environment) -> CommonDefaults;

    /// Adds flags that are made from a table.
    fn add_flags(command: Command) -> Command {
        command
    }

    /// Checks flags and environment; all errors at once.
    fn configure(
        args: Self::Args,
        matches: &ArgMatches,
        environment: &Environment,
    ) -> Result<Self::Config, ConfigErrors>;

    /// What it can do beside working; `healthcheck` is the core's.
    fn subcommands() -> Vec<Subcommand<Self::Config>> {
        Vec::new()
    }

    /// Works until the context's token is cancelled.
    fn run(config: Self::Config, context: Context) -> impl Future<Output = Result<(), RunError>>;
}

/// Something an agent can do instead of working: its name comes first on the command line, then flags.
#[derive(Debug)]
pub struct Subcommand<C> {
    /// The word on the command line, or several with spaces between them.
    pub name: &'static str,
    /// What it does, for `--help`: `` `agent name` `` is put before it.
    pub about: &'static str,
    /// How it does it.
    pub run: Run<C>,
}

/// What a [`Subcommand`] does.
#[derive(Debug)]
pub enum Run<C> {
    /// Does it with the agent's own flags and gives the exit code; there is no runtime, no log and no signal handling.
    Here(fn(C, &Context) -> ExitCode),
    /// Runs another agent, which has flags of its own: [`run_agent`].
    Agent(fn(Vec<OsString>, &Environment) -> ExitCode),
}

/// What the core hands to a running agent.
#[derive(Debug, Clone)]
pub struct Context {
    /// The common flags, checked.
    pub common: Common,
    /// The environment of the process.
    pub environment: Environment,
    /// Cancelled by SIGTERM and SIGINT.
    pub shutdown: CancellationToken,
}

/// Environment variables, passed in so that tests need not change the process.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own; values that are not text are left out.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
        )
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

/// Runs an agent with the process's arguments; `main` only returns what this returns.
pub fn run<A: Agent>() -> ExitCode {
    let environment = Environment::of_process();
    let mut arguments = accept_single_dashes(std::env::args_os());
    if arguments.get(1).is_some_and(|a| a == "healthcheck") {
        return healthcheck::run(A::NAME, arguments.into_iter().skip(1), &A::defaults(&environment));
    }
    let subcommand = A::subcommands()
        .into_iter()
        .find(|known| begins_with(arguments.get(1..).unwrap_or_default(), known.name));
    let Some(subcommand) = subcommand else { return run_agent::<A>(arguments, &environment) };
    arguments.drain(1..=subcommand.name.split(' ').count());
    match subcommand.run {
        Run::Here(run) => configured::<A>(arguments, &environment, |config, context| run(config, &context)),
        Run::Agent(run) => run(arguments, &environment),
    }
}

/// Runs an agent with these arguments, the first of which is the program.
pub fn run_agent<A: Agent>(arguments: Vec<OsString>, environment: &Environment) -> ExitCode {
    configured::<A>(arguments, environment, start::<A>)
}

fn configured<A: Agent>(
    arguments: Vec<OsString>,
    environment: &Environment,
    then: impl FnOnce(A::Config, Context) -> ExitCode,
) -> ExitCode {
    match configure::<A>(arguments, environment) {
        Ok((common, config)) => {
            let environment = environment.clone();
            then(config, Context { common, environment, shutdown: CancellationToken::new() })
        }
        Err(Stop::Clap(stop)) => {
            let code = if stop.use_stderr() { EXIT_USAGE } else { 0 };
            // A closed terminal is no reason for another exit code.
            let _unused: Result<(), std::io::Error> = stop.print();
            ExitCode::from(code)
        }
        Err(Stop::Config(errors)) => {
            complain(&format!("{errors}\nSee {} --help.", A::NAME));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Whether a command line begins with these words.
fn begins_with(arguments: &[OsString], words: &str) -> bool {
    words
        .split(' ')
        .enumerate()
        .all(|(index, word)| arguments.get(index).is_some_and(|argument| argument == word))
}

enum Stop {
    Clap(clap::Error),
    Config(ConfigErrors),
}

fn command<A: Agent>() -> Command {
    // A subcommand is asked by its program's `healthcheck`.
    let program = A::NAME.split(' ').next().unwrap_or(A::NAME);
    let mut help = format!("`{program} healthcheck` asks the running agent whether it answers.\n");
    for Subcommand { name, about, .. } in A::subcommands() {
        help.extend(["`", A::NAME, " ", name, "` ", about, ".\n"]);
    }
    help.push_str("Flags may be written with one dash or two.");
    let command =
        Command::new(A::NAME).bin_name(A::NAME).version(A::VERSION).max_term_width(110).after_help(help);
    // Last, because the documentation of a struct of flags would take its place.
    A::add_flags(CommonArgs::augment_args(A::Args::augment_args(command))).about(A::ABOUT)
}

fn configure<A: Agent>(
    arguments: Vec<OsString>,
    environment: &Environment,
) -> Result<(Common, A::Config), Stop> {
    let matches = apart(|| command::<A>().try_get_matches_from(arguments)).map_err(Stop::Clap)?;
    let args = A::Args::from_arg_matches(&matches).map_err(Stop::Clap)?;
    let common = CommonArgs::from_arg_matches(&matches).map_err(Stop::Clap)?;
    let mut errors = ConfigErrors::new();
    let common = common.check(&A::defaults(environment)).map_err(|e| errors.extend(e)).ok();
    let config = A::configure(args, &matches, environment).map_err(|e| errors.extend(e)).ok();
    apart(|| drop(matches));
    errors.finish(common.zip(config)).map_err(Stop::Config)
}

/// Does something on a thread that ends with it. The allocator keeps apart what a thread allocates, and gives it back to
/// the system once all of it is free: describing a hundred flags takes more memory than everything that comes later.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

fn start<A: Agent>(config: A::Config, mut context: Context) -> ExitCode {
    logging::init(context.common.logging);
    limits::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Threads are started when needed; collectors that hang keep theirs, so there are more than collectors.
        .max_blocking_threads(256)
        .thread_keep_alive(Duration::from_mins(1))
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "the runtime could not be started");
            return ExitCode::from(EXIT_RUN);
        }
    };
    let result = runtime.block_on(async {
        context.shutdown =
            shutdown::listen().map_err(|e| RunError::Other(format!("cannot handle signals: {e}")))?;
        info!(agent = A::NAME, version = A::VERSION, "starting");
        A::run(config, context).await
    });
    // A read that hangs in the kernel must not keep the process from ending.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(%error, "stopped");
            ExitCode::from(EXIT_RUN)
        }
    }
}
