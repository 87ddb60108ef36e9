//! The file systems that containers and the machine are on.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

/// One of them, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// cAdvisor's label `device`; `None` where the host's mounts are not to be seen.
    pub device: Option<String>,
    /// Its size, where the host's root is mounted.
    pub size: Option<u64>,
    /// What is used of it.
    pub used: Option<u64>,
}

/// The one with the engine's folder, then the one with `/` if it is another.
pub(super) fn read_file_systems(procfs: &Path, rootfs: &Path, engine: &Path) -> Vec<FileSystem> {
    // The first process of a container of our own has our mounts, not the host's.
    let own = procfs == Path::new("/proc") && std::process::id() == 1;
    let mounts =
        if own { String::new() } else { fs::read_to_string(procfs.join("1/mountinfo")).unwrap_or_default() };
    let mut found: Vec<FileSystem> = Vec::new();
    for (index, folder) in [engine, Path::new("/")].into_iter().enumerate() {
        let unknown = folder.as_os_str().is_empty();
        if unknown || own && rootfs == Path::new("/") && index > 0 {
            continue;
        }
        // cAdvisor's command line binds the engine's folder at its own place.
        let places = [super::below(rootfs, folder), PathBuf::from(folder)];
        let stat = places.iter().take(2 - index).find_map(|place| statvfs(place).ok());
        let device = parse_device(&mounts, folder);
        if index == 0 || found.iter().all(|known| known.device != device) {
            let bytes = |blocks: u64, size: u64| blocks.saturating_mul(size);
            let (size, used) = stat
                .map(|s| {
                    (bytes(s.f_blocks, s.f_frsize), bytes(s.f_blocks.saturating_sub(s.f_bfree), s.f_frsize))
                })
                .unzip();
            found.push(FileSystem { device, size, used });
        }
    }
    found
}

/// The device of the mount that a path is on, from `/proc/<pid>/mountinfo`: the longest mount point that it begins with,
/// the latest of several.
fn parse_device(mounts: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (front, back) = line.split_once(" - ")?;
        let point = front.split(' ').nth(4)?.replace("\\040", " ");
        let source = back.split(' ').nth(1)?.to_owned();
        path.starts_with(&point).then_some((point.len(), source))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, source)| source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    const MOUNTS: &str = "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n30 22 0:5 / /proc rw shared:1 - proc proc rw\n\
        40 22 254:16 / /var/lib/docker rw - xfs /dev/vdb rw\n";

    #[test]
    fn the_longest_mount_point_counts() {
        let device = |path: &str| parse_device(MOUNTS, Path::new(path));
        assert_eq!(device("/var/lib/docker").as_deref(), Some("/dev/vdb"));
        assert_eq!(device("/var/lib/dockerette").as_deref(), Some("/dev/vda1"));
        assert_eq!(parse_device("cut", Path::new("/")), None);
    }

    #[test]
    fn sizes_are_of_the_mounted_root() {
        let root = FakeRoot::new();
        root.file("proc/1/mountinfo", MOUNTS);
        root.file("rootfs/var/lib/docker/x", "");
        let at = |folder| root.path().join(folder);
        let found = read_file_systems(&at("proc"), &at("rootfs"), Path::new("/var/lib/docker"));
        let devices: Vec<_> = found.iter().map(|f| f.device.as_deref().unwrap()).collect();
        assert_eq!(devices, ["/dev/vdb", "/dev/vda1"]);
        assert!(found.iter().all(|f| f.used > Some(0) && f.used <= f.size));
        let found = read_file_systems(&at("proc"), &at("absent"), Path::new("/engine/folder"));
        assert_eq!(found[0].device.as_deref(), Some("/dev/vda1"), "known without the host's root");
        assert_eq!(found[0].size, None);
    }
}
