//! Sockets: binds, accepts within a limit, ends gracefully.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use super::routes::App;
use super::stream::{BoxStream, Listener};
use super::systemd;
use super::web::Web;
use crate::cli::{Common, ListenAddress};
use crate::error::RunError;
use crate::shutdown::CancellationToken;

/// Also closes idle keep-alive connections, so it is longer than any scrape interval in use.
const HEADER_TIMEOUT: Duration = Duration::from_mins(3);
/// How long a client may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long answers that are under way may still take after a stop.
const DRAIN: Duration = Duration::from_secs(2);
/// Pause after a failed accept (no descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves on all addresses, or on systemd's sockets, until the token is cancelled.
pub async fn serve(app: App, common: &Common, shutdown: CancellationToken) -> Result<(), RunError> {
    if let Some(web) = &common.web {
        web.report();
    }
    let listeners = if common.systemd_socket { systemd::listeners()? } else { bind_all(common).await? };
    let app = Arc::new(app);
    let connections = Arc::new(Semaphore::new(common.max_connections));
    let mut loops = JoinSet::new();
    for listener in listeners {
        info!(address = listener.address(), "listening");
        let door = Door {
            app: Arc::clone(&app),
            web: common.web.clone(),
            connections: Arc::clone(&connections),
            shutdown: shutdown.clone(),
        };
        loops.spawn(accept(listener, door));
    }
    while loops.join_next().await.is_some() {}
    Ok(())
}

async fn bind_all(common: &Common) -> Result<Vec<Listener>, RunError> {
    let mut listeners = Vec::new();
    for address in &common.listen {
        let bound = bind(address).await;
        let bound = bound.map_err(|source| RunError::Listen { address: address.given.clone(), source })?;
        listeners.push(Listener::Tcp(bound));
    }
    Ok(listeners)
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

/// What every listener needs for its connections.
struct Door {
    app: Arc<App>,
    web: Option<Arc<Web>>,
    connections: Arc<Semaphore>,
    shutdown: CancellationToken,
}

async fn accept(listener: Listener, door: Door) {
    let Door { app, web, connections, shutdown } = door;
    // Closed when the last connection has let go of it.
    let (busy, mut idle) = mpsc::channel::<()>(1);
    loop {
        let permit = tokio::select! {
            () = shutdown.cancelled() => break,
            permit = Arc::clone(&connections).acquire_owned() => permit,
        };
        let stream = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let tls = web.as_ref().and_then(|web| web.current().tls.clone());
        let connection = serve_connection(stream, tls, Arc::clone(&app), shutdown.clone());
        let busy = busy.clone();
        tokio::spawn(async move {
            connection.await;
            drop((permit, busy));
        });
    }
    drop((listener, busy));
    if timeout(DRAIN, idle.recv()).await.is_err() {
        debug!("connections were still busy and are cut");
    }
}

async fn serve_connection(
    stream: BoxStream,
    tls: Option<Arc<ServerConfig>>,
    app: Arc<App>,
    shutdown: CancellationToken,
) {
    let stream = match tls {
        None => stream,
        Some(tls) => match timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(stream)).await {
            Ok(Ok(stream)) => Box::new(stream),
            Ok(Err(error)) => return debug!(%error, "a TLS handshake failed"),
            Err(_) => return debug!("a TLS handshake took too long"),
        },
    };
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, std::convert::Infallible>(app.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}
