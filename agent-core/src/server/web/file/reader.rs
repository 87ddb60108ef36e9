//! What the values of a web configuration file mean.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bcrypt::HashParts;
use hyper::header::{HeaderName, HeaderValue};
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion};
use serde_saphyr::Spanned;

use super::{Headers, Pem, Place, Rate, RateLimit, Tls, TlsSettings};
use crate::duration::parse_duration;
use crate::error::{ConfigError, ConfigErrors};
use crate::server::web::names::{self, ClientAuth, Group};
use crate::server::web::secret::Secret;

/// Gathers what is wrong while it reads.
pub(super) struct Reader<'a> {
    path: &'a Path,
    pub(super) errors: ConfigErrors,
    pub(super) notices: Vec<String>,
}

/// A header, what was given for it and what may be.
type Row = (&'static str, Option<Spanned<String>>, &'static [&'static str]);

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, errors: ConfigErrors::new(), notices: Vec::new() }
    }

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

    pub(super) fn tls(&mut self, tls: Tls) -> Option<TlsSettings> {
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
                Some(Group::Ours(group)) => chosen.push(group),
                Some(Group::Foreign) => {
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

    pub(super) fn headers(&mut self, headers: Headers) -> Vec<(HeaderName, HeaderValue)> {
        let rows: [Row; 5] = [
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

    pub(super) fn users(&mut self, users: BTreeMap<String, Spanned<Secret>>) -> BTreeMap<String, Secret> {
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

    pub(super) fn rate(&mut self, rate: RateLimit) -> Option<Rate> {
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
