use super::*;
use proptest::prelude::*;

/// Joins lines as the assembler does.
fn join(rule: &Rule, lines: &[&str]) -> Vec<String> {
    let (mut events, mut open): (Vec<String>, Option<Trace>) = (Vec::new(), None);
    for line in lines {
        let verdict = rule.judge(line.as_bytes(), open);
        match events.last_mut().filter(|_| verdict.joins && open.is_some()) {
            Some(event) => {
                event.push_str(&rule.separator);
                event.push_str(line);
            }
            None => events.push((*line).to_owned()),
        }
        open = (!verdict.ends).then_some(verdict.trace);
    }
    events
}

fn by(pattern: &str, how: Match) -> Rule {
    Rule::by_pattern(pattern, how).unwrap()
}

#[test]
fn patterns_mean_what_they_mean_to_logspout() {
    for (rule, lines, expected) in [
        (by(r"^\s", Match::NonFirst), vec!["a", " b", "c", " d", " e"], vec!["a\n b", "c\n d\n e"]),
        (by(":$", Match::First), vec!["a:", "b", "c:", "d"], vec!["a:\nb", "c:\nd"]),
        (by(r"\$$", Match::NonLast), vec!["a$", "b$", "c", "d"], vec!["a$\nb$\nc", "d"]),
        (by("!$", Match::Last), vec!["a", "b!", "c", "d!"], vec!["a\nb!", "c\nd!"]),
        (by(r"^\s", Match::NonFirst), vec![" a", "b"], vec![" a", "b"]),
    ] {
        assert_eq!(join(&rule, &lines), expected);
    }
}

#[test]
fn labels_name_languages_or_patterns() {
    assert_eq!(Rule::parse("java").unwrap(), Rule::traces());
    assert_eq!(Rule::parse(r"first:^\d").unwrap(), by(r"^\d", Match::First));
    assert_eq!(Rule::parse(r"^\s|^}").unwrap(), by(r"^\s|^}", Match::NonFirst));
    assert!(Rule::parse("(").is_err());
}

const BEFORE: &str = "2016-10-19 23:14:19,123 INFO  [main] before";
const AFTER: &str = "2016-10-19 23:14:20,123 INFO  [main] after";

/// Traces as the runtimes print them; each is one event.
const TRACES: &[&[&str]] = &[
    &[
        "2016-10-19 23:14:19,123 ERROR [main] failed",
        "java.lang.IllegalStateException: no",
        "\tat org.foo.Bar.baz(Bar.java:12)",
        "\tat org.foo.Bar.main(Bar.java:3)",
        "Caused by: java.io.IOException: disk",
        "\tat org.foo.Disk.read(Disk.java:1)",
        "\t... 2 more",
    ],
    &["Exception in thread \"main\" java.lang.RuntimeException: x", "\tat Main.main(Main.java:5)"],
    &[
        "Traceback (most recent call last):",
        "  File \"/app.py\", line 3, in <module>",
        "    f()",
        "ValueError: x",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        "  File \"/app.py\", line 5, in <module>",
        "KeyError: 'y'",
    ],
    &["ERROR:root:boom", "Traceback (most recent call last):", "  File \"a\", line 1", "ValueError: x"],
    &[
        "panic: runtime error: index out of range [5] with length 3",
        "",
        "goroutine 1 [running]:",
        "main.main()",
        "\t/app/main.go:8 +0x1d",
        "created by net/http.(*Server).Serve in goroutine 1",
        "\t/usr/lib/go/src/net/http/server.go:3285 +0x4b4",
        "exit status 2",
    ],
    &[
        "Unhandled exception. System.InvalidOperationException: no",
        " ---> System.IO.IOException: disk",
        "   at App.Read() in /app/Program.cs:line 9",
        "   --- End of inner exception stack trace ---",
        "   at App.Main() in /app/Program.cs:line 3",
    ],
    &["app.rb:2:in `f': x (RuntimeError)", "\tfrom app.rb:5:in `g'", "\tfrom app.rb:8:in `<main>'"],
];

#[test]
fn traces_are_one_event_between_lines_that_are_not_theirs() {
    for trace in TRACES {
        let lines: Vec<&str> = [&[BEFORE][..], trace, &[AFTER]].concat();
        let expected = [BEFORE.to_owned(), trace.join("\n"), AFTER.to_owned()];
        assert_eq!(join(&Rule::traces(), &lines), expected);
    }
}

#[test]
fn ordinary_lines_are_left_alone() {
    let lines = ["one", "two", "", "three: (x)", "ERROR: four", "five", "ERROR: six", "ERROR: seven"];
    assert_eq!(join(&Rule::traces(), &lines), lines);
}

proptest! {
    /// No byte is lost or added but the separators, in any order of any lines.
    #[test]
    fn joining_loses_nothing(picks in proptest::collection::vec(0_usize..60, 0..30), noise in "[ -~\t]{0,20}") {
        let all: Vec<&str> = TRACES.concat().into_iter().chain([BEFORE, AFTER, noise.as_str()]).collect();
        let lines: Vec<&str> = picks.iter().map(|pick| all[pick % all.len()]).collect();
        for rule in [Rule::traces(), by("^ ", Match::First), by(":$", Match::Last), by("a", Match::NonLast)] {
            prop_assert_eq!(join(&rule, &lines).join("\n"), lines.join("\n"));
        }
    }

    #[test]
    fn nothing_panics(line: Vec<u8>) {
        for trace in [None, Some(Trace::Plain), Some(Trace::Go), Some(Trace::Python), Some(Trace::Failed)] {
            Rule::traces().judge(&line, trace);
        }
    }
}
