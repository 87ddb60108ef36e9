//! Growing pauses between attempts.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Doubles from `first` up to `longest`, each pause shortened by up to a quarter at random, so that a hundred agents
/// that lost the same server do not come back in step.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `first`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The pause before the next attempt.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = (pause * 2).min(self.longest);
        // Each hasher has keys of its own: enough randomness to spread load.
        let random = RandomState::new().build_hasher().finish() % 256;
        pause.saturating_sub(pause / 4 * u32::try_from(random).unwrap_or_default() / 256)
    }

    /// After a success: the next failure begins with the first pause again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let pauses: Vec<_> = (0..6).map(|_| backoff.pause().as_millis()).collect();
        for (pause, full) in pauses.iter().zip([100, 200, 400, 800, 1000, 1000]) {
            assert!((full * 3 / 4..=full).contains(pause), "{pauses:?}");
        }
        backoff.reset();
        assert!(backoff.pause().as_millis() <= 100);
    }
}
