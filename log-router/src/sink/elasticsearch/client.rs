//! The requests that we make. The only file that knows the `elasticsearch` package.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use elasticsearch::http::{Method, Url};

/// A bulk that takes longer is sent again; IDs keep it from being stored twice.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Of the answer only what decides over each line.
const BULK_PATH: &str = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";

/// A cluster by one of its nodes.
pub(super) struct Client {
    transport: Transport,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: the transport shows its password.
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// What the server said.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// For people: the status and the beginning of the body.
    pub(super) fn told(&self) -> String {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        format!("HTTP {} {}", self.status, body.trim())
    }
}

impl Client {
    /// Does no IO. `authorities` are PEM certificates to trust beside the public ones.
    pub(super) fn new(
        url: &str,
        user: Option<(String, String)>,
        authorities: Option<&[u8]>,
    ) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| told(&error))?;
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url))
            .timeout(TIMEOUT)
            .disable_proxy()
            .enable_meta_header(false);
        if let Some((name, password)) = user {
            builder = builder.auth(Credentials::Basic(name, password));
        }
        if let Some(pem) = authorities {
            let certificates = Certificate::from_pem(pem).map_err(|error| told(&error))?;
            builder = builder.cert_validation(CertificateValidation::Full(certificates));
        }
        Ok(Self { transport: builder.build().map_err(|error| told(&error))? })
    }

    /// Sends gzipped bulk lines.
    pub(super) async fn bulk(&self, body: Vec<u8>) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        self.send(Method::Post, BULK_PATH, headers, Bytes::from(body)).await
    }

    /// Puts an index template, whether it is there already or not.
    pub(super) async fn put_template(&self, name: &str, template: &'static str) -> Result<Answer, String> {
        let path = format!("/_index_template/{name}");
        self.send(Method::Put, &path, HeaderMap::new(), Bytes::from_static(template.as_bytes())).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let request = self.transport.send(method, path, headers, None::<&()>, Some(body), None);
        let response = request.await.map_err(|error| told(&error))?;
        let status = response.status_code().as_u16();
        let body = response.bytes().await.map_err(|error| told(&error))?;
        Ok(Answer { status, body })
    }
}

/// An error with everything that led to it: the outer ones alone say "error sending request".
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
