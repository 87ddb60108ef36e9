//! One TCP connection to a receiver, with or without TLS, that tells when its other end is gone or has moved.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::tls::Tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A receiver that is gone without a word is given up after this long with unacknowledged bytes.
const UNACKNOWLEDGED_MILLISECONDS: u32 = 120_000;
/// Longer than this nobody's word is needed to know that an idle connection is alive.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Names are resolved again this often: a receiver may move while its old address still takes bytes.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);

/// Where to connect to, and how.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub host: String,
    pub port: u16,
    pub tls: Option<Tls>,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    resolved: Instant,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What the receiver's side of a connection says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Open,
    /// It closed the connection in order. A system does so only when everything that came was read.
    Closed,
    /// It is gone, perhaps with bytes unread.
    Broken,
}

impl Connection {
    /// The name is resolved anew each time.
    pub(super) async fn open(address: &Address) -> io::Result<Self> {
        timeout(CONNECT_TIMEOUT, Self::try_open(address))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn try_open(address: &Address) -> io::Result<Self> {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        stream.set_nodelay(true)?;
        sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MILLISECONDS)?;
        sockopt::set_tcp_keepidle(&stream, KEEPALIVE)?;
        sockopt::set_socket_keepalive(&stream, true)?;
        let stream = match &address.tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Tls(Box::new(tls.connect(&address.host, stream).await?)),
        };
        Ok(Self { stream, resolved: Instant::now() })
    }

    /// Whether the name has other addresses now. Asks once in a while; a name that does not resolve changes nothing.
    pub(super) async fn has_moved(&mut self, address: &Address) -> bool {
        if self.resolved.elapsed() < RESOLVE_EVERY {
            return false;
        }
        self.resolved = Instant::now();
        let lookup = timeout(CONNECT_TIMEOUT, lookup_host((address.host.as_str(), address.port))).await;
        let (Ok(Ok(addresses)), Ok(peer)) = (lookup, self.socket().peer_addr()) else { return false };
        !addresses.map(|address| address.ip()).any(|ip| ip == peer.ip())
    }

    fn socket(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Syslog receivers never answer: anything but "nothing to read yet" is the end of the connection, or about to be.
    pub(super) fn peer(&mut self) -> Peer {
        let mut buffer = [0; 64];
        loop {
            match self.read(&mut buffer).now_or_never() {
                None => return Peer::Open,
                Some(Ok(0)) => return Peer::Closed,
                Some(Ok(_)) => {}
                Some(Err(_)) => return Peer::Broken,
            }
        }
    }

    /// Waits until the receiver says something or is gone.
    pub(super) async fn wait_for_peer(&mut self) -> Peer {
        let mut buffer = [0; 64];
        loop {
            match self.read(&mut buffer).await {
                Ok(0) => return Peer::Closed,
                Ok(_) => {}
                Err(_) => return Peer::Broken,
            }
        }
    }

    /// Writes some bytes and has them sent.
    pub(super) async fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.write(bytes).await?;
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(count)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
