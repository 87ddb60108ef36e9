//! Which container the router itself runs in: its own lines about a sink must not become new lines for that sink.

use std::fs;
use std::path::Path;

const ID_DIGITS: usize = 64;

/// The full ID of the container that this process runs in, from the files that the engine mounts into it.
///
/// `root` is `/` but in tests.
pub fn own_container_id(root: &Path) -> Option<String> {
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    container_of_mounts(&read("proc/self/mountinfo"))
        .or_else(|| container_of_cgroups(&read("proc/self/cgroup")))
}

/// `/etc/hostname` and its like come from `<data root>/containers/<id>/hostname`.
fn container_of_mounts(mountinfo: &str) -> Option<String> {
    mountinfo
        .lines()
        .filter(|line| {
            ["/etc/hostname ", "/etc/hosts ", "/etc/resolv.conf "].iter().any(|file| line.contains(file))
        })
        .find_map(|line| id_after(line, "/containers/"))
}

/// cgroup v1: `4:memory:/docker/<id>` or `…/docker-<id>.scope`.
fn container_of_cgroups(cgroup: &str) -> Option<String> {
    cgroup.lines().find_map(|line| id_after(line, "/docker/").or_else(|| id_after(line, "/docker-")))
}

fn id_after(line: &str, mark: &str) -> Option<String> {
    let (_, rest) = line.split_once(mark)?;
    let id = rest.get(..ID_DIGITS)?;
    id.bytes().all(|b| b.is_ascii_hexdigit()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    const ID: &str = "4d2c9ae1b0f34d2c9ae1b0f34d2c9ae1b0f34d2c9ae1b0f34d2c9ae1b0f34d2c";

    #[test]
    fn the_engines_mounts_tell() {
        let root = FakeRoot::new();
        assert_eq!(own_container_id(root.path()), None);
        root.file(
            "proc/self/mountinfo",
            format!("1 2 0:3 / / rw - overlay overlay rw\n5 1 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"),
        );
        assert_eq!(own_container_id(root.path()).as_deref(), Some(ID));
    }

    #[test]
    fn a_mounted_folder_of_logs_is_not_the_own_container() {
        let line = format!("5 1 8:1 /var/lib/docker/containers/{ID}/mounts /mnt rw - ext4 /dev/sda1 rw\n");
        assert_eq!(container_of_mounts(&line), None);
    }

    #[test]
    fn cgroups_tell_where_mounts_do_not() {
        assert_eq!(container_of_cgroups(&format!("4:memory:/docker/{ID}\n")).as_deref(), Some(ID));
        assert_eq!(
            container_of_cgroups(&format!("0::/system.slice/docker-{ID}.scope\n")).as_deref(),
            Some(ID)
        );
        assert_eq!(container_of_cgroups("0::/\n"), None);
    }
}
