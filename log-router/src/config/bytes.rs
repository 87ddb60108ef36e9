//! Numbers of bytes as people write them.

use agent_core::error::ConfigError;

const UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("", 1),
];

/// Reads a flag's value: a whole number with or without a unit.
pub(super) fn parse_bytes(flag: &str, text: &str) -> Result<u64, ConfigError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let unit = unit.trim();
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor);
    number
        .parse()
        .ok()
        .zip(factor)
        .and_then(|(number, factor): (u64, u64)| number.checked_mul(factor))
        .ok_or_else(|| {
            ConfigError::new(flag, text, "is not a number of bytes", "give for example 512MiB or 1GiB")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_understood() {
        for (text, bytes) in
            [("0", 0), ("10", 10), ("1GiB", 1 << 30), ("2 MiB", 2 << 20), ("5MB", 5_000_000), ("1g", 1 << 30)]
        {
            assert_eq!(parse_bytes("--x", text).unwrap(), bytes, "{text}");
        }
        for text in ["", "GiB", "-1", "1.5GiB", "1TiB", "99999999999GiB"] {
            let error = parse_bytes("--x", text).unwrap_err().to_string();
            assert!(error.contains("--x") && error.contains("1GiB"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: String) {
            let _unused = parse_bytes("--x", &text);
        }
    }
}
