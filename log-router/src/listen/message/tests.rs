use super::*;
use crate::time::parse_rfc3339;
use proptest::prelude::*;

const NOW: &str = "2016-10-20T00:00:00Z";

fn read(raw: &[u8]) -> Parsed<'_> {
    parse(raw, parse_rfc3339(NOW.as_bytes()).unwrap())
}

/// Priority, time, host, program, process, text.
fn fields(raw: &str) -> (u8, Option<i64>, String, String, String, String) {
    let parsed = read(raw.as_bytes());
    let text = |field: Option<String>| field.unwrap_or_default();
    (
        parsed.priority.value(),
        parsed.time,
        text(parsed.hostname),
        text(parsed.program),
        text(parsed.process),
        String::from_utf8(parsed.text.to_vec()).unwrap(),
    )
}

#[test]
fn messages_as_programs_send_them() {
    let time = |text: &str| parse_rfc3339(text.as_bytes());
    for (raw, priority, at, host, program, process, text) in [
        // util-linux's logger, in its three forms.
        (
            "<13>1 2016-10-19T23:11:47.123456+00:00 alpha root - - [timeQuality tzKnown=\"1\" isSynced=\"0\"] hello",
            13,
            time("2016-10-19T23:11:47.123456Z"),
            "alpha",
            "root",
            "",
            "hello",
        ),
        (
            "<13>Oct 19 23:11:47 alpha root: hello",
            13,
            time("2016-10-19T23:11:47Z"),
            "alpha",
            "root",
            "",
            "hello",
        ),
        (
            "<13>Oct 19 23:11:47 alpha root[42]:   indented",
            13,
            time("2016-10-19T23:11:47Z"),
            "alpha",
            "root",
            "42",
            "  indented",
        ),
        // RFC 5424, section 6.5.
        (
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed",
            34,
            time("2003-10-11T22:14:15.003Z"),
            "mymachine.example.com",
            "su",
            "",
            "'su root' failed",
        ),
        (
            "<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [ex@1 a=\"x\\\"]\"][b@2 c=\"d\"] text [not data]",
            165,
            time("2003-10-11T22:14:15.003Z"),
            "host",
            "evntslog",
            "",
            "text [not data]",
        ),
        // A text that looks like structured data is text in RFC 3164.
        (
            "<14>2016-10-19T23:14:19.123456789Z c51c177bd308 registry.1.abs[4833]: [id k=\"v\"] rest",
            14,
            time("2016-10-19T23:14:19.123456789Z"),
            "c51c177bd308",
            "registry.1.abs",
            "4833",
            "[id k=\"v\"] rest",
        ),
        ("no header at all", 13, None, "", "", "", "no header at all"),
        ("<7>", 7, None, "", "", "", ""),
    ] {
        let expected =
            (priority, at, host.to_owned(), program.to_owned(), process.to_owned(), text.to_owned());
        assert_eq!(fields(raw), expected, "{raw}");
    }
}

#[test]
fn structured_data_and_message_id_are_kept() {
    let parsed = read(b"<165>1 2003-10-11T22:14:15.003Z h p - ID47 [a@1 b=\"c\"] text");
    assert_eq!(
        (parsed.message_id.as_deref(), parsed.structured_data.as_deref()),
        (Some("ID47"), Some("[a@1 b=\"c\"]"))
    );
}

#[test]
fn texts_may_hold_any_bytes() {
    assert_eq!(read(b"<13>Oct 19 23:11:47 alpha root: caf\xe9 \xff").text, b"caf\xe9 \xff");
    assert_eq!(read(b"<13>1 2016-10-19T23:11:47Z alpha root - - - caf\xe9").text, b"caf\xe9");
}

proptest! {
    #[test]
    fn nothing_panics(raw: Vec<u8>, tail: String) {
        read(&raw);
        for begin in ["<13>", "<13>1 2016-10-19T23:11:47Z a b - - ", "<13>Oct 19 23:11:47 a b[", "<13>1 2016-10-19T23:11:47Z a b c d ["] {
            read(format!("{begin}{tail}").as_bytes());
        }
    }

    #[test]
    fn every_text_comes_back(text in "[ -~]{0,60}", process in 1_u32..99_999) {
        let raw = format!("<13>Oct 19 23:11:47 alpha prog[{process}]: {text}");
        prop_assert_eq!(read(raw.as_bytes()).text, text.as_bytes());
        let raw = format!("<13>1 2016-10-19T23:11:47Z alpha prog {process} - - {text}");
        prop_assert_eq!(read(raw.as_bytes()).text, text.as_bytes());
    }
}
