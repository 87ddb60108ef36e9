//! `sockstat`: the host's sockets in use.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64};

use crate::host::{Host, optional, read};
use crate::named::Names;

/// The collector.
#[derive(Debug)]
pub(super) struct Sockstat {
    files: [KeptFile; 2],
    names: Names,
    /// Bytes in a page of memory, the kernel's unit of `mem`.
    page_size: u64,
    word: Vec<u8>,
    scratch: Scratch,
}

impl Sockstat {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            files: [host.net("sockstat"), host.net("sockstat6")],
            names: Names::new("node_sockstat_", "", "Number that /proc/net/sockstat gives as", None),
            page_size: procfs::page_size(),
            word: Vec::new(),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Sockstat {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { files, names, page_size, word, scratch } = self;
        let mut write = |parts: [&[u8]; 3], value: u64| {
            word.clear();
            word.extend(parts.into_iter().flatten());
            if let Some(named) = names.get(word) {
                out.family(&named.name, &named.help, Kind::Gauge).sample(&[], value);
            }
        };
        let mut found = false;
        for file in files.iter_mut() {
            let Some(content) = optional(read(file, scratch))? else { continue };
            found = true;
            for (protocol, field, value) in parse(content) {
                write([protocol, b"_", field], value);
                if field == b"mem" {
                    write([protocol, b"_", b"mem_bytes"], value.saturating_mul(*page_size));
                }
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData("net/sockstat".to_owned())) }
    }
}

/// The lines `TCP: inuse 1 orphan 0 …` of `net/sockstat` and `net/sockstat6`.
fn parse(content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], u64)> {
    lines(content).flat_map(|line| {
        let mut fields = fields(line);
        let protocol = fields.next().and_then(|field| field.strip_suffix(b":"));
        std::iter::from_fn(move || {
            let protocol = protocol?;
            Some((protocol, fields.next()?, parse_u64(fields.next()?)?))
        })
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn pages_become_bytes_too() {
        let root = FakeRoot::new();
        root.file("proc/net/sockstat", "sockets: used 11\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 323\n");
        root.file("proc/net/sockstat6", "TCP6: inuse 4\nFRAG6: inuse 0 memory 0\n");
        let (text, error) = collect(Sockstat::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let bytes = format!("TCP_mem_bytes {}", 323 * procfs::page_size());
        for line in ["sockets_used 11", "TCP_mem 323", bytes.as_str(), "TCP6_inuse 4", "FRAG6_memory 0"] {
            assert!(text.contains(&format!(" gauge\nnode_sockstat_{line}\n")), "{text}");
        }
    }

    #[test]
    fn a_kernel_without_ipv6_is_no_fault() {
        let root = FakeRoot::new();
        root.file("proc/net/sockstat", "sockets: used 11\n");
        assert!(collect(Sockstat::new(&fake::host(&root))).1.is_none());
        let (_, error) = collect(Sockstat::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[A-Z6: a-z0-9\n]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }
    }
}
