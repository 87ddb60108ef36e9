//! TLS towards receivers: `LOGSPOUT_TLS_*`.

use std::fs;
use std::io;
use std::sync::Arc;

use agent_core::entry::Environment;
use agent_core::error::{ConfigError, ConfigErrors};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CA_CERTS: &str = "LOGSPOUT_TLS_CA_CERTS";
const CLIENT_CERT: &str = "LOGSPOUT_TLS_CLIENT_CERT";
const CLIENT_KEY: &str = "LOGSPOUT_TLS_CLIENT_KEY";
const DISABLE_SYSTEM_ROOTS: &str = "LOGSPOUT_TLS_DISABLE_SYSTEM_ROOTS";
/// Authorities of this system, where there are any; those of the browsers are built in.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
const PEM_EXPECTED: &str = "give a file in PEM form";

/// The variables that are read here. `LOGSPOUT_TLS_HARDENING` is always on: there is nothing weaker in the library.
pub const VARIABLES: [&str; 5] =
    [CA_CERTS, CLIENT_CERT, CLIENT_KEY, DISABLE_SYSTEM_ROOTS, "LOGSPOUT_TLS_HARDENING"];

/// Whom to trust and who we are.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads the files that the environment names.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let mut roots = RootCertStore::empty();
        if !environment.get(DISABLE_SYSTEM_ROOTS).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            if let Ok(system) = CertificateDer::pem_file_iter(SYSTEM_ROOTS) {
                roots.add_parsable_certificates(system.flatten());
            }
        }
        for path in environment.get(CA_CERTS).unwrap_or_default().split(',').filter(|path| !path.is_empty()) {
            for certificate in errors.take(certificates(CA_CERTS, path)).unwrap_or_default() {
                if let Err(error) = roots.add(certificate) {
                    errors.push(ConfigError::new(
                        CA_CERTS,
                        path,
                        format!("holds a bad certificate ({error})"),
                        PEM_EXPECTED,
                    ));
                }
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions();
        let builder = match builder {
            Ok(builder) => builder.with_root_certificates(roots),
            Err(error) => {
                errors.push(ConfigError::new(
                    "TLS",
                    error.to_string(),
                    "is what the TLS library says",
                    "report it",
                ));
                return errors.finish(None);
            }
        };
        let config = match (environment.get(CLIENT_CERT), environment.get(CLIENT_KEY)) {
            (None, None) => Some(builder.with_no_client_auth()),
            (Some(certificate), Some(key)) => {
                let chain = errors.take(certificates(CLIENT_CERT, certificate));
                let private = errors.take(private_key(key));
                chain.zip(private).and_then(|(chain, private)| {
                    errors.take(builder.with_client_auth_cert(chain, private).map_err(|error| {
                        ConfigError::new(
                            CLIENT_KEY,
                            key,
                            format!("cannot be used ({error})"),
                            "give the key of the certificate",
                        )
                    }))
                })
            }
            (Some(value), None) | (None, Some(value)) => {
                let expected = "give both LOGSPOUT_TLS_CLIENT_CERT and LOGSPOUT_TLS_CLIENT_KEY";
                errors.push(ConfigError::new(CLIENT_CERT, value, "is one half of a pair", expected));
                None
            }
        };
        errors.finish(config.map(|config| Self(Arc::new(config))))
    }

    /// Talks TLS over a connection to a host of this name.
    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}

fn certificates(variable: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let text = read(variable, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    chain
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| ConfigError::new(variable, path, "holds no certificate", PEM_EXPECTED))
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let text = read(CLIENT_KEY, path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| ConfigError::new(CLIENT_KEY, path, "holds no private key", PEM_EXPECTED))
}

fn read(variable: &str, path: &str) -> Result<Vec<u8>, ConfigError> {
    fs::read(path)
        .map_err(|error| ConfigError::new(variable, path, format!("cannot be read ({error})"), PEM_EXPECTED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let root = FakeRoot::new();
        let empty = root.file("empty.pem", "nothing").display().to_string();
        let tls = |pairs: &[(&str, &str)]| Tls::from_environment(&pairs.iter().copied().collect());
        tls(&[]).unwrap();
        let text =
            tls(&[(CA_CERTS, &format!("/nowhere.pem,{empty}")), (CLIENT_CERT, &empty), (CLIENT_KEY, &empty)])
                .unwrap_err()
                .to_string();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(
            text.contains("/nowhere.pem")
                && text.contains("holds no certificate")
                && text.contains("holds no private key"),
            "{text}"
        );
        let text = tls(&[(CLIENT_KEY, &empty)]).unwrap_err().to_string();
        assert!(text.contains("give both"), "{text}");
    }
}
