//! The text of a `--web.config.file`: what may stand in it.

mod reader;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::names::ClientAuth;
use super::secret::Secret;
use crate::error::{ConfigError, ConfigErrors};
use reader::Reader;

/// What a file says, before any certificate has been read.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) tls: Option<TlsSettings>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// bcrypt hashes by user.
    pub(super) users: BTreeMap<String, Secret>,
    pub(super) rate: Option<Rate>,
    /// What is accepted but is not as the original does it.
    pub(super) notices: Vec<String>,
}

/// `rate_limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// Between two requests in the long run.
    pub(super) interval: Duration,
    /// Requests that may come at once.
    pub(super) burst: u32,
}

/// `tls_server_config`.
#[derive(Debug)]
pub(super) struct TlsSettings {
    pub(super) certificate: Pem,
    pub(super) key: Pem,
    pub(super) client_auth: ClientAuth,
    pub(super) client_ca: Option<Pem>,
    pub(super) client_sans: Option<Vec<String>>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) suites: Vec<SupportedCipherSuite>,
    /// `None`: the library's own order.
    pub(super) groups: Option<Vec<NamedGroup>>,
    pub(super) server_order: bool,
}

/// PEM text, or where it is.
#[derive(Debug, Clone)]
pub(super) struct Pem {
    /// The place in the file, for messages.
    pub(super) origin: String,
    pub(super) place: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Place {
    File(PathBuf),
    Inline(Secret),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Root {
    tls_server_config: Option<Tls>,
    http_server_config: Option<Http>,
    basic_auth_users: Option<BTreeMap<String, Spanned<Secret>>>,
    rate_limit: Option<RateLimit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    cert: Option<Spanned<Secret>>,
    key: Option<Spanned<Secret>>,
    client_ca: Option<Spanned<Secret>>,
    cert_file: Option<Spanned<String>>,
    key_file: Option<Spanned<String>>,
    client_ca_file: Option<Spanned<String>>,
    client_auth_type: Option<Spanned<String>>,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Option<Spanned<String>>,
    max_version: Option<Spanned<String>>,
    cipher_suites: Option<Vec<Spanned<String>>>,
    prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    http2: Option<bool>,
    headers: Option<Headers>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Headers {
    #[serde(rename = "Content-Security-Policy")]
    policy: Option<Spanned<String>>,
    #[serde(rename = "X-Frame-Options")]
    frame: Option<Spanned<String>>,
    #[serde(rename = "X-Content-Type-Options")]
    content_type: Option<Spanned<String>>,
    #[serde(rename = "X-XSS-Protection")]
    xss: Option<Spanned<String>>,
    #[serde(rename = "Strict-Transport-Security")]
    transport: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RateLimit {
    interval: Option<Spanned<String>>,
    burst: Option<Spanned<u32>>,
}

/// Reads a file's text; `path` names it in messages, and relative paths in it are relative to it.
pub(super) fn parse(text: &str, path: &Path) -> Result<Settings, ConfigErrors> {
    let options = serde_saphyr::options! { with_snippet: false };
    let root: Option<Root> =
        serde_saphyr::from_str_with_options(text, options).map_err(|e| yaml_error(&e, path))?;
    let root = root.unwrap_or_default();
    let mut reader = Reader::new(path);
    let http = root.http_server_config.unwrap_or_default();
    if http.http2 == Some(true) {
        reader.notices.push("http2 is accepted, but HTTP/1.1 is spoken".to_owned());
    }
    let settings = Settings {
        tls: root.tls_server_config.filter(Tls::is_enabled).and_then(|tls| reader.tls(tls)),
        headers: reader.headers(http.headers.unwrap_or_default()),
        users: reader.users(root.basic_auth_users.unwrap_or_default()),
        rate: root.rate_limit.and_then(|rate| reader.rate(rate)),
        notices: Vec::new(),
    };
    let Reader { errors, notices, .. } = reader;
    errors.finish(Some(Settings { notices, ..settings }))
}

fn yaml_error(error: &serde_saphyr::Error, path: &Path) -> ConfigError {
    let place = error.location().map_or_else(String::new, |l| format!(":{}:{}", l.line(), l.column()));
    // The first line says what is wrong; what follows repeats the place, as does its own end.
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    ConfigError::new(
        format!("{}{place}", path.display()),
        text,
        "is what the YAML reader says",
        "see https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md",
    )
}

impl Tls {
    /// The original's rule for whether TLS is meant.
    fn is_enabled(&self) -> bool {
        self.cert.is_some()
            || self.key.is_some()
            || self.cert_file.is_some()
            || self.key_file.is_some()
            || self.client_ca.is_some()
            || self.client_ca_file.is_some()
            || self.client_auth_type.is_some()
    }
}

#[cfg(test)]
mod tests;
