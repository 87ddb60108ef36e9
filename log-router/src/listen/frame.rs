//! Cuts what comes by TCP into messages: by newlines, or by lengths (`LEN SP MESSAGE`, RFC 6587), told apart message by
//! message. A message over the limit comes in parts, so memory stays bounded whatever a sender sends.

use memchr::memchr;

/// No sender means a longer message; a greater number is the text of a broken sender.
const LONGEST_COUNTED: usize = 16 * 1024 * 1024;
/// Digits of the greatest length.
const MOST_DIGITS: usize = 8;

/// A message or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub text: &'a [u8],
    /// The beginning of the message is in it.
    pub first: bool,
    /// The end of the message is in it.
    pub last: bool,
}

/// What a sender can never have meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadLength;

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Framer {
    pending: Vec<u8>,
    longest: usize,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Between messages.
    Between,
    /// Within a message that ends at a newline, after its first part.
    ToNewline { first: bool },
    /// Within a message of which so many bytes are missing.
    Counted { missing: usize, first: bool },
}

impl Framer {
    pub(super) fn new(longest: usize) -> Self {
        Self { pending: Vec::new(), longest: longest.max(1), mode: Mode::Between }
    }

    /// Takes bytes in and passes on the messages that are complete.
    pub(super) fn push(&mut self, bytes: &[u8], mut pass: impl FnMut(Frame<'_>)) -> Result<(), BadLength> {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        let result = loop {
            match self.step(rest, &mut pass) {
                Ok(0) => break Ok(()),
                Ok(used) => rest = rest.get(used..).unwrap_or_default(),
                Err(bad) => break Err(bad),
            }
        };
        self.pending = rest.to_vec();
        result
    }

    /// The connection ended: what is there is a message.
    pub(super) fn finish(&mut self, mut pass: impl FnMut(Frame<'_>)) {
        let pending = std::mem::take(&mut self.pending);
        let first = match self.mode {
            Mode::Between => true,
            Mode::ToNewline { first } | Mode::Counted { first, .. } => first,
        };
        if !pending.is_empty() {
            pass(Frame { text: trimmed(&pending), first, last: true });
        }
    }

    /// Uses up a piece; 0 where more has to come.
    fn step(&mut self, rest: &[u8], pass: &mut impl FnMut(Frame<'_>)) -> Result<usize, BadLength> {
        match self.mode {
            Mode::Between => match rest.first() {
                None => Ok(0),
                Some(b'\n' | b'\r' | 0) => Ok(1),
                Some(b'1'..=b'9') => self.begin_counted(rest, pass),
                Some(_) => {
                    self.mode = Mode::ToNewline { first: true };
                    self.step(rest, pass)
                }
            },
            Mode::ToNewline { first } => match memchr(b'\n', rest) {
                Some(end) if end <= self.longest => {
                    pass(Frame { text: trimmed(rest.get(..end).unwrap_or_default()), first, last: true });
                    self.mode = Mode::Between;
                    Ok(end + 1)
                }
                None if rest.len() <= self.longest => Ok(0),
                _ => {
                    pass(Frame { text: rest.get(..self.longest).unwrap_or_default(), first, last: false });
                    self.mode = Mode::ToNewline { first: false };
                    Ok(self.longest)
                }
            },
            Mode::Counted { missing, first } => {
                let part = missing.min(self.longest);
                let Some(text) = rest.get(..part) else { return Ok(0) };
                let last = part == missing;
                let text = if last { trimmed(text) } else { text };
                pass(Frame { text, first, last });
                self.mode = if last {
                    Mode::Between
                } else {
                    Mode::Counted { missing: missing - part, first: false }
                };
                Ok(part)
            }
        }
    }

    fn begin_counted(&mut self, rest: &[u8], pass: &mut impl FnMut(Frame<'_>)) -> Result<usize, BadLength> {
        let digits = rest.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        match rest.get(digits) {
            None if digits <= MOST_DIGITS => Ok(0),
            Some(b' ') if digits <= MOST_DIGITS => {
                let text = rest.get(..digits).unwrap_or_default();
                let length = text.iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
                if length > LONGEST_COUNTED {
                    return Err(BadLength);
                }
                self.mode = Mode::Counted { missing: length, first: true };
                Ok(digits + 1)
            }
            // A text that begins with a number.
            Some(_) if digits <= MOST_DIGITS => {
                self.mode = Mode::ToNewline { first: true };
                self.step(rest, pass)
            }
            _ => Err(BadLength),
        }
    }
}

/// Without what only frames the text: a newline, a carriage return before it, the NUL that glibc's `syslog` sends.
pub(super) fn trimmed(mut text: &[u8]) -> &[u8] {
    if let [rest @ .., b'\n'] = text {
        text = rest;
    }
    if let [rest @ .., b'\r'] = text {
        text = rest;
    }
    while let [rest @ .., 0] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests;
