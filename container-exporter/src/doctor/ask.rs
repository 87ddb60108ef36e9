//! One GET over HTTP or HTTPS, within bounds of time and size.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::config::Config;
use super::url::Url;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// An answer about a thousand targets has about 1 MB.
const LARGEST: usize = 64 << 20;
/// Of a refusal that is shown.
const SHOWN: usize = 200;

/// Asks with a login and authorities.
pub struct Client {
    authorization: Option<String>,
    tls: Option<TlsConnector>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: the password stays out.
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Does no IO. Certificates that cannot be read are left out.
    pub fn new(config: &Config) -> Self {
        let authorization = config
            .login
            .as_ref()
            .map(|(name, password)| format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))));
        Self { authorization, tls: config.authorities.as_deref().and_then(connector) }
    }

    /// The JSON of a 200; the error says what came instead.
    pub async fn json(&self, url: &Url, path: &str) -> Result<Value, String> {
        let told = |what: String| format!("{url}{path}: {what}");
        let (status, body) = self.get(url, path).await.map_err(told)?;
        if status != 200 {
            let text: String = String::from_utf8_lossy(&body).chars().take(SHOWN).collect();
            return Err(told(format!("HTTP {status} {}", text.trim())));
        }
        serde_json::from_slice(&body).map_err(|error| told(format!("no JSON: {error}")))
    }

    async fn get(&self, url: &Url, path: &str) -> Result<(u16, Bytes), String> {
        let target = format!("{}{path}", url.prefix);
        let host = url.address.rsplit_once(':').map_or(url.address.as_str(), |(host, _)| host);
        let name = url.tls.then(|| host.trim_matches(['[', ']']));
        let answer = timeout(LIMIT, self.fetch(&url.address, name, &target, self.authorization.as_deref()));
        answer.await.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())))
    }

    /// An agent's answer whatever its status; without a login. `name` is what its certificate must have, for TLS.
    pub(super) async fn agent(
        &self,
        address: &str,
        name: Option<&str>,
        target: &str,
    ) -> Result<(u16, Bytes), String> {
        self.fetch(address, name, target, None).await
    }

    /// Whether there is anybody to trust.
    pub(super) fn knows_tls(&self) -> bool {
        self.tls.is_some()
    }

    async fn fetch(
        &self,
        address: &str,
        name: Option<&str>,
        target: &str,
        authorization: Option<&str>,
    ) -> Result<(u16, Bytes), String> {
        let mut request = Request::get(target).header(HOST, address);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let Some(name) = name else { return exchange(stream, request).await };
        let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
        let tls = self.tls.as_ref().ok_or("no certificate in --ca-file")?;
        exchange(tls.connect(name, stream).await.map_err(|error| error.to_string())?, request).await
    }
}

fn connector(authorities: &[u8]) -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(authorities).flatten());
    if roots.is_empty() {
        return None;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    Some(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}

async fn exchange<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<(u16, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let told = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    // Ends with the answer.
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(told)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
}
