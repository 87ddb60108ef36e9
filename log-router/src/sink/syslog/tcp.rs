//! Syslog over TCP and TLS: newline or octet-counted framing, one connection, connected again for ever.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use super::format::Prepared;
use super::frames::Frames;
use super::window::{Piece, Window};
use crate::record::Batch;
use crate::sink::connection::{Address, Connection, Peer};
use crate::sink::{Delivery, Link, Sink};

/// Messages are written together up to this size.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes that were written this long ago are on the other side, or the connection is known to be broken.
const SETTLED: Duration = Duration::from_secs(5);

/// How messages are told apart in the stream (RFC 6587).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Framing {
    /// A newline behind each.
    Traditional,
    /// The length before each, and the newline too, as logspout has it.
    OctetCounted,
    /// Messages end themselves.
    None,
}

/// One receiver.
#[derive(Debug)]
pub(in crate::sink) struct TcpSink {
    address: Address,
    frames: Frames,
    framing: Framing,
    connection: Option<Connection>,
    window: Window,
    last_write: Instant,
}

impl TcpSink {
    /// Connects with the first delivery.
    pub(in crate::sink) fn new(
        address: Address,
        frames: Frames,
        framing: Framing,
        resend_bytes: usize,
    ) -> Self {
        let window = Window::new(resend_bytes);
        Self { address, frames, framing, connection: None, window, last_write: Instant::now() }
    }

    /// Writes everything that is to be written. May be dropped at any time and called again.
    async fn write_out(&mut self, link: &mut Link) {
        while self.window.unwritten().is_some() {
            let written = self.write_some().await;
            self.tell(written, link).await;
        }
        // TLS keeps bytes back where the system took them slowly.
        while let Some(connection) = &mut self.connection {
            let flushed = connection.flush().await.map_err(|error| ("write", error));
            let failed = flushed.is_err();
            self.tell(flushed, link).await;
            if !failed {
                return;
            }
            while self.window.unwritten().is_some() {
                let written = self.write_some().await;
                self.tell(written, link).await;
            }
        }
    }

    async fn tell(&mut self, result: Result<(), (&'static str, io::Error)>, link: &mut Link) {
        match result {
            Ok(()) => link.succeeded(),
            Err((kind, error)) => {
                self.disconnect();
                let Address { host, port, .. } = &self.address;
                link.failed(kind, &format!("{host}:{port}: {error}")).await;
            }
        }
    }

    async fn write_some(&mut self) -> Result<(), (&'static str, io::Error)> {
        self.check_peer().await;
        let connection = if let Some(connection) = &mut self.connection {
            connection
        } else {
            let connection = Connection::open(&self.address).await.map_err(|error| ("connect", error))?;
            self.connection.insert(connection)
        };
        if let Some(bytes) = self.window.unwritten() {
            let count = connection.write_some(bytes).await.map_err(|error| ("write", error))?;
            self.window.wrote(count);
            self.last_write = Instant::now();
        }
        Ok(())
    }

    /// Notices a connection that is over, or leads to where the receiver is no more, before anything is written into it.
    async fn check_peer(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let peer = connection.peer();
        let peer =
            if peer == Peer::Open && connection.has_moved(&self.address).await { Peer::Closed } else { peer };
        self.act_on(peer);
    }

    fn act_on(&mut self, peer: Peer) {
        match peer {
            Peer::Open => {}
            Peer::Closed if self.last_write.elapsed() > SETTLED => {
                self.window.forget_written();
                self.connection = None;
            }
            Peer::Closed | Peer::Broken => self.disconnect(),
        }
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.window.rewind();
    }

    async fn watch(&mut self, link: &mut Link) {
        let Some(connection) = &mut self.connection else { return std::future::pending().await };
        let peer = connection.wait_for_peer().await;
        self.act_on(peer);
        self.write_out(link).await;
    }
}

impl Sink for TcpSink {
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch, link: &'a mut Link) -> Delivery<'a> {
        for piece in pieces(batch, &self.frames, self.framing) {
            self.window.push(piece);
        }
        Box::pin(self.write_out(link))
    }

    /// What was written last may be lost with the connection although nothing more is to be written.
    fn idle<'a>(&'a mut self, link: &'a mut Link) -> Delivery<'a> {
        Box::pin(self.watch(link))
    }
}

/// The messages of a batch, framed.
fn pieces(batch: &Batch, frames: &Frames, framing: Framing) -> Vec<Piece> {
    let mut prepared: Vec<Option<Option<Prepared>>> = vec![None; batch.containers()];
    let mut pieces = Vec::new();
    let mut piece = Piece::with_capacity(PIECE_BYTES);
    let mut message = Vec::new();
    let mut number = itoa::Buffer::new();
    for line in batch.lines() {
        let Some(place) = prepared.get_mut(line.container_index) else { continue };
        let prepared = place.get_or_insert_with(|| frames.prepare(line.container)).as_ref();
        match framing {
            Framing::Traditional | Framing::None => frames.write(&line, prepared, &mut piece),
            Framing::OctetCounted => {
                message.clear();
                frames.write(&line, prepared, &mut message);
                piece.extend_from_slice(number.format(message.len() + 1).as_bytes());
                piece.push(b' ');
                piece.extend_from_slice(&message);
            }
        }
        if framing != Framing::None {
            piece.push(b'\n');
        }
        if piece.len() >= PIECE_BYTES {
            pieces.push(std::mem::replace(&mut piece, Piece::with_capacity(PIECE_BYTES)));
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests;
