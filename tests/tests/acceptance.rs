//! The tests that docs/log-router-acceptance.md names are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    let function = Regex::new(r"(?m)^\s*(?:async )?fn ([a-z0-9_]+)\(").expect("an expression");
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a file");
            names.extend(function.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
}

#[test]
fn every_case_of_log_router_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut names = BTreeSet::new();
    for folder in ["log-router/src", "tests/tests"] {
        functions(&root.join(folder), &mut names);
    }
    let table = fs::read_to_string(root.join("docs/log-router-acceptance.md")).expect("the document");
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(rows.len(), 21, "a row for each case");
    for row in rows {
        let (_, tests) = row.trim_end_matches(" |").rsplit_once(" | ").expect("two columns");
        for name in tests.split(", ").map(|name| name.trim_matches('`')) {
            let is_known = names.contains(name) || name.starts_with("make ");
            assert!(is_known, "{name}: {row}");
        }
    }
}
