//! The flags, checked.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::cli::parse_number;
use agent_core::duration::parse_duration;
use agent_core::error::{ConfigError, ConfigErrors};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use hyper::header::HeaderValue;
use reqwest::Certificate;
use url::Url;

use crate::logs::Place;
use crate::page::Page;
use crate::upstream::Limits;

/// Flags of the viewer.
#[derive(Debug, Clone, Args)]
pub struct ViewerArgs {
    /// Folder with the built page
    #[arg(long = "page.folder", value_name = "FOLDER", default_value = "/page")]
    pub page: PathBuf,

    /// Folder with the boards, Grafana's classic JSON
    #[arg(long = "boards.folder", value_name = "FOLDER", default_value = "/boards")]
    pub boards: PathBuf,

    /// uid of the board that is shown first
    #[arg(long = "boards.home", value_name = "UID", default_value = "swarmscope-home")]
    pub home: String,

    /// Address of Prometheus
    #[arg(long = "prometheus.url", value_name = "URL", default_value = "http://localhost:9090")]
    pub prometheus: String,

    /// User name for Prometheus
    #[arg(long = "prometheus.username", value_name = "NAME")]
    pub prometheus_username: Option<String>,

    /// File that holds the password for Prometheus
    #[arg(long = "prometheus.password-file", value_name = "FILE")]
    pub prometheus_password_file: Option<PathBuf>,

    /// How often Prometheus scrapes: rates are taken over four times as long at least
    #[arg(long = "prometheus.scrape-interval", value_name = "DURATION", default_value = "15s")]
    pub scrape_interval: String,

    /// Address of Elasticsearch; without it boards have no logs
    #[arg(long = "elasticsearch.url", value_name = "URL")]
    pub elasticsearch: Option<String>,

    /// User name for Elasticsearch
    #[arg(long = "elasticsearch.username", value_name = "NAME")]
    pub elasticsearch_username: Option<String>,

    /// File that holds the password for Elasticsearch
    #[arg(long = "elasticsearch.password-file", value_name = "FILE")]
    pub elasticsearch_password_file: Option<PathBuf>,

    /// Indexes that are searched
    #[arg(long = "elasticsearch.index", value_name = "PATTERN", default_value = "logstash-*")]
    pub index: String,

    /// Field that holds the time of a line
    #[arg(long = "elasticsearch.time-field", value_name = "FIELD", default_value = "@timestamp")]
    pub time_field: String,

    /// PEM file of authorities to trust for https:// beside the public ones
    #[arg(long = "tls.ca-file", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// How long a query may take
    #[arg(long = "query.timeout", value_name = "DURATION", default_value = "30s")]
    pub timeout: String,

    /// Largest answer to a query, in bytes
    #[arg(long = "query.max-bytes", value_name = "BYTES", default_value = "8388608")]
    pub max_bytes: String,

    /// Queries that may run at the same time
    #[arg(long = "query.max-concurrency", value_name = "N", default_value = "10")]
    pub max_concurrency: String,
}

/// A server to ask.
#[derive(Debug)]
pub struct Server {
    /// Where it is.
    pub url: Url,
    /// The header with user and password.
    pub authorization: Option<HeaderValue>,
}

/// The flags, checked.
#[derive(Debug)]
pub struct Config {
    pub(crate) page: Page,
    pub(crate) boards: PathBuf,
    pub(crate) home: String,
    pub(crate) prometheus: Server,
    pub(crate) scrape_interval: Duration,
    pub(crate) elasticsearch: Option<(Server, Place)>,
    pub(crate) authorities: Vec<Certificate>,
    pub(crate) limits: Limits,
}

