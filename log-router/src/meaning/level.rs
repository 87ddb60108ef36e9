//! A line's own severity: what JSON, logfmt, klog, nginx, log4j, Python and their like say of it.
//!
//! Each line passes here, so there is no regular expression and nothing looks further than the beginning of a line,
//! except for the two kinds of lines that name the key (`level=`, `"level":`).

use memchr::memmem;

/// syslog's numbers.
const EMERGENCY: u8 = 0;
const ALERT: u8 = 1;
const CRITICAL: u8 = 2;
const ERROR: u8 = 3;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;
const DEBUG: u8 = 7;

/// A level stands before the text proper.
const HEADER_BYTES: usize = 160;
/// A key may stand behind a long text.
const KEYED_BYTES: usize = 4096;
/// Words such as a host and a logger's name between the time and the level.
const MOST_WORDS: usize = 3;

/// The severity that a line states, 0 (emergency) to 7 (debug); `None` where it states none.
pub fn severity(line: &[u8]) -> Option<u8> {
    let line = without_colour(line.trim_ascii_start());
    match line {
        [] => None,
        [b'{', ..] => of_json(line),
        [letter @ (b'I' | b'W' | b'E' | b'F'), a, b, c, d, b' ', ..]
            if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) =>
        {
            Some(of_klog(*letter))
        }
        // Ruby's Logger.
        [letter, b',', b' ', b'[', ..] => of_letter(*letter),
        [b'0'..=b'9', .., _] if redis_mark(line).is_some() => redis_mark(line).and_then(of_redis),
        _ => of_header(line).or_else(|| of_logfmt(line)).or_else(|| of_exception(line)),
    }
}

/// Behind an escape sequence that colours what follows.
fn without_colour(mut line: &[u8]) -> &[u8] {
    while let [0x1b, b'[', rest @ ..] = line {
        let Some(end) = rest.iter().take(12).position(|byte| *byte == b'm') else { return line };
        line = rest.get(end + 1..).unwrap_or_default().trim_ascii_start();
    }
    line
}

const fn of_klog(letter: u8) -> u8 {
    match letter {
        b'I' => INFORMATIONAL,
        b'W' => WARNING,
        b'E' => ERROR,
        _ => CRITICAL,
    }
}

/// The mark in `1:M 19 Oct 2016 23:14:19.123 # text`.
fn redis_mark(line: &[u8]) -> Option<u8> {
    let digits = line.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let [b':', b'A'..=b'Z', b' ', rest @ ..] = line.get(digits..)? else { return None };
    match rest.get(24..)? {
        [b' ', mark, b' ', ..] | [mark, b' ', ..] => Some(*mark),
        _ => None,
    }
}

const fn of_redis(mark: u8) -> Option<u8> {
    match mark {
        b'#' => Some(WARNING),
        b'*' => Some(NOTICE),
        b'-' => Some(INFORMATIONAL),
        b'.' => Some(DEBUG),
        _ => None,
    }
}

/// `"level":"error"`, `"severity":"ERROR"`, `"log.level":"warn"`, pino's and bunyan's numbers, `MongoDB`'s `"s":"E"`.
fn of_json(line: &[u8]) -> Option<u8> {
    let line = line.get(..KEYED_BYTES).unwrap_or(line);
    [&b"evel\""[..], b"everity\"", b"lvl\"", b"levelname\"", b"\"@l\"", b"\"s\""]
        .iter()
        .find_map(|key| memmem::find(line, key).and_then(|at| json_value(line.get(at + key.len()..)?)))
}

fn json_value(rest: &[u8]) -> Option<u8> {
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    if let Some(text) = value.strip_prefix(b"\"") {
        let end = text.iter().take(16).position(|byte| *byte == b'"')?;
        return match text.get(..end)? {
            [letter] => of_letter(*letter),
            text => word(text).or_else(|| number(text)),
        };
    }
    number(value.get(..value.iter().take_while(|byte| byte.is_ascii_digit()).count())?)
}

/// syslog's numbers as GELF has them, or pino's and bunyan's tens.
fn number(digits: &[u8]) -> Option<u8> {
    match digits {
        [digit @ b'0'..=b'7'] => Some(digit - b'0'),
        [b'1' | b'2', b'0'] => Some(DEBUG),
        [b'3', b'0'] => Some(INFORMATIONAL),
        [b'4', b'0'] => Some(WARNING),
        [b'5', b'0'] => Some(ERROR),
        [b'6', b'0'] => Some(CRITICAL),
        _ => None,
    }
}

const fn of_letter(letter: u8) -> Option<u8> {
    match letter {
        b'F' => Some(CRITICAL),
        b'E' => Some(ERROR),
        b'W' => Some(WARNING),
        b'N' => Some(NOTICE),
        b'I' => Some(INFORMATIONAL),
        b'D' | b'T' | b'V' => Some(DEBUG),
        _ => None,
    }
}

/// ` level=error`, ` lvl=eror`, ` severity=WARNING`.
fn of_logfmt(line: &[u8]) -> Option<u8> {
    let line = line.get(..KEYED_BYTES).unwrap_or(line);
    memchr::memchr(b'=', line)?;
    [&b"level="[..], b"lvl=", b"severity="].iter().find_map(|key| {
        memmem::find_iter(line, key).find_map(|at| {
            let before = at.checked_sub(1).and_then(|before| line.get(before));
            let alone = before.is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'.' | b'"'));
            let value = line.get(at + key.len()..)?;
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            let end = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            alone.then(|| word(value.get(..end)?))?
        })
    })
}

