//! Messages that wait for a route: a queue for each, so that a route that takes nothing holds up nobody else for long.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::container::Container;
use crate::priority::Priority;
use crate::record::{Event, Part, Stream};

/// What a queue holds at most.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// What a message costs beside its text.
const MESSAGE_BYTES: usize = 128;
/// A route whose queue has been full for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message on its way; cheap to copy for every route.
#[derive(Debug, Clone)]
pub struct Received {
    /// Who sent it, in the place of a container.
    pub sender: Arc<Container>,
    /// In nanoseconds of Unix time.
    pub time: i64,
    /// Tells messages of one time apart.
    pub ordinal: u32,
    /// Facility and severity.
    pub priority: Priority,
    /// Where it is not a whole message.
    pub part: Option<Part>,
    /// The text.
    pub text: Arc<[u8]>,
}

impl Received {
    /// As a batch takes it.
    pub fn event(&self) -> Event<'_> {
        Event {
            stream: Stream::Stdout,
            time: self.time,
            ordinal: self.ordinal,
            priority: self.priority,
            part: self.part,
            text: &self.text,
        }
    }

    fn cost(&self) -> usize {
        self.text.len() + MESSAGE_BYTES
    }
}

/// One route's queue.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    room: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Received>,
    bytes: usize,
    full_since: Option<Instant>,
}

impl Queue {
    /// The oldest message.
    pub fn pop(&self) -> Option<Received> {
        let mut waiting = self.lock();
        let message = waiting.messages.pop_front()?;
        waiting.bytes -= message.cost();
        if waiting.full_since.is_some() && waiting.bytes < MOST_BYTES / 2 {
            waiting.full_since = None;
            self.room.notify_waiters();
        }
        Some(message)
    }

    /// Comes back when messages have come since this was asked last.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Adds a message unless the queue is full.
    fn push(&self, message: &Received) -> bool {
        let mut waiting = self.lock();
        if waiting.bytes >= MOST_BYTES {
            waiting.full_since.get_or_insert_with(Instant::now);
            return false;
        }
        waiting.bytes += message.cost();
        waiting.messages.push_back(message.clone());
        drop(waiting);
        self.arrived.notify_one();
        true
    }

    /// Adds a message once there is room; false where the route has taken nothing for too long.
    async fn push_in_time(&self, message: &Received) -> bool {
        loop {
            let room = self.room.notified();
            if self.push(message) {
                return true;
            }
            let since = self.lock().full_since.unwrap_or_else(Instant::now);
            let deadline = since + PATIENCE;
            if tokio::time::timeout_at(deadline.into(), room).await.is_err() && Instant::now() >= deadline {
                return self.push(message);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queues of all routes.
#[derive(Debug, Clone, Default)]
pub struct Feeds(Arc<Mutex<Vec<Weak<Queue>>>>);

impl Feeds {
    /// A new route's queue; it is fed for as long as somebody has it.
    pub fn subscribe(&self) -> Arc<Queue> {
        let queue = Arc::default();
        self.lock().push(Arc::downgrade(&queue));
        queue
    }

    /// Gives every route a message; how many had no room.
    pub(super) fn offer(&self, message: &Received) -> u64 {
        self.queues().iter().map(|queue| u64::from(!queue.push(message))).sum()
    }

    /// Gives every route a message and waits for those that have no room; how many took nothing for too long.
    pub(super) async fn give(&self, message: &Received) -> u64 {
        let mut dropped = 0;
        for queue in self.queues() {
            dropped += u64::from(!queue.push_in_time(message).await);
        }
        dropped
    }

    fn queues(&self) -> Vec<Arc<Queue>> {
        let mut queues = self.lock();
        queues.retain(|queue| queue.strong_count() > 0);
        queues.iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Queue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Received {
        let text = vec![b'x'; bytes].into();
        let sender = Arc::default();
        Received { sender, time: 0, ordinal: 0, priority: Priority::STDOUT, part: None, text }
    }

    #[tokio::test]
    async fn a_full_queue_is_waited_for_but_not_for_ever() {
        let feeds = Feeds::default();
        let (stuck, other) = (feeds.subscribe(), feeds.subscribe());
        assert_eq!(feeds.offer(&message(MOST_BYTES)), 0);
        assert_eq!(feeds.offer(&message(1)), 2, "both are full");
        assert!(other.pop().is_some());
        assert_eq!(feeds.offer(&message(1)), 1, "only one");
        assert!(other.pop().is_some() && other.pop().is_none());
        let waiting = tokio::spawn({
            let feeds = feeds.clone();
            async move { feeds.give(&message(1)).await }
        });
        tokio::task::yield_now().await;
        assert!(stuck.pop().is_some());
        assert_eq!(waiting.await.unwrap(), 0, "room was made in time");
        assert!(stuck.pop().is_some() && other.pop().is_some());
        drop(stuck);
        assert_eq!(feeds.queues().len(), 1, "a route that is gone is not fed");
    }
}
