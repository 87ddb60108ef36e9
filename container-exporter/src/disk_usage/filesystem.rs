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

/// Every engine binds this file from its own folder into each of its containers: there the file system can be asked for
/// without any other bind.
const BOUND: &str = "/etc/hostname";

/// The one with the engine's folder, then the one with `/` if it is another.
pub(super) fn read_file_systems(procfs: &Path, rootfs: &Path, engine: &Path) -> Vec<FileSystem> {
    // The first process of a container of our own has our mounts, not the host's.
    let own = procfs == Path::new("/proc") && std::process::id() == 1;
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let host = if own { String::new() } else { read(&procfs.join("1/mountinfo")) };
    find(&host, &read(Path::new("/proc/self/mountinfo")), rootfs, engine)
}

/// `host` and `own` are the mounts as the host and as we see them.
fn find(host: &str, own: &str, rootfs: &Path, engine: &Path) -> Vec<FileSystem> {
    let mut found: Vec<FileSystem> = Vec::new();
    for (index, folder) in [engine, Path::new("/")].into_iter().enumerate() {
        if folder.as_os_str().is_empty() {
            continue;
        }
        let mount = parse_mount(host, folder);
        let device = mount.map(|mount| mount.source.to_owned());
        if index > 0 && (mount.is_none() || found.iter().any(|known| known.device == device)) {
            continue;
        }
        // cAdvisor's command line binds the engine's folder at its own place.
        let places = [super::below(rootfs, folder), folder.to_owned(), PathBuf::from(BOUND)];
        let same = |place: &&PathBuf| {
            mount.is_none_or(|mount| parse_mount(own, place).is_some_and(|own| own.number == mount.number))
        };
        let usable = if mount.is_none() { 2 } else { 3 };
        let stat = places.iter().take(usable).filter(same).find_map(|place| statvfs(place).ok());
        let bytes = |blocks: u64, size: u64| blocks.saturating_mul(size);
        let (size, used) = stat
            .map(|s| (bytes(s.f_blocks, s.f_frsize), bytes(s.f_blocks.saturating_sub(s.f_bfree), s.f_frsize)))
            .unzip();
        found.push(FileSystem { device, size, used });
    }
    found
}

/// A line of `/proc/<pid>/mountinfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mount<'m> {
    /// `major:minor`, of the whole file system.
    number: &'m str,
    source: &'m str,
}

/// The mount that a path is on: the longest mount point that it begins with, the latest of several.
fn parse_mount<'m>(mounts: &'m str, path: &Path) -> Option<Mount<'m>> {
    let mount = |line: &'m str| {
        let (front, back) = line.split_once(" - ")?;
        let mut front = front.split(' ').skip(2);
        let number = front.next()?;
        let point = front.nth(1)?.replace("\\040", " ");
        let source = back.split(' ').nth(1)?;
        path.starts_with(&point).then_some((point.len(), Mount { number, source }))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, mount)| mount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    const MOUNTS: &str = "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n30 22 0:5 / /proc rw shared:1 - proc proc rw\n\
        40 22 254:16 / /var/lib/docker rw - xfs /dev/vdb rw\n";

    #[test]
    fn the_longest_mount_point_counts() {
        let device = |path: &str| parse_mount(MOUNTS, Path::new(path)).map(|mount| mount.source);
        assert_eq!(device("/var/lib/docker"), Some("/dev/vdb"));
        assert_eq!(device("/var/lib/dockerette"), Some("/dev/vda1"));
        assert_eq!(parse_mount("cut", Path::new("/")), None);
    }

    /// Device and whether the size is known.
    fn found(own: &str, rootfs: &Path) -> Vec<(String, bool)> {
        let found = find(MOUNTS, own, rootfs, Path::new("/var/lib/docker"));
        assert!(found.iter().all(|f| f.used <= f.size && f.used.is_some() == f.size.is_some()));
        found.into_iter().map(|f| (f.device.unwrap(), f.size > Some(0))).collect()
    }

    fn known(engine: bool, root: bool) -> Vec<(String, bool)> {
        vec![("/dev/vdb".to_owned(), engine), ("/dev/vda1".to_owned(), root)]
    }

    #[test]
    fn sizes_are_of_the_mounted_root() {
        let root = FakeRoot::new();
        root.file("rootfs/var/lib/docker/x", "");
        let rootfs = root.path().join("rootfs");
        let own = format!(
            "1 0 0:50 / / ro - overlay overlay rw\n2 1 254:1 / {0} ro - ext4 /dev/vda1 rw\n\
             3 2 254:16 / {0}/var/lib/docker ro - xfs /dev/vdb rw\n",
            rootfs.display()
        );
        assert_eq!(found(&own, &rootfs), known(true, true));
        let unmounted = own.lines().take(2).collect::<Vec<_>>().join("\n");
        assert_eq!(found(&unmounted, &rootfs), known(false, true), "what is mounted over it is not there");
    }

    #[test]
    fn a_container_knows_its_own_file_system() {
        let bound = "1 0 0:50 / / ro - overlay overlay rw\n\
            2 1 254:16 /containers/0a1b/hostname /etc/hostname rw - xfs /dev/vdb rw\n";
        assert_eq!(found(bound, Path::new("/")), known(true, false));
        assert_eq!(found("1 0 0:50 / / ro - overlay overlay rw\n", Path::new("/")), known(false, false));
    }

    #[test]
    fn without_the_hosts_mounts_only_the_engines_folder_is_told() {
        let root = FakeRoot::new();
        root.file("rootfs/var/lib/docker/x", "");
        let found = find("", "", &root.path().join("rootfs"), Path::new("/var/lib/docker"));
        assert!(found.len() == 1 && found[0].device.is_none() && found[0].size > Some(0), "{found:?}");
        assert_eq!(find("", "", Path::new("/absent"), Path::new("/engine/folder"))[0].size, None);
    }
}
