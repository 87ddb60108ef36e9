//! `entropy`: the kernel's entropy pool.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch};

use crate::host::{Host, read_number};

/// The collector.
#[derive(Debug)]
pub(super) struct Entropy {
    available: KeptFile,
    size: KeptFile,
    scratch: Scratch,
}

impl Entropy {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            available: host.procfs("sys/kernel/random/entropy_avail"),
            size: host.procfs("sys/kernel/random/poolsize"),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Entropy {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let available = read_number(&mut self.available, &mut self.scratch)?;
        out.gauge("node_entropy_available_bits", "Entropy that the kernel's pool has, in bits.", available);
        let size = read_number(&mut self.size, &mut self.scratch)?;
        out.gauge("node_entropy_pool_size_bits", "Entropy that the kernel's pool can hold, in bits.", size);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn both_files_are_read() {
        let root = FakeRoot::new();
        root.file("proc/sys/kernel/random/entropy_avail", "256\n");
        root.file("proc/sys/kernel/random/poolsize", "4096\n");
        let (text, error) = collect(Entropy::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("\nnode_entropy_available_bits 256\n"), "{text}");
        assert!(text.contains("\nnode_entropy_pool_size_bits 4096\n"), "{text}");
    }

    #[test]
    fn nonsense_is_named() {
        let root = FakeRoot::new();
        root.file("proc/sys/kernel/random/entropy_avail", "many\n");
        let (_, error) = collect(Entropy::new(&fake::host(&root)));
        assert!(error.unwrap().to_string().contains("random/entropy_avail:1: expected one whole number"));
    }
}
