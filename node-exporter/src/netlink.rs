//! Asking the kernel by netlink, for what no file tells. It answers for our own network namespace only.

pub mod generic;
pub mod numbers;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use self::numbers::message::{DONE, DUMP, ERROR, REQUEST};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// Length, kind, flags, number, sender.
const HEADER: usize = 16;
/// The kernel's datagrams are not larger.
const BUFFER: usize = 64 * 1024;
/// The kernel answers at once; this is for the day it does not.
const DEADLINE: Duration = Duration::from_secs(2);

/// A socket to the kernel.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Netlink {
    /// To rtnetlink; needs no rights.
    pub fn open() -> io::Result<Self> {
        Self::open_to(None)
    }

    fn open_to(protocol: Option<Protocol>) -> io::Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(DEADLINE))?;
        Ok(Self { socket, buffer: vec![0; BUFFER] })
    }

    /// Asks for all objects of a kind; `each` gets the body of each answer.
    pub fn dump(&mut self, request: u16, body: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        let message = message(request, body);
        sendto(&self.socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        loop {
            let (length, _) = recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::empty())?;
            for (kind, body) in messages(self.buffer.get(..length).unwrap_or_default()) {
                match kind {
                    DONE => return Ok(()),
                    ERROR => return Err(io::Error::from_raw_os_error(number(body, 0).map_or(0, errno))),
                    _ => each(body),
                }
            }
        }
    }

    /// The name of a network device.
    pub fn device_name(&self, index: u32) -> Option<String> {
        rustix::net::netdevice::index_to_name(&self.socket, index).ok()
    }
}

/// Errors are told as negative numbers.
fn errno(number: u32) -> i32 {
    number.cast_signed().wrapping_neg()
}

fn message(request: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend(length.to_ne_bytes());
    message.extend(request.to_ne_bytes());
    message.extend((REQUEST | DUMP).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// The messages of a datagram: kind and body.
fn messages(datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    records(datagram, HEADER, |header| Some((usize::try_from(number(header, 0)?).ok()?, short(header, 4)?)))
}

/// The attributes of a message: kind and value.
pub fn attributes(body: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// Flags of nested attributes.
    const KIND: u16 = 0x3fff;
    records(body, 4, |header| Some((usize::from(short(header, 0)?), short(header, 2)? & KIND)))
}

/// Records that begin with their length and are aligned to four bytes.
pub fn records<'b, K>(
    mut rest: &'b [u8],
    header: usize,
    parse: impl Fn(&'b [u8]) -> Option<(usize, K)>,
) -> impl Iterator<Item = (K, &'b [u8])> {
    std::iter::from_fn(move || {
        let (length, kind) = parse(rest)?;
        let record = rest.get(..length)?;
        let body = record.get(header..)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// The value of the first attribute of a kind.
pub fn attribute(body: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(body).find_map(|(kind, value)| (kind == wanted).then_some(value))
}

/// A text, which ends at a zero byte where there is one.
pub fn string(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0);
    let text = end.and_then(|end| value.get(..end)).unwrap_or(value);
    String::from_utf8_lossy(text).into_owned()
}

/// A number of 16 bits at an offset.
pub fn short(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

/// A number of 32 bits at an offset.
pub fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

/// A number of 64 bits at an offset.
pub fn long(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().copied().map(u64::from_ne_bytes)
}

/// For fuzzing.
#[cfg(fuzzing)]
pub(crate) fn read_datagram(datagram: &[u8]) {
    for (_, body) in messages(datagram) {
        generic::read_message(body);
    }
}

#[cfg(test)]
pub(crate) mod fake {
    /// An attribute with its padding.
    pub(crate) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_and_attributes_come_apart() {
        let body = [fake::attribute(1, b"fq"), fake::attribute(0x8007, &[1, 2, 3, 4])].concat();
        let datagram = message(36, &body);
        let found: Vec<_> = messages(&datagram).collect();
        assert_eq!(found, [(36, body.as_slice())]);
        let found: Vec<_> = attributes(&body).collect();
        assert_eq!(found, [(1, &b"fq"[..]), (7, &[1, 2, 3, 4])]);
    }

    #[test]
    fn the_kernel_lists_its_devices() {
        const GETLINK: u16 = 18;
        let mut netlink = Netlink::open().unwrap();
        let mut names = Vec::new();
        netlink.dump(GETLINK, &[0; 16], |body| names.extend(number(body, 4))).unwrap();
        assert!(names.into_iter().any(|index| netlink.device_name(index).as_deref() == Some("lo")));
    }

    #[test]
    fn refusals_are_errors() {
        let error = Netlink::open().unwrap().dump(9999, &[0; 16], |_| ()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(95));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, short in proptest::collection::vec(0_u8..24, 0..64)) {
            for bytes in [bytes, short] {
                messages(&bytes).count();
                attributes(&bytes).count();
            }
        }
    }
}
