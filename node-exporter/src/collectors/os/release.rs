//! `os-release`: assignments as a shell would read them.

use std::collections::BTreeMap;

use agent_core::read::{lines, text};

/// The keys that become labels, in the order of the labels.
const LABELS: [(&str, &str); 12] = [
    ("build_id", "BUILD_ID"),
    ("id", "ID"),
    ("id_like", "ID_LIKE"),
    ("image_id", "IMAGE_ID"),
    ("image_version", "IMAGE_VERSION"),
    ("name", "NAME"),
    ("pretty_name", "PRETTY_NAME"),
    ("variant", "VARIANT"),
    ("variant_id", "VARIANT_ID"),
    ("version", "VERSION"),
    ("version_codename", "VERSION_CODENAME"),
    ("version_id", "VERSION_ID"),
];

/// Seconds in a day.
const DAY: i64 = 86_400;

/// The file's assignments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Release(BTreeMap<String, String>);

impl Release {
    /// Lines that are no assignments are passed over.
    pub(super) fn parse(content: &[u8]) -> Self {
        Self(lines(content).filter_map(|line| parse_line(text(line)?)).collect())
    }

    fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// All labels; what is not set is empty.
    pub(super) fn labels(&self) -> [(&'static str, &str); 12] {
        LABELS.map(|(label, key)| (label, self.get(key)))
    }

    /// The labels of the version.
    pub(super) fn system_labels(&self) -> [(&'static str, &str); 3] {
        [("id", "ID"), ("id_like", "ID_LIKE"), ("name", "NAME")].map(|(label, key)| (label, self.get(key)))
    }

    /// `20.04` of `20.04.2`; rolling distributions have none.
    pub(super) fn version(&self) -> Option<f64> {
        let version = self.get("VERSION_ID");
        let mut dots = 0;
        let end = version.find(|c: char| {
            dots += u32::from(c == '.');
            !(c.is_ascii_digit() || c == '.' && dots == 1)
        });
        version.get(..end.unwrap_or(version.len()))?.parse().ok().filter(|version| *version > 0.0)
    }

    /// The start of the day `2031-05-30`, in universal time.
    pub(super) fn support_end(&self) -> Option<i64> {
        let mut parts = self.get("SUPPORT_END").splitn(3, '-').map(|part| part.parse::<u16>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let valid = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        valid.then(|| days(i64::from(year), i64::from(month), i64::from(day)) * DAY)
    }
}

/// Days from 1970-01-01 in the Gregorian calendar; years are counted from March, so that a leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let from_march = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + from_march - 719_468
}

fn parse_line(line: &str) -> Option<(String, String)> {
    let (key, value) = line.trim().split_once('=')?;
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then(|| (key.to_owned(), unquote(value)))
}

/// A value without its quotes; inside double ones a backslash takes the next character as it is.
fn unquote(value: &str) -> String {
    let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(verbatim) = inside('\'') {
        return verbatim.to_owned();
    }
    let mut characters = inside('"').unwrap_or(value).chars();
    let mut plain = String::with_capacity(value.len());
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

#[cfg(test)]
pub(super) const TEXT: &str = "\
# a comment
NAME=\"Alpine Linux\"
ID=alpine
VERSION_ID=3.23.1
PRETTY_NAME=\"Alpine \\\"edge\\\"\"
HOME_URL='https://alpinelinux.org/'
SUPPORT_END=2027-11-01
";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Option<f64> {
        Release::parse(format!("VERSION_ID={text}\n").as_bytes()).version()
    }

    #[test]
    fn versions_become_one_number() {
        assert_eq!(version("20.04.2"), Some(20.04));
        assert_eq!(version("\"13\""), Some(13.0));
        assert_eq!(version("7.rc1"), Some(7.0));
        for none in ["", "rolling", ".5x", "0"] {
            assert_eq!(version(none).filter(|v| *v >= 1.0), None, "{none}");
        }
    }

    #[test]
    fn days_are_counted_across_leap_years() {
        for (date, seconds) in [("1970-01-01", 0), ("2000-03-01", 951_868_800), ("2031-05-31", 1_937_952_000)]
        {
            let release = Release::parse(format!("SUPPORT_END={date}\n").as_bytes());
            assert_eq!(release.support_end(), Some(seconds), "{date}");
        }
        assert_eq!(Release::parse(b"SUPPORT_END=soon\n").support_end(), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, value in "\\PC{0,30}", date in "[0-9-]{0,12}") {
            Release::parse(&content);
            let release = Release::parse(format!("VERSION_ID={value}\nSUPPORT_END={date}\n").as_bytes());
            release.version();
            release.support_end();
        }
    }
}
