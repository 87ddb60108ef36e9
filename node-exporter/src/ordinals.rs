//! Small numbers as label values.

/// The numbers from 0, each made into text once.
#[derive(Debug, Default)]
pub struct Ordinals(Vec<String>);

impl Ordinals {
    /// A number as text.
    pub fn get(&mut self, index: usize) -> &str {
        self.up_to(index + 1).last().map_or("", String::as_str)
    }

    /// The first numbers.
    pub fn up_to(&mut self, count: usize) -> &[String] {
        while self.0.len() < count {
            self.0.push(self.0.len().to_string());
        }
        self.0.get(..count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_their_text() {
        let mut ordinals = Ordinals::default();
        assert_eq!([0, 12, 3].map(|index| ordinals.get(index).to_owned()), ["0", "12", "3"]);
    }
}
