//! Secrets in lines: what the chosen patterns match is replaced by `***`.

use std::borrow::Cow;

use regex::bytes::Regex;

/// What takes the place of a secret.
const MASK: &[u8] = b"***";

/// Patterns that have a name. What stands before the secret stays: only the group `s` is replaced.
pub const NAMED: &[(&str, &str)] = &[
    ("aws-key", r"(?P<s>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"),
    ("bearer", r"(?i)\bbearer\s+(?P<s>[\w.~+/=-]{8,})"),
    ("card", r"(?P<s>\b(?:\d[ -]?){12,18}\d\b)"),
    ("jwt", r"(?P<s>\beyJ[\w-]+\.[\w-]+\.[\w-]*)"),
    (
        "password",
        r#"(?i)\b(?:password|passwd|pwd|secret|token|api[_-]?key)["']?\s*[=:]\s*["']?(?P<s>[^\s"',;&]+)"#,
    ),
    ("url-password", r"://[^\s/:@]+:(?P<s>[^\s/@]+)@"),
];

/// One pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// A named pattern or a regular expression; what is wrong with it.
    pub fn parse(given: &str) -> Result<Self, String> {
        let named = NAMED.iter().find(|(name, _)| *name == given).map(|(_, pattern)| *pattern);
        Regex::new(named.unwrap_or(given)).map(Self).map_err(|error| error.to_string())
    }

    /// Replaces what matches; `None` where nothing does.
    fn apply(&self, text: &[u8]) -> Option<Vec<u8>> {
        let groups = self.0.captures_iter(text).filter_map(|found| found.name("s").or_else(|| found.get(0)));
        let (mut masked, mut end) = (Vec::new(), 0);
        for secret in groups.filter(|secret| !secret.is_empty()) {
            masked.extend_from_slice(text.get(end..secret.start())?);
            masked.extend_from_slice(MASK);
            end = secret.end();
        }
        if end == 0 {
            return None;
        }
        masked.extend_from_slice(text.get(end..)?);
        Some(masked)
    }
}

/// The text without its secrets.
pub fn mask<'a>(patterns: &[Pattern], text: &'a [u8]) -> Cow<'a, [u8]> {
    patterns.iter().fold(Cow::Borrowed(text), |text, pattern| match pattern.apply(&text) {
        Some(masked) => Cow::Owned(masked),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn masked(pattern: &str, text: &str) -> String {
        String::from_utf8(mask(&[Pattern::parse(pattern).unwrap()], text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn named_patterns_leave_what_is_no_secret() {
        for (pattern, text, expected) in [
            ("password", "user=me password=hunter2 x=1", "user=me password=*** x=1"),
            ("password", r#"{"password": "hunter2", "a": 1}"#, r#"{"password": "***", "a": 1}"#),
            ("bearer", "Authorization: Bearer abcdef.ghij-kl", "Authorization: Bearer ***"),
            ("url-password", "dial postgres://u:p4ss@db/x", "dial postgres://u:***@db/x"),
            ("card", "card 4111 1111 1111 1111 ok", "card *** ok"),
            ("aws-key", "id AKIAABCDEFGHIJKLMNOP", "id ***"),
            ("jwt", "t eyJhbGciOi.eyJzdWIi.sig-1 x", "t *** x"),
            (r"\d{3}-\d{4}", "call 555-1234 or 555-9999", "call *** or ***"),
            ("password", "nothing here", "nothing here"),
        ] {
            assert_eq!(masked(pattern, text), expected);
        }
        assert!(Pattern::parse("(").is_err());
        for (name, _) in NAMED {
            Pattern::parse(name).unwrap();
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_no_secret_stays(text: Vec<u8>, secret in "[a-z0-9]{4,12}") {
            // Compiled once: that takes far longer than matching.
            static PATTERNS: LazyLock<Vec<Pattern>> =
                LazyLock::new(|| NAMED.iter().map(|(name, _)| Pattern::parse(name).unwrap()).collect());
            mask(&PATTERNS, &text);
            let line = format!("x password={secret} y");
            prop_assert_eq!(&*mask(&PATTERNS, line.as_bytes()), b"x password=*** y");
        }
    }
}
