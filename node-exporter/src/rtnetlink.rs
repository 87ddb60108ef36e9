//! Questions to the kernel over netlink (`rtnetlink(7)`), always about our own network namespace.

use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
const HEADER: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The kernel fills at most this much at once.
const BUFFER: usize = 64 * 1024;

/// Asks for all objects of a kind: `request` is the type of the message, `header` the fixed part that follows. `each`
/// gets the body of every answer.
pub fn dump(request: u16, header: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    let kernel = SocketAddrNetlink::new(0, 0);
    sendto(&socket, &message(request, header), SendFlags::empty(), &kernel)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let (count, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = buffer.get(..count).unwrap_or_default();
        if rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while let Some((kind, body, next)) = split_message(rest) {
            match kind {
                DONE => return Ok(()),
                ERROR => return Err(read_error(body)),
                _ => each(body),
            }
            rest = next;
        }
    }
}

fn message(request: u16, header: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + header.len());
    let length = u32::try_from(HEADER + header.len()).unwrap_or(u32::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(request.to_ne_bytes());
    message.extend(DUMP.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(header);
    message
}

/// An error message holds a negative number of the system.
fn read_error(body: &[u8]) -> io::Error {
    match u32_at(body, 0).map(u32::cast_signed) {
        Some(code) if code < 0 => io::Error::from_raw_os_error(code.saturating_neg()),
        _ => io::ErrorKind::InvalidData.into(),
    }
}

/// Type, body, and what follows the first message.
fn split_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let body = bytes.get(HEADER..length)?;
    let next = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((u16_at(bytes, 4)?, body, next))
}

/// Types and contents of the attributes behind the fixed part of a body.
pub fn attributes(body: &[u8], fixed: usize) -> impl Iterator<Item = (u16, &[u8])> {
    /// Flags in the type.
    const NESTED_OR_BIG_ENDIAN: u16 = 0xc000;
    let mut rest = body.get(fixed..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & !NESTED_OR_BIG_ENDIAN;
        let content = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, content))
    })
}

/// The number at a place, in the machine's order of bytes.
pub fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    bytes.get(place..)?.first_chunk().copied().map(u64::from_ne_bytes)
}

/// The same for four bytes.
pub fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(place..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    bytes.get(place..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

#[cfg(test)]
pub(crate) mod fake {
    /// An attribute as the kernel writes it.
    pub(crate) fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(u16::try_from(content.len() + 4).unwrap().to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_asked_can_be_taken_apart_again() {
        let bytes = [message(18, &[7; 5]), vec![0; 3], message(19, &[])].concat();
        let (kind, body, rest) = split_message(&bytes).unwrap();
        assert_eq!((kind, body), (18, &[7; 5][..]));
        assert_eq!(
            split_message(rest).map(|(kind, body, rest)| (kind, body.len(), rest.len())),
            Some((19, 0, 0))
        );
    }

    #[test]
    fn attributes_are_aligned() {
        let bytes = [vec![9; 8], fake::attribute(3, b"lo\0"), fake::attribute(0x8017, &[1; 8])].concat();
        let found: Vec<_> = attributes(&bytes, 8).collect();
        assert_eq!(found, [(3, &b"lo\0"[..]), (0x17, &[1; 8][..])]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, fixed in 0_usize..20, length: u16) {
            split_message(&bytes);
            attributes(&bytes, fixed).count();
            read_error(&bytes);
            let odd = [length.to_ne_bytes().to_vec(), bytes].concat();
            attributes(&odd, 0).count();
            split_message(&odd);
        }
    }
}
