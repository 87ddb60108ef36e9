//! The texts of bcachefs. Numbers are short (`2.05G`) or whole.

use agent_core::exposition::Value;
use agent_core::read::{fields, lines, parse_f64, parse_u64, text};

/// A number with a unit of powers of 1,024 or without.
fn human(word: &[u8]) -> Option<u64> {
    const UNITS: &[u8] = b"kMGTPE";
    let (last, number) = word.split_last()?;
    let Some(power) = UNITS.iter().position(|unit| unit.eq_ignore_ascii_case(last)) else {
        return parse_u64(word);
    };
    let value = parse_f64(number).filter(|value| value.is_finite() && *value >= 0.0)?;
    let unit = 1024_f64.powi(i32::try_from(power).ok()? + 1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive; the cast saturates"
    )]
    Some((value * unit) as u64)
}

/// The same as a value.
pub(super) fn size(text: &[u8]) -> Option<Value> {
    human(text).map(Value::Unsigned)
}

/// A file of `counters`; what counts since the mount would fall to zero with each.
pub(super) fn parse_counter(content: &[u8]) -> Option<u64> {
    lines(content).find_map(|line| human(line.strip_prefix(b"since filesystem creation:")?.trim_ascii()))
}

/// `errors`: lines of a name, a count and when it was last counted.
pub(super) fn parse_errors(content: &[u8]) -> impl Iterator<Item = (&str, u64)> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        Some((text(fields.next()?)?, human(fields.next()?)?))
    })
}

/// `btree_write_stats` and `compression_stats`: below a header, lines of a word and two numbers.
pub(super) fn parse_pairs(content: &[u8]) -> impl Iterator<Item = (&str, (u64, u64))> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        let word = text(fields.next()?)?;
        Some((word.trim_end_matches(':'), (human(fields.next()?)?, human(fields.next()?)?)))
    })
}

/// `io_done`: below `read:` and `write:`, lines of a kind of data and bytes.
pub(super) fn parse_io_done(content: &[u8]) -> impl Iterator<Item = (&str, &str, u64)> {
    let mut operation = "";
    lines(content).filter_map(move |line| {
        let (word, bytes) = keyed(line)?;
        if bytes.is_empty() {
            operation = word;
            return None;
        }
        Some((operation, word, human(bytes)?))
    })
}

/// `io_errors`: the first part of two, lines of a kind of error and a count.
pub(super) fn parse_io_errors(content: &[u8]) -> impl Iterator<Item = (&str, u64)> {
    let is_title = |line: &&[u8]| !line.starts_with(b" ") && !line.contains(&b':');
    lines(content).skip_while(is_title).take_while(move |line| !is_title(line)).filter_map(|line| {
        let (word, count) = keyed(line)?;
        Some((word, human(count)?))
    })
}

/// `word : value`
fn keyed(line: &[u8]) -> Option<(&str, &[u8])> {
    let mut parts = line.splitn(2, |byte| *byte == b':');
    Some((text(parts.next()?.trim_ascii())?, parts.next()?.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units() {
        assert_eq!(human(b"2.05G"), Some(2_201_170_739));
        assert_eq!(human(b"720"), Some(720));
        assert_eq!(human(b"1.26k"), Some(1290));
        for odd in [&b""[..], b"G", b"-1k", b"nank", b"1.5"] {
            assert_eq!(human(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn headers_are_no_rows() {
        let table = b"                   nr        size\ninitial:           3298401   100k\n";
        assert_eq!(parse_pairs(table).collect::<Vec<_>>(), [("initial", (3_298_401, 102_400))]);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[a-z:]{0,6}[ 0-9.kG:\n]{0,60}") {
            for content in [content.as_slice(), odd.as_bytes()] {
                size(content);
                parse_counter(content);
                parse_errors(content).count();
                parse_pairs(content).count();
                parse_io_done(content).count();
                parse_io_errors(content).count();
            }
        }
    }
}
