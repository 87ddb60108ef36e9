//! Times as Docker and syslog write them: RFC 3339 in UTC, to the nanosecond. A log has one for each line, so neither
//! direction allocates or goes through a calendar library.

use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Now, in nanoseconds of Unix time.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A time as people read it, to the nanosecond.
pub fn rfc3339(time: i64) -> String {
    let mut text = Vec::with_capacity(30);
    Utc::from_nanos(time).write_rfc3339(9, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Reads `2026-11-22T10:36:48.093478642Z` with 0 to 9 digits of fraction and `Z` or an offset; `None` for anything
/// else and for times that nanoseconds in an `i64` cannot hold.
pub fn parse_rfc3339(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2] = *date else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let seconds = days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    (seconds - offset_seconds(zone)?).checked_mul(SECOND)?.checked_add(nanos)
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.checked_sub(b'0').filter(|d| *d < 10).map(i64::from);
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// The fraction in nanoseconds, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(length)?;
    if !(1..=9).contains(&length) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, byte| value * 10 + i64::from(byte - b'0'));
    let scale = 10_i64.pow(u32::try_from(9 - length).ok()?);
    Some((value * scale, rest))
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = two(h1, h2)? * 3600 + two(m1, m2)? * 60;
            Some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// A time in UTC, in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utc {
    /// 1677 to 2262.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    second_of_day: i64,
    nanos: i64,
}

impl Utc {
    /// Takes nanoseconds of Unix time apart.
    pub fn from_nanos(time: i64) -> Self {
        let seconds = time.div_euclid(SECOND);
        let (year, month, day) = civil_from_days(seconds.div_euclid(DAY_SECONDS));
        let second_of_day = seconds.rem_euclid(DAY_SECONDS);
        Self { year, month, day, second_of_day, nanos: time.rem_euclid(SECOND) }
    }

    /// Appends `2026-11-22T10:36:48.093478642Z` with `digits` (0, 3, 6 or 9) of fraction, the rest cut off.
    pub fn write_rfc3339(&self, digits: u32, out: &mut Vec<u8>) {
        self.write_date(b'-', out);
        out.push(b'T');
        for (index, value) in
            [self.second_of_day / 3600, self.second_of_day / 60 % 60, self.second_of_day % 60]
                .iter()
                .enumerate()
        {
            if index > 0 {
                out.push(b':');
            }
            push_padded(*value, 2, out);
        }
        if digits > 0 {
            out.push(b'.');
            push_padded(self.nanos / 10_i64.pow(9 - digits.min(9)), digits, out);
        }
        out.push(b'Z');
    }

    /// Appends the date with `separator` between its parts.
    pub fn write_date(&self, separator: u8, out: &mut Vec<u8>) {
        push_padded(self.year, 4, out);
        out.push(separator);
        push_padded(self.month, 2, out);
        out.push(separator);
        push_padded(self.day, 2, out);
    }
}

fn push_padded(value: i64, width: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 9];
    let mut rest = value.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        // A remainder of ten fits.
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let width = usize::try_from(width).unwrap_or(9);
    out.extend_from_slice(digits.get(digits.len().saturating_sub(width)..).unwrap_or_default());
}

/// Days since 1970-01-01 (Howard Hinnant's algorithm for the Gregorian calendar).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format(time: i64, digits: u32) -> String {
        let mut out = Vec::new();
        Utc::from_nanos(time).write_rfc3339(digits, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn docker_times_are_read_to_the_nanosecond() {
        let time = 1_795_343_808_093_478_642;
        assert_eq!(parse_rfc3339(b"2026-11-22T10:36:48.093478642Z"), Some(time));
        assert_eq!(format(time, 9), "2026-11-22T10:36:48.093478642Z");
        assert_eq!(format(time, 6), "2026-11-22T10:36:48.093478Z");
        assert_eq!(format(time, 0), "2026-11-22T10:36:48Z");
        // Go leaves trailing zeros out.
        assert_eq!(parse_rfc3339(b"2016-10-19T23:14:19.1Z"), Some(1_476_918_859_100_000_000));
        assert_eq!(parse_rfc3339(b"2016-10-19T23:14:19Z"), Some(1_476_918_859_000_000_000));
        assert_eq!(parse_rfc3339(b"2024-02-29T23:59:59+01:00"), Some(1_709_247_599_000_000_000));
        assert_eq!(parse_rfc3339(b"0001-01-01T00:00:00Z"), None);
    }

    #[test]
    fn other_texts_are_no_times() {
        for bad in ["", "yesterday", "2016-10-19 23:14:19Z", "2016-10-19T23:14:19.Z", "2016-13-19T23:14:19Z"]
        {
            assert_eq!(parse_rfc3339(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn times_round_trip(time in 0_i64..i64::MAX) {
            prop_assert_eq!(parse_rfc3339(format(time, 9).as_bytes()), Some(time));
        }

        #[test]
        fn chrono_agrees(time in 0_i64..i64::MAX) {
            let chrono = chrono::DateTime::from_timestamp_nanos(time);
            prop_assert_eq!(format(time, 9), chrono.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true));
        }

        #[test]
        fn nothing_panics(text: Vec<u8>) {
            parse_rfc3339(&text);
        }
    }
}
