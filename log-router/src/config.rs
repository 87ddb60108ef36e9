//! The command line and the environment, and what they mean once checked.

mod bytes;
mod compat;
mod duration;
mod multiline;

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::docker::DockerHost;
use agent_core::entry::Environment;
use agent_core::error::{ConfigError, ConfigErrors};
use agent_core::identity::{Identity, Places, SharedIdentity};
use clap::Args;

use self::bytes::parse_bytes;
pub use self::compat::Compat;
use self::duration::parse_duration;
use crate::container::exclude::Exclusions;
use crate::listen::{self, ListenArgs};
use crate::meaning::mask;
use crate::meaning::multiline::Rule;
use crate::meaning::settings::{self, Multiline, RouteRule, Settings};
use crate::route::spec::Spec;
use crate::route::{Route, expand, split_list};
use crate::router::Ready;
use crate::sink::tls::Tls;
use crate::sink::{self, elasticsearch, raw, syslog};

/// Flags of log-router.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RouterArgs {
    /// Where lines go.
    #[arg(
        value_name = "ROUTES",
        help = "Where lines go: comma-separated URIs such as syslog+tcp://logstash:51415 or \
                elasticsearch://elasticsearch:9200 [env: ROUTE_URIS]"
    )]
    pub routes: Vec<String>,

    /// Address of the Docker Engine.
    #[arg(
        long = "docker",
        value_name = "ADDRESS",
        help = "Address of the Docker Engine: unix:///PATH or tcp://HOST:PORT [env: DOCKER_HOST] [default: \
                unix:///var/run/docker.sock]"
    )]
    pub docker: Option<String>,

    /// Folder for how far each log has been sent; none keeps nothing
    #[arg(long = "state.path", value_name = "FOLDER", default_value = "/var/lib/log-router")]
    pub state_path: PathBuf,

    /// Where to begin with a log that nothing is known of.
    #[arg(
        long = "start",
        value_name = "WHERE",
        help = "Where to begin with a log that nothing is known of: all, now, or an age such as 1h [env: BACKLOG, TAIL] \
                [default: all]"
    )]
    pub start: Option<String>,

    /// How old lines may be that --start=all takes; 0 means any age
    #[arg(long = "start.max-age", value_name = "DURATION", default_value = "24h")]
    pub start_max_age: String,

    /// Most bytes of a route's spool on disk
    #[arg(
        long = "spool.max-bytes",
        value_name = "BYTES",
        default_value = "1GiB",
        help = "Most bytes that each route keeps on disk while its sink takes nothing, for example 512MiB; what comes \
                then pushes out the oldest; 0 keeps nothing"
    )]
    pub spool_max_bytes: String,

    /// How many of the newest bytes are sent again after a TCP connection broke
    #[arg(long = "tcp.resend-window", value_name = "BYTES", default_value = "1MiB")]
    pub tcp_resend_window: String,

    /// Longer lines are sent in parts of at most this many bytes
    #[arg(long = "max-line-bytes", value_name = "BYTES", default_value_t = settings::MAX_LINE_BYTES)]
    pub max_line_bytes: usize,

    /// Replace secrets by ***: a regular expression, or one of aws-key, bearer, card, jwt, password, url-password; may be
    /// given several times
    #[arg(long = "mask", value_name = "PATTERN")]
    pub mask: Vec<String>,

    /// Most lines a second of one container; the rest is left out and counted
    #[arg(long = "rate-limit", value_name = "LINES")]
    pub rate_limit: Option<u32>,

    /// Take severity from the stream alone, never from the level that a line states
    #[arg(long = "no-level-detection")]
    pub no_level_detection: bool,

    /// Join stack traces of Java, Python, Go, .NET and Ruby into one event, for all containers
    #[arg(long = "multiline")]
    pub multiline: bool,

    /// Read also the containers of the log stack itself: routers, Logstash, search engines
    #[arg(long = "include-log-stack")]
    pub include_log_stack: bool,

    #[command(flatten)]
    /// Where syslog comes in.
    pub listen: ListenArgs,

    /// Do everything as logspout does it, also where we think it wrong: its frames byte for byte
    #[arg(long = "compat")]
    pub compat: bool,

    /// User name for elasticsearch:// routes without one
    #[arg(long = "elasticsearch.username", value_name = "NAME")]
    pub elasticsearch_username: Option<String>,

    /// File that holds the password for elasticsearch:// routes
    #[arg(long = "elasticsearch.password-file", value_name = "FILE")]
    pub elasticsearch_password_file: Option<PathBuf>,

    /// File that holds an API key for elasticsearch:// routes without a user: ID:KEY, or both in Base64
    #[arg(long = "elasticsearch.api-key-file", value_name = "FILE")]
    pub elasticsearch_api_key_file: Option<PathBuf>,

    /// How old documents get before log-router setup has them deleted; 0 is for ever
    #[arg(long = "elasticsearch.retention", value_name = "DURATION", default_value = "30d")]
    pub elasticsearch_retention: String,

    /// PEM file of authorities to trust for elasticsearch+tls:// beside the public ones
    #[arg(long = "elasticsearch.ca-file", value_name = "FILE")]
    pub elasticsearch_ca_file: Option<PathBuf>,
}

