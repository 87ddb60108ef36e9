//! Which devices, mount points and file systems are wanted: pairs of an exclude and an include pattern.

use regex::Regex;

/// A pair of patterns, each searched anywhere in the name as Go does; an absent one decides nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Names in which this is found are left out.
    pub exclude: Option<Regex>,
    /// Names in which this is not found are left out.
    pub include: Option<Regex>,
}

impl Filter {
    /// Whether a name passes.
    pub fn wants(&self, name: &str) -> bool {
        !self.exclude.as_ref().is_some_and(|pattern| pattern.is_match(name))
            && self.include.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_searched_not_anchored() {
        let exclude = Filter { exclude: Regex::new("veth").ok(), include: None };
        assert!(!exclude.wants("xveth0") && exclude.wants("eth0"));
        let include = Filter { exclude: None, include: Regex::new("^eth").ok() };
        assert!(include.wants("eth0") && !include.wants("lo"));
        assert!(Filter::default().wants("anything"));
    }
}
