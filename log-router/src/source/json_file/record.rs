//! One record of Docker's json-file driver: `{"log":"text\n","stream":"stdout","attrs":{…},"time":"…Z"}`.
//!
//! The engine always writes these keys in this order, so the usual record is taken apart by looking for a few fixed
//! bytes; whatever looks different goes through a full JSON parser.

use std::borrow::Cow;

use memchr::{memchr2, memmem, memrchr};
use serde::Deserialize;

use crate::record::Stream;
use crate::time::parse_rfc3339;

const BEGIN: &[u8] = b"{\"log\":\"";
const STDOUT: &[u8] = b"\",\"stream\":\"stdout\"";
const STDERR: &[u8] = b"\",\"stream\":\"stderr\"";
const TIME: &[u8] = b",\"time\":\"";

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The text, with its newline unless it is a piece of a longer line.
    pub log: Cow<'a, [u8]>,
    /// The stream.
    pub stream: Stream,
    /// Nanoseconds of Unix time.
    pub time: i64,
}

/// Reads one line of a json-file log, without its newline. `scratch` keeps its memory from one record to the next.
///
/// `None` is damage: a power loss leaves NULs and half records.
pub(super) fn parse<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Record<'a>> {
    let Some((escaped, stream, time)) = split(line) else { return parse_any(line) };
    let log = match memchr2(b'\\', b'"', escaped) {
        None => Cow::Borrowed(escaped),
        Some(first) => {
            scratch.clear();
            if unescape(escaped, first, scratch).is_none() {
                return parse_any(line);
            }
            Cow::Borrowed(scratch.as_slice())
        }
    };
    Some(Record { log, stream, time })
}

/// The still escaped text, the stream and the time of a record in its usual form.
fn split(line: &[u8]) -> Option<(&[u8], Stream, i64)> {
    let rest = line.strip_prefix(BEGIN)?.strip_suffix(b"\"}")?;
    // From the end, where everything but the text has its fixed place.
    let (rest, time) = rest.split_at_checked(memrchr(b'"', rest)? + 1)?;
    let rest = rest.strip_suffix(TIME)?;
    // Attributes, where the user asked for them, come in between and may hold anything: not the usual form.
    let (text, stream) = match rest.strip_suffix(STDOUT) {
        Some(text) => (text, Stream::Stdout),
        None => (rest.strip_suffix(STDERR)?, Stream::Stderr),
    };
    // An escaped quotation mark does not end the text.
    let closed = text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0;
    closed.then_some((text, stream, parse_rfc3339(time)?))
}

/// Appends `escaped` with its escapes resolved; the first one is at `first`.
fn unescape(escaped: &[u8], first: usize, out: &mut Vec<u8>) -> Option<()> {
    let (plain, mut rest) = escaped.split_at_checked(first)?;
    out.extend_from_slice(plain);
    loop {
        // `rest` begins with a backslash, or else with a quotation mark that cannot be: two records run into one.
        if rest.first() != Some(&b'\\') {
            return None;
        }
        let length = match rest.get(1)? {
            b'n' => push(out, b'\n'),
            b'r' => push(out, b'\r'),
            b't' => push(out, b'\t'),
            b'b' => push(out, 8),
            b'f' => push(out, 12),
            quoted @ (b'"' | b'\\' | b'/') => push(out, *quoted),
            b'u' => push_unicode(rest, out)?,
            _ => return None,
        };
        rest = rest.get(length..)?;
        let Some(next) = memchr2(b'\\', b'"', rest) else {
            out.extend_from_slice(rest);
            return Some(());
        };
        let (plain, after) = rest.split_at_checked(next)?;
        out.extend_from_slice(plain);
        rest = after;
    }
}

fn push(out: &mut Vec<u8>, byte: u8) -> usize {
    out.push(byte);
    2
}

/// Resolves `\uXXXX`, or two of them where the first is half of a character; gives the length of what was read.
fn push_unicode(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let first = code_unit(text)?;
    let (code, length) = match first {
        0xd800..0xdc00 => {
            let second = code_unit(text.get(6..)?)?;
            if !(0xdc00..0xe000).contains(&second) {
                return None;
            }
            (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
        }
        other => (other, 6),
    };
    let mut buffer = [0; 4];
    out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
    Some(length)
}

fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

#[derive(Deserialize)]
struct Any<'a> {
    log: Cow<'a, str>,
    stream: Cow<'a, str>,
    time: Cow<'a, str>,
}

fn parse_any(line: &[u8]) -> Option<Record<'static>> {
    let any: Any<'_> = serde_json::from_slice(line).ok()?;
    Some(Record {
        log: Cow::Owned(any.log.into_owned().into_bytes()),
        stream: Stream::parse(any.stream.as_bytes())?,
        time: parse_rfc3339(any.time.as_bytes())?,
    })
}