/// Everything checked.
#[derive(Debug)]
pub struct Config {
    /// Where lines go.
    pub routes: Vec<Ready>,
    /// What more routes are made from.
    pub sinks: sink::Settings,
    /// `ROUTESPATH`, where it is a folder.
    pub routes_folder: Option<PathBuf>,
    /// `--compat`.
    pub compat: Option<Compat>,
    /// `MULTILINE_*`, for `multiline+` routes.
    pub joining: RouteRule,
    /// Which engine.
    pub docker: DockerHost,
    /// Where positions are kept; `None` keeps none.
    pub state_path: Option<PathBuf>,
    /// How much each route may keep on disk while its sink takes nothing; 0 is nothing.
    pub spool_bytes: u64,
    /// Where to begin.
    pub start: Start,
    /// Labels of containers that are left alone.
    pub exclusions: Exclusions,
    /// What holds for the lines of all containers.
    pub lines: Settings,
    /// Where syslog comes in.
    pub listen: listen::Config,
    /// Whether the log stack's own containers are read.
    pub include_log_stack: bool,
    /// Which node this is.
    pub identity: SharedIdentity,
}

/// Where to begin with a log that nothing is known of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With lines of at most this age.
    All {
        /// `None` is any age.
        max_age: Option<Duration>,
    },
    /// With lines printed after the router's start.
    Now,
    /// With so many of the last lines, as logspout's `TAIL`.
    Last(u64),
}

impl Start {
    /// The time of the first wanted line, in nanoseconds of Unix time.
    pub fn not_before(self, now: i64) -> i64 {
        match self {
            Self::Now => now,
            Self::All { max_age: None } | Self::Last(_) => i64::MIN,
            Self::All { max_age: Some(age) } => {
                now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
            }
        }
    }
}

impl Start {
    /// How many of the last lines are wanted, where that is the limit.
    pub fn last(self) -> Option<u64> {
        match self {
            Self::Last(lines) => Some(lines),
            Self::All { .. } | Self::Now => None,
        }
    }
}

/// Variables of logspout whose meaning this version does not have: said at start rather than silently ignored.
pub const UNSUPPORTED_VARIABLES: &[&str] = &["INACTIVITY_TIMEOUT"];

/// Everything that logspout reads from its environment; `docs/logspout.md` says what becomes of each.
pub const LOGSPOUT_VARIABLES: &[&str] = &[
    "ALLOW_TTY",
    "BACKLOG",
    "DEBUG",
    "DOCKER_HOST",
    "EXCLUDE_LABEL",
    "EXCLUDE_LABELS",
    "HTTP_BIND_ADDRESS",
    "HTTP_PORT",
    "INACTIVITY_TIMEOUT",
    "LOGSPOUT",
    "LOGSPOUT_MULTILINE",
    "LOGSPOUT_TLS_CA_CERTS",
    "LOGSPOUT_TLS_CLIENT_CERT",
    "LOGSPOUT_TLS_CLIENT_KEY",
    "LOGSPOUT_TLS_DISABLE_SYSTEM_ROOTS",
    "LOGSPOUT_TLS_HARDENING",
    "MULTILINE_ENABLE_DEFAULT",
    "MULTILINE_FLUSH_AFTER",
    "MULTILINE_MATCH",
    "MULTILINE_PATTERN",
    "MULTILINE_SEPARATOR",
    "PORT",
    "RAW_FORMAT",
    "RETRY_COUNT",
    "ROUTESPATH",
    "ROUTE_URIS",
    "SYSLOG_DATA",
    "SYSLOG_FORMAT",
    "SYSLOG_HOSTNAME",
    "SYSLOG_PID",
    "SYSLOG_PRIORITY",
    "SYSLOG_STRUCTURED_DATA",
    "SYSLOG_TAG",
    "SYSLOG_TCP_FRAMING",
    "SYSLOG_TIMESTAMP",
    "TAIL",
];

