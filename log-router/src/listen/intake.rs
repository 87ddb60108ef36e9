//! From raw messages to what routes take: who sent it, which number it has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::feed::{Feeds, Received};
use super::message;
use crate::container::{Container, Sender};
use crate::meaning::mask::mask;
use crate::meaning::settings::Settings;
use crate::metrics::Listener;
use crate::position::Fingerprint;
use crate::record::Part;
use crate::time;

/// Senders that are remembered; more begin anew.
const MOST_SENDERS: usize = 1024;
/// What a message without a tag is said to come from.
const NO_PROGRAM: &str = "-";

/// Address, host and program of a sender, and the rest of what stays the same.
type SenderKey = (IpAddr, Option<String>, Option<String>, Sender);

/// One listener's way to the routes.
#[derive(Debug)]
pub(super) struct Intake {
    settings: Arc<Settings>,
    feeds: Feeds,
    pub(super) metrics: Listener,
    /// In the place of a container's ID: another with each start, so that no two messages are taken for one.
    id: String,
    next: AtomicU32,
    senders: Mutex<HashMap<SenderKey, Arc<Container>>>,
}

/// The header of a message whose other parts are still to come.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    received: Received,
    part: u32,
}

impl Intake {
    pub(super) fn new(settings: &Settings, feeds: Feeds, metrics: Listener) -> Self {
        let seed = format!("{} {}", metrics.name(), time::now());
        let id = format!("{:016x}", Fingerprint::of(seed.as_bytes()).hash);
        let (next, senders) = (AtomicU32::new(0), Mutex::default());
        Self { settings: Arc::new(settings.clone()), feeds, metrics, id, next, senders }
    }

    /// The longest text that goes whole.
    pub(super) fn longest(&self) -> usize {
        self.settings.max_line_bytes
    }

    /// Reads a message or the first part of one.
    pub(super) fn read(&self, raw: &[u8], peer: IpAddr) -> Received {
        let now = time::now();
        let parsed = message::parse(raw, now);
        let sender = Sender {
            peer: peer.to_string(),
            message_id: parsed.message_id,
            process: parsed.process,
            structured_data: parsed.structured_data,
        };
        self.metrics.received(raw.len());
        Received {
            sender: self.sender(peer, parsed.hostname, parsed.program, sender),
            time: parsed.time.unwrap_or(now),
            ordinal: self.next.fetch_add(1, Ordering::Relaxed),
            priority: parsed.priority,
            part: None,
            text: self.masked(parsed.text),
        }
    }

    /// Reads the next part of a message.
    pub(super) fn read_on(&self, raw: &[u8], begun: &mut Begun, last: bool) -> Received {
        begun.part += 1;
        self.metrics.bytes(raw.len());
        Received {
            ordinal: self.next.fetch_add(1, Ordering::Relaxed),
            part: Some(Part { number: begun.part, last }),
            text: self.masked(raw),
            ..begun.received.clone()
        }
    }

    /// Marks a message as the first part of a longer one.
    pub(super) fn begin(received: &mut Received) -> Begun {
        received.part = Some(Part { number: 1, last: false });
        Begun { received: Received { text: Arc::default(), ..received.clone() }, part: 1 }
    }

    /// Passes on to the routes that have room.
    pub(super) fn offer(&self, received: &Received) {
        self.metrics.dropped("queue_full", self.feeds.offer(received));
    }

    /// Passes on to all routes, waiting for those without room.
    pub(super) async fn give(&self, received: &Received) {
        self.metrics.dropped("queue_full", self.feeds.give(received).await);
    }

    fn masked(&self, text: &[u8]) -> Arc<[u8]> {
        if self.settings.mask.is_empty() { text.into() } else { mask(&self.settings.mask, text).into() }
    }

    fn sender(
        &self,
        peer: IpAddr,
        hostname: Option<String>,
        program: Option<String>,
        sender: Sender,
    ) -> Arc<Container> {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if senders.len() >= MOST_SENDERS {
            senders.clear();
        }
        let key = (peer, hostname, program, sender);
        if let Some(known) = senders.get(&key) {
            return Arc::clone(known);
        }
        let (_, hostname, program, sender) = &key;
        let container = Arc::new(Container {
            id: self.id.clone(),
            name: program.clone().unwrap_or_else(|| NO_PROGRAM.to_owned()),
            hostname: hostname.clone().unwrap_or_else(|| sender.peer.clone()),
            pid: sender.process.as_ref().and_then(|pid| pid.parse().ok()).unwrap_or_default(),
            settings: Arc::clone(&self.settings),
            sender: Some(sender.clone()),
            ..Container::default()
        });
        senders.insert(key, Arc::clone(&container));
        container
    }
}