/// The place of the first byte at which a record may begin, for going on after damage.
pub(super) fn next_beginning(damaged: &[u8]) -> Option<usize> {
    // The first byte is part of what could not be read.
    let rest = damaged.get(1..)?;
    memmem::find(rest, BEGIN).map(|at| at + 1)
}

/// Any bytes; what the JSON parser can read, the quick way reads the same.
#[cfg(fuzzing)]
pub(super) fn fuzz(line: &[u8]) {
    let mut scratch = Vec::new();
    let quick = parse(line, &mut scratch);
    if let Some(by_json) = parse_any(line) {
        assert_eq!(quick, Some(by_json));
    }
    next_beginning(line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(line: &str) -> Option<(String, Stream, i64)> {
        let mut scratch = Vec::new();
        let record = parse(line.as_bytes(), &mut scratch)?;
        Some((String::from_utf8(record.log.into_owned()).unwrap(), record.stream, record.time))
    }

    const TIME: i64 = 1_476_918_859_100_000_000;

    #[test]
    fn usual_records() {
        for (line, expected, stream) in [
            (r#"{"log":"plain","stream":"stdout","time":"2016-10-19T23:14:19.1Z"}"#, "plain", Stream::Stdout),
            (
                r#"{"log":"line\n","stream":"stderr","time":"2016-10-19T23:14:19.1Z"}"#,
                "line\n",
                Stream::Stderr,
            ),
            (r#"{"log":"\n","stream":"stdout","time":"2016-10-19T23:14:19.1Z"}"#, "\n", Stream::Stdout),
            (
                r#"{"log":"\u003cb\u003e \"q\" \\ \t\u0000\ud83d\ude00é\r\n","stream":"stdout","time":"2016-10-19T23:14:19.1Z"}"#,
                "<b> \"q\" \\ \t\0😀é\r\n",
                Stream::Stdout,
            ),
            (
                r#"{"log":"in text: \",\"stream\":\"stderr\",\"time\":\"x\"}\n","stream":"stdout","time":"2016-10-19T23:14:19.1Z"}"#,
                "in text: \",\"stream\":\"stderr\",\"time\":\"x\"}\n",
                Stream::Stdout,
            ),
            (
                r#"{"log":"ends in \\","stream":"stdout","time":"2016-10-19T23:14:19.1Z"}"#,
                "ends in \\",
                Stream::Stdout,
            ),
        ] {
            assert_eq!(text(line), Some((expected.to_owned(), stream, TIME)), "{line}");
        }
    }

    #[test]
    fn unusual_records_go_through_the_json_parser() {
        for line in [
            r#"{"log":"a\n","stream":"stdout","attrs":{"tag":"x\",\"stream\":\"stderr"},"time":"2016-10-19T23:14:19.1Z"}"#,
            r#"{ "time":"2016-10-19T23:14:19.1Z", "stream":"stdout", "log":"a\n"}"#,
        ] {
            assert_eq!(text(line), Some(("a\n".to_owned(), Stream::Stdout, TIME)), "{line}");
        }
    }

    #[test]
    fn damage_is_seen_and_left_behind() {
        let good = r#"{"log":"good\n","stream":"stdout","time":"2016-10-19T23:14:19.1Z"}"#;
        let damaged = format!("\0\0\0{good}");
        assert_eq!(text(&damaged), None);
        assert_eq!(next_beginning(damaged.as_bytes()), Some(3));
        let half = format!("{}{good}", good.split_at(20).0);
        assert_eq!(text(&half), None);
        assert_eq!(next_beginning(half.as_bytes()), Some(20));
        assert_eq!(next_beginning(b""), None);
        for bad in [r#"{"log":"a\n","stream":"stdin","time":"2016-10-19T23:14:19Z"}"#, r#"{"log":"a"}"#, "x"]
        {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    /// As the engine escapes: JSON of Go, with `<`, `>` and `&` as well.
    fn engine_line(log: &str) -> String {
        let log = serde_json::to_string(log).unwrap();
        let log = log.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
        format!(r#"{{"log":{log},"stream":"stdout","time":"2016-10-19T23:14:19.1Z"}}"#)
    }

    proptest! {
        #[test]
        fn any_text_comes_back(log: String) {
            let line = engine_line(&log);
            prop_assert_eq!(text(&line), Some((log, Stream::Stdout, TIME)));
        }

        #[test]
        fn nothing_panics(line: Vec<u8>, cut in 0_usize..200) {
            parse(&line, &mut Vec::new());
            next_beginning(&line);
            let half = engine_line("a \"quoted\" \\ <text>\n").into_bytes();
            parse(&half[..cut.min(half.len())], &mut Vec::new());
        }
    }
}
