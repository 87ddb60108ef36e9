//! Streams or one-shots.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use agent_core::error::ConfigError;

/// From this version on a one-shot is answered at once.
const PROMPT: u32 = 25;
/// Scrapes that are remembered to tell how often they come.
const REMEMBERED: usize = 8;

/// `--stats-mode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StatsMode {
    /// By the engine's version and the rate of scrapes.
    #[default]
    Auto,
    /// A stream for each container.
    Stream,
    /// A question for each container in each scrape.
    OneShot,
}

impl StatsMode {
    /// Reads the flag's value.
    pub fn parse(given: &str) -> Result<Self, ConfigError> {
        match given {
            "auto" => Ok(Self::Auto),
            "stream" => Ok(Self::Stream),
            "oneshot" => Ok(Self::OneShot),
            other => {
                Err(ConfigError::new("--stats-mode", other, "is no mode", "give auto, stream or oneshot"))
            }
        }
    }

    /// Whether streams are cheaper, or the only way to answer in time. `between` is the time from scrape to scrape.
    pub(super) fn streams(self, engine: &str, between: Option<Duration>) -> bool {
        match self {
            Self::Stream => true,
            Self::OneShot => false,
            Self::Auto => {
                // An older engine lets a one-shot wait up to two seconds: too long where scrapes come every few.
                let shortest = if is_prompt(engine) { 2 } else { 8 };
                between.is_some_and(|between| between <= Duration::from_secs(shortest))
            }
        }
    }
}

/// Whether an engine answers one-shots at once.
pub(super) fn is_prompt(engine: &str) -> bool {
    engine.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= PROMPT)
}

/// How often scrapes come.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    pub(super) fn note(&mut self, now: Instant) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }

    /// The mean time from scrape to scrape: two Prometheis may come close together.
    pub(super) fn between(&self) -> Option<Duration> {
        let gaps = u32::try_from(self.0.len()).ok()?.checked_sub(1).filter(|gaps| *gaps > 0)?;
        Some(self.0.back()?.duration_since(*self.0.front()?) / gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_rate_decide() {
        let streams =
            |engine, seconds: u64| StatsMode::Auto.streams(engine, Some(Duration::from_secs(seconds)));
        assert!(streams("28.5.2", 1) && !streams("28.5.2", 5) && !streams("29.0.0-rc.1", 15));
        assert!(streams("20.10.24+dfsg1", 5) && !streams("20.10.24+dfsg1", 15));
        assert!(!StatsMode::Auto.streams("20.10", None), "the first scrape");
        assert!(StatsMode::Stream.streams("28", None) && !StatsMode::OneShot.streams("20", None));
    }

    #[test]
    fn two_scrapers_are_not_taken_for_a_fast_one() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert_eq!(pace.between(), None);
        for second in [0, 1, 15, 16, 30, 31, 45, 46, 60] {
            pace.note(start + Duration::from_secs(second));
        }
        assert!(pace.between().unwrap() > Duration::from_secs(7));
    }
}
