//! What is passed on to Prometheus: five paths, GET only, with the parameters that they have.

use std::time::Duration;

use serde_json::Value;
use url::form_urlencoded;

use crate::answer::Refusal;
use crate::upstream::{Answer, Upstream};

struct Rule {
    /// Below `/api/v1/`; `*` stands for a label's name.
    path: &'static str,
    parameters: &'static [&'static str],
    needed: &'static [&'static str],
    /// Whether it evaluates an expression and so takes a time limit.
    evaluates: bool,
}

/// Everything that is passed on.
const RULES: [Rule; 5] = [
    Rule { path: "query", parameters: &["query", "time"], needed: &["query"], evaluates: true },
    Rule {
        path: "query_range",
        parameters: &["query", "start", "end", "step"],
        needed: &["query", "start", "end", "step"],
        evaluates: true,
    },
    Rule { path: "labels", parameters: &["start", "end", "match[]"], needed: &[], evaluates: false },
    Rule { path: "label/*/values", parameters: &["start", "end", "match[]"], needed: &[], evaluates: false },
    Rule { path: "series", parameters: &["start", "end", "match[]"], needed: &["match[]"], evaluates: false },
];

/// Path and parameters for Prometheus, or why not.
pub fn check(path: &str, query: Option<&str>, limit: Duration) -> Result<String, Refusal> {
    let rule = RULES.iter().find(|rule| fits(rule.path, path)).ok_or_else(|| {
        let known: Vec<_> = RULES.iter().map(|rule| rule.path).collect();
        Refusal::NotFound(format!("{path} is not passed on to Prometheus; {} are", known.join(", ")))
    })?;
    let mut passed = form_urlencoded::Serializer::new(String::new());
    let mut missing: Vec<_> = rule.needed.to_vec();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if !rule.parameters.contains(&name.as_ref()) {
            let known = rule.parameters.join(", ");
            return Err(Refusal::Bad(format!("{path} has no parameter {name}; it has {known}")));
        }
        if !value.is_empty() {
            missing.retain(|needed| *needed != name);
            passed.append_pair(&name, &value);
        }
    }
    if let [first, ..] = missing.as_slice() {
        return Err(Refusal::Bad(format!("{path} needs the parameter {first}")));
    }
    if rule.evaluates {
        passed.append_pair("timeout", &format!("{}ms", limit.as_millis()));
    }
    Ok(format!("/api/v1/{path}?{}", passed.finish()))
}

fn fits(rule: &str, path: &str) -> bool {
    let Some((before, after)) = rule.split_once('*') else { return rule == path };
    let name = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    name.is_some_and(|name| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Asks Prometheus; its answer as it is, or what it says is wrong.
pub async fn ask(upstream: &Upstream, path: &str, query: Option<&str>) -> Result<String, Refusal> {
    let passed = check(path, query, upstream.limit())?;
    read(upstream.get(&passed).await?)
}

fn read(answer: Answer) -> Result<String, Refusal> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    // Prometheus says in JSON what is wrong with a query: 400, 422 where it cannot be evaluated, 503 where it took too long.
    let said: Option<Value> = serde_json::from_str(&answer.body).ok();
    let error =
        said.as_ref().and_then(|said| Some((said.get("errorType")?.as_str()?, said.get("error")?.as_str()?)));
    match (answer.status, error) {
        (400 | 422, Some((_, error))) => Err(Refusal::Bad(error.to_owned())),
        (503, Some(("timeout", error))) => Err(Refusal::Late(error.to_owned())),
        (401 | 403, _) => {
            Err(Refusal::Upstream("Prometheus refuses the viewer's user and password".to_owned()))
        }
        (status, error) => {
            let error = error.map_or_else(String::new, |(_, error)| format!(": {error}"));
            Err(Refusal::Upstream(format!("Prometheus answers {status}{error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(3);

    #[test]
    fn five_paths_are_passed_on() {
        for (path, query, passed) in [
            ("query", "query=up&time=1", "/api/v1/query?query=up&time=1&timeout=3000ms"),
            (
                "query_range",
                "query=a%2Bb&start=1&end=2&step=1",
                "/api/v1/query_range?query=a%2Bb&start=1&end=2&step=1&timeout=3000ms",
            ),
            ("labels", "", "/api/v1/labels?"),
            (
                "label/node_name/values",
                "match[]=up&match[]=down",
                "/api/v1/label/node_name/values?match%5B%5D=up&match%5B%5D=down",
            ),
            ("series", "match[]=up", "/api/v1/series?match%5B%5D=up"),
        ] {
            assert_eq!(check(path, Some(query), LIMIT).unwrap(), passed);
        }
    }

    #[test]
    fn nothing_else_is() {
        for path in [
            "",
            "admin/tsdb/delete_series",
            "targets",
            "query/",
            "../query",
            "label/a/b/values",
            "label//values",
            "label/a%2f/values",
            "status/config",
            "query_exemplars",
        ] {
            assert!(matches!(check(path, Some("query=up"), LIMIT), Err(Refusal::NotFound(_))), "{path}");
        }
    }

    #[test]
    fn parameters_are_checked() {
        for (path, query) in [
            ("query", ""),
            ("query", "query="),
            ("query", "query=up&timeout=1h"),
            ("query_range", "query=up&start=1&end=2"),
            ("series", ""),
            ("labels", "limit=1"),
        ] {
            assert!(matches!(check(path, Some(query), LIMIT), Err(Refusal::Bad(_))), "{path} {query}");
        }
    }

    #[test]
    fn errors_are_told() {
        let answer = |status, body: &str| read(Answer { status, body: body.to_owned() });
        let bad = r#"{"status":"error","errorType":"bad_data","error":"1:3: parse error"}"#;
        assert_eq!(answer(400, bad), Err(Refusal::Bad("1:3: parse error".to_owned())));
        let late = r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#;
        assert_eq!(answer(503, late), Err(Refusal::Late("query timed out".to_owned())));
        assert!(matches!(answer(401, "Unauthorized"), Err(Refusal::Upstream(_))));
        assert!(matches!(answer(500, "<html>"), Err(Refusal::Upstream(_))));
    }

    proptest! {
        #[test]
        fn what_is_passed_stays_below_the_api(path: String, query: String) {
            if let Ok(passed) = check(&path, Some(&query), LIMIT) {
                prop_assert!(passed.starts_with("/api/v1/") && !passed.contains(".."));
            }
        }
    }
}