impl RouterArgs {
    /// Checks everything; all errors at once.
    pub fn check(self, environment: &Environment) -> Result<Config, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let identity = SharedIdentity::new(Identity::resolve(environment, &Places::new(None)));
        let state_path = Some(self.state_path.clone()).filter(|path| path != Path::new("none"));
        let docker = errors.take(DockerHost::choose(self.docker.as_deref(), environment));
        let spool_bytes = errors.take(parse_bytes("--spool.max-bytes", &self.spool_max_bytes));
        let start = self.start(environment, &mut errors);
        let lines = self.lines(&mut errors);
        let listen = self.listen.check(&mut errors);
        let joining = multiline::rule(environment, &mut errors);
        let compat = self.compat.then(|| errors.take(Compat::from_environment(environment))).flatten();
        let syslog = syslog::Settings::from_environment(environment).map_err(|e| errors.extend(e)).ok();
        let syslog = match (&compat, syslog) {
            (Some(compat), Some(syslog)) => errors.take(syslog.with_compat(compat.host_hostname.as_deref())),
            (_, syslog) => syslog,
        };
        let raw = errors.take(raw::Settings::from_environment(environment));
        let elasticsearch = self.elasticsearch(&mut errors);
        let tls = Tls::from_environment(environment).map_err(|e| errors.extend(e)).ok();
        let resend = errors.take(parse_bytes("--tcp.resend-window", &self.tcp_resend_window));
        let parts = syslog.zip(raw).zip(tls).zip(resend);
        let sinks = parts.map(|(((syslog, raw), tls), resend)| sink::Settings {
            syslog,
            raw,
            tls,
            resend_bytes: usize::try_from(resend).unwrap_or(usize::MAX),
            elasticsearch,
            identity: identity.clone(),
            dead_letters: state_path.clone(),
        });
        let mut routes = self.routes(environment, sinks.as_ref(), &mut errors);
        let routes_folder = routes_folder(environment);
        if let (Some(folder), Some(sinks)) = (&routes_folder, &sinks) {
            kept_routes(folder, sinks, &mut routes, &mut errors);
        }
        let exclusions = Exclusions::from_environment(environment);
        let include_log_stack = self.include_log_stack;
        let parts = docker.zip(start).zip(spool_bytes).zip(sinks).zip(joining);
        let config = parts.map(|((((docker, start), spool_bytes), sinks), joining)| Config {
            routes,
            sinks,
            routes_folder,
            compat,
            joining,
            docker,
            state_path,
            spool_bytes,
            start,
            exclusions,
            lines,
            listen,
            include_log_stack,
            identity,
        });
        errors.finish(config)
    }

    fn start(&self, environment: &Environment, errors: &mut ConfigErrors) -> Option<Start> {
        let max_age = errors.take(parse_duration("--start.max-age", &self.start_max_age))?;
        let all = Start::All { max_age: (!max_age.is_zero()).then_some(max_age) };
        let Some(given) = self.start.as_deref() else {
            let unsaid = if self.compat { Start::Now } else { all };
            return start_of_logspout(environment, unsaid, errors);
        };
        let start = match given {
            "now" => Ok(Start::Now),
            "all" => Ok(all),
            age => {
                parse_duration("--start", age).map(|age| Start::All { max_age: Some(age) }).map_err(|_| {
                    ConfigError::new(
                        "--start",
                        age,
                        "is not a place to begin",
                        "give all, now, or an age such as 1h",
                    )
                })
            }
        };
        errors.take(start)
    }

    /// What holds for all containers that do not say otherwise.
    fn lines(&self, errors: &mut ConfigErrors) -> Settings {
        let mut pattern = |given: &String| {
            let named = || mask::NAMED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            errors.take(mask::Pattern::parse(given).map_err(|problem| {
                let expected = format!("give a regular expression or one of {}", named());
                ConfigError::new("--mask", given, format!("is no pattern: {problem}"), expected)
            }))
        };
        let mask = self.mask.iter().filter_map(&mut pattern).collect();
        if self.max_line_bytes < LEAST_LINE_BYTES {
            errors.push(ConfigError::new(
                "--max-line-bytes",
                self.max_line_bytes.to_string(),
                "is too short",
                format!("give at least {LEAST_LINE_BYTES}"),
            ));
        }
        if self.rate_limit == Some(0) {
            errors.push(ConfigError::new("--rate-limit", "0", "lets nothing through", "give at least 1"));
        }
        Settings {
            max_line_bytes: self.max_line_bytes,
            mask,
            rate_limit: self.rate_limit,
            detect: !self.no_level_detection,
            multiline: if self.multiline { Multiline::By(Rule::traces()) } else { Multiline::Unsaid },
            ..Settings::default()
        }
    }

    fn elasticsearch(&self, errors: &mut ConfigErrors) -> elasticsearch::Settings {
        let read = |flag: &str, path: &Path| {
            fs::read(path).map_err(|error| {
                ConfigError::new(
                    flag,
                    path.display().to_string(),
                    format!("cannot be read: {error}"),
                    "give a file",
                )
            })
        };
        let mut line = |flag: &str, path: Option<&Path>| {
            let content = errors.take(read(flag, path?))?;
            Some(String::from_utf8_lossy(&content).trim_end_matches(['\r', '\n']).to_owned())
        };
        let password = line("--elasticsearch.password-file", self.elasticsearch_password_file.as_deref());
        let api_key = line("--elasticsearch.api-key-file", self.elasticsearch_api_key_file.as_deref());
        let retention = errors
            .take(parse_duration("--elasticsearch.retention", &self.elasticsearch_retention))
            .unwrap_or_default();
        let authorities = self
            .elasticsearch_ca_file
            .as_deref()
            .and_then(|path| errors.take(read("--elasticsearch.ca-file", path)));
        let user = match (&self.elasticsearch_username, password) {
            (Some(name), password) => Some((name.clone(), password.unwrap_or_default())),
            // For a route that names its user itself.
            (None, Some(password)) => Some(("elastic".to_owned(), password)),
            (None, None) => None,
        };
        elasticsearch::Settings { user, api_key, authorities, retention }
    }

    fn routes(
        &self,
        environment: &Environment,
        settings: Option<&sink::Settings>,
        errors: &mut ConfigErrors,
    ) -> Vec<Ready> {
        let (origin, lists) = if self.routes.is_empty() {
            ("ROUTE_URIS", environment.get("ROUTE_URIS").map(str::to_owned).into_iter().collect())
        } else {
            ("ROUTES", self.routes.clone())
        };
        let mut known = HashSet::new();
        let mut routes = Vec::new();
        for uri in lists.iter().flat_map(|list| split_list(list)) {
            let uri = expand(&uri, environment);
            let Some(route) = errors.take(Route::parse(origin, &uri)) else { continue };
            if !known.insert(route.key()) {
                let expected = "give each route once";
                errors.push(ConfigError::new(origin, route.to_string(), "is given twice", expected));
            }
            let Some(settings) = settings else { continue };
            routes.extend(errors.take(Ready::of(Spec::of_uri(&uri), route, settings)));
        }
        routes
    }
}

