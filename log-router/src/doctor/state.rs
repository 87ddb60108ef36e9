//! Whether positions and waiting lines have a place that outlives the router.

use std::fs;
use std::path::Path;

use agent_core::doctor::Finding;
use rustix::fs::{Access, access, statvfs};

use super::{SPOOL_IN_USE, SPOOL_ROOM, STATE_LOST, STATE_NONE, STATE_UNUSABLE};
use crate::config::Config;
use crate::position::store::Positions;

/// File systems that containers' own layers are; another root is that of a machine or kept by somebody.
const LAYERS: [&str; 4] = ["aufs", "fuse-overlayfs", "fuse.fuse-overlayfs", "overlay"];
/// File systems that are memory.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// `mounts` are those of our container; `None` outside of one.
pub(super) fn examine(config: &Config, mounts: Option<&str>) -> Vec<Finding> {
    let Some(folder) = &config.state_path else {
        return vec![Finding::of(&STATE_NONE, "a restart begins by --start again")];
    };
    let shown = folder.display();
    if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        return vec![Finding::of(&STATE_UNUSABLE, format_args!("{shown}: {error}"))];
    }
    let mut findings = Vec::new();
    if let Some(place) = mounts.and_then(|mounts| lost_with_the_container(mounts, folder)) {
        findings.push(Finding::of(&STATE_LOST, format_args!("{shown} is on {place}")));
    }
    let (mut wanted, mut used) = (0_u64, 0_u64);
    for ready in &config.routes {
        let key = ready.route.key();
        if let Err(error) = Positions::load(Some(folder.join(format!("{key}.json"))), &key) {
            findings.push(Finding::of(&STATE_UNUSABLE, error));
        }
        let spool = size(&folder.join(format!("{key}.spool")));
        if spool > 0 {
            let seen = format!("{spool} of at most {} bytes for {}", config.spool_bytes, ready.route);
            findings.push(Finding::of(&SPOOL_IN_USE, seen));
        }
        wanted = wanted.saturating_add(config.spool_bytes);
        used += spool;
    }
    if let Ok(disk) = statvfs(folder) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let more = wanted.saturating_sub(used);
        let seen = format!("{shown}: {free} bytes are free, the spools may take {more} more");
        findings.push(if free < more { Finding::of(&SPOOL_ROOM, seen) } else { Finding::good(seen) });
    }
    findings
}

/// Bytes of the files in a folder; 0 where there is none.
fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// What holds the folder, where that is not kept.
fn lost_with_the_container<'m>(mounts: &'m str, folder: &Path) -> Option<&'m str> {
    let mount = |line: &'m str| {
        let (mount, kind) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        folder.starts_with(point).then_some((point, kind.split(' ').next()?))
    };
    // The later of two at one place lies above.
    let (point, kind) = mounts.lines().filter_map(mount).max_by_key(|(point, _)| point.len())?;
    if MEMORY.contains(&kind) {
        return Some("a file system in memory");
    }
    (point == "/" && LAYERS.contains(&kind)).then_some("the container's own layer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_the_container() {
        let root = "22 1 0:51 / / ro - overlay overlay ro\n";
        let folder = Path::new("/var/lib/log-router");
        let with = |more: &str| lost_with_the_container(&format!("{root}{more}"), folder).map(str::to_owned);
        assert_eq!(with("").as_deref(), Some("the container's own layer"));
        assert_eq!(lost_with_the_container("22 1 254:0 / / rw - ext4 /dev/vda rw\n", folder), None);
        assert_eq!(with("23 22 254:0 /v /var/lib/log-router rw - ext4 /dev/vda rw\n"), None);
        assert_eq!(
            with("23 22 254:0 /v /var/lib/log-router-2 rw - ext4 /dev/vda rw\n").as_deref(),
            Some("the container's own layer")
        );
        assert_eq!(
            with("23 22 0:60 / /var/lib rw - tmpfs tmpfs rw\n").as_deref(),
            Some("a file system in memory")
        );
    }
}
