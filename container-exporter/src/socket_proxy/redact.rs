//! Takes environments out of answers.

use agent_core::error::ConfigError;
use serde_json::Value;

/// Which variables stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Name(String),
    Prefix(String),
}

impl Kept {
    /// Takes `NAME` and `PREFIX*`; an empty pattern is none.
    pub fn parse(flag: &str, patterns: &[String]) -> Result<Self, ConfigError> {
        let parse = |text: &String| {
            let (name, pattern) = match text.strip_suffix('*') {
                Some(prefix) => (prefix, Pattern::Prefix(prefix.to_owned())),
                None => (text.as_str(), Pattern::Name(text.clone())),
            };
            if name.contains(['*', '=']) {
                return Err(ConfigError::new(
                    flag,
                    text,
                    "is no name of a variable",
                    "give NAME or PREFIX*, for example LOGSPOUT_*",
                ));
            }
            Ok(pattern)
        };
        let patterns = patterns.iter().filter(|text| !text.is_empty());
        patterns.map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an entry of an environment (`NAME=value`) stays.
    pub fn keeps(&self, entry: &str) -> bool {
        let name = entry.split_once('=').map_or(entry, |(name, _)| name);
        self.0.iter().any(|pattern| match pattern {
            Pattern::Name(wanted) => name == wanted,
            Pattern::Prefix(prefix) => name.starts_with(prefix.as_str()),
        })
    }
}

/// An answer that cannot be passed on without environments.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// It is not JSON.
    #[error("the engine's answer is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// An `Env` that holds something else than texts.
    #[error("the engine's answer has an Env that is no list of texts")]
    Shape,
}

/// Removes what does not stay from every `Env`, at whatever depth: `Config.Env` of a container, `ContainerSpec.Env` of
/// services (also of the previous specification) and tasks. Gives the answer anew and how many entries were removed.
pub fn redact(answer: &[u8], kept: &Kept) -> Result<(Vec<u8>, u64), RedactError> {
    let mut value: Value = serde_json::from_slice(answer)?;
    let mut removed = 0;
    walk(&mut value, kept, &mut removed)?;
    Ok((serde_json::to_vec(&value)?, removed))
}

fn walk(value: &mut Value, kept: &Kept, removed: &mut u64) -> Result<(), RedactError> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, kept, removed)),
        Value::Object(fields) => fields.iter_mut().try_for_each(|(key, value)| match value {
            // Labels may have any name; theirs is a text, and labels are told anyway.
            Value::String(_) => Ok(()),
            // Go reads and some engines may write other cases of the same name.
            list if key.eq_ignore_ascii_case("env") => filter(list, kept, removed),
            other => walk(other, kept, removed),
        }),
        _ => Ok(()),
    }
}

fn filter(list: &mut Value, kept: &Kept, removed: &mut u64) -> Result<(), RedactError> {
    match list {
        Value::Null => Ok(()),
        Value::Array(entries) if entries.iter().all(Value::is_string) => {
            let before = entries.len();
            entries.retain(|entry| entry.as_str().is_some_and(|entry| kept.keeps(entry)));
            *removed += (before - entries.len()) as u64;
            Ok(())
        }
        _ => Err(RedactError::Shape),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept() -> Kept {
        Kept::parse("--env.allow", &["LOGSPOUT".to_owned(), "LOGSPOUT_*".to_owned()]).unwrap()
    }

    #[test]
    fn environments_go_at_any_depth() {
        let env =
            json!(["LOGSPOUT=ignore", "LOGSPOUT_X=1", "LOGSPOUTER=no", "PASSWORD=LOGSPOUT=", "PATH", "=x"]);
        let answer = json!([{
            "Config": {"Env": env.clone(), "Labels": {"Env": "stays", "a": "18446744073709551615"}},
            "Spec": {"TaskTemplate": {"ContainerSpec": {"Env": env.clone()}}},
            "PreviousSpec": {"ContainerSpec": {"env": env}},
            "Empty": {"Env": null},
            "Large": u64::MAX,
        }]);
        let (text, removed) = redact(answer.to_string().as_bytes(), &kept()).unwrap();
        assert_eq!(removed, 12);
        let value: Value = serde_json::from_slice(&text).unwrap();
        let left = json!(["LOGSPOUT=ignore", "LOGSPOUT_X=1"]);
        assert_eq!(value[0]["Config"]["Env"], left);
        assert_eq!(value[0]["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"], left);
        assert_eq!(value[0]["PreviousSpec"]["ContainerSpec"]["env"], left);
        assert_eq!(value[0]["Config"]["Labels"]["Env"], "stays");
        assert_eq!(value[0]["Large"], u64::MAX);
        assert!(!String::from_utf8(text).unwrap().contains("PASSWORD"));
    }

    #[test]
    fn what_is_not_understood_does_not_pass() {
        for answer in ["{\"Env\": {\"A\": \"b\"}}", "{\"Env\": [1]}", "{\"Env\": [\"A=b\"]", "not json", ""] {
            assert!(redact(answer.as_bytes(), &kept()).is_err(), "{answer}");
        }
    }

    #[test]
    fn patterns() {
        let all = Kept::parse("--env.allow", &["*".to_owned()]).unwrap();
        assert!(all.keeps("ANY=1"));
        let none = Kept::parse("--env.allow", &[String::new()]).unwrap();
        assert!(!none.keeps("=1") && !none.keeps("A=1"));
        assert!(Kept::parse("--env.allow", &["A=B".to_owned()]).is_err());
    }
}
