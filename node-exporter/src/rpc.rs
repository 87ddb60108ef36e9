//! `/proc/net/rpc/nfs` and `nfsd`: lines of a word and numbers, some of which begin with how many there are.

use agent_core::exposition::Family;
use agent_core::read::{fields, lines, parse_u64};

/// A counter of a line by the word the line begins with, its place after the word, and its one label, if any.
#[derive(Debug)]
pub struct Cell {
    /// The word that the line begins with.
    pub word: &'static [u8],
    /// The place after the word.
    pub place: usize,
    /// The value of the family's label; empty where the family has none.
    pub label: &'static str,
}

/// One line of procedures: the word it begins with, the version of the protocol, the procedures by number.
///
/// Procedures without a name are not exported. What an older kernel does not know was never called: 0.
#[derive(Debug)]
pub struct Procedures {
    /// The word that the line begins with; after it stands how many numbers follow.
    pub word: &'static [u8],
    /// The version, for the label `proto`.
    pub proto: &'static str,
    /// The names in the order of the line, for the label `method`.
    pub names: &'static [&'static str],
}

impl Cell {
    /// A number of a line.
    pub const fn new(word: &'static [u8], place: usize, label: &'static str) -> Self {
        Self { word, place, label }
    }

    /// Its value in the file.
    pub fn value(&self, content: &[u8]) -> Option<u64> {
        numbers(content, self.word)?.nth(self.place)?
    }
}

impl Procedures {
    /// Adds a sample for each procedure; nothing where the file lacks the line.
    pub fn write(&self, content: &[u8], family: &mut Family<'_, '_>) {
        let Some(numbers) = numbers(content, self.word) else { return };
        let counts = numbers.skip(1).chain(std::iter::repeat(Some(0)));
        for (method, count) in self.names.iter().zip(counts) {
            if let (false, Some(count)) = (method.is_empty(), count) {
                family.sample(&[("method", method), ("proto", self.proto)], count);
            }
        }
    }
}

/// The numbers of the line that begins with `word`; what is no number is `None`.
fn numbers<'a>(content: &'a [u8], word: &[u8]) -> Option<impl Iterator<Item = Option<u64>> + 'a> {
    lines(content).find_map(|line| {
        let mut fields = fields(line);
        (fields.next() == Some(word)).then(|| fields.map(parse_u64))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_found_by_its_whole_word() {
        let content = b"proc4ops 1 9\nproc4 2 3 x\n";
        assert_eq!(Cell::new(b"proc4", 1, "").value(content), Some(3));
        assert_eq!(Cell::new(b"proc4", 2, "").value(content), None);
        assert_eq!(Cell::new(b"proc", 0, "").value(content), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(net |rc |[0-9. \n]){0,60}", place in 0_usize..9) {
            Cell::new(b"net", place, "").value(&content);
            Cell::new(b"rc", place, "").value(odd.as_bytes());
        }
    }
}
