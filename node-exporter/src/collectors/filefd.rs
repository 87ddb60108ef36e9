//! `filefd`: open files of the whole system.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch, fields, parse_u64};

use crate::host::{Host, read};

/// The collector.
#[derive(Debug)]
pub(super) struct Filefd {
    file_nr: KeptFile,
    scratch: Scratch,
}

impl Filefd {
    pub(super) fn new(host: &Host) -> Self {
        Self { file_nr: host.procfs("sys/fs/file-nr"), scratch: Scratch::default() }
    }
}

impl Collector for Filefd {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file_nr, &mut self.scratch)?;
        let (allocated, maximum) = parse(content)
            .ok_or_else(|| CollectError::parse(self.file_nr.path(), 1, "expected three whole numbers"))?;
        out.gauge("node_filefd_allocated", "Files that are open in the whole system.", allocated);
        out.gauge("node_filefd_maximum", "Files that may be open in the whole system.", maximum);
        Ok(())
    }
}

/// `file-nr`: allocated, a constant zero, maximum. The maximum can be beyond what a signed number holds.
fn parse(text: &[u8]) -> Option<(u64, u64)> {
    let mut fields = fields(text).map(parse_u64);
    let allocated = fields.next()??;
    let maximum = fields.nth(1)??;
    Some((allocated, maximum))
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn the_first_and_the_third_number_count() {
        let root = FakeRoot::new();
        root.file("proc/sys/fs/file-nr", "1024\t0\t9223372036854775807\n");
        let (text, error) = collect(Filefd::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("\nnode_filefd_allocated 1024\n"), "{text}");
        assert!(text.contains("\nnode_filefd_maximum 9223372036854775807\n"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, numbers in "[ 0-9\t\n]{0,80}") {
            parse(&text);
            parse(numbers.as_bytes());
        }
    }
}
