//! One HTTP request to an engine, for what bollard does not do: pass answers through, and read fields that its models
//! do not have.

use std::io;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::{TcpStream, UnixStream};
use tracing::debug;

use super::DockerHost;

/// The engine did not answer.
#[derive(Debug, Error)]
pub enum RawError {
    /// There is no connection.
    #[error("cannot connect to {host}: {source}")]
    Connect {
        /// The address as the user gives it.
        host: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The connection broke, or what came is no HTTP.
    #[error("{host}: {source}")]
    Http {
        /// The address as the user gives it.
        host: String,
        /// What hyper says.
        source: hyper::Error,
    },
}

/// Sends a request without a body over a connection of its own and gives the answer as soon as its headers are there.
/// The connection lasts as long as the answer's body is kept. There is no limit of time.
pub async fn send(
    host: &DockerHost,
    mut request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, RawError> {
    request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("docker"));
    match host {
        DockerHost::Unix(path) => exchange(host, UnixStream::connect(path).await, request).await,
        DockerHost::Tcp(address) => exchange(host, TcpStream::connect(address.as_str()).await, request).await,
    }
}

async fn exchange<S>(
    host: &DockerHost,
    stream: io::Result<S>,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, RawError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let stream = stream.map_err(|source| RawError::Connect { host: host.to_string(), source })?;
    let failed = |source| RawError::Http { host: host.to_string(), source };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(%error, "a connection to the engine ended early");
        }
    });
    sender.send_request(request).await.map_err(failed)
}
