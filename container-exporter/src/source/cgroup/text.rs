//! The few forms that text in cgroup files has.

use agent_core::read::{fields, lines, parse_u64};

use crate::sample::Stall;

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

/// One PID per line; 0 is a process that the reader's PID namespace does not have.
pub fn parse_pids(bytes: &[u8]) -> Vec<u32> {
    let pids = lines(bytes).filter_map(parse_u64).filter_map(|pid| u32::try_from(pid).ok());
    pids.filter(|pid| *pid > 0).collect()
}

/// A file of pressure stall information: `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, and the same of `full`.
pub fn parse_stall(bytes: &[u8]) -> Stall {
    let mut stall = Stall::default();
    for line in lines(bytes) {
        let total = fields(line).find_map(|field| field.strip_prefix(b"total=")).and_then(parse_u64);
        match fields(line).next() {
            Some(b"some") => stall.some_micros = total,
            Some(b"full") => stall.full_micros = total,
            _ => {}
        }
    }
    stall
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
        assert_eq!(parse_pids(b"1\n0\n22\n"), [1, 22]);
        let pressure = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=4916316\nfull avg10=0.00 total=7\n";
        assert_eq!(parse_stall(pressure), Stall { some_micros: Some(4_916_316), full_micros: Some(7) });
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            parse_number(&bytes);
            parse_limit(&bytes);
            keyed(&bytes).count();
            parse_device(&bytes);
            parse_pids(&bytes);
            parse_stall(&bytes);
        }
    }
}
