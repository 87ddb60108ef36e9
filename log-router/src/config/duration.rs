//! Durations as flags write them: `90s`, `24h`, `7d`, `1h30m`.

use std::time::Duration;

use agent_core::error::ConfigError;

/// Reads numbers with units from `s` to `d`; `0` needs no unit.
pub(super) fn parse_duration(origin: &str, given: &str) -> Result<Duration, ConfigError> {
    parse(given).ok_or_else(|| {
        ConfigError::new(
            origin,
            given,
            "is not a duration",
            "give a number and a unit (s, m, h, d), for example 24h",
        )
    })
}

fn parse(given: &str) -> Option<Duration> {
    if given == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = 0_u64;
    let mut rest = given;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(end)?;
        let mut units = after.chars();
        let seconds = match units.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(seconds)?)?;
        rest = units.as_str();
    }
    (!given.is_empty()).then(|| Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_added_up() {
        assert_eq!(parse("24h"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse("1d1h1m1s"), Some(Duration::from_secs(90_061)));
        assert_eq!(parse("0"), Some(Duration::ZERO));
        for bad in ["", "24", "h", "1w", "-1h", "1h ", "99999999999999999999d", "9999999999999999999d"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: String) {
            parse(&text);
        }
    }
}
