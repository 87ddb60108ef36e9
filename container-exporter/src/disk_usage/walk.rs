//! The size of a folder, as `du` counts it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Hard links remembered; a folder with more counts some files twice rather than take up memory without end.
const MOST_LINKS: usize = 100_000;

/// Bytes of the blocks of all files below a folder, each file once, on one file system.
pub(super) fn read_size(folder: &Path) -> io::Result<u64> {
    let device = fs::symlink_metadata(folder)?.dev();
    let mut links = HashSet::new();
    let mut waiting: Vec<PathBuf> = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = waiting.pop() {
        // Files come and go meanwhile.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
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
}
