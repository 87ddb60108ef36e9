//! Values that change with time.

use std::f64::consts::TAU;

use crate::identity::hash;

/// Counters are faster and slower in turn, in seconds.
const PERIOD: f64 = 300.0;

/// How a value goes on from what was recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// Grows at so much a second.
    Counter { start: f64, rate: f64, decimals: usize },
    /// Moves between two values.
    Gauge { low: f64, high: f64, decimals: usize },
    /// Is the time, or a time that goes with it.
    Clock { offset: f64, decimals: usize },
}

/// The moment of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Since this program started, in seconds.
    pub(crate) running: f64,
    /// Since 1970, in seconds.
    pub(crate) clock: f64,
}

impl Number {
    /// From two recordings of one series, so many seconds apart; nothing where the value stays.
    pub(crate) fn of(first: &str, second: &str, is_counter: bool, clock: f64, apart: f64) -> Option<Self> {
        if first == second {
            return None;
        }
        let (a, b): (f64, f64) = (first.parse().ok()?, second.parse().ok()?);
        if !a.is_finite() || !b.is_finite() {
            return None;
        }
        let decimals = decimals(first).max(decimals(second));
        if is_counter {
            return Some(Self::Counter { start: a, rate: (b - a).max(0.0) / apart, decimals });
        }
        // A second is a second within what the two scrapes were apart from each other.
        if ((b - a) / apart - 1.0).abs() < 0.02 {
            return Some(Self::Clock { offset: a - clock, decimals });
        }
        Some(Self::Gauge { low: a.min(b), high: a.max(b), decimals })
    }

    /// Its value on a node; `slot` tells the series of a node apart.
    pub(crate) fn at(&self, moment: Moment, node: u32, slot: u32) -> (f64, usize) {
        let mixed = hash((u64::from(node) << 32) | u64::from(slot));
        // Two numbers from 0 to 1.
        let (one, two) = ((mixed >> 40) as f64 / 16_777_216.0, (mixed & 0xff_ffff) as f64 / 16_777_216.0);
        match *self {
            Self::Counter { start, rate, decimals } => {
                // Nodes are half to one and a half times as busy.
                let busy = 0.5 + (hash(u64::from(node)) >> 40) as f64 / 16_777_216.0;
                let phase = TAU * one;
                // Its slope stays above a fifth, so it never goes back.
                let wobble =
                    0.8 * PERIOD / TAU * ((TAU * moment.running / PERIOD + phase).sin() - phase.sin());
                (busy * (start + rate * (moment.running + wobble)), decimals)
            }
            Self::Gauge { low, high, decimals } => {
                let wave = 0.5 + 0.5 * (TAU * moment.running / (120.0 + 600.0 * two) + TAU * one).sin();
                let noise =
                    (hash(mixed ^ whole(moment.running / 15.0).unsigned_abs()) >> 40) as f64 / 16_777_216.0;
                (low + (high - low) * (0.8 * wave + 0.2 * noise), decimals)
            }
            Self::Clock { offset, decimals } => (moment.clock + offset, decimals),
        }
    }
}

/// Digits behind the point of a recorded value.
fn decimals(text: &str) -> usize {
    let plain = !text.contains(['e', 'E']);
    text.split_once('.').map_or(0, |(_, digits)| if plain { digits.len().min(9) } else { 0 })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "no value is beyond what an i64 holds, and a cast would stop there"
)]
fn whole(value: f64) -> i64 {
    value.floor() as i64
}

/// Writes a value with so many digits behind the point.
pub(crate) fn write(value: f64, decimals: usize, out: &mut Vec<u8>) {
    let scale = 10_f64.powi(i32::try_from(decimals).unwrap_or(0));
    let scaled = (value * scale).floor();
    if decimals == 0 || scaled.abs() >= 9e15 {
        out.extend_from_slice(itoa::Buffer::new().format(whole(value)).as_bytes());
        return;
    }
    let (scaled, scale) = (whole(scaled), whole(scale));
    if scaled < 0 {
        out.push(b'-');
    }
    let scaled = scaled.unsigned_abs();
    let scale = scale.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(scaled / scale).as_bytes());
    out.push(b'.');
    let mut place = scale / 10;
    while place > 0 {
        out.push(b'0' + u8::try_from(scaled / place % 10).unwrap_or(0));
        place /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: f64, decimals: usize) -> String {
        let mut out = Vec::new();
        write(value, decimals, &mut out);
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn values_keep_the_digits_that_were_recorded() {
        assert_eq!([written(12.345, 2), written(-0.5, 1), written(7e9, 0)], ["12.34", "-0.5", "7000000000"]);
        assert_eq!(Number::of("1.5e+09", "1.5e+09", true, 0.0, 60.0), None);
        let counter = Number::of("10.25", "16.25", true, 0.0, 60.0);
        assert_eq!(counter, Some(Number::Counter { start: 10.25, rate: 0.1, decimals: 2 }));
        assert_eq!(
            Number::of("100", "160", false, 90.0, 60.0),
            Some(Number::Clock { offset: 10.0, decimals: 0 })
        );
    }

    #[test]
    fn counters_never_go_back_and_gauges_keep_their_range() {
        let counter = Number::Counter { start: 1000.0, rate: 3.0, decimals: 0 };
        let gauge = Number::Gauge { low: 10.0, high: 20.0, decimals: 0 };
        for node in 1..20 {
            let mut before = 0.0;
            for step in 0..500 {
                let moment = Moment { running: f64::from(step) * 15.0, clock: 0.0 };
                let (value, _) = counter.at(moment, node, 5);
                assert!(value > before, "{value} after {before}");
                before = value;
                let (level, _) = gauge.at(moment, node, 6);
                assert!((10.0..=20.0).contains(&level), "{level}");
            }
        }
    }
}
