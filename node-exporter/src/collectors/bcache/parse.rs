//! Numbers as bcache writes them: `1.1M` is one mebibyte and a hundred of its 1,024ths.

use agent_core::exposition::Value;
use agent_core::read::{fields, lines, parse_u64};

use crate::sysfs::divided;

/// A number with a unit or without.
pub(super) fn human(text: &[u8]) -> Option<Value> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (digits, power) = match digits.split_last()? {
        (b'k', digits) => (digits, 1),
        (b'M', digits) => (digits, 2),
        (b'G', digits) => (digits, 3),
        (b'T', digits) => (digits, 4),
        (b'P', digits) => (digits, 5),
        _ => (digits, 0),
    };
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let unit = 1024_u64.checked_pow(power)?;
    let mut value = parse_u64(parts.next()?)?.checked_mul(unit)?;
    if let Some(hundreds) = parts.next() {
        // The digit counts hundreds of the next smaller unit, not tenths of this one.
        let hundreds = parse_u64(hundreds)?.checked_mul(100)?;
        value = value.checked_add(hundreds.checked_mul(unit / 1024)?)?;
    }
    if negative { 0_i64.checked_sub_unsigned(value).map(Value::Signed) } else { Some(Value::Unsigned(value)) }
}

/// The same where it is not zero.
pub(super) fn not_zero(text: &[u8]) -> Option<Value> {
    human(text).filter(|value| *value != Value::Unsigned(0))
}

/// Nanoseconds as seconds.
pub(super) fn nanoseconds(text: &[u8]) -> Option<Value> {
    divided(text, 1e9)
}

/// A line of `writeback_rate_debug`: `rate: 1.1M/sec`.
pub(super) fn rate(text: &[u8], key: &[u8]) -> Option<Value> {
    let value = after(text, key)?;
    human(value.strip_suffix(b"/sec").unwrap_or(value))
}

/// A line of `priority_stats`: `Unused: 99%`.
pub(super) fn unused_percent(text: &[u8]) -> Option<Value> {
    percent(after(text, b"Unused")?)
}

/// The same for `Metadata`.
pub(super) fn metadata_percent(text: &[u8]) -> Option<Value> {
    percent(after(text, b"Metadata")?)
}

fn percent(value: &[u8]) -> Option<Value> {
    parse_u64(value.strip_suffix(b"%")?).map(Value::Unsigned)
}

/// What stands behind a word and a colon.
fn after<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    lines(text).find_map(|line| fields(line.strip_prefix(key)?.strip_prefix(b":")?).next())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATES: &[u8] = b"rate:\t\t1.1M/sec\ndirty:\t\t20.4G\ntarget:\t\t20.4G\nchange:\t\t-321.5k/sec\n";

    #[test]
    fn units() {
        assert_eq!(human(b"0"), Some(Value::Unsigned(0)));
        assert_eq!(human(b"427.5k"), Some(Value::Unsigned(437_748)));
        assert_eq!(human(b"-1.0M"), Some(Value::Signed(-1_048_576)));
        for odd in [&b""[..], b"k", b"1.", b".5k", b"1.xk", b"99999999999P"] {
            assert_eq!(human(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn lines_by_their_word() {
        assert_eq!(rate(RATES, b"target"), Some(Value::Unsigned(21_894_266_880)));
        assert_eq!(rate(RATES, b"change"), Some(Value::Signed(-329_204)));
        assert_eq!(rate(RATES, b"integral"), None);
        assert_eq!(unused_percent(b"Unused:\t\t99%\n"), Some(Value::Unsigned(99)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, odd in "(rate:|Unused:)?[-0-9.kMGTP%/\n]{0,40}") {
            for text in [text.as_slice(), odd.as_bytes()] {
                human(text);
                not_zero(text);
                rate(text, b"rate");
                unused_percent(text);
            }
        }
    }
}
