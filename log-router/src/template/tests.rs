use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::record::Batch;

/// 2016-10-19T23:14:19.123456789Z, a Wednesday.
const TIME: i64 = 1_476_918_859_123_456_789;

fn container() -> Container {
    Container {
        id: "4d2c9ae1b0f3aaaa".to_owned(),
        name: "proxy.1.abc".to_owned(),
        image: "nginx:1".to_owned(),
        hostname: "4d2c9ae1b0f3".to_owned(),
        pid: 4833,
        labels: [("source".to_owned(), "web".to_owned()), ("io.x.y".to_owned(), "dotted".to_owned())].into(),
        driver: "json-file".to_owned(),
        ..Container::default()
    }
}

fn render(text: &str) -> String {
    let container = Arc::new(container());
    let mut batch = Batch::default();
    batch.push(&container, Stream::Stderr, TIME, 0, b"a \"quoted\" line");
    let line = batch.get(0).unwrap();
    let mut out = Vec::new();
    Template::parse("RAW_FORMAT", text).unwrap().render(&View::of(&line, "node1", 0), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_logspouts_users_write() {
    for (text, expected) in [
        ("plain } text { {", "plain } text { {"),
        ("{{.Data}}\n", "a \"quoted\" line\n"),
        ("{{ .ContainerName }}.x", "proxy.1.abc.x"),
        ("{{.Container.Name}} {{.Container.ID}}", "/proxy.1.abc 4d2c9ae1b0f3aaaa"),
        ("{{.Container.Config.Hostname}} {{.Container.Config.Image}}", "4d2c9ae1b0f3 nginx:1"),
        ("{{.Container.State.Pid}} {{.Priority}} {{.Source}}", "4833 11 stderr"),
        ("{{.Container.Config.Labels.source}}", "web"),
        ("{{.Container.Config.Labels.missing}}", "<no value>"),
        ("{{index .Container.Config.Labels \"io.x.y\"}}", "dotted"),
        ("[{{index .Container.Config.Labels \"missing\"}}]", "[]"),
        ("{{ .Container.Config.Labels }}", "map[io.x.y:dotted source:web]"),
        ("{{toJSON .Data}} {{.Data | toJSON}}", r#""a \"quoted\" line" "a \"quoted\" line""#),
        ("{{.Hostname}} {{.Timestamp}}", "node1 2016-10-19T23:14:19Z"),
        ("{{index (.ContainerNameSplitN \".\" 2) 1}}", "1.abc"),
        (
            "{{.ContainerNameSplitN \".\" -1}} {{index (.ContainerNameSplitN `.` 2) 7}}",
            "[proxy 1 abc] <no value>",
        ),
        ("a {{- .Source -}} b{{/* none */}}", "astderrb"),
        ("{{\"a\\n\\\"b\"}} {{3}} {{-3}}", "a\n\"b 3 -3"),
        ("{{.Time.Unix}}", "1476918859"),
    ] {
        assert_eq!(render(text), expected, "{text}");
    }
    let message: serde_json::Value = serde_json::from_str(&render("{{toJSON .}}")).unwrap();
    assert_eq!(message["Container"]["Config"]["Labels"]["source"], "web");
    assert!(message["Container"]["Config"].get("Env").is_none());
    assert_eq!(message["Time"], "2016-10-19T23:14:19.123456789Z");
}

#[test]
fn times_have_gos_layouts() {
    for (layout, expected) in [
        ("2006-01-02T15:04:05Z07:00", "2016-10-19T23:14:19Z"),
        ("2006-01-02T15:04:05.000000-07:00", "2016-10-19T23:14:19.123456+00:00"),
        ("Jan _2 15:04:05.999", "Oct 19 23:14:19.123"),
        ("Monday, 2 January 06 3:04PM MST", "Wednesday, 19 October 16 11:14PM UTC"),
        ("x.0512 002", "x.191019 293"),
    ] {
        assert_eq!(render(&format!("{{{{.Time.Format \"{layout}\"}}}}")), expected, "{layout}");
    }
    assert_eq!(render("{{.Time}}"), "2016-10-19 23:14:19.123456789 +0000 UTC");
}

#[test]
fn what_is_not_known_is_refused_with_its_position() {
    for (text, position, problem) in [
        ("ab {{.Nothing}}", 6, ".Nothing is not known here"),
        ("é{{.Data", 9, "there is no }} here"),
        ("{{if .Data}}x{{end}}", 3, "if is not known here"),
        ("{{index .Data}}", 3, "index needs something and a key"),
        ("{{index .Data 1}}", 3, "index goes into labels"),
        ("{{.Container.Config.Env}}", 3, "environment is never shown"),
        ("{{ \"a }}", 4, "without its closing quote"),
        ("{{}}", 3, "nothing where a value should be"),
        ("{{$x}}", 3, "variables are not known"),
        ("{{.Time.Format 3}}", 3, "takes a layout in quotes"),
        ("{{.Data .Source}}", 3, "takes no arguments"),
        ("{{(.Data}}", 9, "there is no ) here"),
        ("{{/* x}}", 1, "a comment without an end"),
    ] {
        let error = Template::parse("SYSLOG_TAG", text).unwrap_err().to_string();
        let expected = format!("SYSLOG_TAG: `{text}` is not a template at position {position}: ");
        assert!(error.starts_with(&expected) && error.contains(problem), "{error}");
    }
}

#[test]
fn what_differs_from_line_to_line_is_known() {
    let needs = |text| Template::parse("", text).unwrap().needs_line();
    assert!(!needs("{{.ContainerName}}{{index .Container.Config.Labels \"a\"}}{{.Container.State.Pid}}"));
    for text in ["{{.Data}}", "{{.Time.Format \"15\"}}", "{{toJSON .Source}}", "{{.Priority}}", "{{.}}"] {
        assert!(needs(text), "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(text: String, inner: String, layout: String) {
        for text in [text, format!("{{{{{inner}}}}}"), format!("{{{{.Time.Format `{layout}`}}}}")] {
            if let Ok(template) = Template::parse("", &text) {
                let container = container();
                template.render(&View::of_container(&container, "h"), &mut Vec::new());
            }
        }
    }
}