impl ViewerArgs {
    /// Checks everything; all errors at once.
    pub fn check(self) -> Result<Config, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let page = errors.take(Page::read(&self.page).map_err(|error| {
            let problem = format!("is not the built page: {error}");
            ConfigError::new(
                "--page.folder",
                self.page.display().to_string(),
                problem,
                "give the folder that dashboards/viewer/build.sh makes",
            )
        }));
        if !self.boards.is_dir() {
            let given = self.boards.display().to_string();
            errors.push(ConfigError::new(
                "--boards.folder",
                given,
                "is not a folder",
                "give the folder of the boards",
            ));
        }
        let prometheus = server(
            &mut errors,
            ["--prometheus.url", "--prometheus.username", "--prometheus.password-file"],
            &self.prometheus,
            self.prometheus_username.as_deref(),
            self.prometheus_password_file.as_deref(),
        );
        let searched = self.elasticsearch.as_deref().map(|url| {
            server(
                &mut errors,
                ["--elasticsearch.url", "--elasticsearch.username", "--elasticsearch.password-file"],
                url,
                self.elasticsearch_username.as_deref(),
                self.elasticsearch_password_file.as_deref(),
            )
        });
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.*,:".contains(c);
        if self.index.is_empty() || !self.index.chars().all(plain) {
            let expected = "give names of indexes such as logstash-*, with commas between them";
            errors.push(ConfigError::new(
                "--elasticsearch.index",
                &self.index,
                "is not a name of indexes",
                expected,
            ));
        }
        let place = Place { index: self.index, time_field: self.time_field };
        let authorities = match self.ca_file.as_deref().map(read_authorities) {
            None => Some(Vec::new()),
            Some(read) => errors.take(read),
        };
        let mut duration =
            |flag: &str, given: &str| {
                let right = parse_duration(given).filter(|duration| !duration.is_zero());
                errors.take(right.ok_or_else(|| {
                    ConfigError::new(flag, given, "is not a duration", "give one such as 30s")
                }))
            };
        let scrape_interval = duration("--prometheus.scrape-interval", &self.scrape_interval);
        let time = duration("--query.timeout", &self.timeout);
        let mut number = |flag: &str, given: &str| {
            let right = parse_number(flag, given).and_then(|number| match number {
                0 => Err(ConfigError::new(flag, given, "lets nothing through", "give at least 1")),
                number => Ok(number),
            });
            errors.take(right)
        };
        let bytes = number("--query.max-bytes", &self.max_bytes);
        let at_once = number("--query.max-concurrency", &self.max_concurrency);
        let limits =
            time.zip(bytes).zip(at_once).map(|((time, bytes), at_once)| Limits { time, bytes, at_once });
        let elasticsearch = searched.map_or(Some(None), |server| server.map(|server| Some((server, place))));
        let parts =
            (page.zip(prometheus)).zip(elasticsearch).zip(scrape_interval.zip(limits)).zip(authorities);
        let config =
            parts.map(|((((page, prometheus), elasticsearch), (scrape_interval, limits)), authorities)| {
                Config {
                    page,
                    boards: self.boards,
                    home: self.home,
                    prometheus,
                    scrape_interval,
                    elasticsearch,
                    authorities,
                    limits,
                }
            });
        errors.finish(config)
    }
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, ConfigError> {
    let bad = |problem: String| {
        let given = path.display().to_string();
        ConfigError::new("--tls.ca-file", given, problem, "give a file with certificates in PEM")
    };
    let pem = fs::read(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
    let found =
        Certificate::from_pem_bundle(&pem).map_err(|error| bad(format!("has no certificates: {error}")))?;
    if found.is_empty() { Err(bad("has no certificates".to_owned())) } else { Ok(found) }
}

fn server(
    errors: &mut ConfigErrors,
    [url_flag, user_flag, password_flag]: [&str; 3],
    url: &str,
    user: Option<&str>,
    password_file: Option<&Path>,
) -> Option<Server> {
    let bad = |problem: &str| ConfigError::new(url_flag, url, problem, "give http://HOST:PORT");
    let url = errors.take(
        Url::parse(url).map_err(|error| bad(&format!("is not an address: {error}"))).and_then(|parsed| {
            if !matches!(parsed.scheme(), "http" | "https") {
                Err(bad("is not an address of HTTP"))
            } else if parsed.password().is_some() {
                // Not repeated: it would stand in a log.
                let expected = "give the password by file";
                Err(ConfigError::new(
                    url_flag,
                    parsed.host_str().unwrap_or_default(),
                    "has a password in it",
                    expected,
                ))
            } else {
                Ok(parsed)
            }
        }),
    );
    let password = password_file.map(|path| {
        let text = fs::read_to_string(path);
        errors.take(text.map_err(|error| {
            let problem = format!("cannot be read: {error}");
            ConfigError::new(
                password_flag,
                path.display().to_string(),
                problem,
                "give a file with the password",
            )
        }))
    });
    let authorization = match (user, password) {
        (None, None) => None,
        (Some(user), Some(password)) => Some(basic(user, password?.trim_end_matches(['\r', '\n']))?),
        (Some(user), None) => {
            errors.push(ConfigError::new(
                user_flag,
                user,
                "has no password",
                format!("give {password_flag}"),
            ));
            return None;
        }
        (None, Some(_)) => {
            errors.push(ConfigError::new(password_flag, "", "has no user", format!("give {user_flag}")));
            return None;
        }
    };
    Some(Server { url: url?, authorization })
}

fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn check(folder: &Path, arguments: &[&str]) -> Result<Config, ConfigErrors> {
        fs::write(folder.join("index.html"), "").unwrap();
        let folder = folder.display().to_string();
        let given = ["viewer", "--page.folder", &folder, "--boards.folder", &folder];
        let command = ViewerArgs::augment_args(clap::Command::new("viewer"));
        let matches = command.get_matches_from(given.iter().chain(arguments));
        ViewerArgs::from_arg_matches(&matches).unwrap().check()
    }

    #[test]
    fn defaults_are_good() {
        let folder = tempfile::tempdir().unwrap();
        let config = check(folder.path(), &[]).unwrap();
        assert!(config.elasticsearch.is_none());
        assert_eq!(config.limits, Limits { time: Duration::from_secs(30), bytes: 8 << 20, at_once: 10 });
    }

    #[test]
    fn the_password_comes_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password").display().to_string();
        fs::write(&file, "secret\n").unwrap();
        let config = check(
            folder.path(),
            &["--prometheus.username=admin", &format!("--prometheus.password-file={file}")],
        )
        .unwrap();
        let header = config.prometheus.authorization.unwrap();
        assert_eq!(header, "Basic YWRtaW46c2VjcmV0");
        assert!(!format!("{header:?}").contains("YWRtaW46"));
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let bad = [
            "--prometheus.url=ftp://x",
            "--prometheus.username=admin",
            "--elasticsearch.url=http://elastic:geheim@x",
            "--elasticsearch.index=a/b",
            "--tls.ca-file=/dev/null",
            "--query.timeout=0s",
            "--query.max-bytes=0",
            "--query.max-concurrency=many",
        ];
        let text = check(folder.path(), &bad).unwrap_err().to_string();
        for part in [
            "--prometheus.url: `ftp://x`",
            "--prometheus.username: `admin`",
            "--elasticsearch.url: `x`",
            "--elasticsearch.index: `a/b`",
            "--tls.ca-file: `/dev/null`",
            "--query.timeout: `0s`",
            "--query.max-bytes: `0`",
            "--query.max-concurrency: `many`",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("geheim"), "{text}");
    }
}
