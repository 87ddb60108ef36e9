//! Syslog over TCP: newline or octet-counted framing, one connection, connected again for ever.

use std::io;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::format::Prepared;
use super::frames::Frames;
use super::window::{Piece, Window};
use crate::record::Batch;
use crate::sink::{Delivery, Link, Sink};

/// How many of the newest bytes are sent again after a break.
const RESEND_BYTES: usize = 1024 * 1024;
/// Messages are written together up to this size.
const PIECE_BYTES: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A receiver that is gone without a word is given up after this long with unacknowledged bytes.
const UNACKNOWLEDGED_MILLISECONDS: u32 = 120_000;
/// Bytes that were written this long ago are on the other side, or the connection is known to be broken.
const SETTLED: Duration = Duration::from_secs(5);
/// Longer than this nobody's word is needed to know that an idle connection is alive.
const KEEPALIVE: Duration = Duration::from_secs(60);

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
    address: (String, u16),
    frames: Frames,
    framing: Framing,
    stream: Option<TcpStream>,
    window: Window,
    last_write: Instant,
}

/// What the receiver's side of a connection says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Open,
    /// It closed the connection in order. A system does so only when everything that came was read.
    Closed,
    /// It is gone, perhaps with bytes unread.
    Broken,
}

impl TcpSink {
    /// Connects with the first delivery.
    pub(in crate::sink) fn new(address: (String, u16), frames: Frames, framing: Framing) -> Self {
        let window = Window::new(RESEND_BYTES);
        Self { address, frames, framing, stream: None, window, last_write: Instant::now() }
    }

    /// Writes everything that is to be written. May be dropped at any time and called again.
    async fn write_out(&mut self, link: &mut Link) {
        while self.window.unwritten().is_some() {
            match self.write_some().await {
                Ok(()) => link.succeeded(),
                Err((kind, error)) => {
                    self.disconnect();
                    let (host, port) = &self.address;
                    link.failed(kind, &format!("{host}:{port}: {error}")).await;
                }
            }
        }
    }

    async fn write_some(&mut self) -> Result<(), (&'static str, io::Error)> {
        self.check_peer();
        let stream = if let Some(stream) = &mut self.stream {
            stream
        } else {
            let stream = connect(&self.address).await.map_err(|error| ("connect", error))?;
            self.stream.insert(stream)
        };
        if let Some(bytes) = self.window.unwritten() {
            let count = stream.write(bytes).await.map_err(|error| ("write", error))?;
            self.window.wrote(count);
            self.last_write = Instant::now();
        }
        Ok(())
    }

    /// Notices a connection that is over before anything is written into it.
    fn check_peer(&mut self) {
        match self.stream.as_ref().map_or(Peer::Open, peer) {
            Peer::Open => {}
            Peer::Closed if self.last_write.elapsed() > SETTLED => {
                self.window.forget_written();
                self.stream = None;
            }
            Peer::Closed | Peer::Broken => self.disconnect(),
        }
    }

    fn disconnect(&mut self) {
        self.stream = None;
        self.window.rewind();
    }

    async fn watch(&mut self, link: &mut Link) {
        let Some(stream) = &self.stream else { return std::future::pending().await };
        // Errors show in what is read.
        let _seen_below = stream.readable().await;
        self.check_peer();
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

/// The name is resolved anew each time: receivers move.
async fn connect((host, port): &(String, u16)) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect((host.as_str(), *port)))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MILLISECONDS)?;
    sockopt::set_tcp_keepidle(&stream, KEEPALIVE)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    Ok(stream)
}

/// Syslog receivers never answer: anything but "nothing to read yet" is the end of the connection, or about to be.
fn peer(stream: &TcpStream) -> Peer {
    let mut buffer = [0; 64];
    loop {
        match stream.try_read(&mut buffer) {
            Ok(0) => return Peer::Closed,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Peer::Open,
            Err(_) => return Peer::Broken,
        }
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
