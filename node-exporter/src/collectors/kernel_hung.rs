//! `kernel_hung`: tasks that the kernel's watchdog found hanging (`sys/kernel/hung_task_detect_count`, Linux 6.13).

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch};

use crate::host::{Host, read_number};

/// The collector.
#[derive(Debug)]
pub(super) struct KernelHung {
    count: KeptFile,
    scratch: Scratch,
}

impl KernelHung {
    pub(super) fn new(host: &Host) -> Self {
        Self { count: host.procfs("sys/kernel/hung_task_detect_count"), scratch: Scratch::default() }
    }
}

impl Collector for KernelHung {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let count = read_number(&mut self.count, &mut self.scratch)?;
        out.counter("node_kernel_hung_tasks_total", "Tasks that hung for too long since the start.", count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn the_count_is_exported() {
        let root = FakeRoot::new();
        root.file("proc/sys/kernel/hung_task_detect_count", "3\n");
        let (text, error) = collect(KernelHung::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains(" counter\nnode_kernel_hung_tasks_total 3\n"), "{text}");
    }

    #[test]
    fn an_older_kernel_is_no_fault() {
        let (_, error) = collect(KernelHung::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
