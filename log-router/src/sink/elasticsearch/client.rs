//! The requests that we make. The only file that knows the `elasticsearch` package.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
pub(super) use elasticsearch::http::Method;
use elasticsearch::http::Url;
use elasticsearch::http::headers::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};

use super::Login;

/// A bulk that takes longer is sent again; IDs keep it from being stored twice.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Of the answer only what decides over each line.
const BULK_PATH: &str =
    "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.index";
const GET_PATH: &str = "/_mget?filter_path=docs.found,docs._source.message,docs.error.type";

/// A cluster by some of its nodes.
pub(super) struct Client {
    nodes: Vec<Transport>,
    /// The one that is asked: until it fails.
    current: AtomicUsize,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: the transport shows its password.
        f.debug_struct("Client").field("nodes", &self.nodes.len()).finish_non_exhaustive()
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

    /// Whether the server did what it was asked.
    pub(super) fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

impl Client {
    /// Does no IO. `authorities` are PEM certificates to trust beside the public ones.
    pub(super) fn new(urls: &[String], login: &Login, authorities: Option<&[u8]>) -> Result<Self, String> {
        let nodes = urls.iter().map(|url| transport(url, login, authorities)).collect::<Result<_, _>>()?;
        Ok(Self { nodes, current: AtomicUsize::new(0) })
    }

    /// Sends gzipped bulk lines.
    pub(super) async fn bulk(&self, body: Vec<u8>) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        self.send(Method::Post, BULK_PATH, headers, Some(Bytes::from(body))).await
    }

    /// Asks for documents by their IDs.
    pub(super) async fn get_many(&self, body: Vec<u8>) -> Result<Answer, String> {
        self.send(Method::Post, GET_PATH, HeaderMap::new(), Some(Bytes::from(body))).await
    }

    /// Any other request, with a JSON body or none.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, String> {
        self.send(method, path, HeaderMap::new(), body.map(Bytes::from)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Answer, String> {
        let current = self.current.load(Ordering::Relaxed);
        let node = self.nodes.get(current % self.nodes.len().max(1)).ok_or("there is no node")?;
        let answer = ask(node, method, path, headers, body).await;
        // A node that is not there, or that knows no others, makes room for the next.
        if !matches!(&answer, Ok(answer) if !(502..=504).contains(&answer.status)) {
            self.current.store(current.wrapping_add(1), Ordering::Relaxed);
        }
        answer
    }
}

async fn ask(
    node: &Transport,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Option<Bytes>,
) -> Result<Answer, String> {
    let request = node.send(method, path, headers, None::<&()>, body, None);
    let response = request.await.map_err(|error| told(&error))?;
    let status = response.status_code().as_u16();
    let body = response.bytes().await.map_err(|error| told(&error))?;
    Ok(Answer { status, body })
}

fn transport(url: &str, login: &Login, authorities: Option<&[u8]>) -> Result<Transport, String> {
    let url = Url::parse(url).map_err(|error| told(&error))?;
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url))
        .timeout(TIMEOUT)
        .disable_proxy()
        .enable_meta_header(false);
    match login {
        Login::None => {}
        Login::User(name, password) => {
            builder = builder.auth(Credentials::Basic(name.clone(), password.clone()));
        }
        Login::ApiKey(key) => {
            builder = builder.auth(match key.split_once(':') {
                Some((id, key)) => Credentials::ApiKey(id.to_owned(), key.to_owned()),
                None => Credentials::EncodedApiKey(key.clone()),
            });
        }
    }
    if let Some(pem) = authorities {
        let certificates = Certificate::from_pem(pem).map_err(|error| told(&error))?;
        builder = builder.cert_validation(CertificateValidation::Full(certificates));
    }
    builder.build().map_err(|error| told(&error))
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
