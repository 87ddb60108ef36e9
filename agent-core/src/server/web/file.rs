//! The text of a `--web.config.file`: what may stand in it and what it means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bcrypt::HashParts;
use hyper::header::{HeaderName, HeaderValue};
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::names::{self, ClientAuth};
use super::secret::Secret;
use crate::duration::parse_duration;
use crate::error::{ConfigError, ConfigErrors};

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
    let mut reader = Reader { path, errors: ConfigErrors::new(), notices: Vec::new() };
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

/// Gathers what is wrong while it reads.
struct Reader<'a> {
    path: &'a Path,
    errors: ConfigErrors,
    notices: Vec<String>,
}

impl Reader<'_> {
    fn at<T>(&self, key: &str, spanned: &Spanned<T>) -> String {
        format!("{}:{}: {key}", self.path.display(), spanned.referenced.line())
    }

    fn wrong(&mut self, origin: String, value: &str, problem: &str, expected: impl Into<String>) {
        self.errors.push(ConfigError::new(origin, value, problem, expected));
    }

    fn pem(
        &mut self,
        key: &str,
        inline: Option<Spanned<Secret>>,
        file: Option<Spanned<String>>,
    ) -> Option<Pem> {
        match (inline, file) {
            (Some(inline), Some(file)) => {
                let origin = self.at(key, &inline);
                self.wrong(
                    origin,
                    &file.value,
                    "is given as a file too",
                    format!("give {key} or {key}_file"),
                );
                None
            }
            (Some(inline), None) => {
                Some(Pem { origin: self.at(key, &inline), place: Place::Inline(inline.value) })
            }
            (None, Some(file)) => {
                let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
                let place = Place::File(folder.join(&file.value));
                Some(Pem { origin: self.at(&format!("{key}_file"), &file), place })
            }
            (None, None) => None,
        }
    }

    fn needed(&mut self, key: &str, pem: Option<Pem>) -> Option<Pem> {
        if pem.is_none() {
            let origin = format!("{}: tls_server_config", self.path.display());
            self.wrong(origin, key, "is missing", format!("give {key}_file or {key}"));
        }
        pem
    }

    fn tls(&mut self, tls: Tls) -> Option<TlsSettings> {
        let certificate = self.pem("cert", tls.cert, tls.cert_file);
        let certificate = self.needed("cert", certificate);
        let key = self.pem("key", tls.key, tls.key_file);
        let key = self.needed("key", key);
        let client_ca = self.pem("client_ca", tls.client_ca, tls.client_ca_file);
        let client_auth = self.client_auth(tls.client_auth_type, client_ca.as_ref());
        if tls.client_allowed_sans.is_some() && !client_auth.is_required() {
            let origin = format!("{}: client_allowed_sans", self.path.display());
            let expected = "give client_auth_type RequireAnyClientCert or RequireAndVerifyClientCert with it";
            self.wrong(origin, client_auth.name(), "lets clients come without a certificate", expected);
        }
        let versions = self.versions(tls.min_version, tls.max_version);
        let suites = self.suites(tls.cipher_suites);
        let groups = tls.curve_preferences.filter(|list| !list.is_empty());
        let groups = groups.map(|list| self.groups(&list));
        Some(TlsSettings {
            certificate: certificate?,
            key: key?,
            client_auth,
            client_ca,
            client_sans: tls.client_allowed_sans,
            versions,
            suites,
            groups,
            server_order: tls.prefer_server_cipher_suites.unwrap_or(true),
        })
    }

    fn client_auth(&mut self, given: Option<Spanned<String>>, ca: Option<&Pem>) -> ClientAuth {
        let (auth, origin) = match &given {
            None => (Some(ClientAuth::None), format!("{}: client_auth_type", self.path.display())),
            Some(name) => (ClientAuth::parse(&name.value), self.at("client_auth_type", name)),
        };
        let Some(auth) = auth else {
            let name = given.map(|given| given.value).unwrap_or_default();
            self.wrong(origin, &name, "is not a policy", format!("give one of {}", ClientAuth::names()));
            return ClientAuth::None;
        };
        if auth.is_verified() && ca.is_none() {
            self.wrong(origin, auth.name(), "has nothing to verify with", "give client_ca_file as well");
        } else if auth == ClientAuth::None && ca.is_some() {
            let expected = "give a client_auth_type, for example RequireAndVerifyClientCert";
            self.wrong(origin, auth.name(), "makes no use of client_ca", expected);
        }
        auth
    }

    fn versions(
        &mut self,
        min: Option<Spanned<String>>,
        max: Option<Spanned<String>>,
    ) -> Vec<&'static SupportedProtocolVersion> {
        let mut read = |key, given: Option<Spanned<String>>, default| match given {
            None => default,
            Some(given) => names::version(&given.value).unwrap_or_else(|| {
                let origin = self.at(key, &given);
                self.wrong(origin, &given.value, "is not a TLS version", "give TLS12 or TLS13");
                default
            }),
        };
        let min = read("min_version", min, 12);
        let max = read("max_version", max, 13);
        if min < 12 {
            self.notices.push("TLS 1.0 and 1.1 are not spoken: the lowest version is TLS12".to_owned());
        }
        let versions = names::versions(min, max);
        if versions.is_empty() {
            let origin = format!("{}: max_version", self.path.display());
            let expected = "give max_version TLS12 or TLS13, not below min_version";
            self.wrong(origin, &format!("TLS{max}"), "leaves no version to speak", expected);
        }
        versions
    }

    fn suites(&mut self, given: Option<Vec<Spanned<String>>>) -> Vec<SupportedCipherSuite> {
        let given = given.unwrap_or_default();
        if given.is_empty() {
            return names::suites(None);
        }
        let mut chosen = Vec::new();
        for name in &given {
            if names::is_suite(&name.value) {
                chosen.push(name.value.as_str());
            } else if names::is_foreign_suite(&name.value) {
                self.notices.push(format!("cipher suite {} is not supported and left out", name.value));
            } else {
                let origin = self.at("cipher_suites", name);
                let expected = format!("choose from {}", names::suite_names().join(", "));
                self.wrong(origin, &name.value, "is not a cipher suite", expected);
            }
        }
        names::suites(Some(&chosen))
    }

    fn groups(&mut self, given: &[Spanned<String>]) -> Vec<NamedGroup> {
        let mut chosen = Vec::new();
        for name in given {
            match names::group(&name.value) {
                Some(Some(group)) => chosen.push(group),
                Some(None) => {
                    self.notices.push(format!("curve {} is not supported and left out", name.value));
                }
                None => {
                    let origin = self.at("curve_preferences", name);
                    self.wrong(origin, &name.value, "is not a curve", "give CurveP256, CurveP384 or X25519");
                }
            }
        }
        if let (true, Some(first)) = (chosen.is_empty(), given.first()) {
            let origin = self.at("curve_preferences", first);
            self.wrong(origin, &first.value, "leaves no curve", "add CurveP256, CurveP384 or X25519");
        }
        chosen
    }

    fn headers(&mut self, headers: Headers) -> Vec<(HeaderName, HeaderValue)> {
        let rows: [(&'static str, Option<Spanned<String>>, &[&str]); 5] = [
            ("content-security-policy", headers.policy, &[]),
            ("x-frame-options", headers.frame, &["deny", "sameorigin"]),
            ("x-content-type-options", headers.content_type, &["nosniff"]),
            ("x-xss-protection", headers.xss, &[]),
            ("strict-transport-security", headers.transport, &[]),
        ];
        let mut result = Vec::new();
        for (name, given, allowed) in rows {
            let Some(given) = given.filter(|given| !given.value.is_empty()) else { continue };
            let origin = self.at(name, &given);
            if !allowed.is_empty() && !allowed.contains(&given.value.as_str()) {
                let expected = format!("give {}", allowed.join(" or "));
                self.wrong(origin, &given.value, "is not a value of this header", expected);
                continue;
            }
            match HeaderValue::from_str(&given.value) {
                Ok(value) => result.push((HeaderName::from_static(name), value)),
                Err(_) => {
                    self.wrong(origin, &given.value, "cannot stand in a header", "give one line of ASCII");
                }
            }
        }
        result
    }

    fn users(&mut self, users: BTreeMap<String, Spanned<Secret>>) -> BTreeMap<String, Secret> {
        for (user, hash) in &users {
            let well_formed = hash.value.reveal().parse::<HashParts>();
            if !well_formed.is_ok_and(|parts| (4..=31).contains(&parts.get_cost())) {
                let origin = self.at("basic_auth_users", hash);
                let expected = "make one with `htpasswd -nBC 10 USER`";
                self.wrong(origin, user, "has no bcrypt hash for a password", expected);
            }
        }
        users.into_iter().map(|(user, hash)| (user, hash.value)).collect()
    }

    fn rate(&mut self, rate: RateLimit) -> Option<Rate> {
        let given = rate.interval?;
        let interval = match given.value.as_str() {
            "0" => Some(Duration::ZERO),
            text => parse_duration(text),
        };
        let Some(interval) = interval else {
            let origin = self.at("interval", &given);
            self.wrong(origin, &given.value, "is not a duration", "give for example 1s or 250ms");
            return None;
        };
        if interval.is_zero() {
            return None;
        }
        let burst = rate.burst.as_ref().map_or(0, |burst| burst.value);
        if burst == 0 {
            let origin = self.at("interval", &given);
            self.wrong(
                origin,
                &given.value,
                "with a burst of 0 lets no request through",
                "give burst 1 or more",
            );
        }
        Some(Rate { interval, burst })
    }
}

#[cfg(test)]
mod tests;
