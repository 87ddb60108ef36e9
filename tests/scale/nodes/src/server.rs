//! HTTP on one thread: Prometheus has the others.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::answer::Nodes;
use crate::template::Template;

/// Serves until the process is ended.
pub(crate) fn run(port: u16, count: u32, templates: [Template; 3]) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let listen = listener.local_addr()?.to_string();
        let nodes =
            Arc::new(Nodes { listen, count: AtomicU32::new(count), templates, started: Instant::now() });
        loop {
            let (stream, _) = listener.accept().await?;
            let nodes = Arc::clone(&nodes);
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let answer = nodes.answer(request.method(), request.uri().path(), request.uri().query());
                    async move { Ok::<_, Infallible>(answer) }
                });
                // A client that goes away is no matter.
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    })
}
