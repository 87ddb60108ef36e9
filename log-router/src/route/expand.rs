//! `$NAME` and `${NAME}` in route URIs, as Go's `os.ExpandEnv` has it: what is not set is empty.

use agent_core::entry::Environment;

/// Puts the variables in.
pub fn expand(text: &str, environment: &Environment) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, next) = braced.unwrap_or_else(|| {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            after.split_at_checked(end).unwrap_or((after, ""))
        });
        if name.is_empty() {
            out.push('$');
        }
        out.push_str(environment.get(name).unwrap_or_default());
        rest = next;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_are_put_in() {
        let environment = [("HOST", "logs"), ("PORT_1", "514")].into_iter().collect();
        let expanded = |text| expand(text, &environment);
        assert_eq!(expanded("syslog://$HOST:${PORT_1}"), "syslog://logs:514");
        assert_eq!(expanded("a$UNSET-b"), "a-b");
        assert_eq!(expanded("100$ $"), "100$ $");
        assert_eq!(expanded("${HOST"), "${HOST");
    }

    proptest! {
        #[test]
        fn nothing_panics(text: String) {
            expand(&text, &Environment::default());
        }
    }
}
