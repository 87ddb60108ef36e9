//! The socket that agents are given.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_core::shutdown::CancellationToken;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::relay::Relay;

/// Also closes connections on which nothing is asked any more.
const HEADER_TIMEOUT: Duration = Duration::from_mins(3);
/// Pause after a failed accept (no descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the socket is and who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its path.
    pub path: PathBuf,
    /// Its mode.
    pub mode: u32,
    /// Its group.
    pub group: Option<u32>,
}

/// The socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Something else is at its path.
    #[error("cannot listen on {} (--socket): there is something that is no socket; name another path", .0.display())]
    Occupied(PathBuf),
    /// The system refuses.
    #[error("cannot listen on {} (--socket): {what}: {source}", path.display())]
    System {
        /// The path.
        path: PathBuf,
        /// Which step failed.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

/// Makes the socket with its mode and group under another name, then moves it to its path: agents never see it with
/// other rights, and one that a killed proxy left behind is replaced.
pub fn open(place: &Place) -> Result<UnixListener, SocketError> {
    let path = &place.path;
    let failed = |what| move |source| SocketError::System { path: path.clone(), what, source };
    if !is_free(path) {
        return Err(SocketError::Occupied(path.clone()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.new"));
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(failed("the last one's remains")(error));
    }
    let listener = UnixListener::bind(&fresh).map_err(failed("bind"))?;
    if place.group.is_some() {
        chown(&fresh, None, place.group).map_err(failed("--socket.group"))?;
    }
    fs::set_permissions(&fresh, Permissions::from_mode(place.mode)).map_err(failed("--socket.mode"))?;
    fs::rename(&fresh, path).map_err(failed("rename"))?;
    Ok(listener)
}

fn is_free(path: &Path) -> bool {
    fs::symlink_metadata(path).map_or(true, |metadata| metadata.file_type().is_socket())
}

/// Serves until the token is cancelled; at most so many connections, the others wait.
pub async fn serve(
    listener: UnixListener,
    relay: Arc<Relay>,
    connections: usize,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(connections));
    loop {
        let next = async {
            let permit = Arc::clone(&places).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = shutdown.cancelled() => return,
            next = next => next,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let relay = Arc::clone(&relay);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let relay = Arc::clone(&relay);
                async move { Ok::<_, std::convert::Infallible>(relay.answer(request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_has_its_mode_and_replaces_only_sockets() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { path: folder.path().join("s"), mode: 0o640, group: None };
        for _ in 0..2 {
            let listener = open(&place).unwrap();
            let metadata = fs::symlink_metadata(&place.path).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
            tokio::net::UnixStream::connect(&place.path).await.unwrap();
            drop(listener);
        }
        let file = Place { path: folder.path().join("f"), ..place };
        fs::write(&file.path, "mine").unwrap();
        assert!(open(&file).unwrap_err().to_string().contains("no socket"));
        assert_eq!(fs::read(&file.path).unwrap(), b"mine");
    }
}
