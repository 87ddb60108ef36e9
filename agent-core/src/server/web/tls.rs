//! Makes the TLS library's configuration from the file's.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::clients::{Named, Unverified};
use super::file::{Pem, Place, TlsSettings};
use super::names::ClientAuth;
use crate::error::{ConfigError, ConfigErrors};

impl TlsSettings {
    /// The files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().filter_map(
            |pem| match &pem.place {
                Place::File(path) => Some(path.clone()),
                Place::Inline(_) => None,
            },
        )
    }

    /// Reads the certificates and puts all together.
    pub(super) fn load(&self) -> Result<Arc<ServerConfig>, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let chain = errors.take(certificates(&self.certificate));
        let key = errors.take(private_key(&self.key));
        let ca = match &self.client_ca {
            Some(ca) => errors.take(roots(ca)),
            None => Some(RootCertStore::empty()),
        };
        let (Some(chain), Some(key), Some(ca)) = (chain, key, ca) else { return errors.finish(None) };
        let provider = Arc::new(self.provider());
        let wrong = |origin: &str, error: rustls::Error| {
            let expected = "check the certificate, its key and the other TLS settings";
            ConfigError::new(origin, error.to_string(), "is what the TLS library says", expected)
        };
        let verifier = self.verifier(ca, &provider).map_err(|e| {
            let origin = self.client_ca.as_ref().map_or("client_ca_file", |ca| &ca.origin);
            wrong(origin, rustls::Error::General(e))
        })?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .map_err(|e| wrong(&self.certificate.origin, e))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config =
            builder.with_single_cert(chain, key).map_err(|e| wrong(&self.certificate.origin, e))?;
        config.ignore_client_order = self.server_order;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn provider(&self) -> CryptoProvider {
        let mut provider = ring::default_provider();
        provider.cipher_suites.clone_from(&self.suites);
        if let Some(groups) = &self.groups {
            let find = |name| ring::ALL_KX_GROUPS.iter().copied().find(|group| group.name() == name);
            provider.kx_groups = groups.iter().filter_map(|name| find(*name)).collect();
        }
        provider
    }

    fn verifier(
        &self,
        ca: RootCertStore,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
        let verified = || WebPkiClientVerifier::builder_with_provider(Arc::new(ca), Arc::clone(provider));
        let unverified = |required| Arc::new(Unverified { required, provider: Arc::clone(provider) });
        let inner: Arc<dyn ClientCertVerifier> = match self.client_auth {
            ClientAuth::None => return Ok(None),
            ClientAuth::Request => unverified(false),
            ClientAuth::RequireAny => unverified(true),
            ClientAuth::VerifyIfGiven => {
                verified().allow_unauthenticated().build().map_err(|e| e.to_string())?
            }
            ClientAuth::RequireAndVerify => verified().build().map_err(|e| e.to_string())?,
        };
        Ok(Some(match &self.client_sans {
            Some(allowed) => Arc::new(Named { inner, allowed: allowed.clone() }),
            None => inner,
        }))
    }
}

fn read(pem: &Pem) -> Result<Vec<u8>, ConfigError> {
    match &pem.place {
        Place::Inline(text) => Ok(text.reveal().as_bytes().to_vec()),
        Place::File(path) => fs::read(path).map_err(|error| {
            let problem = format!("cannot be read ({error})");
            ConfigError::new(&pem.origin, path.display().to_string(), problem, "give a file in PEM form")
        }),
    }
}

fn wrong(pem: &Pem, problem: &str, expected: &str) -> ConfigError {
    let value = match &pem.place {
        Place::File(path) => path.display().to_string(),
        Place::Inline(_) => "<text>".to_owned(),
    };
    ConfigError::new(&pem.origin, value, problem, expected)
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let text = read(pem)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(wrong(pem, "holds no certificate", "give certificates in PEM form, the server's own first")),
    }
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, ConfigError> {
    PrivateKeyDer::from_pem_slice(&read(pem)?)
        .map_err(|_| wrong(pem, "holds no private key", "give an unencrypted key in PEM form"))
}

fn roots(pem: &Pem) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    let (_, ignored) = store.add_parsable_certificates(certificates(pem)?);
    if ignored > 0 {
        return Err(wrong(pem, "holds a certificate that cannot be understood", "give CA certificates"));
    }
    Ok(store)
}
