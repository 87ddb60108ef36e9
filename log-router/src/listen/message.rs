//! One syslog message, RFC 3164 or RFC 5424: the header is `syslog_loose`'s to read, the text is cut from the raw bytes,
//! so that no blank and no byte of it is lost.

use chrono::{DateTime, Utc};
use syslog_loose::{Message, Protocol, Variant, parse_message_with_year_exact_tz};

use crate::priority::{Priority, nearest_year};

/// `user.notice`, which RFC 3164 wants for a message without a priority.
const UNSTATED: u8 = 13;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parsed<'a> {
    pub priority: Priority,
    /// In nanoseconds of Unix time, where it has one.
    pub time: Option<i64>,
    pub hostname: Option<String>,
    pub program: Option<String>,
    pub process: Option<String>,
    pub message_id: Option<String>,
    /// In its brackets.
    pub structured_data: Option<String>,
    pub text: &'a [u8],
}

/// Reads a message; whatever cannot be read stays in the text.
pub(super) fn parse(raw: &[u8], now: i64) -> Parsed<'_> {
    let (value, after) = priority(raw).unwrap_or((UNSTATED, 0));
    let body = raw.get(after..).unwrap_or_default();
    let unread = Parsed {
        priority: Priority::new(value).unwrap_or(Priority::STDOUT),
        time: None,
        hostname: None,
        program: None,
        process: None,
        message_id: None,
        structured_data: None,
        text: body,
    };
    let shown = String::from_utf8_lossy(raw);
    let today = DateTime::from_timestamp_nanos(now);
    let message = parse_message_with_year_exact_tz(
        &shown,
        |(month, ..)| nearest_year(today, month),
        Some(Utc),
        Variant::Either,
    );
    let Ok(message) = message else { return unread };
    let cut = match message.protocol {
        Protocol::RFC5424(_) => text_of_5424(raw),
        Protocol::RFC3164 => text_of_3164(raw, &shown, &message),
    };
    let Some((text, structured_data)) = cut else { return unread };
    let owned = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty() && text != "-");
    Parsed {
        time: message.timestamp.and_then(|time| time.timestamp_nanos_opt()),
        hostname: message.hostname.and_then(owned),
        program: message.appname.and_then(owned),
        process: message.procid.and_then(|process| owned(&process.to_string())),
        message_id: message.msgid.and_then(owned),
        structured_data,
        text,
        ..unread
    }
}

/// The number in `<PRI>`, and where it ends.
fn priority(raw: &[u8]) -> Option<(u8, usize)> {
    let rest = raw.strip_prefix(b"<")?;
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok().filter(|value| *value < 192)?;
    (rest.get(digits) == Some(&b'>')).then_some((number, digits + 2))
}

/// Behind `<PRI>1 TIME HOST APP PROCID MSGID SD `, and the SD.
fn text_of_5424(raw: &[u8]) -> Option<(&[u8], Option<String>)> {
    let mut rest = raw;
    for _ in 0..6 {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        rest = rest.get(end + 1..)?;
    }
    let length = match rest.first() {
        Some(b'[') => structured_length(rest)?,
        Some(b'-') => 1,
        _ => return None,
    };
    let (data, text) = rest.split_at_checked(length)?;
    let text = text.strip_prefix(b" ").unwrap_or(text);
    // A byte order mark says only that the text is UTF-8.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let data = String::from_utf8_lossy(data).into_owned();
    Some((text, Some(data).filter(|data| data != "-")))
}

/// How long `[id name="value"][id2]` is.
fn structured_length(data: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (at, byte) in data.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' if !quoted && !open => open = true,
            b']' if !quoted => open = false,
            _ if !open && !quoted => return Some(at),
            _ => {}
        }
    }
    (!open && !quoted).then_some(data.len())
}

/// Behind `TAG[PID]: `, or behind the header where there is no tag.
fn text_of_3164<'a>(
    raw: &'a [u8],
    shown: &str,
    message: &Message<&str>,
) -> Option<(&'a [u8], Option<String>)> {
    let at = |part: &str| (part.as_ptr() as usize).checked_sub(shown.as_ptr() as usize);
    let start = match message.appname {
        Some(tag) => {
            let mut end = at(tag)? + tag.len();
            if raw.get(end) == Some(&b'[') {
                end += raw.get(end..)?.iter().position(|byte| *byte == b']')? + 1;
            }
            end + usize::from(raw.get(end) == Some(&b':'))
        }
        None => match message.hostname {
            Some(host) => at(host)? + host.len(),
            None => at(message.msg)?,
        },
    };
    // Where the header is not UTF-8 its places are others.
    if raw.get(..start)? != shown.as_bytes().get(..start)? {
        return None;
    }
    let text = raw.get(start..)?;
    Some((text.strip_prefix(b" ").unwrap_or(text), None))
}

#[cfg(test)]
mod tests;
