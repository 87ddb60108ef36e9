//! `lumberjack://`: version 2 of the protocol that the beats input of Logstash speaks. The receiver acknowledges every
//! window, so nothing is missing whatever happens to it.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::connection::{Address, Connection, Peer};
use super::elasticsearch::event::{Events, Mode};
use super::tls::Tls;
use super::{Built, Delivery, Link, Sink};
use crate::record::Batch;
use crate::route::Route;

const DEFAULT_PORT: u16 = 5044;
/// Lines in a window: what is sent again at most.
const WINDOW_LINES: usize = 2048;
/// And their documents, before compression.
const WINDOW_BYTES: usize = 2 * 1024 * 1024;
/// A receiver that is busy says so every few seconds; one that says nothing is gone.
const SILENCE: Duration = Duration::from_secs(30);
const LINGER: Duration = Duration::from_millis(200);
const VERSION: u8 = b'2';

/// `lumberjack://`.
#[expect(clippy::unnecessary_wraps, reason = "other outputs may be refused")]
pub(super) fn plain(route: &Route, settings: &super::Settings) -> Built {
    Ok(build(route, settings, None))
}

/// `lumberjack+tls://`.
#[expect(clippy::unnecessary_wraps, reason = "other outputs may be refused")]
pub(super) fn tls(route: &Route, settings: &super::Settings) -> Built {
    Ok(build(route, settings, Some(settings.tls.clone())))
}

fn build(route: &Route, settings: &super::Settings, tls: Option<Tls>) -> Box<dyn Sink> {
    Box::new(LumberjackSink {
        address: Address { host: route.host.clone(), port: route.port.unwrap_or(DEFAULT_PORT), tls },
        events: Events::new(settings.identity.clone(), Mode::Book),
        connection: None,
    })
}

/// One receiver.
#[derive(Debug)]
struct LumberjackSink {
    address: Address,
    events: Events,
    connection: Option<Connection>,
}

impl Sink for LumberjackSink {
    fn linger(&self) -> Duration {
        LINGER
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch, link: &'a mut Link) -> Delivery<'a> {
        Box::pin(self.deliver_all(batch, link))
    }
}

impl LumberjackSink {
    async fn deliver_all(&mut self, batch: &Batch, link: &mut Link) {
        self.events.begin(batch);
        let mut acknowledged = 0;
        while acknowledged < batch.line_count() {
            let window = Window::fill(&self.events, batch, acknowledged);
            let begun = Instant::now();
            let mut progress = 0;
            let result = self.send(window, &mut progress).await;
            link.metrics().took(begun.elapsed());
            acknowledged += progress;
            match result {
                Ok(()) => link.succeeded(),
                Err((kind, error)) => {
                    self.connection = None;
                    let Address { host, port, .. } = &self.address;
                    link.failed(kind, &format!("{host}:{port}: {error}")).await;
                }
            }
        }
    }

    /// Sends a window; `progress` is how many of its lines are acknowledged, also where it fails.
    async fn send(&mut self, window: Window, progress: &mut usize) -> Result<(), (&'static str, io::Error)> {
        let lines = window.lines;
        let bytes = tokio::task::spawn_blocking(move || window.finish());
        let bytes = bytes.await.map_err(io::Error::other).flatten().map_err(|error| ("write", error))?;
        if let Some(connection) = &mut self.connection
            && (connection.peer() != Peer::Open || connection.has_moved(&self.address).await)
        {
            // Nothing is under way: everything written before is acknowledged.
            self.connection = None;
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(&self.address).await.map_err(|error| ("connect", error))?),
        };
        let write = async {
            connection.write_all(&bytes).await?;
            connection.flush().await
        };
        let silent = || io::Error::new(io::ErrorKind::TimedOut, "the receiver says nothing");
        timeout(SILENCE, write).await.map_err(|_| ("write", silent()))?.map_err(|error| ("write", error))?;
        while *progress < lines {
            let mut answer = [0; 6];
            let read = timeout(SILENCE, connection.read_exact(&mut answer)).await;
            read.map_err(|_| ("answer", silent()))?.map_err(|error| ("answer", error))?;
            // 0 says "still at work".
            *progress = acknowledged(answer, lines).ok_or_else(|| ("answer", unreadable()))?.max(*progress);
        }
        Ok(())
    }
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the receiver does not speak Lumberjack version 2")
}

/// How many lines of a window an answer acknowledges; `None` where it is no answer to this window.
fn acknowledged([version, kind, a, b, c, d]: [u8; 6], lines: usize) -> Option<usize> {
    let count = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    (version == VERSION && kind == b'A' && count <= lines).then_some(count)
}

/// Documents that are sent and acknowledged together.
struct Window {
    lines: usize,
    frames: Vec<u8>,
}

impl Window {
    /// Takes lines from a place on.
    fn fill(events: &Events, batch: &Batch, from: usize) -> Self {
        let mut window = Self { lines: 0, frames: Vec::new() };
        let mut document = Vec::new();
        while window.lines < WINDOW_LINES && window.frames.len() < WINDOW_BYTES {
            let Some(line) = batch.get(from + window.lines) else { break };
            document.clear();
            events.write_document(&line, &mut document);
            window.lines += 1;
            window.frames.extend_from_slice(&[VERSION, b'J']);
            window.frames.extend_from_slice(&number(window.lines));
            window.frames.extend_from_slice(&number(document.len()));
            window.frames.extend_from_slice(&document);
        }
        window
    }

