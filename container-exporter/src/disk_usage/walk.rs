//! The size of a container's folders, as `du` counts them.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use agent_core::cli::PathArgs;

use super::below;
use crate::container::Container;

/// Bytes of the writable layer and of the log folder.
pub(super) fn read_use(container: &Container, paths: &PathArgs, root: &Path) -> io::Result<u64> {
    let named = container.upper_folder.clone();
    let upper =
        named.or_else(|| read_upper_folder(&paths.procfs, container)).ok_or(io::ErrorKind::NotFound)?;
    let logs = root.join("containers").join(&container.id);
    let logs = match read_size(&below(&paths.rootfs, &logs)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        size => size?,
    };
    Ok(read_size(&below(&paths.rootfs, &upper))? + logs)
}

/// The writable layer by the container's root mount in `/proc/<pid>/mountinfo`, where the engine does not name it: with
/// the image store of containerd.
fn read_upper_folder(procfs: &Path, container: &Container) -> Option<PathBuf> {
    let process = procfs.join(container.pid?.to_string());
    // The process may be another one of that number, where /proc is not the host's.
    let cgroup = fs::read_to_string(process.join("cgroup")).ok()?;
    cgroup
        .contains(&container.id)
        .then(|| fs::read_to_string(process.join("mountinfo")).ok())?
        .as_deref()
        .and_then(parse_upper_folder)
}

/// `... / / rw - overlay overlay rw,lowerdir=...,upperdir=...,workdir=...`
fn parse_upper_folder(mounts: &str) -> Option<PathBuf> {
    let root = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some("/"))?;
    let (_, source) = root.split_once(" - overlay ")?;
    let folder = source.split([' ', ',']).find_map(|option| option.strip_prefix("upperdir="))?;
    folder.starts_with('/').then(|| PathBuf::from(folder))
}

/// Hard links remembered; a folder with more counts some files twice rather than take up memory without end.
const MOST_LINKS: usize = 100_000;

/// Bytes of the blocks of all files below a folder, each file once, on one file system. A folder that may not be read is
/// an error: the rest would not be the size.
fn read_size(folder: &Path) -> io::Result<u64> {
    let device = fs::symlink_metadata(folder)?.dev();
    let mut links = HashSet::new();
    let mut waiting: Vec<PathBuf> = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = waiting.pop() {
        let Some(entries) = unless_gone(fs::read_dir(&folder))? else { continue };
        for entry in entries {
            let entry = entry?;
            let Some(metadata) = unless_gone(entry.metadata())? else { continue };
            if metadata.dev() != device {
                continue;
            }
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else if metadata.nlink() > 1 && links.len() < MOST_LINKS && !links.insert(metadata.ino()) {
                continue;
            }
            bytes += metadata.blocks() * 512;
        }
    }
    Ok(bytes)
}

/// Files come and go meanwhile.
fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    #[test]
    fn links_are_counted_once_and_not_followed() {
        let root = FakeRoot::new();
        let file = root.file("layer/a/file", vec![1; 200_000]);
        fs::hard_link(&file, root.path().join("layer/again")).unwrap();
        root.file("outside", vec![1; 900_000]);
        std::os::unix::fs::symlink(root.path(), root.path().join("layer/link")).unwrap();
        let bytes = read_size(&root.path().join("layer")).unwrap();
        assert!((200_000..300_000).contains(&bytes), "{bytes}");
        assert!(read_size(&root.path().join("absent")).is_err());
    }

    #[test]
    fn the_layer_is_named_by_the_root_mount() {
        const MOUNTS: &str = "1 0 254:1 / / rw - ext4 /dev/vda1 rw\n\
            612 480 0:61 / / rw,relatime - overlay overlay rw,lowerdir=/l/2/fs:/l/1/fs,upperdir=/s/9/fs,workdir=/s/9/work\n\
            613 612 0:65 / /proc rw - proc proc rw\n";
        assert_eq!(parse_upper_folder(MOUNTS), Some(PathBuf::from("/s/9/fs")));
        assert_eq!(parse_upper_folder("1 0 254:1 / / rw - ext4 /dev/vda1 rw\n"), None);
        assert_eq!(parse_upper_folder("cut"), None);
    }
}
