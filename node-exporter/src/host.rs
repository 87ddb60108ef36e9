//! Where the host's kernel files are.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use agent_core::collector::CollectError;
use agent_core::identity::SharedIdentity;
use agent_core::read::{KeptFile, Scratch, parse_u64};

use crate::events::Events;
use crate::network::ClassNet;

/// Roots of the host's virtual file systems, as flags give them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// The host's `/proc`.
    pub procfs: PathBuf,
    /// The host's `/sys`.
    pub sysfs: PathBuf,
    /// The host's `/`.
    pub rootfs: PathBuf,
    /// The host's `/run/udev/data`.
    pub udev_data: PathBuf,
}

/// Which network namespace the network collectors read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// That of PID 1: the host's, wherever we run.
    Host,
    /// Our own, because PID 1 cannot be seen (hidepid).
    Own,
}

impl Network {
    /// The word for it in labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Own => "self",
        }
    }
}

/// What collectors need to know of the host.
#[derive(Debug, Clone)]
pub struct Host {
    /// Roots of its files.
    pub roots: Roots,
    /// The network namespace that is read.
    pub network: Network,
    /// Whether that namespace is another one than ours.
    pub foreign_network: bool,
    /// Its network devices as sysfs has them.
    pub devices: ClassNet,
    /// The kernel's count of devices and drivers that came or went.
    pub events: Events,
    /// The node's name and ID.
    pub identity: SharedIdentity,
}

impl Host {
    /// Looks once whether PID 1 can be seen: that does not change while we run.
    pub fn new(roots: Roots, identity: SharedIdentity) -> Self {
        let visible = roots.procfs.join("1/net/dev").exists();
        let network = if visible { Network::Host } else { Network::Own };
        // Each namespace has inodes of its own, and everybody may see them; `ns/net` needs the right to trace PID 1.
        let inode =
            |process: &str| fs::metadata(roots.procfs.join(process).join("net/dev")).ok().map(|m| m.ino());
        let equal = inode("1").is_some_and(|first| Some(first) == inode("self"));
        let devices = ClassNet::new(roots.sysfs.join("class/net"));
        let events = Events::new(KeptFile::new(roots.sysfs.join("kernel/uevent_seqnum")));
        Self { foreign_network: visible && !equal, roots, network, devices, events, identity }
    }

    /// A file below `/proc`.
    pub fn procfs(&self, path: impl AsRef<Path>) -> KeptFile {
        KeptFile::new(self.roots.procfs.join(path))
    }

    /// A file below `/sys`.
    pub fn sysfs(&self, path: impl AsRef<Path>) -> KeptFile {
        KeptFile::new(self.roots.sysfs.join(path))
    }

    /// A file below `/proc/net`, of the host's network namespace.
    pub fn net(&self, path: impl AsRef<Path>) -> KeptFile {
        let folder = match self.network {
            Network::Host => "1/net",
            Network::Own => "net",
        };
        KeptFile::new(self.roots.procfs.join(folder).join(path))
    }
}

/// The content of a file as it is now.
pub fn read<'s>(file: &mut KeptFile, scratch: &'s mut Scratch) -> Result<&'s [u8], CollectError> {
    file.read(scratch).map_err(|error| CollectError::io(file.path(), error))
}

/// The number that is all a file holds.
pub fn read_number(file: &mut KeptFile, scratch: &mut Scratch) -> Result<u64, CollectError> {
    let content = read(file, scratch)?;
    parse_u64(content.trim_ascii())
        .ok_or_else(|| CollectError::parse(file.path(), 1, "expected one whole number and nothing else"))
}

/// A file or a part of it that may be missing: `None` where it is not there.
pub fn optional<T>(result: Result<T, CollectError>) -> Result<Option<T>, CollectError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CollectError::NoData(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Refuses where the kernel would answer for another network namespace than the host's.
pub fn needs_own_network(foreign: bool) -> Result<(), CollectError> {
    if foreign {
        let reason = "the kernel tells this only to processes in the host's network namespace";
        return Err(CollectError::NoData(reason.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod fake {
    use agent_core::identity::Identity;
    use agent_core::testing::FakeRoot;

    use super::*;

    /// A host whose files are below `proc`, `sys`, `root` and `udev` of a made-up root.
    pub(crate) fn host(root: &FakeRoot) -> Host {
        let [procfs, sysfs, rootfs, udev_data] =
            ["proc", "sys", "root", "udev"].map(|folder| root.path().join(folder));
        let identity = Identity { node_name: Some("node-1".to_owned()), node_id: None };
        Host::new(Roots { procfs, sysfs, rootfs, udev_data }, SharedIdentity::new(identity))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use agent_core::testing::FakeRoot;

    use super::*;

    #[test]
    fn network_namespaces_are_told_apart() {
        let root = FakeRoot::new();
        let seen = |root: &FakeRoot| {
            let host = fake::host(root);
            (host.network, host.foreign_network)
        };
        assert_eq!(seen(&root), (Network::Own, false));
        root.file("proc/1/net/dev", "");
        root.file("proc/7/net/dev", "");
        symlink("7", root.path().join("proc/self")).unwrap();
        assert_eq!(seen(&root), (Network::Host, true));
        fs::remove_file(root.path().join("proc/self")).unwrap();
        symlink("1", root.path().join("proc/self")).unwrap();
        assert_eq!(seen(&root), (Network::Host, false));
    }
}
