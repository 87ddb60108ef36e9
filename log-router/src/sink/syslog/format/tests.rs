use std::sync::Arc;

use proptest::prelude::*;
use regex::bytes::Regex;

use super::*;
use crate::record::{Batch, Stream};

/// Logstash's `<%{POSINT:priority}>%{SYSLOGLINE}` (legacy patterns) as one regular expression.
const GROK: &str = r"(?s)<([1-9][0-9]*)>(?:((?:[Jj]an|[Ff]eb|[Mm]ar|[Aa]pr|[Mm]ay|[Jj]un|[Jj]ul|[Aa]ug|[Ss]ep|[Oo]ct|[Nn]ov|[Dd]ec) +(?:0[1-9]|[12][0-9]|3[01]|[1-9]) (?:2[0-3]|[01]?[0-9]):[0-5][0-9]:(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?)|((?:\d\d){1,2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[T ](?:2[0-3]|[01][0-9]):?[0-5][0-9](?::?(?:[0-5][0-9]|60)(?:[.,][0-9]+)?)?(?:Z|[+-](?:2[0-3]|[01][0-9]):?[0-5][0-9])?)) ([0-9A-Za-z][0-9A-Za-z-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*)(?: ([\x21-\x5a\x5c\x5e-\x7e]+)(?:\[([1-9][0-9]*)\])?:|) (.*)";

/// 2016-10-19T23:14:19Z
const TIME: i64 = 1_476_918_859_000_000_000;

fn header(format: Format, node_name: Option<&str>) -> Header {
    let identity = Identity { node_name: node_name.map(str::to_owned), node_id: None };
    Header {
        format,
        identity: SharedIdentity::new(identity),
        parts: Parts::default(),
        append_tag: String::new(),
        time_digits: format.time_digits(),
        compat: false,
    }
}

fn made_of(text: &str) -> Template {
    Template::parse("", text).unwrap()
}

fn container() -> Container {
    Container {
        id: "c51c177bd308aaaa".to_owned(),
        name: "registry.1.abszmuwq8k3d7comu5041z2mc".to_owned(),
        hostname: "c51c177bd308".to_owned(),
        pid: 4833,
        ..Container::default()
    }
}

fn frame(header: &Header, container: Container, stream: Stream, time: i64, text: &[u8]) -> Vec<u8> {
    let container = Arc::new(container);
    let mut batch = Batch::default();
    batch.push(&container, stream, time, 0, text);
    let mut out = Vec::new();
    header.write(&batch.get(0).unwrap(), &header.prepare(&container), &mut out);
    out
}

fn text_frame(header: &Header, container: Container, text: &str) -> String {
    String::from_utf8(frame(header, container, Stream::Stdout, TIME, text.as_bytes())).unwrap()
}

#[test]
fn rfc3164_frames() {
    let header = header(Format::Rfc3164, None);
    assert_eq!(
        text_frame(&header, container(), "msg=\"listening on [::]:5000\" "),
        "<14>2016-10-19T23:14:19.000000000Z c51c177bd308 registry.1.abszmuwq8k3d7comu5041z2mc[4833]: msg=\"listening on [::]:5000\" "
    );
    let ended = Container { pid: 0, ..container() };
    assert_eq!(
        text_frame(&header, ended, ""),
        "<14>2016-10-19T23:14:19.000000000Z c51c177bd308 registry.1.abszmuwq8k3d7comu5041z2mc: "
    );
    let stderr = frame(&header, container(), Stream::Stderr, TIME + 123_456_789, b"  at x()");
    assert_eq!(
        String::from_utf8(stderr).unwrap(),
        "<11>2016-10-19T23:14:19.123456789Z c51c177bd308 registry.1.abszmuwq8k3d7comu5041z2mc[4833]:   at x()"
    );
}

#[test]
fn rfc5424_frames() {
    let mut header = header(Format::Rfc5424, Some("node_1"));
    assert_eq!(
        text_frame(&header, container(), "text"),
        "<14>1 2016-10-19T23:14:19.000000Z node_1 registry.1.abszmuwq8k3d7comu5041z2mc 4833 - - text"
    );
    header.parts.structured_data = Some(made_of("x@1 k=\"v\""));
    header.append_tag = ".prod".to_owned();
    assert_eq!(
        text_frame(&header, Container { pid: 0, ..container() }, "text"),
        "<14>1 2016-10-19T23:14:19.000000Z node_1 registry.1.abszmuwq8k3d7comu5041z2mc.prod - - [x@1 k=\"v\"] text"
    );
}

#[test]
fn the_host_is_the_users_word_then_the_node_then_the_containers_own() {
    let mut header = header(Format::Rfc3164, Some("node1"));
    assert!(text_frame(&header, container(), "x").contains("Z node1 registry"));
    header.parts.hostname = Some(made_of("given"));
    assert!(text_frame(&header, container(), "x").contains("Z given registry"));
}

#[test]
fn hosts_are_made_fit_for_logstash() {
    for (host, expected) in [
        ("my_host", "my-host"),
        ("a.b-c.d", "a.b-c.d"),
        ("-x-", "x"),
        ("..", "c51c177bd308"),
        ("", "c51c177bd308"),
        ("näme", "n-me"),
    ] {
        assert_eq!(sanitized(host, &container()), expected, "{host}");
    }
}

