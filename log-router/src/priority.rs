//! A line's facility and severity: by its own `<PRI>` where a program prints syslog on its output, by the level that it
//! states ([`level`]), else by its stream.

use chrono::{DateTime, Datelike, Utc};
use syslog_loose::{SyslogFacility, SyslogSeverity, Variant, parse_message_with_year_exact_tz};

use crate::meaning::level;
use crate::record::{Line, Stream};

/// Facility and severity in one number, as syslog has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority(u8);

impl Priority {
    /// `user.info`, for standard output.
    pub const STDOUT: Self = Self(14);
    /// `user.err`, for standard error.
    pub const STDERR: Self = Self(11);

    /// 0 to 191.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// 0 (kernel) to 23 (local7).
    pub const fn facility(self) -> u8 {
        self.0 >> 3
    }

    /// 0 (emergency) to 7 (debug).
    pub const fn severity(self) -> u8 {
        self.0 & 7
    }

    /// From facility and severity in one number; `None` above 191.
    pub fn new(value: u8) -> Option<Self> {
        (value < 192).then_some(Self(value))
    }

    /// Of a line.
    pub fn of(line: &Line<'_>) -> Self {
        line.priority
    }

    /// Of everything on a stream, as logspout has it.
    pub const fn by_stream(stream: Stream) -> Self {
        match stream {
            Stream::Stdout => Self::STDOUT,
            Stream::Stderr => Self::STDERR,
        }
    }

    /// Of a text; without `by_level` only a printed `<PRI>` counts beside the stream.
    pub fn detect(by_level: bool, stream: Stream, time: i64, text: &[u8]) -> Self {
        let by_stream = Self::by_stream(stream);
        let stated = match text {
            [b'<', b'0'..=b'9', ..] => printed(time, text),
            _ => None,
        };
        let by_level = || {
            let severity = by_level.then(|| level::severity(text))??;
            Some(Self((by_stream.0 & !7) | severity))
        };
        stated.or_else(by_level).unwrap_or(by_stream)
    }
}

/// What the line itself says, where it is a syslog message to the letter.
fn printed(time: i64, text: &[u8]) -> Option<Priority> {
    let text = std::str::from_utf8(text).ok()?;
    let now = DateTime::from_timestamp_nanos(time);
    let message = parse_message_with_year_exact_tz(
        text,
        |(month, ..)| nearest_year(now, month),
        Some(Utc),
        Variant::Either,
    );
    let message = message.ok()?;
    priority(message.facility?, message.severity?)
}

fn priority(facility: SyslogFacility, severity: SyslogSeverity) -> Option<Priority> {
    u8::try_from(((facility as i32) << 3) | severity as i32).ok().filter(|value| *value < 192).map(Priority)
}

/// RFC 3164 times have no year: a December line that is printed in January is of last year.
pub(crate) fn nearest_year(now: DateTime<Utc>, month: u32) -> i32 {
    match (now.month(), month) {
        (1..=3, 10..=12) => now.year() - 1,
        (10..=12, 1..=3) => now.year() + 1,
        _ => now.year(),
    }
}

/// As Logstash's syslog input names severities.
pub const SEVERITY_LABELS: [&str; 8] =
    ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];

/// As metrics and ECS name severities.
pub const SEVERITY_NAMES: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

/// As Logstash's syslog input names facilities.
pub const FACILITY_LABELS: [&str; 24] = [
    "kernel",
    "user-level",
    "mail",
    "system",
    "security/authorization",
    "syslogd",
    "line printer",
    "network news",
    "UUCP",
    "clock",
    "security/authorization",
    "FTP",
    "NTP",
    "log audit",
    "log alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

impl Priority {
    /// The name of the severity.
    pub fn severity_label(self) -> &'static str {
        SEVERITY_LABELS.get(usize::from(self.severity())).copied().unwrap_or_default()
    }

    /// The name of the facility.
    pub fn facility_label(self) -> &'static str {
        FACILITY_LABELS.get(usize::from(self.facility())).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(stream: Stream, text: &[u8]) -> u8 {
        Priority::detect(true, stream, 1_476_918_859_000_000_000, text).value()
    }

    #[test]
    fn the_stream_decides_for_ordinary_lines() {
        assert_eq!(of(Stream::Stdout, b"hello"), 14);
        assert_eq!(of(Stream::Stderr, b"hello"), 11);
        for text in ["<html>", "<14>hello", "<999>Oct 19 23:11:47 host prog: x", "<", "<5"] {
            assert_eq!(of(Stream::Stdout, text.as_bytes()), 14, "{text}");
        }
    }

    #[test]
    fn the_level_that_a_line_states_wins_over_its_stream() {
        assert_eq!(of(Stream::Stderr, b"INFO: started"), 14);
        assert_eq!(of(Stream::Stdout, b"ERROR: failed"), 11);
        assert_eq!(Priority::detect(false, Stream::Stdout, 0, b"ERROR: failed").value(), 14);
    }

    #[test]
    fn a_printed_priority_wins() {
        for (text, expected) in [
            ("<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 - text", 165),
            ("<34>Oct 11 22:14:15 mymachine su: 'su root' failed", 34),
            ("<27>2016-10-19T23:14:19Z host prog[7]: x", 27),
        ] {
            assert_eq!(of(Stream::Stdout, text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn years_are_the_nearest() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(nearest_year(at("2026-01-01T00:00:05Z"), 12), 2025);
        assert_eq!(nearest_year(at("2025-12-31T23:59:59Z"), 1), 2026);
        assert_eq!(nearest_year(at("2025-06-15T00:00:00Z"), 6), 2025);
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, tail: String) {
            of(Stream::Stdout, &text);
            of(Stream::Stdout, format!("<14>{tail}").as_bytes());
            of(Stream::Stdout, format!("<14>1 2016-10-19T23:14:19Z {tail}").as_bytes());
        }
    }
}
