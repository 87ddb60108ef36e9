//! Whether the roots that flags give are mounted, and whose they are.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use agent_core::doctor::Finding;
use agent_core::identity::Places;
use agent_core::read::{fields, lines, text};

use super::{NETWORK_OWN, ROOT_OWN, ROOT_UNREADABLE};
use crate::host::{Host, Network};
use crate::surroundings::{missing_roots, readable};

/// One finding for each root, then the network.
pub(super) fn examine(host: &Host, places: &Places, own: &Path) -> Vec<Finding> {
    let roots = &host.roots;
    let mountinfo = fs::read(own.join("mountinfo")).unwrap_or_default();
    let missing = if places.in_container() { missing_roots(roots) } else { Vec::new() };
    let mut findings = Vec::new();
    for (flag, path, whose) in [
        ("--path.procfs", &roots.procfs, whose_procfs(&roots.procfs, places)),
        ("--path.sysfs", &roots.sysfs, whose_sysfs(host)),
        ("--path.rootfs", &roots.rootfs, whose_rootfs(host)),
    ] {
        let mount = parse_mount(&mountinfo, path).unwrap_or("no mount of its own");
        let shown = format!("{flag}={}", path.display());
        let remedy = missing.iter().find(|(missing, _)| *missing == flag).map(|(_, remedy)| *remedy);
        findings.push(match (readable(path), whose, remedy) {
            (Err(error), ..) => Finding::of(&ROOT_UNREADABLE, format_args!("{shown}: {error}")),
            (Ok(()), Some(Whose::Host), _) => Finding::good(format!("{shown}: the host's ({mount})")),
            (Ok(()), _, Some(remedy)) => {
                Finding::of(&ROOT_OWN, format_args!("{shown} ({mount})")).with(remedy)
            }
            (Ok(()), Some(Whose::Ours), None) => Finding::note(format!("{shown}: our own ({mount})")),
            (Ok(()), None, None) => {
                Finding::note(format!("{shown}: readable ({mount}); whose it is cannot be told"))
            }
        });
    }
    if !roots.udev_data.exists() {
        let what = format!("--path.udev.data={}: not there", roots.udev_data.display());
        findings.push(Finding::note(what + "; diskstats lacks models and file systems of disks"));
    }
    let mounted = places.in_container() && roots.rootfs != Path::new("/");
    if mounted && follows_host(&mountinfo, &roots.rootfs) == Some(false) {
        let what = format!("mounts made later do not show below {}", roots.rootfs.display());
        findings.push(Finding::note(what).with("mount / with the propagation rslave"));
    }
    findings.push(network(host));
    findings
}

fn network(host: &Host) -> Finding {
    match host.network {
        Network::Host if host.foreign_network => {
            Finding::good("network: the host's, by PID 1 (ours is another)")
        }
        Network::Host => Finding::good("network: the host's, which is ours too"),
        Network::Own => Finding::of(&NETWORK_OWN, "PID 1 is not visible"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Host,
    Ours,
}

/// Only the host's first PID namespace has kernel threads.
fn whose_procfs(procfs: &Path, places: &Places) -> Option<Whose> {
    let comm = |pid: &str| fs::read(procfs.join(pid).join("comm")).ok();
    match (comm("1"), comm("2")) {
        (_, Some(name)) if name == b"kthreadd\n" => Some(Whose::Host),
        (Some(_), _) if places.in_container() => Some(Whose::Ours),
        _ => None,
    }
}

/// A `/sys` shows the devices of the network in which it was mounted.
fn whose_sysfs(host: &Host) -> Option<Whose> {
    let folder = fs::read_dir(host.roots.sysfs.join("class/net")).ok()?;
    let shown: BTreeSet<_> = folder.flatten().map(|entry| entry.file_name().into_encoded_bytes()).collect();
    let devices = |process: &str| {
        let text = fs::read(host.roots.procfs.join(process).join("net/dev")).ok()?;
        let names = lines(&text).filter_map(|line| line.split(|byte| *byte == b':').next().zip(Some(line)));
        let names = names.filter(|(name, line)| name.len() < line.len());
        Some(names.map(|(name, _)| name.trim_ascii().to_vec()).collect::<BTreeSet<_>>())
    };
    let theirs = devices("1")?;
    // The file that lists bonds lies beside the devices.
    let covers = |devices: &BTreeSet<Vec<u8>>| devices.is_subset(&shown);
    if covers(&theirs) && shown.len() <= theirs.len() + 1 { Some(Whose::Host) } else { Some(Whose::Ours) }
}

/// The device below `/` in PID 1's table of mounts; file systems with devices of their own making (btrfs) differ.
fn whose_rootfs(host: &Host) -> Option<Whose> {
    let device = fs::metadata(&host.roots.rootfs).ok()?.dev();
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let mountinfo = fs::read(host.roots.procfs.join("1/mountinfo")).ok()?;
    let line = lines(&mountinfo).filter(|line| fields(line).nth(4) == Some(b"/")).last()?;
    let at_root = text(fields(line).nth(2)?)?;
    if at_root == number { Some(Whose::Host) } else { (!at_root.starts_with("0:")).then_some(Whose::Ours) }
}

/// The type of what is mounted exactly there.
fn parse_mount<'m>(mountinfo: &'m [u8], path: &Path) -> Option<&'m str> {
    let line = mount_at(mountinfo, path)?;
    let mut rest = fields(line).skip_while(|field| *field != b"-");
    text(rest.nth(1)?)
}

