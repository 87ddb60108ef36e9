//! The certificate of `--listen.syslog-tls`.

use std::path::Path;
use std::sync::Arc;

use agent_core::error::ConfigError;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::ListenArgs;

/// Reads the files.
pub(super) fn load(args: &ListenArgs) -> Result<Arc<ServerConfig>, ConfigError> {
    let (Some(certificate), Some(key)) = (&args.tls_cert_file, &args.tls_key_file) else {
        let expected = "give --listen.tls-cert-file and --listen.tls-key-file";
        return Err(ConfigError::new(
            "--listen.syslog-tls",
            args.syslog_tls.join(","),
            "has no certificate",
            expected,
        ));
    };
    let chain = certificates("--listen.tls-cert-file", certificate)?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| bad("--listen.tls-key-file", key, &error, "a private key"))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad("--listen.tls-cert-file", certificate, &error, "a certificate"))?;
    let builder = match &args.tls_client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            const FLAG: &str = "--listen.tls-client-ca-file";
            let mut roots = RootCertStore::empty();
            for authority in certificates(FLAG, path)? {
                roots.add(authority).map_err(|error| bad(FLAG, path, &error, "authorities"))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| bad(FLAG, path, &error, "authorities"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder
        .with_single_cert(chain, key)
        .map(Arc::new)
        .map_err(|error| bad("--listen.tls-cert-file", certificate, &error, "a certificate for the key"))
}

fn certificates(flag: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let found = read().map_err(|error| bad(flag, path, &error, "certificates"))?;
    if found.is_empty() { Err(bad(flag, path, &"it holds none", "certificates")) } else { Ok(found) }
}

fn bad(flag: &str, path: &Path, problem: &dyn std::fmt::Display, expected: &str) -> ConfigError {
    let expected = format!("give a PEM file with {expected}");
    ConfigError::new(flag, path.display().to_string(), format!("cannot be used: {problem}"), expected)
}
