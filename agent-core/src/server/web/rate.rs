//! `rate_limit`: a bucket of tokens.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::file::Rate;

/// A full bucket lets `burst` requests through at once; one token comes back each `interval`.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: Rate,
    /// When the bucket will be full again: one number says how many tokens there are.
    full_at: Mutex<Instant>,
}

impl Limiter {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: Mutex::new(now) }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// The same bucket for a configuration that was read again.
    pub(super) fn carry_on(&self) -> Self {
        let full_at = *self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        Self::new(self.rate, full_at)
    }

    /// Takes a token if there is one.
    pub(super) fn allow(&self, now: Instant) -> bool {
        let Rate { interval, burst } = self.rate;
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = (*full_at).max(now) + interval;
        let capacity = interval.checked_mul(burst).unwrap_or(Duration::MAX);
        let allowed = after.saturating_duration_since(now) <= capacity;
        if allowed {
            *full_at = after;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_then_one_each_interval() {
        let start = Instant::now();
        let limiter = Limiter::new(Rate { interval: Duration::from_secs(1), burst: 3 }, start);
        let at = |millis| limiter.allow(start + Duration::from_millis(millis));
        assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
        assert_eq!([at(999), at(1000), at(1001)], [false, true, false]);
        assert_eq!([at(9000), at(9000), at(9000), at(9000)], [true, true, true, false]);
    }

    proptest! {
        #[test]
        fn never_more_than_the_bucket_holds(
            burst in 1_u32..20,
            gaps in prop::collection::vec(0_u64..3000, 1..100),
        ) {
            let interval = Duration::from_secs(1);
            let start = Instant::now();
            let limiter = Limiter::new(Rate { interval, burst }, start);
            let mut now = start;
            let mut allowed = 0_u64;
            for gap in gaps {
                now += Duration::from_millis(gap);
                allowed += u64::from(limiter.allow(now));
            }
            prop_assert!(allowed <= u64::from(burst) + (now - start).as_secs());
        }
    }
}