/// Whether later mounts of the host show up in a mount: it is a slave or a peer of another.
fn follows_host(mountinfo: &[u8], path: &Path) -> Option<bool> {
    let line = mount_at(mountinfo, path)?;
    let mut optional = fields(line).skip(6).take_while(|field| *field != b"-");
    Some(optional.any(|field| field.starts_with(b"master:") || field.starts_with(b"shared:")))
}

fn mount_at<'m>(mountinfo: &'m [u8], path: &Path) -> Option<&'m [u8]> {
    let path = path.to_str()?.as_bytes();
    lines(mountinfo).filter(|line| fields(line).nth(4) == Some(path)).last()
}

#[cfg(test)]
mod tests {
    use agent_core::doctor::Level;
    use agent_core::testing::FakeRoot;
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    const MOUNTS: &[u8] = b"\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 22 254:0 / /rootfs ro,relatime master:1 - ext4 /dev/vda rw
32 22 0:21 / /host/sys ro - sysfs sysfs rw
";

    #[test]
    fn mounts_are_told_by_their_type() {
        assert_eq!(parse_mount(MOUNTS, Path::new("/host/sys")), Some("sysfs"));
        assert_eq!(parse_mount(MOUNTS, Path::new("/rootfs")), Some("ext4"));
        assert_eq!(parse_mount(MOUNTS, Path::new("/host")), None);
        assert_eq!(follows_host(MOUNTS, Path::new("/rootfs")), Some(true));
        assert_eq!(follows_host(MOUNTS, Path::new("/host/sys")), Some(false));
    }

    #[test]
    fn a_host_is_told_from_a_container() {
        let root = FakeRoot::new();
        let places = Places { root: root.path().to_owned(), rootfs: None };
        root.file(".dockerenv", "");
        root.file("proc/1/comm", "tini\n");
        root.file("proc/1/net/dev", "head|\n    lo: 0 0\n  eth0: 0 0\n");
        root.file("sys/class/net/lo/mtu", "65536\n");
        root.file("root/x", "");
        let host = fake::host(&root);
        assert_eq!(whose_procfs(&host.roots.procfs, &places), Some(Whose::Ours));
        assert_eq!(whose_sysfs(&host), Some(Whose::Ours));
        root.file("proc/2/comm", "kthreadd\n");
        root.file("sys/class/net/eth0/mtu", "1500\n");
        root.file("sys/class/net/bonding_masters", "\n");
        assert_eq!(whose_procfs(&host.roots.procfs, &places), Some(Whose::Host));
        assert_eq!(whose_sysfs(&host), Some(Whose::Host));
        let findings = examine(&host, &places, &root.path().join("proc/self"));
        assert!(findings.iter().all(|finding| finding.level != Level::Problem), "{findings:?}");
    }

    #[test]
    fn a_missing_root_is_a_problem() {
        let root = FakeRoot::new();
        let places = Places { root: root.path().to_owned(), rootfs: None };
        let findings = examine(&fake::host(&root), &places, root.path());
        let problems = findings.iter().filter(|finding| finding.level == Level::Problem).count();
        assert_eq!(problems, 4, "three roots and the network: {findings:?}");
    }

    proptest! {
        #[test]
        fn nothing_panics(mountinfo: Vec<u8>) {
            parse_mount(&mountinfo, Path::new("/"));
            follows_host(&mountinfo, Path::new("/"));
        }
    }
}
