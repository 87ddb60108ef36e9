//! Where the host's `/proc`, `/sys` and `/` are mounted, where no flag says so.
//!
//! cAdvisor's command line and the services made after it bind the host's root at `/rootfs`, and with it comes the
//! host's `/proc`; others bind both below `/host`.

use std::fs;
use std::path::{Path, PathBuf};

use agent_core::cli::PathArgs;

/// Which of the paths a flag gave.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given {
    /// `--path.procfs`.
    pub procfs: bool,
    /// `--path.sysfs`.
    pub sysfs: bool,
    /// `--path.rootfs`.
    pub rootfs: bool,
}

/// Fills in what no flag gave; `root` is `/` but in tests.
pub fn find(root: &Path, paths: PathArgs, given: Given) -> PathArgs {
    let first = |given: bool, path: PathBuf, places: &[&str], is_it: &dyn Fn(&Path) -> bool| {
        if given {
            return path;
        }
        places.iter().map(|place| root.join(place)).find(|place| is_it(place)).unwrap_or(path)
    };
    PathArgs {
        procfs: first(given.procfs, paths.procfs, &["host/proc", "rootfs/proc"], &|p| p.join("1").is_dir()),
        sysfs: first(given.sysfs, paths.sysfs, &["host/sys", "rootfs/sys"], &|p| {
            has_entries(&p.join("fs/cgroup"))
        }),
        rootfs: first(given.rootfs, paths.rootfs, &["rootfs", "host/root"], &|p| p.join("etc").is_dir()),
    }
}

fn has_entries(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    fn defaults() -> PathArgs {
        PathArgs { procfs: "/proc".into(), sysfs: "/sys".into(), rootfs: "/".into() }
    }

    #[test]
    fn cadvisors_binds_are_enough() {
        let root = FakeRoot::new();
        assert_eq!(find(root.path(), defaults(), Given::default()).procfs, Path::new("/proc"));
        root.file("rootfs/proc/1/stat", "");
        root.file("rootfs/etc/hostname", "");
        let found = find(root.path(), defaults(), Given::default());
        assert_eq!(found.procfs, root.path().join("rootfs/proc"));
        assert_eq!(found.sysfs, Path::new("/sys"), "nothing there");
        assert_eq!(found.rootfs, root.path().join("rootfs"));
        root.file("rootfs/sys/fs/cgroup/cgroup.procs", "");
        assert_eq!(find(root.path(), defaults(), Given::default()).sysfs, root.path().join("rootfs/sys"));
        let given = Given { procfs: true, sysfs: true, rootfs: true };
        assert_eq!(find(root.path(), defaults(), given).procfs, Path::new("/proc"));
    }
}
