use agent_core::testing::FakeRoot;
use clap::{Args, Command, FromArgMatches};

use super::*;

fn check(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let command = RouterArgs::augment_args(Command::new("log-router"));
    let matches = command.try_get_matches_from(["log-router"].iter().chain(arguments)).unwrap();
    RouterArgs::from_arg_matches(&matches).unwrap().check(&variables.iter().copied().collect())
}

fn routes(arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    check(arguments, variables).unwrap().routes.iter().map(|ready| ready.route.to_string()).collect()
}

#[test]
fn routes_come_from_the_argument_else_the_environment() {
    let variables = [("ROUTE_URIS", "syslog://$TARGET:1,elasticsearch://s:9200"), ("TARGET", "logs")];
    assert_eq!(routes(&[], &variables), ["syslog://logs:1", "elasticsearch://s:9200"]);
    assert_eq!(routes(&["syslog+tcp://other:2"], &variables), ["syslog+tcp://other:2"]);
    assert!(routes(&[], &[]).is_empty());
}

#[test]
fn all_errors_are_told_at_once() {
    let arguments = [
        "kafka://x:1,syslog://a:1,syslog://a:1",
        "--docker=ssh://x",
        "--start=tomorrow",
        "--elasticsearch.password-file=/nowhere/password",
    ];
    let text = check(&arguments, &[("SYSLOG_FORMAT", "bsd")]).unwrap_err().to_string();
    for part in [
        "ROUTES: `kafka://x:1` has an unknown scheme",
        "`syslog://a:1` is given twice",
        "--docker: `ssh://x`",
        "--start: `tomorrow`",
        "--elasticsearch.password-file: `/nowhere/password` cannot be read",
        "SYSLOG_FORMAT: `bsd`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(text.lines().count(), 6, "{text}");
}

#[test]
fn defaults() {
    let config = check(&[], &[]).unwrap();
    assert_eq!(config.start, Start::All { max_age: Some(Duration::from_hours(24)) });
    assert_eq!(config.state_path.as_deref(), Some(Path::new("/var/lib/log-router")));
    assert_eq!(check(&["--state.path=none"], &[]).unwrap().state_path, None);
}

#[test]
fn kept_routes_are_read_and_bad_ones_told() {
    let root = FakeRoot::new();
    let folder = root.path().join("routes");
    root.file("routes/b.json", r#"{"id":"b","adapter":"tcp","address":"h:1","filter_name":"web*"}"#);
    root.file("routes/a.json", r#"{"adapter":"udp","address":"h:2"}"#);
    root.file("routes/notes.txt", "not a route");
    let variables = [("ROUTESPATH", folder.to_str().unwrap()), ("ROUTE_URIS", "udp://h:2")];
    assert_eq!(routes(&[], &variables), ["udp://h:2", "tcp://h:1?filter.name=web%2A"]);
    root.file("routes/c.json", r#"{"adapter":"kafka","address":"h:1"}"#);
    root.file("routes/d.json", "{");
    let text = check(&[], &variables).unwrap_err().to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("c.json` cannot be used: route: `kafka://h:1` has an unknown scheme"), "{text}");
}

#[test]
fn starts() {
    let start = |arguments: &[&str], variables: &[(&str, &str)]| check(arguments, variables).unwrap().start;
    let day = Start::All { max_age: Some(Duration::from_hours(24)) };
    for (arguments, variables, expected) in [
        (&["--start=1h"][..], &[][..], Start::All { max_age: Some(Duration::from_hours(1)) }),
        (&["--start=now"], &[("BACKLOG", "true")], Start::Now),
        (&[], &[("BACKLOG", "true")], Start::All { max_age: None }),
        (&[], &[("BACKLOG", "false")], Start::Now),
        (&["--compat"], &[], Start::Now),
        (&["--compat"], &[("BACKLOG", "true")], Start::All { max_age: None }),
        (&[], &[("BACKLOG", "true"), ("TAIL", "0")], Start::Now),
        (&[], &[("TAIL", "all")], day),
        (&[], &[("TAIL", "10")], Start::Last(10)),
        (&[], &[("TAIL", "10"), ("BACKLOG", "true")], Start::Last(10)),
    ] {
        assert_eq!(start(arguments, variables), expected, "{arguments:?} {variables:?}");
    }
    assert!(check(&[], &[("TAIL", "few")]).unwrap_err().to_string().contains("TAIL: `few`"));
    assert_eq!(Start::Now.not_before(5), 5);
    assert_eq!(Start::All { max_age: None }.not_before(5), i64::MIN);
    let day = Start::All { max_age: Some(Duration::from_secs(1)) };
    assert_eq!(day.not_before(3_000_000_000), 2_000_000_000);
    assert_eq!(check(&["--start.max-age=0"], &[]).unwrap().start, Start::All { max_age: None });
}

#[test]
fn passwords_are_read_from_files_and_never_shown() {
    let root = FakeRoot::new();
    let file = root.file("password", "s3cret\n");
    let flag = format!("--elasticsearch.password-file={}", file.display());
    let config = check(&[&flag, "--elasticsearch.username=elastic", "elasticsearch://s"], &[]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn the_document_names_every_scheme_flag_and_variable() {
    let document = include_str!("../../OUTPUTS.md");
    for scheme in sink::SCHEMES {
        assert!(document.contains(&format!("`{}://`", scheme.name)), "{}", scheme.name);
        for option in scheme.options {
            assert!(document.contains(&format!("`{option}`")), "{option}");
        }
    }
    for key in crate::route::filter::KEYS {
        assert!(document.contains(&format!("`{key}`")), "{key}");
    }
    let command = RouterArgs::augment_args(Command::new("log-router"));
    for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
        assert!(document.contains(&format!("`--{flag}")), "--{flag}");
    }
    let variables = include_str!("../../../docs/logspout.md");
    for variable in LOGSPOUT_VARIABLES.iter().chain(&sink::tls::VARIABLES) {
        assert!(variables.contains(&format!("`{variable}")), "{variable}");
    }
}

#[test]
fn what_holds_for_all_lines_is_checked() {
    let lines = check(&["--mask=password", "--rate-limit=5", "--no-level-detection"], &[]).unwrap().lines;
    assert_eq!((lines.mask.len(), lines.rate_limit, lines.detect), (1, Some(5), false));
    let text = check(&["--mask=(", "--rate-limit=0", "--max-line-bytes=1"], &[]).unwrap_err().to_string();
    assert_eq!(text.matches("--").count(), 3, "{text}");
}
