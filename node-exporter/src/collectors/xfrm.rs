//! `xfrm`: packets that `IPsec` could not transform, by reason, from the host's `net/xfrm_stat`.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};

use crate::host::{Host, read};

/// The collector.
#[derive(Debug)]
pub(super) struct Xfrm {
    file: KeptFile,
    name: String,
    help: String,
    scratch: Scratch,
}

impl Xfrm {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            file: host.net("xfrm_stat"),
            name: String::new(),
            help: String::new(),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Xfrm {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { file, name, help, scratch } = self;
        for (word, value) in parse(read(file, scratch)?) {
            name.clear();
            name.push_str("node_xfrm");
            push_snake_case(name, word.trim_start_matches("Xfrm"));
            name.push_str("_packets_total");
            help.clear();
            help.extend(["Packets that IPsec dropped and the kernel counts as ", word, "."]);
            out.counter(name, help, value);
        }
        Ok(())
    }
}

/// The lines `XfrmInError 1`.
fn parse(content: &[u8]) -> impl Iterator<Item = (&str, u64)> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        let word =
            text(fields.next()?).filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
        Some((word, parse_u64(fields.next()?)?))
    })
}

/// `InNoPols` becomes `_in_no_pols`.
fn push_snake_case(name: &mut String, word: &str) {
    for c in word.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn the_kernels_words_become_names() {
        let root = FakeRoot::new();
        root.file("proc/1/net/dev", "");
        root.file(
            "proc/1/net/xfrm_stat",
            "XfrmInError                     1\nXfrmInNoPols\t65432\nXfrmOdd x\nXfrmFwdHdrError 6",
        );
        let (text, error) = collect(Xfrm::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in
            ["in_error_packets_total 1", "in_no_pols_packets_total 65432", "fwd_hdr_error_packets_total 6"]
        {
            assert!(text.contains(&format!(" counter\nnode_xfrm_{line}\n")), "{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 3);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_names_are_valid(content: Vec<u8>, odd in "(Xfrm[A-Za-z0-9]{0,9} [0-9]{1,3}\n){0,9}") {
            for (word, _) in parse(&content).chain(parse(odd.as_bytes())) {
                let mut name = String::new();
                push_snake_case(&mut name, word);
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
            }
        }
    }
}
