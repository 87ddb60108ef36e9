//! What a route and the flags say of a cluster: nodes, login, mode.

use std::fmt;
use std::time::Duration;

use agent_core::error::ConfigError;

use super::client::Client;
use super::event::Mode;
use super::{book_template, stream_template};
use crate::route::Route;

/// The port where the URI has none.
const DEFAULT_PORT: u16 = 9200;
/// The last part of the data stream's name where the URI has none.
const DEFAULT_NAMESPACE: &str = "default";

/// Parameters in URIs.
pub const OPTIONS: &[&str] = &["mode", "namespace", "nodes"];

/// What the command line says to Elasticsearch outputs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `--elasticsearch.username` and the content of `--elasticsearch.password-file`.
    pub user: Option<(String, String)>,
    /// The content of `--elasticsearch.api-key-file`: `ID:KEY`, or both in Base64.
    pub api_key: Option<String>,
    /// The content of `--elasticsearch.ca-file`.
    pub authorities: Option<Vec<u8>>,
    /// `--elasticsearch.retention`: how old documents get; zero is for ever.
    pub retention: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: passwords and keys stay out.
        let user = self.user.as_ref().map(|(name, _)| name);
        f.debug_struct("Settings").field("user", &user).finish_non_exhaustive()
    }
}

/// How we say who we are.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    None,
    User(String, String),
    ApiKey(String),
}

/// A cluster and what goes there.
#[derive(Debug)]
pub(super) struct Target {
    pub client: Client,
    pub mode: Mode,
}

impl Target {
    /// Reads a route; does no IO.
    pub(super) fn new(protocol: &str, route: &Route, settings: &Settings) -> Result<Self, ConfigError> {
        let wrong =
            |problem: String, expected: &str| ConfigError::new("route", route.to_string(), problem, expected);
        let mode = match (route.option("mode"), route.option("namespace")) {
            (None | Some("book"), None) => Mode::Book,
            (Some("data-stream"), namespace) => {
                let namespace = namespace.unwrap_or(DEFAULT_NAMESPACE);
                if namespace.is_empty()
                    || !namespace.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
                {
                    return Err(wrong(
                        "has a bad namespace".to_owned(),
                        "give small letters, digits, _ and .",
                    ));
                }
                Mode::DataStream { namespace: namespace.to_owned() }
            }
            (None | Some("book"), Some(_)) => {
                return Err(wrong(
                    "has a namespace, which needs mode=data-stream".to_owned(),
                    "give both or none",
                ));
            }
            (Some(other), _) => {
                return Err(wrong(
                    format!("has an unknown mode {other}"),
                    "give mode=book (the default) or mode=data-stream",
                ));
            }
        };
        let host = if route.host.contains(':') { format!("[{}]", route.host) } else { route.host.clone() };
        let mut urls = vec![format!("{protocol}://{host}:{}/", route.port.unwrap_or(DEFAULT_PORT))];
        for node in route.option("nodes").unwrap_or_default().split(',').filter(|node| !node.is_empty()) {
            let has_port = node.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            let port = if has_port { String::new() } else { format!(":{DEFAULT_PORT}") };
            urls.push(format!("{protocol}://{node}{port}/"));
        }
        let login = login(route, settings);
        let client = Client::new(&urls, &login, settings.authorities.as_deref())
            .map_err(|problem| wrong(format!("cannot be used: {problem}"), "check hosts and certificates"))?;
        Ok(Self { client, mode })
    }

    /// The name of the index template, and the template.
    pub(super) fn template(&self) -> (&'static str, &'static str) {
        match self.mode {
            Mode::Book => book_template(),
            Mode::DataStream { .. } => stream_template(),
        }
    }
}

/// The URI's user wins over the API key, and that over `--elasticsearch.username`.
fn login(route: &Route, settings: &Settings) -> Login {
    match (&route.user, &settings.api_key, &settings.user) {
        // A name alone in the URI goes with the password of the command line.
        (Some((name, password)), _, Some((_, from_file))) if password.is_empty() => {
            Login::User(name.clone(), from_file.clone())
        }
        (None, Some(key), _) => Login::ApiKey(key.clone()),
        (Some((name, password)), ..) | (None, None, Some((name, password))) => {
            Login::User(name.clone(), password.clone())
        }
        (None, None, None) => Login::None,
    }
}
