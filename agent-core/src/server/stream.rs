//! Connections of every kind as one type.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// What HTTP can be spoken over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection; one kind, so that the server's code is there once.
pub(super) type BoxStream = Box<dyn Stream>;

/// A socket that connections come from.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    /// Only systemd hands these over.
    Unix(UnixListener),
}

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<BoxStream> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }

    /// Where it listens, for the log.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|e| e.to_string(), |a| a.to_string()),
            Self::Unix(listener) => {
                listener.local_addr().map_or_else(|e| e.to_string(), |a| format!("{a:?}"))
            }
        }
    }
}
