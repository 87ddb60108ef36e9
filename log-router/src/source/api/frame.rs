//! One frame of the engine's log stream: `2026-11-22T10:36:48.093478642Z text`.

use std::borrow::Cow;

use crate::record::Stream;
use crate::time::parse_rfc3339;

/// The engine's piece of a line.
const PIECE_BYTES: usize = 16 * 1024;

/// A piece of a log with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// The stream; everything a terminal prints is standard output.
    pub stream: Stream,
    /// Nanoseconds of Unix time.
    pub time: i64,
    /// The text, with its newline where there is one.
    pub text: Vec<u8>,
}

/// Reads a frame of a container without a terminal; `None` where it does not begin with a time.
pub(super) fn parse(stream: Stream, frame: &[u8]) -> Option<Frame> {
    let (_, time, text) = split(frame)?;
    Some(Frame { stream, time, text: text.to_vec() })
}

/// Reads a line of a container with a terminal. There the engine puts the time also before each piece of a long line,
/// in the middle of the text: it is left out where it is the same again after exactly one piece.
pub(super) fn parse_terminal(line: &[u8]) -> Option<Frame> {
    let (stamp, time, text) = split(line)?;
    let mut joined = Cow::Borrowed(text);
    let mut at = PIECE_BYTES;
    while joined.get(at..).is_some_and(|rest| rest.starts_with(stamp)) {
        joined.to_mut().drain(at..at + stamp.len());
        at += PIECE_BYTES;
    }
    Some(Frame { stream: Stream::Stdout, time, text: joined.into_owned() })
}

/// Parts a joined line where an engine before 23.0 lost the newline behind its last piece (driver `local`): there a carriage
/// return comes right before the next line's time.
pub(super) fn parse_terminal_lines(line: &[u8]) -> Option<Vec<Frame>> {
    let mut frames = vec![parse_terminal(line)?];
    while let Some(last) = frames.last_mut() {
        let lost = last.text.get(PIECE_BYTES..).and_then(|rest| {
            memchr::memchr_iter(b'\r', rest)
                .find_map(|at| rest.get(at + 1..).and_then(split).map(|_| PIECE_BYTES + at + 1))
        });
        let Some(at) = lost else { break };
        let next = last.text.split_off(at);
        last.text.push(b'\n');
        frames.push(parse_terminal(&next)?);
    }
    Some(frames)
}

/// The time with its blank, its value, and the rest.
fn split(frame: &[u8]) -> Option<(&[u8], i64, &[u8])> {
    let end = frame.iter().take(40).position(|byte| *byte == b' ')?;
    let (stamp, text) = frame.split_at_checked(end + 1)?;
    Some((stamp, parse_rfc3339(stamp.get(..end)?)?, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAMP: &str = "2016-10-19T23:14:19.100000000Z ";
    const TIME: i64 = 1_476_918_859_100_000_000;

    #[test]
    fn a_frame_has_a_time_and_any_text() {
        let frame = parse(Stream::Stderr, format!("{STAMP}  indented \u{e9}\n").as_bytes()).unwrap();
        assert_eq!(frame, Frame { stream: Stream::Stderr, time: TIME, text: "  indented é\n".into() });
        assert_eq!(parse(Stream::Stdout, STAMP.as_bytes()).unwrap().text, b"");
        for bad in ["", "no time\n", "Error grabbing logs: x"] {
            assert_eq!(parse(Stream::Stdout, bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn times_within_a_terminals_long_line_are_left_out() {
        let piece = "x".repeat(PIECE_BYTES);
        let line = format!("{STAMP}{piece}{STAMP}{piece}{STAMP}end\r\n");
        assert_eq!(
            parse_terminal(line.as_bytes()).unwrap().text,
            format!("{piece}{piece}end\r\n").as_bytes()
        );
        let own = format!("{STAMP}short {STAMP}text\r\n");
        assert_eq!(parse_terminal(own.as_bytes()).unwrap().text, format!("short {STAMP}text\r\n").as_bytes());
    }

    #[test]
    fn a_newline_that_the_engine_lost_is_put_back() {
        let piece = "x".repeat(PIECE_BYTES);
        let line = format!("{STAMP}{piece}{STAMP}end\r{STAMP}next\r\n");
        let texts: Vec<_> =
            parse_terminal_lines(line.as_bytes()).unwrap().into_iter().map(|f| f.text).collect();
        assert_eq!(texts, [format!("{piece}end\r\n").into_bytes(), b"next\r\n".to_vec()]);
        assert_eq!(parse_terminal_lines(format!("{STAMP}a\r{STAMP}b\r\n").as_bytes()).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn nothing_panics(frame: Vec<u8>) {
            parse_terminal_lines(&frame);
            parse(Stream::Stdout, &frame);
            parse_terminal(&frame);
        }
    }
}
