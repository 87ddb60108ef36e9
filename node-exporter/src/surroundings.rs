//! What is wrong with the place we were started in, said once at start with the flag to set.

use std::fs;
use std::path::Path;

use agent_core::identity::Places;
use tracing::{info, warn};

use crate::host::{Host, Network, Roots};

/// Says what of the host cannot be seen from here.
pub fn report(host: &Host, places: &Places) {
    let roots = &host.roots;
    for (flag, path) in [
        ("--path.procfs", roots.procfs.join("stat")),
        ("--path.sysfs", roots.sysfs.clone()),
        ("--path.rootfs", roots.rootfs.clone()),
    ] {
        if let Err(error) = readable(&path) {
            warn!(flag, path = %path.display(), %error, "cannot be read; what lies there is missing in the metrics");
        }
    }
    if places.in_container() {
        for (flag, hint) in missing_roots(roots) {
            warn!(flag, "running in a container that does not see its host: {hint}");
        }
    }
    match host.network {
        Network::Host => info!(foreign = host.foreign_network, "reading the network of the host (PID 1)"),
        Network::Own => warn!(
            "reading our own network: PID 1 is not visible in --path.procfs (hidepid?); let us see it or run in the \
             network of the host"
        ),
    }
}

pub(crate) fn readable(path: &Path) -> std::io::Result<()> {
    if path.is_dir() { fs::read_dir(path).map(drop) } else { fs::File::open(path).map(drop) }
}

/// The roots that are still a container's own, with what to do.
pub(crate) fn missing_roots(roots: &Roots) -> Vec<(&'static str, &'static str)> {
    let mut missing = Vec::new();
    if roots.procfs == Path::new("/proc") && !shows_kernel_threads(&roots.procfs) {
        missing.push(("--path.procfs", "mount /proc as /host/proc and set --path.procfs=/host/proc"));
    }
    if roots.sysfs == Path::new("/sys") {
        missing.push(("--path.sysfs", "mount /sys as /host/sys and set --path.sysfs=/host/sys"));
    }
    if roots.rootfs == Path::new("/") {
        missing
            .push(("--path.rootfs", "mount / as /rootfs (read-only, rslave) and set --path.rootfs=/rootfs"));
    }
    missing
}

/// With `--pid=host` a container's own /proc is the host's: PID 2 is the kernel's thread daemon there.
fn shows_kernel_threads(procfs: &Path) -> bool {
    fs::read(procfs.join("2/comm")).is_ok_and(|name| name == b"kthreadd\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn roots(procfs: &str, sysfs: &str, rootfs: &str) -> Roots {
        let [procfs, sysfs, rootfs] = [procfs, sysfs, rootfs].map(PathBuf::from);
        Roots { procfs, sysfs, rootfs, udev_data: PathBuf::new() }
    }

    #[test]
    fn the_flags_to_set_are_named() {
        let flags = |roots| missing_roots(&roots).into_iter().map(|(flag, _)| flag).collect::<Vec<_>>();
        assert!(flags(roots("/host/proc", "/host/sys", "/rootfs")).is_empty());
        assert_eq!(flags(roots("/host/proc", "/sys", "/")), ["--path.sysfs", "--path.rootfs"]);
    }
}