#[test]
fn syslog_loose_reads_what_we_write() {
    let text = text_frame(&header(Format::Rfc3164, Some("node1")), container(), "text");
    let message =
        syslog_loose::parse_message_with_year_exact(&text, |_| 2016, syslog_loose::Variant::RFC3164).unwrap();
    assert_eq!(message.hostname, Some("node1"));
    assert_eq!(message.appname, Some("registry.1.abszmuwq8k3d7comu5041z2mc"));
    assert_eq!(message.timestamp.unwrap().timestamp_nanos_opt(), Some(TIME));
    let text = text_frame(&header(Format::Rfc5424, Some("node1")), container(), "text");
    let message =
        syslog_loose::parse_message_with_year_exact(&text, |_| 2016, syslog_loose::Variant::RFC5424).unwrap();
    assert_eq!(message.appname, Some("registry.1.abszmuwq8k3d7comu5041z2mc"));
    assert_eq!(message.msg, "text");
}

/// A frame as `--compat` makes it, read at [`TIME`].
fn compat_frame(format: Format, parts: Parts, container: Container, stream: Stream, text: &[u8]) -> String {
    let header = Header { compat: true, time_digits: 0, parts, ..header(format, Some("node1")) };
    let container = Arc::new(container);
    let mut batch = Batch::default();
    batch.push(&container, stream, TIME + 5, 0, text);
    let view = View::of(&batch.get(0).unwrap(), "node1", 0);
    let mut out = Vec::new();
    header.write_at(&view, || Priority::STDOUT, &header.prepare(&container), &mut out);
    String::from_utf8(out).unwrap()
}

/// logspout's documented frames, but for the newline that both transports put behind them.
#[test]
fn compat_frames_are_logspouts() {
    let frame = |format, stream, text: &str| {
        compat_frame(format, Parts::default(), container(), stream, text.as_bytes())
    };
    // %.32s and %.48s.
    assert_eq!(
        frame(Format::Rfc3164, Stream::Stdout, "ERROR: text "),
        "<14>2016-10-19T23:14:19Z c51c177bd308 registry.1.abszmuwq8k3d7comu5041[4833]: ERROR: text "
    );
    assert_eq!(
        frame(Format::Rfc5424, Stream::Stderr, "<13>1 x"),
        "<11>1 2016-10-19T23:14:19Z c51c177bd308 registry.1.abszmuwq8k3d7comu5041z2mc 4833 - - <13>1 x"
    );
    let odd = Container { name: "é".repeat(60), hostname: "my_host".to_owned(), pid: 0, ..container() };
    assert_eq!(
        compat_frame(Format::Rfc3164, Parts::default(), odd.clone(), Stream::Stdout, b""),
        format!("<14>2016-10-19T23:14:19Z my_host {}[0]: ", "é".repeat(32))
    );
    let parts = Parts { structured_data: Some(made_of("x@1 k=\"v\"")), ..Parts::default() };
    assert_eq!(
        compat_frame(Format::Rfc5424, parts, odd, Stream::Stdout, b"t"),
        format!("<14>1 2016-10-19T23:14:19Z my_host {} 0 - [x@1 k=\"v\"] t", "é".repeat(48))
    );
}

#[test]
fn the_users_templates_go_before_our_own_forms() {
    let mut header = header(Format::Rfc3164, Some("node1"));
    header.parts = Parts {
        priority: Some(made_of("30")),
        timestamp: Some(made_of("{{.Time.Format \"Jan _2 15:04:05\"}}")),
        hostname: Some(made_of("{{.Container.Config.Hostname}}")),
        tag: Some(made_of("{{index (.ContainerNameSplitN \".\" 2) 0}}")),
        pid: Some(made_of("{{.Source}}")),
        structured_data: None,
        data: Some(made_of("[{{.Data}}]")),
    };
    assert_eq!(
        text_frame(&header, container(), "ERROR: x"),
        "<30>Oct 19 23:14:19 c51c177bd308 registry[stdout]: [ERROR: x]"
    );
    header.parts = Parts { priority: Some(made_of("{{.Priority}}")), ..Parts::default() };
    assert!(text_frame(&header, container(), "<11>Oct 19 23:11:47 h p: x").starts_with("<14>"));
}

proptest! {
    /// Whatever is logged by whatever container on whatever host: Logstash takes the frame apart as meant.
    #[test]
    fn logstash_reads_what_we_write(
        text in "[^\n]{0,80}",
        name in "[a-zA-Z0-9][a-zA-Z0-9_.-]{1,70}",
        node in "\\PC{0,20}",
        pid in 0_i64..5_000_000,
        time in 0_i64..4_000_000_000_000_000_000,
    ) {
        // A text that is itself syslog has its own priority; the rest is the same.
        prop_assume!(!text.starts_with('<'));
        let container = Container { name: name.clone(), pid, ..container() };
        let header = header(Format::Rfc3164, Some(&node));
        let frame = frame(&header, container.clone(), Stream::Stdout, time, text.as_bytes());
        let found = Regex::new(GROK).unwrap().captures(&frame).unwrap();
        let group = |index| found.get(index).map(|m| String::from_utf8(m.as_bytes().to_vec()).unwrap());
        prop_assert_eq!(group(1).unwrap(), "14");
        prop_assert!(group(2).is_none() && group(3).is_some());
        prop_assert_eq!(group(4).unwrap(), sanitized(&node, &container));
        prop_assert_eq!(group(5).unwrap(), name);
        prop_assert_eq!(group(6), (pid > 0).then(|| pid.to_string()));
        prop_assert_eq!(group(7).unwrap(), text);
    }
}
