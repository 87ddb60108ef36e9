//! Syslog over UDP: one datagram for each message, without a newline at its end.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::{UdpSocket, lookup_host};

use super::format::Prepared;
use super::frames::Frames;
use crate::record::Batch;
use crate::sink::{Delivery, Link, Sink};

/// The most that fits into a datagram.
const LONGEST: usize = 65_507;
/// Names are resolved again now and then: a receiver that moved answers nothing, so errors do not tell.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);

/// One receiver.
#[derive(Debug)]
pub(in crate::sink) struct UdpSink {
    address: (String, u16),
    frames: Frames,
    socket: Option<(UdpSocket, Instant)>,
}

impl UdpSink {
    /// Resolves the name with the first delivery.
    pub(in crate::sink) fn new(address: (String, u16), frames: Frames) -> Self {
        Self { address, frames, socket: None }
    }

    async fn send_all(&mut self, batch: &Batch, link: &mut Link) {
        let mut prepared: Vec<Option<Option<Prepared>>> = vec![None; batch.containers()];
        let mut message = Vec::new();
        for line in batch.lines() {
            let Some(place) = prepared.get_mut(line.container_index) else { continue };
            let prepared = place.get_or_insert_with(|| self.frames.prepare(line.container)).as_ref();
            message.clear();
            self.frames.write(&line, prepared, &mut message);
            if self.frames.ends_datagrams() {
                message.push(b'\n');
            }
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
    use std::sync::Arc;

    use agent_core::identity::{Identity, SharedIdentity};
    use agent_core::prometheus::registry::Registry;

    use super::*;
    use crate::container::Container;
    use crate::metrics::Metrics;
    use crate::record::Stream;
    use crate::sink::syslog::format::{Format, Header, Parts};
    use crate::template::Template;

    fn sink(port: u16) -> UdpSink {
        sink_of(port, false)
    }

    fn sink_of(port: u16, compat: bool) -> UdpSink {
        let header = Header {
            format: Format::Rfc3164,
            identity: SharedIdentity::new(Identity::default()),
            parts: Parts { hostname: Some(Template::parse("", "h").unwrap()), ..Parts::default() },
            append_tag: String::new(),
            time_digits: 0,
            compat,
        };
        UdpSink::new(("127.0.0.1".to_owned(), port), Frames::Syslog(header))
    }

    fn batch(texts: &[&str]) -> Batch {
        let container = Arc::new(Container { name: "c".to_owned(), ..Container::default() });
        let mut batch = Batch::default();
        for text in texts {
            batch.push(&container, Stream::Stdout, 0, 0, text.as_bytes());
        }
        batch
    }

    fn link() -> Link {
        Link::new("test".to_owned(), Metrics::register(&mut Registry::default()).route("test"))
    }

    #[tokio::test]
    async fn each_line_is_a_datagram_without_newline() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let long = "x".repeat(70_000);
        let mut sink = sink(receiver.local_addr().unwrap().port());
        sink.deliver(&batch(&["one", "", &long]), &mut link()).await;
        let mut buffer = vec![0; 100_000];
        for expected in ["<14>1970-01-01T00:00:00Z h c: one", "<14>1970-01-01T00:00:00Z h c: "] {
            let length = receiver.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], *expected.as_bytes());
        }
        assert_eq!(receiver.recv(&mut buffer).await.unwrap(), LONGEST);
    }

    #[tokio::test]
    async fn a_newline_ends_logspouts_datagrams() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut sink = sink_of(receiver.local_addr().unwrap().port(), true);
        sink.deliver(&batch(&["one"]), &mut link()).await;
        let mut buffer = vec![0; 1000];
        let length = receiver.recv(&mut buffer).await.unwrap();
        assert!(buffer[..length].ends_with(b"Z h c[0]: one\n"), "{:?}", &buffer[..length]);
    }

    #[tokio::test]
    async fn a_refusing_receiver_holds_the_lines() {
        // Below the ports that the kernel gives out by itself: nobody else takes it meanwhile.
        let free = |port: &u16| std::net::UdpSocket::bind(("127.0.0.1", *port)).is_ok();
        let port = (11_500..12_000).find(free).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let sending = tokio::spawn(async move {
            let lines: Vec<String> = (0..10).map(|n| n.to_string()).collect();
            let texts: Vec<&str> = lines.iter().map(String::as_str).collect();
            sink(address.port()).deliver(&batch(&texts), &mut link()).await;
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!sending.is_finished());
        let receiver = UdpSocket::bind(address).await.unwrap();
        sending.await.unwrap();
        let mut buffer = vec![0; 1000];
        let mut last = String::new();
        while !last.ends_with(": 9") {
            let length = receiver.recv(&mut buffer).await.unwrap();
            last = String::from_utf8(buffer[..length].to_vec()).unwrap();
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "aé€😀b".as_bytes();
        let cut = |limit| std::str::from_utf8(&text[..end_of_character(text, limit)]).unwrap();
        assert_eq!(["", "a", "a", "aé", "aé", "aé", "aé€"], [0, 1, 2, 3, 4, 5, 6].map(cut));
    }
}
