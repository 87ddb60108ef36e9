//! Reading `mountstats` and the servers' addresses from `mountinfo`.

use std::borrow::Cow;

use agent_core::read::{fields, lines, parse_u64, text};

use super::columns::{Numbers, Operation, Transport};
use crate::collectors::filesystem::mountinfo::unescape;

/// One mount of an NFS file system.
#[derive(Debug, Default)]
pub(super) struct Nfs<'a> {
    /// Which of all mounts it is: `mountinfo` has the same order.
    pub(super) index: usize,
    pub(super) export: &'a str,
    pub(super) mountpoint: Cow<'a, str>,
    pub(super) protocol: &'a str,
    /// The server's, from `mountinfo`.
    pub(super) address: &'a str,
    pub(super) numbers: Numbers,
    pub(super) transports: Vec<Transport>,
    pub(super) operations: Vec<(&'a str, Operation)>,
}

impl<'a> Nfs<'a> {
    pub(super) fn labels(&self) -> [(&'static str, &'a str); 3] {
        [("export", self.export), ("mountaddr", self.address), ("protocol", self.protocol)]
    }
}

/// A line `device … mounted on … with fstype …` for each mount; below those of NFS, what it did.
pub(super) fn parse(content: &[u8]) -> Vec<Nfs<'_>> {
    let mut mounts = Vec::new();
    let mut count = 0;
    let mut inside = false;
    for line in lines(content) {
        if line.starts_with(b"device ") {
            let mount = parse_title(line, count);
            inside = mount.is_some();
            mounts.extend(mount);
            count += 1;
        } else if let Some(mount) = mounts.last_mut().filter(|_| inside) {
            parse_line(mount, line);
        }
    }
    // Without a connection there is nothing to tell the mounts of an export apart by.
    mounts.retain(|mount| !mount.transports.is_empty());
    mounts
}

/// `device EXPORT mounted on POINT with fstype nfs4 statvers=1.1`
fn parse_title(line: &[u8], index: usize) -> Option<Nfs<'_>> {
    let mut fields = fields(line);
    let export = text(fields.nth(1)?)?;
    let point = fields.nth(2)?;
    let kind = fields.nth(2)?;
    let mountpoint = match unescape(point) {
        Cow::Borrowed(point) => String::from_utf8_lossy(point),
        Cow::Owned(point) => String::from_utf8_lossy(&point).into_owned().into(),
    };
    let known = kind == b"nfs" || kind == b"nfs4";
    known.then(|| Nfs { index, export, mountpoint, ..Nfs::default() })
}

fn parse_line<'a>(mount: &mut Nfs<'a>, line: &'a [u8]) {
    let mut fields = fields(line);
    let Some(key) = fields.next().and_then(text).and_then(|key| key.strip_suffix(':')) else { return };
    match key {
        "age" => mount.numbers.age = fields.next().and_then(parse_u64),
        "bytes" => fill(&mut mount.numbers.bytes, fields),
        "events" => fill(&mut mount.numbers.events, fields),
        "xprt" => {
            let Some(protocol) = fields.next().and_then(text) else { return };
            if mount.transports.is_empty() {
                mount.protocol = protocol;
            }
            mount.transports.push(parse_transport(protocol, fields));
        }
        // Operations of the protocol are in capital letters.
        operation if operation.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => {
            let mut numbers = Operation::default();
            fill(&mut numbers, fields);
            mount.operations.push((operation, numbers));
        }
        _ => {}
    }
}

/// What a protocol does not count is zero: with UDP there is no connection to be made or idle.
fn parse_transport<'a>(protocol: &str, fields: impl Iterator<Item = &'a [u8]>) -> Transport {
    /// Where the three numbers are that only connections have.
    const CONNECTION: std::ops::Range<usize> = 2..5;
    let mut transport = [Some(0); 13];
    let places = transport.iter_mut().enumerate();
    let places = places.filter(|(index, _)| protocol != "udp" || !CONNECTION.contains(index));
    for ((_, number), field) in places.zip(fields) {
        *number = parse_u64(field);
    }
    transport
}

fn fill<'a>(numbers: &mut [Option<u64>], fields: impl Iterator<Item = &'a [u8]>) {
    for (number, field) in numbers.iter_mut().zip(fields) {
        *number = parse_u64(field);
    }
}

/// For each mount in `mountinfo`, its source and the option `addr` (empty where it has none).
pub(super) fn parse_addresses(content: &[u8]) -> Vec<(&str, &str)> {
    lines(content)
        .map(|line| {
            let mut fields = fields(line).skip_while(|field| *field != b"-").skip(2).map_while(text);
            let source = fields.next().unwrap_or_default();
            let options = fields.next().unwrap_or_default();
            let address = options.split(',').find_map(|option| option.strip_prefix("addr="));
            (source, address.unwrap_or_default())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(device | mounted on | with fstype | nfs|\txprt:|tcp|udp|[A-Z]:|[0-9: \n]){0,60}") {
            for content in [content.as_slice(), odd.as_bytes()] {
                parse(content);
                parse_addresses(content);
            }
        }
    }
}
