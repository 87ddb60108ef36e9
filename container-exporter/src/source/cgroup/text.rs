//! The few forms that text in cgroup files has.

use agent_core::read::{fields, lines, parse_u64};

/// A file with one number.
pub fn parse_number(bytes: &[u8]) -> Option<u64> {
    parse_u64(bytes.trim_ascii())
}

/// A file with one limit: a number, or `max` for none, which is 0 in cAdvisor's terms.
pub fn parse_limit(bytes: &[u8]) -> Option<u64> {
    match bytes.trim_ascii() {
        b"max" => Some(0),
        number => parse_u64(number),
    }
}

/// `key value` per line; other lines are left out.
pub fn keyed(bytes: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    lines(bytes).filter_map(|line| {
        let mut parts = fields(line);
        Some((parts.next()?, parse_u64(parts.next()?)?))
    })
}

/// `major:minor`.
pub fn parse_device(field: &[u8]) -> Option<(u64, u64)> {
    let colon = field.iter().position(|byte| *byte == b':')?;
    let (major, minor) = field.split_at_checked(colon)?;
    Some((parse_u64(major)?, parse_u64(minor.strip_prefix(b":")?)?))
}

/// How many lines a list of PIDs has.
pub fn count_lines(bytes: &[u8]) -> u64 {
    lines(bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        assert_eq!(parse_number(b"12\n"), Some(12));
        assert_eq!(parse_number(b"max\n"), None);
        assert_eq!(
            (parse_limit(b"max\n"), parse_limit(b"50\n"), parse_limit(b"")),
            (Some(0), Some(50), None)
        );
        let pairs: Vec<_> = keyed(b"anon 1\nbroken\nfile 2\nx y\n").collect();
        assert_eq!(pairs, [(&b"anon"[..], 1), (&b"file"[..], 2)]);
        assert_eq!(
            (parse_device(b"254:0"), parse_device(b"254"), parse_device(b":")),
            (Some((254, 0)), None, None)
        );
        assert_eq!(count_lines(b"1\n22\n"), 2);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            parse_number(&bytes);
            parse_limit(&bytes);
            keyed(&bytes).count();
            parse_device(&bytes);
            count_lines(&bytes);
        }
    }
}
