//! How many lines a second a container may ship, and which part of its lines. Both go by the lines' own times, so a line
//! that is read a second time is judged as it was the first time.

const SECOND: i64 = 1_000_000_000;

/// A bucket that holds the lines of one second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    /// The second that is counted, and the lines in it.
    second: i64,
    lines: u32,
}

impl Bucket {
    /// Whether a line of this time is within `limit` lines a second.
    pub fn takes(&mut self, time: i64, limit: u32) -> bool {
        let second = time.div_euclid(SECOND);
        if second != self.second {
            *self = Self { second, lines: 0 };
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= limit
    }
}

/// Whether a line is the one of `of` that is kept.
pub fn is_sampled(time: i64, ordinal: u32, of: u32) -> bool {
    // Times come in steps: the bits have to be mixed before they are divided (Fibonacci hashing).
    let mixed =
        (time.cast_unsigned() ^ u64::from(ordinal).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    of < 2 || (mixed >> 33).is_multiple_of(u64::from(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_lines() {
        let mut bucket = Bucket::default();
        let taken = (0..30).filter(|n| bucket.takes(n * SECOND / 10, 4)).count();
        assert_eq!(taken, 12);
    }

    #[test]
    fn about_one_of_ten_is_kept_and_always_the_same() {
        let kept = |_: u8| (0..100_000).filter(|n| is_sampled(n * 1_000_000, 0, 10)).collect::<Vec<i64>>();
        assert!((9_000..11_000).contains(&kept(0).len()), "{}", kept(0).len());
        assert_eq!(kept(0), kept(1));
        assert!((0..100).all(|n| is_sampled(n, 0, 1)));
    }
}
