//! How a fuzzer's bytes change a file.

/// Takes a number of 16 bits from the front.
pub fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::from(u16::from_le_bytes(*number)), rest))
}

/// Replaces a part of the original (even first byte: all of it), so that a fuzzer need not find out what a kernel writes.
pub fn apply(original: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let (how, rest) = bytes.split_first()?;
    if how % 2 == 0 {
        return Some(rest.to_vec());
    }
    let (start, rest) = number(rest)?;
    let (length, inserted) = rest.split_first()?;
    let start = start % (original.len() + 1);
    let end = (start + usize::from(*length)).min(original.len());
    Some([&original[..start], inserted, &original[end..]].concat())
}
