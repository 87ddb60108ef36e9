//! `selinux`: whether SELinux is on and whether it forbids or only warns.

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch, lines};

use crate::host::{Host, optional, read_number};

/// The modes as numbers; 0 is permissive.
const ENFORCING: i64 = 1;
const PERMISSIVE: i64 = 0;
const DISABLED: i64 = -1;

/// The collector.
#[derive(Debug)]
pub(super) struct Selinux {
    enforce: KeptFile,
    config: PathBuf,
    scratch: Scratch,
}

impl Selinux {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            enforce: host.sysfs("fs/selinux/enforce"),
            config: host.roots.rootfs.join("etc/selinux/config"),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Selinux {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let current = optional(read_number(&mut self.enforce, &mut self.scratch))?;
        out.gauge("node_selinux_enabled", "Whether SELinux is on.", current.is_some());
        let Some(current) = current else { return Ok(()) };
        // Editors replace the file, so no descriptor is kept.
        let config = self.scratch.read(&self.config).map_or(DISABLED, parse_config);
        let help = "The mode that SELinux starts in: 1 enforcing, 0 permissive, -1 disabled.";
        out.gauge("node_selinux_config_mode", help, config);
        out.gauge("node_selinux_current_mode", "The mode of SELinux: 1 enforcing, 0 permissive.", current);
        Ok(())
    }
}

/// The line `SELINUX=enforcing` of `/etc/selinux/config`.
fn parse_config(content: &[u8]) -> i64 {
    let value = lines(content).find_map(|line| line.trim_ascii().strip_prefix(b"SELINUX="));
    match value.map(<[u8]>::trim_ascii) {
        Some(b"enforcing") => ENFORCING,
        Some(b"permissive") => PERMISSIVE,
        _ => DISABLED,
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn both_modes_are_told() {
        let root = FakeRoot::new();
        root.file("sys/fs/selinux/enforce", "0");
        root.file("root/etc/selinux/config", "# SELINUX=disabled\nSELINUX=enforcing\nSELINUXTYPE=targeted\n");
        let (text, error) = collect(Selinux::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in ["enabled 1", "config_mode 1", "current_mode 0"] {
            assert!(text.contains(&format!("\nnode_selinux_{line}\n")), "{text}");
        }
    }

    #[test]
    fn a_host_without_it_says_so() {
        let (text, error) = collect(Selinux::new(&fake::host(&FakeRoot::new())));
        assert!(error.is_none() && text.ends_with("\nnode_selinux_enabled 0\n"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            parse_config(&content);
        }
    }
}
