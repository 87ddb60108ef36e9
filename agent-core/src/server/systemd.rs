//! Sockets that systemd has opened and hands over (`LISTEN_PID`, `LISTEN_FDS`).

use std::io;

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::stream::Listener;
use crate::error::RunError;

/// All of them; none at all is an error, as nothing would be served.
pub(super) fn listeners() -> Result<Vec<Listener>, RunError> {
    let mut handed = ListenFd::from_env();
    let listeners: io::Result<Vec<_>> = (0..handed.len()).map(|index| take(&mut handed, index)).collect();
    match listeners {
        Ok(listeners) if listeners.is_empty() => Err(RunError::Systemd(
            "none is handed over; start the agent by a .socket unit or leave the flag away".to_owned(),
        )),
        Ok(listeners) => Ok(listeners),
        Err(error) => Err(RunError::Systemd(format!("{error}; give ListenStream= sockets only"))),
    }
}

fn take(handed: &mut ListenFd, index: usize) -> io::Result<Listener> {
    let gone = || io::Error::other(format!("descriptor {index} is not there"));
    // A socket of another kind stays where it is and can be asked for again.
    if let Ok(listener) = handed.take_tcp_listener(index) {
        let listener = listener.ok_or_else(gone)?;
        listener.set_nonblocking(true)?;
        return TcpListener::from_std(listener).map(Listener::Tcp);
    }
    let listener = handed.take_unix_listener(index)?.ok_or_else(gone)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener).map(Listener::Unix)
}
