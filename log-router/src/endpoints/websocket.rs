//! `/logs` over a WebSocket.

use agent_core::server::{Body, reply};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tracing::debug;

/// Whether a client asks for one.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The answer that turns the connection into a WebSocket, and the socket to be.
pub(super) fn accept(request: &mut Request<Incoming>) -> Result<(Response<Body>, OnUpgrade), &'static str> {
    let headers = request.headers();
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or("there is no Sec-WebSocket-Key")?;
    // A page of somebody else must not read logs with the password that a browser remembers.
    if let Some(origin) = headers.get(ORIGIN).and_then(|value| value.to_str().ok()) {
        let from = origin.split_once("://").map_or(origin, |(_, host)| host);
        if headers.get(HOST).is_none_or(|host| host.as_bytes() != from.as_bytes()) {
            return Err("the page is from another host");
        }
    }
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| "bad key")?;
    let mut response = reply(StatusCode::SWITCHING_PROTOCOLS, "text/plain", "");
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok((response, hyper::upgrade::on(request)))
}

/// Sends each piece as a message until one of both sides ends.
pub(super) async fn send(socket: OnUpgrade, mut lines: mpsc::Receiver<Bytes>) {
    let upgraded = match socket.await {
        Ok(upgraded) => upgraded,
        Err(error) => return debug!(%error, "a WebSocket did not come about"),
    };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { break };
                let text = String::from_utf8_lossy(&line).into_owned();
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            // What the client says is nothing but pings, answered by the library, and its end.
            heard = socket.next() => if !matches!(heard, Some(Ok(message)) if !message.is_close()) {
                break;
            },
        }
    }
    if let Err(error) = socket.close(None).await {
        debug!(%error, "a WebSocket ended early");
    }
}