    /// The window frame and the compressed frames.
    fn finish(self) -> io::Result<Vec<u8>> {
        let mut encoder =
            ZlibEncoder::new(Vec::with_capacity(self.frames.len() / 8 + 1024), Compression::fast());
        encoder.write_all(&self.frames)?;
        let compressed = encoder.finish()?;
        let mut bytes = vec![VERSION, b'W'];
        bytes.extend_from_slice(&number(self.lines));
        bytes.extend_from_slice(&[VERSION, b'C']);
        bytes.extend_from_slice(&number(compressed.len()));
        bytes.extend_from_slice(&compressed);
        Ok(bytes)
    }
}

fn number(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes()
}

/// An acknowledgement.
#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8], lines: usize) {
    if let Some(answer) = bytes.first_chunk() {
        assert!(acknowledged(*answer, lines).is_none_or(|count| count <= lines));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::sync::Arc;

    use agent_core::identity::{Identity, SharedIdentity};
    use agent_core::prometheus::registry::Registry;
    use flate2::read::ZlibDecoder;
    use proptest::prelude::*;
    use tokio::net::TcpListener;

    use crate::container::Container;
    use crate::metrics::Metrics;
    use crate::record::Stream;

    fn batch(lines: u32) -> Batch {
        let container =
            Arc::new(Container { name: "c".to_owned(), hostname: "h".to_owned(), ..Container::default() });
        let mut batch = Batch::default();
        for number in 0..lines {
            batch.push(&container, Stream::Stdout, i64::from(number), 0, number.to_string().as_bytes());
        }
        batch
    }

    /// The numbers that the lines of a window say.
    async fn receive(stream: &mut tokio::net::TcpStream) -> Vec<u32> {
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!([head[0], head[1], head[6], head[7]], *b"2W2C");
        let count = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        let mut compressed = vec![0; u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize];
        stream.read_exact(&mut compressed).await.unwrap();
        let mut frames = Vec::new();
        ZlibDecoder::new(compressed.as_slice()).read_to_end(&mut frames).unwrap();
        let mut rest = frames.as_slice();
        let mut numbers = Vec::new();
        while !rest.is_empty() {
            let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
            assert_eq!((&rest[..2], number(2)), (&b"2J"[..], 1 + u32::try_from(numbers.len()).unwrap()));
            let size = number(6) as usize;
            let event: serde_json::Value = serde_json::from_slice(&rest[10..10 + size]).unwrap();
            numbers.push(event["message"].as_str().unwrap().parse().unwrap());
            rest = &rest[10 + size..];
        }
        assert_eq!(numbers.len(), count as usize);
        numbers
    }

    /// A real receiver cannot be made to break off in the middle of a window; see the end-to-end test for one.
    #[tokio::test]
    async fn what_is_not_acknowledged_is_sent_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let mut received = Vec::new();
            let (mut stream, _) = listener.accept().await.unwrap();
            received.push(receive(&mut stream).await);
            // "At work", a part, and gone.
            stream.write_all(b"2A\0\0\0\0").await.unwrap();
            stream.write_all(&[b'2', b'A', 0, 0, 0, 5]).await.unwrap();
            stream.flush().await.unwrap();
            drop(stream);
            let (mut stream, _) = listener.accept().await.unwrap();
            for _ in 0..2 {
                received.push(receive(&mut stream).await);
                let count = u32::try_from(received.last().unwrap().len()).unwrap();
                stream.write_all(&[&b"2A"[..], &count.to_be_bytes()].concat()).await.unwrap();
            }
            received
        });
        let address = Address { host: "127.0.0.1".to_owned(), port, tls: None };
        let events = Events::new(SharedIdentity::new(Identity::default()), Mode::Book);
        let mut sink = LumberjackSink { address, events, connection: None };
        let metrics = Metrics::register(&mut Registry::default()).route("r");
        sink.deliver(&batch(3000), &mut Link::new("r".to_owned(), metrics)).await;
        let received = task.await.unwrap();
        assert_eq!(received[0], (0..2048).collect::<Vec<_>>());
        assert_eq!(received[1], (5..2053).collect::<Vec<_>>(), "from the first that was not acknowledged");
        assert_eq!(received[2], (2053..3000).collect::<Vec<_>>());
    }

    #[test]
    fn only_answers_to_the_window_count() {
        assert_eq!(acknowledged(*b"2A\0\0\0\x03", 3), Some(3));
        assert_eq!(acknowledged(*b"2A\0\0\0\0", 3), Some(0));
        for wrong in [*b"1A\0\0\0\x03", *b"2W\0\0\0\x03", *b"2A\0\0\0\x04", *b"HTTP/1"] {
            assert_eq!(acknowledged(wrong, 3), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(answer: [u8; 6], lines: usize) {
            let _unused = acknowledged(answer, lines);
        }
    }
}