/// Shorter parts would cost more than their text.
const LEAST_LINE_BYTES: usize = 256;

/// `BACKLOG=true` is everything, any other value only what is new; `TAIL` is a number of lines.
fn start_of_logspout(environment: &Environment, unsaid: Start, errors: &mut ConfigErrors) -> Option<Start> {
    let backlog = environment.get("BACKLOG");
    match environment.get("TAIL") {
        None | Some("all") => Some(match backlog {
            None => unsaid,
            Some("true") => Start::All { max_age: None },
            Some(_) => Start::Now,
        }),
        Some("0") => Some(Start::Now),
        // logspout asks for what is newer than now and of that the last lines.
        Some(_) if backlog.is_some_and(|backlog| backlog != "true") => Some(Start::Now),
        Some(lines) => errors.take(lines.parse().map(Start::Last).map_err(|_| {
            ConfigError::new("TAIL", lines, "is not a number of lines", "give all or a number")
        })),
    }
}

/// `ROUTESPATH`, or logspout's own place; only where it is there.
fn routes_folder(environment: &Environment) -> Option<PathBuf> {
    let path = PathBuf::from(environment.get("ROUTESPATH").unwrap_or("/mnt/routes"));
    path.is_dir().then_some(path)
}

/// The routes in the files `*.json` of a folder.
fn kept_routes(folder: &Path, settings: &sink::Settings, routes: &mut Vec<Ready>, errors: &mut ConfigErrors) {
    let mut files: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    for path in files {
        let expected = "give a route as POST /routes takes it, or move the file away";
        let read = fs::read(&path).map_err(|error| error.to_string());
        let spec = read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
        match spec.and_then(|spec| Ready::build(spec, settings)) {
            Ok(ready) if routes.iter().any(|other| other.route.key() == ready.route.key()) => {
                tracing::info!(file = %path.display(), "this route is given already");
            }
            Ok(ready) => routes.push(ready),
            Err(problem) => errors.push(ConfigError::new(
                "ROUTESPATH",
                path.display().to_string(),
                format!("cannot be used: {problem}"),
                expected,
            )),
        }
    }
}

/// Which of logspout's variables are set that have no meaning here.
pub fn unsupported_variables(environment: &Environment) -> impl Iterator<Item = &'static str> {
    UNSUPPORTED_VARIABLES.iter().copied().filter(|name| environment.get(name).is_some())
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All { max_age: None } => f.write_str("all"),
            Self::All { max_age: Some(age) } => write!(f, "all of the last {} s", age.as_secs()),
            Self::Now => f.write_str("now"),
            Self::Last(lines) => write!(f, "the last {lines} lines"),
        }
    }
}

#[cfg(test)]
mod tests;
