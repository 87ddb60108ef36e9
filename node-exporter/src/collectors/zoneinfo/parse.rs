//! Reading `/proc/zoneinfo`.

use agent_core::read::{fields, lines, parse_u64, text};

use super::{FIELDS, PROTECTION};

/// A zone of memory and its numbers.
#[derive(Debug)]
pub(super) struct Zone<'a> {
    pub(super) node: &'a str,
    pub(super) name: &'a str,
    /// In the order of [`FIELDS`].
    pub(super) values: [Option<u64>; FIELDS.len()],
    pub(super) protection: [Option<u64>; PROTECTION.len()],
}

impl<'a> Zone<'a> {
    pub(super) fn labels(&self) -> [(&'a str, &'a str); 2] {
        [("node", self.node), ("zone", self.name)]
    }
}

/// The sections `Node 0, zone Normal`, each with lines `word number`.
pub(super) fn parse(content: &[u8]) -> Vec<Zone<'_>> {
    let mut zones = Vec::new();
    for line in lines(content) {
        let mut fields = fields(line);
        match fields.next() {
            Some(b"Node") => zones.extend(parse_title(fields)),
            Some(b"protection:") => {
                let numbers = fields.map(|field| parse_u64(bare(field)));
                if let Some(zone) = zones.last_mut() {
                    for (place, number) in zone.protection.iter_mut().zip(numbers) {
                        *place = number;
                    }
                }
            }
            Some(word) => {
                let index = FIELDS.iter().position(|field| field.word.as_bytes() == word);
                let place = index.and_then(|index| zones.last_mut()?.values.get_mut(index));
                if let (Some(place), Some(number)) = (place, fields.next().and_then(parse_u64)) {
                    *place = Some(number);
                }
            }
            None => {}
        }
    }
    zones
}

/// What follows the word `Node`: `0, zone Normal`.
fn parse_title<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> Option<Zone<'a>> {
    let node = text(fields.next()?)?;
    let name = fields.nth(1).and_then(text)?;
    Some(Zone {
        node: node.strip_suffix(',').unwrap_or(node),
        name,
        values: [None; FIELDS.len()],
        protection: [None; PROTECTION.len()],
    })
}

/// A number of the list `(0, 2039, 31932)` without its signs.
fn bare(field: &[u8]) -> &[u8] {
    let field = field.strip_prefix(b"(").unwrap_or(field);
    field.strip_suffix(b",").or_else(|| field.strip_suffix(b")")).unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(Node |, zone |protection: |min |[(),0-9 \n]){0,40}") {
            parse(&content);
            parse(odd.as_bytes());
        }
    }
}
