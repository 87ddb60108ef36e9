//! Syslog by UDP: a datagram is a message, newlines in it are text.

use std::sync::Arc;

use agent_core::shutdown::CancellationToken;
use tokio::net::UdpSocket;
use tracing::warn;

use super::frame::trimmed;
use super::intake::Intake;

/// The longest datagram.
const LONGEST: usize = 65_536;

/// Takes datagrams until `shutdown` is cancelled.
pub(super) async fn serve(socket: UdpSocket, intake: Arc<Intake>, shutdown: CancellationToken) {
    let mut buffer = vec![0; LONGEST];
    let mut failing = false;
    loop {
        let result = tokio::select! {
            () = shutdown.cancelled() => return,
            result = socket.recv_from(&mut buffer) => result,
        };
        match result {
            Ok((length, peer)) => {
                failing = false;
                let text = trimmed(buffer.get(..length).unwrap_or_default());
                intake.offer(&intake.read(text, peer.ip()));
            }
            Err(error) => {
                intake.metrics.dropped("receive_error", 1);
                if !std::mem::replace(&mut failing, true) {
                    warn!(%error, "a UDP listener cannot receive");
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}
