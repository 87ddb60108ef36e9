//! `collect[]` and `exclude[]` of a scrape's query string, with node_exporter's rules and answers.

use percent_encoding::percent_decode_str;
use thiserror::Error;

/// Which collectors one request wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    only: Vec<String>,
    except: Vec<String>,
}

/// A query that cannot be answered; the texts are node_exporter's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// Both lists were given.
    #[error("Combined collect and exclude queries are not allowed.")]
    Combined,
    /// There is no collector of that name.
    #[error("Couldn't create filtered metrics handler: couldn't create collector: missing collector: {0}")]
    Missing(String),
    /// The collector is there but switched off.
    #[error("Couldn't create filtered metrics handler: couldn't create collector: disabled collector: {0}")]
    Disabled(String),
}

impl Filter {
    /// Reads the query string of a request; unknown keys are ignored.
    pub fn parse(query: Option<&str>) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match percent_decode_str(key).decode_utf8_lossy().as_ref() {
                "collect[]" => filter.only.push(value),
                "exclude[]" => filter.except.push(value),
                _ => {}
            }
        }
        if filter.only.is_empty() || filter.except.is_empty() {
            Ok(filter)
        } else {
            Err(FilterError::Combined)
        }
    }

    /// All names that the request mentions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.only.iter().chain(&self.except).map(String::as_str)
    }

    /// Whether a collector of this name runs.
    pub fn wants(&self, name: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|n| n == name))
            && !self.except.iter().any(|n| n == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_strings_select_collectors() {
        let filter = Filter::parse(Some("collect[]=cpu&collect%5B%5D=load%61vg&x=1")).unwrap();
        assert!(filter.wants("cpu") && filter.wants("loadavg") && !filter.wants("stat"));
        let filter = Filter::parse(Some("exclude[]=cpu")).unwrap();
        assert!(!filter.wants("cpu") && filter.wants("stat"));
        assert!(Filter::parse(None).unwrap().wants("cpu"));
    }

    #[test]
    fn both_lists_are_refused() {
        assert_eq!(Filter::parse(Some("collect[]=a&exclude[]=b")), Err(FilterError::Combined));
    }
}
