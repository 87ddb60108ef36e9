//! Buffers that are sent and come back.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Where a buffer waits for the next answer. There is one: scrapes come one after the other, and an answer that is still
/// being sent then is the exception.
#[derive(Debug, Clone, Default)]
pub(super) struct Home(Arc<Mutex<Vec<u8>>>);

impl Home {
    /// The buffer, empty, with the memory that it had; a new one while it is away.
    pub(super) fn take(&self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        buffer.clear();
        buffer
    }

    /// Keeps a buffer for the next answer.
    pub(super) fn put(&self, buffer: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = buffer;
    }

    /// Makes a buffer an answer that comes back here once it has been sent.
    pub(super) fn lend(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { buffer, home: self.clone() })
    }
}

struct Lent {
    buffer: Vec<u8>,
    home: Home,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.put(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_empty() {
        let home = Home::default();
        let answer = home.lend(b"an answer".repeat(100));
        assert_eq!(home.take().capacity(), 0, "it is away");
        let sent = answer.clone();
        drop(answer);
        assert_eq!(sent.len(), 900);
        drop(sent);
        let buffer = home.take();
        assert!(buffer.is_empty() && buffer.capacity() >= 900);
    }
}
