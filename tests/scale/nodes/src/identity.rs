//! What differs from node to node in names and IDs: the same width everywhere, so that a template is filled in place.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

/// Nodes have four digits.
pub(crate) const MOST: u32 = 9999;

/// The name that the recorded node had.
pub(crate) const RECORDED_NAME: &str = "node-0000";

/// How a recorded text is written for another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The node's name.
    Name,
    /// An ID of lower-case letters and digits, the n-th one.
    Letters(u32),
    /// A hexadecimal ID, the n-th one.
    Hex(u32),
}

/// Names and IDs of one recording, in the order of their first appearance.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    known: HashMap<String, Identity>,
}

#[expect(clippy::expect_used, reason = "constant patterns")]
static LABELS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?:node_id|swarm_task_id)="([0-9a-z]{25})"|id="/docker/([0-9a-f]{64})"|device="veth([0-9a-f]{7})"|address="((?:[0-9a-f]{2}:){5}[0-9a-f]{2})""#,
    )
    .expect("a pattern")
});

#[expect(clippy::expect_used, reason = "constant patterns")]
static TOKENS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"node-0000|[0-9a-f]{64}|[0-9a-z]{25}|veth[0-9a-f]{7}").expect("a pattern"));

impl Identities {
    /// Finds those of a text.
    pub(crate) fn of(text: &str) -> Self {
        let mut known = HashMap::from([(RECORDED_NAME.to_owned(), Identity::Name)]);
        for found in LABELS.captures_iter(text) {
            let number = u32::try_from(known.len()).unwrap_or(u32::MAX);
            if let Some(id) = found.get(1) {
                // The node's own is the same for its three agents.
                let of_node = found.get(0).is_some_and(|all| all.as_str().starts_with("node_id"));
                known.entry(id.as_str().to_owned()).or_insert(Identity::Letters(if of_node {
                    0
                } else {
                    number
                }));
            } else if let Some(id) = found.get(2).or_else(|| found.get(3)) {
                known.entry(id.as_str().to_owned()).or_insert(Identity::Hex(number));
            }
        }
        Self { known }
    }

    /// Where they stand in a text: start, end and which.
    pub(crate) fn places(&self, text: &str) -> Vec<(usize, usize, Identity)> {
        let place = |found: regex::Match<'_>| {
            let start = found.start() + if found.as_str().starts_with("veth") { 4 } else { 0 };
            let identity = self.known.get(text.get(start..found.end())?)?;
            Some((start, found.end(), *identity))
        };
        TOKENS.find_iter(text).filter_map(place).collect()
    }
}

impl Identity {
    /// Writes the text that a node has instead, with the same width.
    pub(crate) fn write(self, node: u32, width: usize, out: &mut Vec<u8>) {
        let (number, alphabet) = match self {
            Self::Name => {
                out.extend_from_slice(b"node-");
                let mut rest = node;
                let mut digits = [b'0'; 4];
                for digit in digits.iter_mut().rev() {
                    *digit += u8::try_from(rest % 10).unwrap_or(0);
                    rest /= 10;
                }
                out.extend_from_slice(&digits);
                return;
            }
            Self::Letters(number) => (number, b"0123456789abcdefghijklmnopqrstuvwxyz".as_slice()),
            Self::Hex(number) => (number, b"0123456789abcdef".as_slice()),
        };
        let mut state = hash((u64::from(node) << 32) | u64::from(number));
        let mut left = 0;
        for _ in 0..width {
            if left == 0 {
                state = hash(state);
                left = 8;
            }
            let byte = state.to_le_bytes().get(8 - left).copied().unwrap_or(0);
            left -= 1;
            out.push(alphabet.get(usize::from(byte) % alphabet.len()).copied().unwrap_or(b'0'));
        }
    }

    /// The same as text.
    pub(crate) fn text(self, node: u32, width: usize) -> String {
        let mut out = Vec::with_capacity(width);
        self.write(node, width, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Mixes the bits of a number (`SplitMix64`).
pub(crate) fn hash(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_keep_their_width() {
        let id = "0b09814f4a1e1a38d9e856967fb2ef75862146ceee5011b1156aa7e6f52ecc90";
        let text = format!(
            "a{{id=\"/docker/{id}\",service_id=\"yn0ub1uzkiu0x3k5gc4nm3b1x\",node_name=\"node-0000\"}}"
        );
        let places = Identities::of(&text).places(&text);
        let kinds: Vec<_> = places.iter().map(|(start, end, identity)| (end - start, *identity)).collect();
        // A service has the same ID on all nodes.
        assert_eq!(kinds, [(64, Identity::Hex(1)), (9, Identity::Name)]);
        assert_eq!(Identity::Name.text(417, 9), "node-0417");
        assert_ne!(Identity::Hex(1).text(1, 64), Identity::Hex(1).text(2, 64));
        assert_eq!(Identity::Letters(0).text(7, 25).len(), 25);
    }
}
