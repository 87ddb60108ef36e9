//! logspout's `MULTILINE_*`: how `multiline+` routes join lines.

use std::time::Duration;

use agent_core::entry::Environment;
use agent_core::error::{ConfigError, ConfigErrors};

use crate::meaning::multiline::{Match, PATTERN, Rule};
use crate::meaning::settings::RouteRule;

/// Reads all of them.
pub(super) fn rule(environment: &Environment, errors: &mut ConfigErrors) -> Option<RouteRule> {
    let set = |name| environment.get(name).filter(|value| !value.is_empty());
    let how = match set("MULTILINE_MATCH") {
        None => Ok(Match::NonFirst),
        Some(name) => Match::parse(name).ok_or_else(|| {
            let expected = "give first, last, nonfirst (the default) or nonlast";
            ConfigError::new("MULTILINE_MATCH", name, "is not a way to match", expected)
        }),
    };
    let pattern = set("MULTILINE_PATTERN").unwrap_or(PATTERN);
    let rule = Rule::by_pattern(pattern, Match::NonFirst).map_err(|problem| {
        let expected = "give a regular expression such as ^\\s";
        ConfigError::new("MULTILINE_PATTERN", pattern, format!("is no pattern: {problem}"), expected)
    });
    let patience = set("MULTILINE_FLUSH_AFTER").map(|given| {
        given.parse().map(Duration::from_millis).map_err(|_| {
            let expected = "give a number such as 500";
            ConfigError::new("MULTILINE_FLUSH_AFTER", given, "is not a number of milliseconds", expected)
        })
    });
    let (how, rule) = (errors.take(how), errors.take(rule));
    let patience = match patience {
        Some(patience) => Some(errors.take(patience)?),
        None => None,
    };
    let mut rule = rule?.matching(how?);
    rule.flush_after = patience.unwrap_or(rule.flush_after);
    if let Some(separator) = set("MULTILINE_SEPARATOR") {
        separator.clone_into(&mut rule.separator);
    }
    // logspout joins everywhere unless this says otherwise.
    let by_default = environment.get("MULTILINE_ENABLE_DEFAULT").is_none_or(|value| value == "true");
    Some(RouteRule { rule, by_default })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Option<RouteRule>, ConfigErrors) {
        let mut errors = ConfigErrors::new();
        (rule(&pairs.iter().copied().collect(), &mut errors), errors)
    }

    #[test]
    fn the_defaults_are_logspouts() {
        let rule = read(&[]).0.unwrap();
        assert_eq!(rule, RouteRule { rule: Rule::parse("nonfirst:^\\s").unwrap(), by_default: true });
        assert_eq!((rule.rule.flush_after, rule.rule.separator.as_str()), (Duration::from_millis(500), "\n"));
    }

    #[test]
    fn all_variables_count() {
        let rule = read(&[
            ("MULTILINE_ENABLE_DEFAULT", "false"),
            ("MULTILINE_MATCH", "first"),
            ("MULTILINE_PATTERN", "^\\["),
            ("MULTILINE_FLUSH_AFTER", "1000"),
            ("MULTILINE_SEPARATOR", " "),
        ]);
        let rule = rule.0.unwrap();
        let mut expected = Rule::parse("first:^\\[").unwrap();
        expected.separator = " ".to_owned();
        expected.flush_after = Duration::from_secs(1);
        assert_eq!(rule.rule, expected);
        assert!(!rule.by_default);
    }

    #[test]
    fn all_errors_are_told() {
        let wrong =
            [("MULTILINE_MATCH", "any"), ("MULTILINE_PATTERN", "("), ("MULTILINE_FLUSH_AFTER", "soon")];
        let (rule, errors) = read(&wrong);
        assert_eq!(rule, None);
        let text = errors.finish::<()>(None).unwrap_err().to_string();
        for (name, value) in wrong {
            assert!(text.contains(&format!("{name}: `{value}`")), "{text}");
        }
    }
}
