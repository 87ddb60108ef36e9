use super::*;
use proptest::prelude::*;

/// Lines as the programs print them, and the severity that a person reads out of them; - is none.
const SAMPLES: &str = include_str!("samples.tsv");

#[test]
fn recorded_lines_have_the_severity_that_people_read() {
    let (mut count, mut wrong) = (0, Vec::new());
    for sample in SAMPLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (expected, line) = sample.split_once('\t').unwrap();
        let line = line.replace("\\t", "\t").replace("\\e", "\u{1b}");
        let found = severity(line.as_bytes()).map_or("-".to_owned(), |severity| severity.to_string());
        if found != expected {
            wrong.push(format!("{line}: {found}, not {expected}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 60, "{count}");
}

#[test]
fn names_of_levels_are_read_in_any_case() {
    for (name, expected) in [
        ("WARN", Some(4)),
        ("warning", Some(4)),
        ("Error", Some(3)),
        ("3", Some(3)),
        ("loud", None),
        ("", None),
    ] {
        assert_eq!(parse(name), expected, "{name}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(line: Vec<u8>, tail: String) {
        severity(&line);
        for begin in ["{\"level\":", "level=", "2016-10-19 23:14:19 [", "I1019 ", "\u{1b}[", "ERROR"] {
            severity(format!("{begin}{tail}").as_bytes());
        }
    }

    /// What follows the header changes nothing.
    #[test]
    fn the_text_does_not_matter(tail in "[ -~]{0,80}") {
        prop_assert_eq!(severity(format!("ERROR: {tail}").as_bytes()), Some(3));
        prop_assert_eq!(severity(format!("2016/10/19 23:14:19 [warn] 7#7: {tail}").as_bytes()), Some(4));
        prop_assert_eq!(severity(format!("{{\"level\":\"debug\",\"msg\":{tail:?}}}").as_bytes()), Some(7));
    }
}
