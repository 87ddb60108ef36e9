//! Families whose names the kernel gives: `/proc/meminfo`, `/proc/vmstat`, `/proc/net/netstat` and their like.

use regex_lite::Regex;

/// Names made from the kernel's words, made once and kept: no scrape matches or formats them again.
///
/// The kernel writes the same words in the same order each time, so a word is looked for behind the one before. Its
/// words are a fixed set, so what is kept is bounded.
#[derive(Debug)]
pub struct Names {
    prefix: &'static str,
    suffix: &'static str,
    help: &'static str,
    wanted: Option<Regex>,
    known: Vec<(Box<[u8]>, Option<Named>)>,
    /// Where the next word is expected.
    next: usize,
}

/// The name and the HELP sentence of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The full metric name.
    pub name: String,
    /// Its HELP sentence.
    pub help: String,
}

impl Names {
    /// Names are `prefix`, word, `suffix`; HELP is `help`, word and a full stop. Words that `wanted` does not find
    /// are left out.
    pub fn new(
        prefix: &'static str,
        suffix: &'static str,
        help: &'static str,
        wanted: Option<Regex>,
    ) -> Self {
        Self { prefix, suffix, help, wanted, known: Vec::new(), next: 0 }
    }

    /// The family of a word of the kernel's; `None` where it is not wanted or no text.
    pub fn get(&mut self, word: &[u8]) -> Option<&Named> {
        self.get_as(word, Some)
    }

    /// The same where the word is made of what the kernel writes.
    pub fn get_as<'w, W: AsRef<[u8]>>(
        &mut self,
        written: &'w [u8],
        word: impl FnOnce(&'w [u8]) -> Option<W>,
    ) -> Option<&Named> {
        let is_known = |(known, _): &(Box<[u8]>, _)| **known == *written;
        if !self.known.get(self.next).is_some_and(is_known) {
            self.next = self.known.iter().position(is_known).unwrap_or_else(|| {
                let named = word(written).and_then(|word| self.make(word.as_ref()));
                self.known.push((written.into(), named));
                self.known.len() - 1
            });
        }
        let (_, named) = self.known.get(self.next)?;
        self.next += 1;
        named.as_ref()
    }

    /// The family of a word, for those who keep it themselves.
    pub fn make(&self, word: &[u8]) -> Option<Named> {
        let word = std::str::from_utf8(word).ok()?;
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.is_match(word)) {
            return None;
        }
        let mut name = String::from(self.prefix);
        name.extend(
            word.trim_end_matches(')').chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }),
        );
        name.push_str(self.suffix);
        Some(Named { name, help: format!("{} {word}.", self.help) })
    }
}

/// A word of the kernel's as a part of a metric name: whatever cannot stand there becomes one underscore, with the
/// underscores beside it.
pub fn metric_word(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let (good, bad) = rest.split_at(at);
        out.push_str(good.trim_end_matches('_'));
        out.push('_');
        let bad = bad.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest = bad.trim_start_matches('_');
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_become_names_once() {
        let mut names = Names::new("node_memory_", "_bytes", "Field", None);
        let expected = Named {
            name: "node_memory_Active_anon_bytes".to_owned(),
            help: "Field Active(anon).".to_owned(),
        };
        assert_eq!(names.get(b"Active(anon)"), Some(&expected));
        assert_eq!(names.get(b"Active(anon)"), Some(&expected));
        assert_eq!(names.known.len(), 1);
    }

    #[test]
    fn a_pattern_selects() {
        let mut names = Names::new("node_vmstat_", "", "Field", Regex::new("^(oom_kill|pg.*fault)").ok());
        assert!(names.get(b"pgmajfault").is_some());
        assert!(names.get(b"nr_free_pages").is_none());
        assert!(names.get(b"\xff").is_none());
    }

    #[test]
    fn words_become_parts_of_names() {
        assert_eq!(metric_word("package-0-die-1"), "package_0_die_1");
        assert_eq!(metric_word("a__b_-- _c"), "a__b_c");
        assert_eq!(metric_word("\u{e4}x"), "_x");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_part_of_a_name(word: String) {
            prop_assert!(metric_word(&word).bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        }

        #[test]
        fn any_word_gives_a_valid_name_or_none(word: Vec<u8>) {
            let mut names = Names::new("node_", "", "Field", None);
            if let Some(named) = names.get(&word) {
                prop_assert!(named.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            }
        }
    }
}
