//! HTTP/1.1 on both sides, as much as the demo needs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::roles::Failure;
use crate::say;

/// A body that is there at once.
pub type Body = Full<Bytes>;

/// Every server of the demo listens here.
const PORT: u16 = 8080;
/// A call ends after this.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer with a text.
pub fn reply(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}

/// Serves on port 8080 for ever.
pub async fn serve<H, R>(handler: H) -> Result<(), Failure>
where
    H: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], PORT))).await?;
    let handler = Arc::new(handler);
    loop {
        let (stream, _) = listener.accept().await?;
        let handler = Arc::clone(&handler);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = handler(request);
                async { Ok::<_, Infallible>(answer.await) }
            });
            if let Err(error) = Builder::new().serve_connection(TokioIo::new(stream), service).await {
                say::error(&format!("WARN: a connection ended early: {error}"));
            }
        });
    }
}

/// Asks by GET for an `http://HOST[:PORT]/PATH`: status and body.
pub async fn get(url: &str) -> Result<(StatusCode, Bytes), Failure> {
    send(Method::GET, url, Bytes::new()).await
}

/// Sends a body: status and body of the answer.
pub async fn send(method: Method, url: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
    timeout(PATIENCE, send_without_limit(method, url, body))
        .await
        .map_err(|_| format!("{url}: no answer in 5 s"))?
}

async fn send_without_limit(method: Method, url: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
    let uri: Uri = url.parse()?;
    let host = uri.host().ok_or_else(|| format!("{url}: give http://HOST[:PORT]/PATH"))?;
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80)))
        .await
        .map_err(|error| format!("{url}: {error}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::builder().method(method).uri(path).header(HOST, host).body(Full::new(body))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}
