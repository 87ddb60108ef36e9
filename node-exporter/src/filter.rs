//! Which devices, mount points and file systems are wanted: pairs of an exclude and an include pattern.

use regex_lite::Regex;

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

/// More names than this at a time are not remembered.
const MOST_NAMES: usize = 1024;

/// A filter for names that come in the same order each time: what it said of a name is kept.
#[derive(Debug)]
pub struct Memo {
    filter: Filter,
    known: Vec<(Box<str>, bool)>,
    /// Where the next name is expected.
    next: usize,
}

impl Memo {
    /// Nothing is known yet.
    pub fn new(filter: Filter) -> Self {
        Self { filter, known: Vec::new(), next: 0 }
    }

    /// Whether a name passes.
    pub fn wants(&mut self, name: &str) -> bool {
        let is_name = |(known, _): &(Box<str>, bool)| **known == *name;
        if !self.known.get(self.next).is_some_and(is_name) {
            self.next = self.known.iter().position(is_name).unwrap_or_else(|| {
                if self.known.len() == MOST_NAMES {
                    self.known.clear();
                }
                self.known.push((name.into(), self.filter.wants(name)));
                self.known.len() - 1
            });
        }
        self.next += 1;
        self.known.get(self.next - 1).is_some_and(|(_, wanted)| *wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_the_filter_says() {
        let filter = Filter { exclude: Regex::new(r"^sd[a-z]\d$").ok(), include: None };
        let mut memo = Memo::new(filter.clone());
        for round in 0..3 {
            for name in ["sda", "sda1", "sdb", "sda", "vda"].into_iter().skip(round) {
                assert_eq!(memo.wants(name), filter.wants(name), "{name}");
            }
        }
        assert_eq!(memo.known.len(), 4);
        for number in 0..3 * MOST_NAMES {
            memo.wants(&number.to_string());
        }
        assert!(memo.known.len() <= MOST_NAMES && !memo.wants("sda1"));
    }

    #[test]
    fn patterns_are_searched_not_anchored() {
        let exclude = Filter { exclude: Regex::new("veth").ok(), include: None };
        assert!(!exclude.wants("xveth0") && exclude.wants("eth0"));
        let include = Filter { exclude: None, include: Regex::new("^eth").ok() };
        assert!(include.wants("eth0") && !include.wants("lo"));
        assert!(Filter::default().wants("anything"));
    }
}
