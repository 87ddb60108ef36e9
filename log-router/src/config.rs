//! The command line and the environment, and what they mean once checked.

mod compat;
mod duration;

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

pub use self::compat::Compat;
use self::duration::parse_duration;
use crate::container::exclude::Exclusions;
use crate::route::spec::Spec;
use crate::route::{Route, expand, split_list};
use crate::router::Ready;
use crate::sink::{self, elasticsearch, raw, syslog};

/// Flags of log-router.
#[derive(Debug, Clone, Args)]
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

    /// Where to begin with a log that nothing is known of: all or now
    #[arg(long = "start", value_name = "WHERE", default_value = "all")]
    pub start: String,

    /// How old lines may be that --start=all takes; 0 means any age
    #[arg(long = "start.max-age", value_name = "DURATION", default_value = "24h")]
    pub start_max_age: String,

    /// Do everything as logspout does it, also where we think it wrong: its frames byte for byte
    #[arg(long = "compat")]
    pub compat: bool,

    /// User name for elasticsearch:// routes without one
    #[arg(long = "elasticsearch.username", value_name = "NAME")]
    pub elasticsearch_username: Option<String>,

    /// File that holds the password for elasticsearch:// routes
    #[arg(long = "elasticsearch.password-file", value_name = "FILE")]
    pub elasticsearch_password_file: Option<PathBuf>,

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
    /// Which engine.
    pub docker: DockerHost,
    /// Where positions are kept; `None` keeps none.
    pub state_path: Option<PathBuf>,
    /// Where to begin.
    pub start: Start,
    /// Labels of containers that are left alone.
    pub exclusions: Exclusions,
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
}

impl Start {
    /// The time of the first wanted line, in nanoseconds of Unix time.
    pub fn not_before(self, now: i64) -> i64 {
        match self {
            Self::Now => now,
            Self::All { max_age: None } => i64::MIN,
            Self::All { max_age: Some(age) } => {
                now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// Variables of logspout whose meaning this version does not have: said at start rather than silently ignored.
pub const UNSUPPORTED_VARIABLES: &[&str] = &[
    "INACTIVITY_TIMEOUT",
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
    "TAIL",
];

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
        let start = self.start(environment, &mut errors);
        let compat = self.compat.then(|| errors.take(Compat::from_environment(environment))).flatten();
        let syslog = syslog::Settings::from_environment(environment).map_err(|e| errors.extend(e)).ok();
        let syslog = match (&compat, syslog) {
            (Some(compat), Some(syslog)) => errors.take(syslog.with_compat(compat.host_hostname.as_deref())),
            (_, syslog) => syslog,
        };
        let raw = errors.take(raw::Settings::from_environment(environment));
        let elasticsearch = self.elasticsearch(&mut errors);
        let settings = syslog.zip(raw).map(|(syslog, raw)| sink::Settings {
            syslog,
            raw,
            elasticsearch,
            identity: identity.clone(),
            dead_letters: state_path.clone(),
        });
        let mut routes = self.routes(environment, settings.as_ref(), &mut errors);
        let routes_folder = routes_folder(environment);
        if let (Some(folder), Some(settings)) = (&routes_folder, &settings) {
            kept_routes(folder, settings, &mut routes, &mut errors);
        }
        let exclusions = Exclusions::from_environment(environment);
        let config = docker.zip(start).zip(settings).map(|((docker, start), sinks)| Config {
            routes,
            sinks,
            routes_folder,
            compat,
            docker,
            state_path,
            start,
            exclusions,
            identity,
        });
        errors.finish(config)
    }

    fn start(&self, environment: &Environment, errors: &mut ConfigErrors) -> Option<Start> {
        let max_age = errors.take(parse_duration("--start.max-age", &self.start_max_age))?;
        let start = compat::start(environment, self.compat).unwrap_or(&self.start);
        let start = match start {
            "now" => Ok(Start::Now),
            "all" => Ok(Start::All { max_age: (!max_age.is_zero()).then_some(max_age) }),
            other => Err(ConfigError::new("--start", other, "is not a place to begin", "give all or now")),
        };
        errors.take(start)
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
        let password = self.elasticsearch_password_file.as_deref().and_then(|path| {
            let content = errors.take(read("--elasticsearch.password-file", path))?;
            Some(String::from_utf8_lossy(&content).trim_end_matches(['\r', '\n']).to_owned())
        });
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
        elasticsearch::Settings { user, authorities }
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
        }
    }
}

#[cfg(test)]
mod tests;