/// Exceptions that a runtime prints without a logger.
fn of_exception(line: &[u8]) -> Option<u8> {
    let known: [(&[u8], u8); 7] = [
        (b"Traceback (most recent call last)", ERROR),
        (b"Exception in thread ", ERROR),
        (b"Unhandled exception", CRITICAL),
        (b"Unhandled rejection", ERROR),
        (b"Uncaught ", ERROR),
        (b"PHP Fatal error:", CRITICAL),
        (b"PHP Warning:", WARNING),
    ];
    known.iter().find(|(begin, _)| line.starts_with(begin)).map(|(_, severity)| *severity)
}

/// How a word stands in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The byte before it.
    before: u8,
    /// The byte behind it.
    after: u8,
    /// It begins the line.
    first: bool,
    /// A time of day stands before it.
    timed: bool,
    /// Words that are neither times nor in brackets stand before it.
    words: usize,
}

/// The level among time, thread and logger at the beginning of a line.
fn of_header(line: &[u8]) -> Option<u8> {
    let header = line.get(..HEADER_BYTES).unwrap_or(line);
    let (mut at, mut words, mut timed, mut brackets) = (0, 0, false, 0_u32);
    while let Some(start) = header.get(at..)?.iter().position(u8::is_ascii_alphanumeric).map(|gap| at + gap) {
        let between = header.get(at..start)?;
        for byte in between {
            match byte {
                b'[' | b'(' | b'<' => brackets += 1,
                b']' | b')' | b'>' => brackets = brackets.saturating_sub(1),
                _ => {}
            }
        }
        let token = header.get(start..)?;
        if between.ends_with(b"\x1b[") {
            // A colour.
            at = start + token.iter().take(12).position(|byte| *byte == b'm')? + 1;
            brackets = brackets.saturating_sub(1);
            continue;
        }
        let length = token.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let token = token.get(..length)?;
        let place = Place {
            before: start.checked_sub(1).and_then(|before| header.get(before)).copied().unwrap_or(b' '),
            after: header.get(start + length).copied().unwrap_or(b' '),
            first: start == 0 || (words == 0 && !timed),
            timed,
            words,
        };
        at = start + length;
        if token.first()?.is_ascii_digit() {
            // hh:mm
            timed |= place.after == b':' && header.get(at + 1).is_some_and(u8::is_ascii_digit);
            continue;
        }
        if let Some(severity) = word(token).filter(|_| is_level(token, place)) {
            return Some(severity);
        }
        if brackets == 0 {
            words += 1;
            if words > MOST_WORDS || (!timed && words > 1 && place.before != b'-') {
                return None;
            }
        }
    }
    None
}

/// Whether a word that can be a level is meant as one.
fn is_level(token: &[u8], place: Place) -> bool {
    let upper = token.iter().all(u8::is_ascii_uppercase);
    let closed = matches!(place.after, b']' | b')' | b'|' | b'>');
    let opened = matches!(place.before, b'[' | b'(' | b'|' | b'<' | b':');
    let colon = place.after == b':';
    if is_weak(token) {
        // `LOG:`, `fail:`, `[Note]`: ordinary words otherwise.
        return (closed && opened) || (colon && (place.first || place.timed));
    }
    match (closed && opened, upper) {
        (true, _) => true,
        // `[INFO ]`, `ERROR/MainProcess`, ` WARN  [main]`
        (false, true) => {
            (place.first || place.timed || opened)
                && matches!(place.after, b' ' | b':' | b'\t' | b'/' | b']' | b',' | b'-' | b'|' | b'.' | 0x1b)
        }
        (false, false) => {
            (place.first || (place.timed && place.words < 2)) && matches!(place.after, b':' | b'\t')
        }
    }
}

fn is_weak(token: &[u8]) -> bool {
    [&b"log"[..], b"note", b"fail", b"fine", b"config", b"alert", b"panic", b"verbose", b"failure"]
        .iter()
        .any(|weak| token.eq_ignore_ascii_case(weak))
}

/// The severity that a word names, in any case.
fn word(token: &[u8]) -> Option<u8> {
    let mut lower = [0; 13];
    let lower = lower.get_mut(..token.len()).filter(|lower| lower.len() > 2)?;
    lower.copy_from_slice(token);
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"emerg" | b"emergency" => EMERGENCY,
        b"alert" => ALERT,
        b"crit" | b"critical" | b"fatal" | b"ftl" | b"panic" | b"dpanic" => CRITICAL,
        b"error" | b"err" | b"eror" | b"severe" | b"fail" | b"failure" => ERROR,
        b"warn" | b"warning" | b"wrn" => WARNING,
        b"notice" | b"note" => NOTICE,
        b"info" | b"inf" | b"information" | b"informational" | b"log" => INFORMATIONAL,
        b"debug" | b"dbg" | b"dbug" | b"trace" | b"trc" | b"trce" | b"fine" | b"finer" | b"finest"
        | b"verbose" | b"vrb" | b"config" => DEBUG,
        _ => return None,
    })
}

/// The severity that a name or a number stands for, as users write it.
pub fn parse(name: &str) -> Option<u8> {
    word(name.as_bytes()).or_else(|| number(name.as_bytes()))
}

#[cfg(test)]
mod tests;
