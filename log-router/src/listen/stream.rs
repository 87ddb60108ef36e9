//! Syslog by TCP and TLS.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use agent_core::shutdown::CancellationToken;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::frame::{Frame, Framer};
use super::intake::{Begun, Intake};

const CHUNK_BYTES: usize = 16 * 1024;
/// A client that does not finish its handshake holds a place for others.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// One listening socket.
#[derive(Clone)]
pub(super) struct Server {
    pub intake: Arc<Intake>,
    /// Places for connections, of all sockets together.
    pub connections: Arc<Semaphore>,
    pub tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Server {
    /// Accepts until `shutdown` is cancelled.
    pub(super) async fn accept(self, listener: TcpListener, shutdown: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&self.connections).try_acquire_owned() else {
                self.intake.metrics.refused();
                continue;
            };
            let (server, shutdown) = (self.clone(), shutdown.clone());
            tokio::spawn(async move {
                server.intake.metrics.connected(true);
                match server.tls {
                    None => read(stream, peer.ip(), &server.intake, shutdown).await,
                    Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                        Ok(Ok(stream)) => read(stream, peer.ip(), &server.intake, shutdown).await,
                        Ok(Err(error)) => {
                            server.intake.metrics.refused();
                            debug!(%peer, %error, "a TLS client was refused");
                        }
                        Err(_) => server.intake.metrics.refused(),
                    },
                }
                server.intake.metrics.connected(false);
                drop(place);
            });
        }
    }
}

async fn read(
    mut stream: impl AsyncRead + Unpin,
    peer: IpAddr,
    intake: &Intake,
    shutdown: CancellationToken,
) {
    let mut framer = Framer::new(intake.longest());
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut begun: Option<Begun> = None;
    loop {
        let result = tokio::select! {
            () = shutdown.cancelled() => break,
            result = stream.read(&mut buffer) => result,
        };
        let length = match result {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) => {
                debug!(%peer, %error, "a connection broke");
                break;
            }
        };
        let mut received = Vec::new();
        let take = |frame: Frame<'_>| received.extend(message(frame, peer, intake, &mut begun));
        let well_formed = framer.push(buffer.get(..length).unwrap_or_default(), take);
        for message in &received {
            intake.give(message).await;
        }
        if well_formed.is_err() {
            intake.metrics.dropped("bad_length", 1);
            return;
        }
    }
    let mut received = Vec::new();
    framer.finish(|frame| received.extend(message(frame, peer, intake, &mut begun)));
    for message in &received {
        intake.give(message).await;
    }
}

fn message(
    frame: Frame<'_>,
    peer: IpAddr,
    intake: &Intake,
    begun: &mut Option<Begun>,
) -> Option<super::feed::Received> {
    if let Some(begun) = begun.as_mut().filter(|_| !frame.first) {
        return Some(intake.read_on(frame.text, begun, frame.last));
    }
    if frame.text.is_empty() {
        return None;
    }
    let mut received = intake.read(frame.text, peer);
    *begun = (!frame.last).then(|| Intake::begin(&mut received));
    Some(received)
}
