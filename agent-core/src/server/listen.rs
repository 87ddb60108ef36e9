//! Sockets: binds, accepts within a limit, ends gracefully.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use super::routes::App;
use crate::cli::{Common, ListenAddress};
use crate::error::RunError;
use crate::shutdown::CancellationToken;

/// Also closes idle keep-alive connections, so it is longer than any scrape interval in use.
const HEADER_TIMEOUT: Duration = Duration::from_mins(3);
/// How long answers that are under way may still take after a stop.
const DRAIN: Duration = Duration::from_secs(2);
/// Pause after a failed accept (no descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves on all addresses until the token is cancelled.
pub async fn serve(app: App, common: &Common, shutdown: CancellationToken) -> Result<(), RunError> {
    let mut listeners = Vec::new();
    for address in &common.listen {
        let bound = bind(address)
            .await
            .map_err(|source| RunError::Listen { address: address.given.clone(), source })?;
        if let Ok(local) = bound.local_addr() {
            info!(address = %local, "listening");
        }
        listeners.push(bound);
    }
    let app = Arc::new(app);
    let connections = Arc::new(Semaphore::new(common.max_connections));
    let mut loops = JoinSet::new();
    for listener in listeners {
        loops.spawn(accept(listener, Arc::clone(&app), Arc::clone(&connections), shutdown.clone()));
    }
    while loops.join_next().await.is_some() {}
    Ok(())
}

async fn bind(address: &ListenAddress) -> io::Result<TcpListener> {
    if !address.host.is_empty() {
        return TcpListener::bind((address.host.as_str(), address.port)).await;
    }
    // The IPv6 wildcard takes IPv4 as well; a kernel without IPv6 has only the other.
    match TcpListener::bind((IpAddr::V6(Ipv6Addr::UNSPECIFIED), address.port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port)).await
        }
        result => result,
    }
}

async fn accept(
    listener: TcpListener,
    app: Arc<App>,
    connections: Arc<Semaphore>,
    shutdown: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let permit = tokio::select! {
            () = shutdown.cancelled() => break,
            permit = Arc::clone(&connections).acquire_owned() => permit,
        };
        let stream = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let app = Arc::clone(&app);
        let service = service_fn(move |request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, std::convert::Infallible>(app.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        debug!("connections were still busy and are cut");
    }
}
