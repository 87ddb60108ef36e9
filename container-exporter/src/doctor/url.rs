//! Addresses of servers, as flags give them.

use std::fmt;

use agent_core::error::ConfigError;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `https`.
    pub tls: bool,
    /// `host:port`.
    pub address: String,
    /// A prefix of all paths, without a slash at its end.
    pub prefix: String,
}

impl Url {
    /// Reads `http://HOST:PORT/PREFIX`.
    pub fn parse(origin: &str, given: &str) -> Result<Self, ConfigError> {
        let expected = "give http://HOST:PORT or https://HOST:PORT, and a path behind it if there is one";
        let wrong = || ConfigError::new(origin, given, "is not the URL of a server", expected);
        let (scheme, rest) = given.split_once("://").ok_or_else(wrong)?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(wrong()),
        };
        let (address, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if address.is_empty() || address.contains(['@', '?', '#']) || prefix.contains(['?', '#']) {
            return Err(wrong());
        }
        let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if tls { 443 } else { 80 };
        let address = if has_port { address.to_owned() } else { format!("{address}:{port}") };
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        Ok(Self { tls, address, prefix })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let parse = |given| Url::parse("--prometheus.url", given);
        assert_eq!(parse("http://prometheus:9090/").unwrap().to_string(), "http://prometheus:9090");
        assert_eq!(parse("https://p/monitor/").unwrap().to_string(), "https://p:443/monitor");
        assert_eq!(parse("http://[::1]:9090").unwrap().address, "[::1]:9090");
        for bad in ["prometheus:9090", "ftp://x", "http://", "http://user:pass@x", "http://x?y"] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--prometheus.url: `{bad}`")), "{error}");
        }
    }
}
