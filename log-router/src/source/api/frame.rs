//! One frame of the engine's log stream: `2026-11-22T10:36:48.093478642Z text`.

use bytes::Bytes;

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
    pub text: Bytes,
}

/// Reads a frame of a container without a terminal; `None` where it does not begin with a time.
pub(super) fn parse(stream: Stream, frame: &Bytes) -> Option<Frame> {
    let (stamp, time, _) = split(frame)?;
    Some(Frame { stream, time, text: frame.slice(stamp.len()..) })
}

/// Reads a line of a container with a terminal. There the engine puts the time also before each piece of a long line,
/// in the middle of the text: it is left out where it is the same again after exactly one piece.
pub(super) fn parse_terminal(line: &Bytes) -> Option<Frame> {
    let (stamp, time, text) = split(line)?;
    let mut frame = Frame { stream: Stream::Stdout, time, text: line.slice(stamp.len()..) };
    if text.get(PIECE_BYTES..).is_some_and(|rest| rest.starts_with(stamp)) {
        let mut joined = text.to_vec();
        let mut at = PIECE_BYTES;
        while joined.get(at..).is_some_and(|rest| rest.starts_with(stamp)) {
            joined.drain(at..at + stamp.len());
            at += PIECE_BYTES;
        }
        frame.text = joined.into();
    }
    Some(frame)
}

/// Parts a joined line where an engine before 23.0 lost the newline behind its last piece (driver `local`): there a carriage
/// return comes right before the next line's time.
pub(super) fn parse_terminal_lines(line: &Bytes, frames: &mut Vec<Frame>) -> Option<()> {
    let mut frame = parse_terminal(line)?;
    loop {
        let lost = frame.text.get(PIECE_BYTES..).and_then(|rest| {
            memchr::memchr_iter(b'\r', rest)
                .find_map(|at| rest.get(at + 1..).and_then(split).map(|_| PIECE_BYTES + at + 1))
        });
        let Some(at) = lost else { break };
        let next = frame.text.split_off(at);
        frame.text = [&frame.text[..], b"\n"].concat().into();
        frames.push(frame);
        frame = parse_terminal(&next)?;
    }
    frames.push(frame);
    Some(())
}

/// The time with its blank, its value, and the rest.
fn split(frame: &[u8]) -> Option<(&[u8], i64, &[u8])> {
    let end = frame.iter().take(40).position(|byte| *byte == b' ')?;
    let (stamp, text) = frame.split_at_checked(end + 1)?;
    Some((stamp, parse_rfc3339(stamp.get(..end)?)?, text))
}

/// A frame of a container with a terminal, or without.
#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8]) {
    let frame = Bytes::copy_from_slice(bytes);
    parse(Stream::Stdout, &frame);
    let mut frames = Vec::new();
    if parse_terminal_lines(&frame, &mut frames).is_some() {
        assert!(frames.iter().map(|frame| frame.text.len()).sum::<usize>() <= bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAMP: &str = "2016-10-19T23:14:19.100000000Z ";
    const TIME: i64 = 1_476_918_859_100_000_000;

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn terminal(text: &str) -> Vec<Bytes> {
        let mut frames = Vec::new();
        parse_terminal_lines(&bytes(text), &mut frames).unwrap();
        frames.into_iter().map(|frame| frame.text).collect()
    }

    #[test]
    fn a_frame_has_a_time_and_any_text() {
        let frame = parse(Stream::Stderr, &bytes(&format!("{STAMP}  indented \u{e9}\n"))).unwrap();
        assert_eq!(frame, Frame { stream: Stream::Stderr, time: TIME, text: "  indented é\n".into() });
        assert_eq!(parse(Stream::Stdout, &bytes(STAMP)).unwrap().text, "");
        for bad in ["", "no time\n", "Error grabbing logs: x"] {
            assert_eq!(parse(Stream::Stdout, &bytes(bad)), None, "{bad}");
        }
    }

    #[test]
    fn times_within_a_terminals_long_line_are_left_out() {
        let piece = "x".repeat(PIECE_BYTES);
        let line = format!("{STAMP}{piece}{STAMP}{piece}{STAMP}end\r\n");
        assert_eq!(terminal(&line), [format!("{piece}{piece}end\r\n")]);
        let own = format!("{STAMP}short {STAMP}text\r\n");
        assert_eq!(terminal(&own), [format!("short {STAMP}text\r\n")]);
    }

    #[test]
    fn a_newline_that_the_engine_lost_is_put_back() {
        let piece = "x".repeat(PIECE_BYTES);
        let line = format!("{STAMP}{piece}{STAMP}end\r{STAMP}next\r\n");
        assert_eq!(terminal(&line), [format!("{piece}end\r\n"), "next\r\n".to_owned()]);
        assert_eq!(terminal(&format!("{STAMP}a\r{STAMP}b\r\n")).len(), 1);
    }

    proptest! {
        #[test]
        fn nothing_panics(frame: Vec<u8>) {
            let frame = Bytes::from(frame);
            parse_terminal_lines(&frame, &mut Vec::new());
            parse(Stream::Stdout, &frame);
        }
    }
}
