//! `mountstats`: what mounted NFS file systems did, from `/proc/1/mountstats`, or that of our own process where the
//! former may not be read (it takes root's rights).

mod columns;
mod parse;

use std::collections::HashSet;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch};

use self::columns::{MOUNT, OPERATION, TRANSPORT};
use self::parse::{Nfs, parse, parse_addresses};
use crate::host::{Host, read};
use crate::ordinals::Ordinals;
use crate::table::write_rows;

/// The collector.
#[derive(Debug)]
pub(super) struct Mountstats {
    /// Of PID 1, then of ourselves.
    processes: [Process; 2],
    ordinals: Ordinals,
}

#[derive(Debug)]
struct Process {
    statistics: (KeptFile, Scratch),
    mounts: (KeptFile, Scratch),
}

impl Mountstats {
    pub(super) fn new(host: &Host) -> Self {
        let process = |process| {
            let file = |name| (host.procfs(format!("{process}/{name}")).long_records(), Scratch::default());
            Process { statistics: file("mountstats"), mounts: file("mountinfo") }
        };
        Self { processes: ["1", "self"].map(process), ordinals: Ordinals::default() }
    }
}

impl Process {
    fn read(&mut self) -> Result<Vec<Nfs<'_>>, CollectError> {
        let statistics = read(&mut self.statistics.0, &mut self.statistics.1)?;
        let mut mounts = parse(statistics);
        // Without it the servers' addresses are unknown.
        if let Ok(content) = read(&mut self.mounts.0, &mut self.mounts.1) {
            let addresses = parse_addresses(content);
            for mount in &mut mounts {
                // Both files have the same order, but something may have been mounted in between.
                let same = addresses.get(mount.index).into_iter().chain(&addresses);
                let found = same.copied().find(|(source, _)| *source == mount.export);
                mount.address = found.unwrap_or_default().1;
            }
        }
        Ok(mounts)
    }
}

impl Collector for Mountstats {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let [first, own] = &mut self.processes;
        let mounts = match first.read() {
            Ok(mounts) => mounts,
            Err(_) => own.read()?,
        };
        write_mountpoints(out, &mounts);
        // What is mounted several times is one file system with one set of numbers.
        let mut seen = HashSet::new();
        let mounts: Vec<_> = mounts.into_iter().filter(|mount| seen.insert(mount.labels())).collect();
        write_rows(out, MOUNT, || mounts.iter().map(|mount| (mount.labels(), &mount.numbers)));
        let most = mounts.iter().map(|mount| mount.transports.len()).max().unwrap_or_default();
        let ordinals = self.ordinals.up_to(most);
        write_rows(out, TRANSPORT, || {
            mounts.iter().flat_map(|mount| {
                let [export, address, protocol] = mount.labels();
                let transports = mount.transports.iter().zip(ordinals);
                transports.map(move |(numbers, index)| {
                    ([export, address, protocol, ("transport", index.as_str())], numbers)
                })
            })
        });
        write_rows(out, OPERATION, || {
            mounts.iter().flat_map(|mount| {
                let [export, address, protocol] = mount.labels();
                mount.operations.iter().map(move |(operation, numbers)| {
                    ([export, address, ("operation", *operation), protocol], numbers)
                })
            })
        });
        Ok(())
    }
}

fn write_mountpoints(out: &mut Exposition<'_>, mounts: &[Nfs<'_>]) {
    let help = "A mount point of an NFS file system.";
    let mut family = out.family("node_mountstats_nfs_mountpoint_info", help, Kind::Gauge);
    let mut seen = HashSet::new();
    for mount in mounts {
        let [export, address, protocol] = mount.labels();
        let labels = [export, address, ("mountpoint", mount.mountpoint.as_ref()), protocol];
        if seen.insert(labels) {
            family.sample(&labels, 1_u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "\
device proc mounted on /proc with fstype proc
device 10.0.0.1:/srv mounted on /mnt/a\\040b with fstype nfs4 statvers=1.1
\tage:\t13968
\tevents:\t52 226 0 0 1
\tbytes:\t1207640230 0 0 0 1210214218 0 295483 0
\txprt:\ttcp 832 0 1 0 11 6428 6429 0 12154 0 24 26 5726
\txprt:\ttcp 833 0 2 0 11 1 1 0 1 0 2 3 4
\tper-op statistics
\t        READ: 1298 1298 0 207680 1210292152 6 79386 79407

device 10.0.0.1:/srv mounted on /mnt/c with fstype nfs4 statvers=1.1
\txprt:\ttcp 832 0 1 0 11 6428 6428 0 12154 0 24 26 5726
";
    const MOUNTS: &str = "\
17 21 0:4 / /proc rw shared:12 - proc proc rw
194 21 0:42 / /mnt/a\\040b rw shared:144 - nfs4 10.0.0.1:/srv rw,vers=4.0,addr=10.0.0.1,local_lock=none
";

    #[test]
    fn a_file_system_is_told_once() {
        let root = FakeRoot::new();
        root.file("proc/self/mountstats", TEXT);
        root.file("proc/self/mountinfo", MOUNTS);
        let (text, error) = collect(Mountstats::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let labels = "export=\"10.0.0.1:/srv\",mountaddr=\"10.0.0.1\"";
        for (name, more, value) in [
            ("mountpoint_info", ",mountpoint=\"/mnt/a b\",protocol=\"tcp\"", "1"),
            ("mountpoint_info", ",mountpoint=\"/mnt/c\",protocol=\"tcp\"", "1"),
            ("age_seconds_total", ",protocol=\"tcp\"", "13968"),
            ("event_vfs_open_total", ",protocol=\"tcp\"", "1"),
            ("read_bytes_total", ",protocol=\"tcp\"", "1207640230"),
            ("transport_receives_total", ",protocol=\"tcp\",transport=\"0\"", "6429"),
            ("transport_connect_total", ",protocol=\"tcp\",transport=\"1\"", "2"),
            ("operations_request_time_seconds_total", ",operation=\"READ\",protocol=\"tcp\"", "79.407"),
        ] {
            let line = format!("\nnode_mountstats_nfs_{name}{{{labels}{more}}} {value}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
        assert_eq!(text.matches("nfs_age_seconds_total{").count(), 1);
        assert!(!text.contains("vfs_lookup"), "{text}");
    }

    #[test]
    fn a_machine_without_nfs_is_no_fault() {
        let root = FakeRoot::new();
        root.file("proc/self/mountstats", "device proc mounted on /proc with fstype proc\n");
        let (text, error) = collect(Mountstats::new(&fake::host(&root)));
        assert!(text.is_empty() && error.is_none());
    }
}
