//! Syslog over UDP: one datagram for each message, without a newline at its end.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::{UdpSocket, lookup_host};

use super::format::{Header, Prepared};
use crate::record::Batch;
use crate::sink::{Delivery, Link, Sink};

/// The most that fits into a datagram.
const LONGEST: usize = 65_507;
/// Names are resolved again now and then: a receiver that moved answers nothing, so errors do not tell.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);

/// One receiver.
#[derive(Debug)]
pub(super) struct UdpSink {
    address: (String, u16),
    header: Header,
    socket: Option<(UdpSocket, Instant)>,
}

impl UdpSink {
    /// Resolves the name with the first delivery.
    pub(super) fn new(address: (String, u16), header: Header) -> Self {
        Self { address, header, socket: None }
    }

    async fn send_all(&mut self, batch: &Batch, link: &mut Link) {
        let mut prepared: Vec<Option<Prepared>> = vec![None; batch.containers()];
        let mut message = Vec::new();
        for line in batch.lines() {
            let Some(place) = prepared.get_mut(line.container_index) else { continue };
            let prepared = place.get_or_insert_with(|| self.header.prepare(line.container));
            message.clear();
            self.header.write(&line, prepared, &mut message);
            if message.len() > LONGEST {
                message.truncate(end_of_character(&message, LONGEST));
                link.metrics().split.inc();
            }
            while let Err((kind, error)) = self.send(&message).await {
                self.socket = None;
                let (host, port) = &self.address;
                link.failed(kind, &format!("{host}:{port}: {error}")).await;
            }
            link.succeeded();
        }
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), (&'static str, io::Error)> {
        let socket = match &self.socket {
            Some((socket, resolved)) if resolved.elapsed() < RESOLVE_EVERY => socket,
            _ => {
                let socket = connect(&self.address).await.map_err(|error| ("connect", error))?;
                &self.socket.insert((socket, Instant::now())).0
            }
        };
        socket.send(message).await.map(|_| ()).map_err(|error| ("write", error))
    }
}

impl Sink for UdpSink {
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch, link: &'a mut Link) -> Delivery<'a> {
        Box::pin(self.send_all(batch, link))
    }
}

/// A connected socket hears when a receiver refuses.
async fn connect((host, port): &(String, u16)) -> io::Result<UdpSocket> {
    let mut result = Err(io::Error::other("the name has no address"));
    for target in lookup_host((host.as_str(), *port)).await? {
        let any: SocketAddr = match target {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        result = socket.connect(target).await.map(|()| socket);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// The last place up to `limit` that does not cut a character.
fn end_of_character(text: &[u8], limit: usize) -> usize {
    let is_continuation = |at: usize| text.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    (limit.saturating_sub(3)..=limit).rev().find(|at| !is_continuation(*at)).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "aé€😀b".as_bytes();
        let cut = |limit| std::str::from_utf8(&text[..end_of_character(text, limit)]).unwrap();
        assert_eq!(["", "a", "a", "aé", "aé", "aé", "aé€"], [0, 1, 2, 3, 4, 5, 6].map(cut));
    }
}
