//! Routes: logspout's URIs, which say where lines go and whose.
//!
//! `syslog+tcp://logstash:51415?filter.name=web*&filter.sources=stderr`

mod expand;
pub mod filter;
mod list;
pub mod spec;

use std::fmt;

use agent_core::error::ConfigError;
use percent_encoding::percent_decode_str;
use url::Url;

pub use self::expand::expand;
use self::filter::Filter;
pub use self::list::split_list;
use crate::position::Fingerprint;
use crate::sink::{self, Scheme};

/// Before a scheme: logspout's adapter that joins lines.
const MULTILINE: &str = "multiline+";

/// Where lines of some containers go.
#[derive(Clone)]
pub struct Route {
    /// The kind of output.
    pub scheme: &'static Scheme,
    /// Host name or address.
    pub host: String,
    /// The port, where the URI has one.
    pub port: Option<u16>,
    /// User name and password, where the URI has them.
    pub user: Option<(String, String)>,
    /// Which containers and streams.
    pub filter: Filter,
    /// Whether lines that belong together are joined first.
    pub multiline: bool,
    /// Parameters for the output, in their order.
    pub options: Vec<(String, String)>,
    /// As given, but without user and password.
    display: String,
}

impl Route {
    /// Reads one URI. `origin` is where it came from, for messages.
    pub fn parse(origin: &str, given: &str) -> Result<Self, ConfigError> {
        // A password does not belong into messages, and a bad URI may hold one anywhere.
        let shown = without_user(given);
        let bad = |problem: &str, expected: &str| ConfigError::new(origin, &shown, problem, expected);
        let (name, _) = given.split_once("://").ok_or_else(|| {
            bad("is not a route", "give SCHEME://HOST:PORT, for example syslog+tcp://logstash:51415")
        })?;
        let (multiline, name) = match name.strip_prefix(MULTILINE) {
            Some(name) => (true, name),
            None => (false, name),
        };
        let scheme = sink::SCHEMES
            .iter()
            .find(|scheme| scheme.name == name)
            .ok_or_else(|| bad("has an unknown scheme", &format!("known are {}", sink::scheme_names())))?;
        let url =
            Url::parse(given).map_err(|e| bad(&format!("is not a URI ({e})"), "give SCHEME://HOST:PORT"))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| bad("has no host", "give SCHEME://HOST:PORT"))?;
        let mut filter = Filter::default();
        let mut options = Vec::new();
        for (key, value) in url.query_pairs() {
            if filter.set(&key, &value).map_err(|problem| bad(&problem, filter::EXPECTED))? {
                continue;
            }
            if !scheme.options.contains(&key.as_ref()) {
                let known = filter::KEYS.iter().chain(scheme.options).copied().collect::<Vec<_>>().join(", ");
                return Err(bad(&format!("has an unknown parameter {key}"), &format!("known are {known}")));
            }
            options.push((key.into_owned(), value.into_owned()));
        }
        filter.belongs_to(name, host.trim_start_matches('[').trim_end_matches(']'));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = (!url.username().is_empty())
            .then(|| (decode(url.username()), decode(url.password().unwrap_or_default())));
        Ok(Self {
            scheme,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port(),
            user,
            filter,
            multiline,
            options,
            display: shown,
        })
    }

    /// The value of a parameter.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A name for the route's files that stays the same from start to start.
    pub fn key(&self) -> String {
        let readable = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String =
            format!("{}-{}", self.scheme.name, self.host).chars().take(60).map(readable).collect();
        // The hash keeps routes to one host apart.
        let hash = self
            .display
            .as_bytes()
            .chunks(Fingerprint::LONGEST)
            .fold(0_u64, |hash, part| hash.rotate_left(1) ^ Fingerprint::of(part).hash);
        format!("{name}-{hash:016x}")
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: the password stays out.
        f.debug_struct("Route").field("uri", &self.display).finish_non_exhaustive()
    }
}

fn without_user(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(uri: &str) -> Result<Route, ConfigError> {
        Route::parse("ROUTE_URIS", uri)
    }

    #[test]
    fn a_uri_is_taken_apart() {
        let route = parse("elasticsearch://elastic:pa%40ss@search:9200?filter.name=web*").unwrap();
        assert_eq!(
            (route.scheme.name, route.host.as_str(), route.port),
            ("elasticsearch", "search", Some(9200))
        );
        assert_eq!(route.user, Some(("elastic".to_owned(), "pa@ss".to_owned())));
        assert_eq!(
            route.to_string(),
            "elasticsearch://search:9200?filter.name=web*",
            "no password in messages"
        );
        assert!(!format!("{route:?}").contains("pa"));
        assert_eq!(parse("syslog://[::1]:514").unwrap().host, "::1");
        assert_eq!(parse("syslog://logs").unwrap().port, None);
        let joined = parse("multiline+syslog+tcp://logs:1").unwrap();
        assert_eq!((joined.scheme.name, joined.multiline, route.multiline), ("syslog+tcp", true, false));
    }

    #[test]
    fn errors_name_the_value_and_what_is_right() {
        for (uri, problem, expected) in [
            ("logstash:514", "is not a route", "syslog+tcp://logstash:51415"),
            ("kafka://x:1", "has an unknown scheme", "syslog+tcp"),
            ("syslog://:514", "is not a URI", "SCHEME://HOST:PORT"),
            ("syslog://x:99999", "is not a URI", "SCHEME://HOST:PORT"),
            ("syslog://x:1?filter.nam=a", "has an unknown parameter filter.nam", "filter.name"),
            ("syslog://x:1?filter.sources=stdin", "filter.sources", "stdout"),
            ("syslog://x:1?filter.name=[", "has a bad glob `[` in filter.name", "GLOB"),
            ("multiline+kafka://x:1", "has an unknown scheme", "syslog+tcp"),
        ] {
            let text = parse(uri).unwrap_err().to_string();
            assert!(text.starts_with(&format!("ROUTE_URIS: `{uri}` ")), "{text}");
            assert!(text.contains(problem) && text.contains(expected), "{text}");
        }
        let text = parse("kafka://me:secret@x:1").unwrap_err().to_string();
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn keys_are_stable_and_tell_routes_apart() {
        let key = |uri| parse(uri).unwrap().key();
        assert_eq!(key("syslog+tcp://logs:514"), key("syslog+tcp://logs:514"));
        assert_eq!(key("elasticsearch://a:b@s:9200"), key("elasticsearch://a:other@s:9200"));
        assert_ne!(key("syslog+tcp://logs:514"), key("syslog+tcp://logs:515"));
        assert!(key("syslog+tcp://logs:514").starts_with("syslog-tcp-logs-"));
    }

    proptest! {
        #[test]
        fn nothing_panics(uri: String, tail: String) {
            let _unused = parse(&uri);
            let _unused = parse(&format!("syslog://{tail}"));
        }
    }
}
