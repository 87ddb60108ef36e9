//! `nfs`: what the host has asked of NFS servers (`net/rpc/nfs`).

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch};

use crate::host::{Host, read};
use crate::rpc::{Cell, Procedures};

/// Families of single counters.
#[rustfmt::skip]
const COUNTERS: [(&str, &str, Cell); 4] = [
    ("node_nfs_connections_total", "TCP connections to NFS servers.", Cell::new(b"net", 3, "")),
    ("node_nfs_rpcs_total", "Remote calls made.", Cell::new(b"rpc", 0, "")),
    ("node_nfs_rpc_retransmissions_total", "Remote calls sent again.", Cell::new(b"rpc", 1, "")),
    ("node_nfs_rpc_authentication_refreshes_total", "Times that credentials were renewed.", Cell::new(b"rpc", 2, "")),
];

const PACKETS: [Cell; 2] = [Cell::new(b"net", 1, "udp"), Cell::new(b"net", 2, "tcp")];

#[rustfmt::skip]
const PROCEDURES: [Procedures; 3] = [
    Procedures { word: b"proc2", proto: "2", names: &[
        "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write", "Create", "Remove",
        "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
    ] },
    Procedures { word: b"proc3", proto: "3", names: &[
        "Null", "GetAttr", "SetAttr", "Lookup", "Access", "ReadLink", "Read", "Write", "Create", "MkDir", "SymLink",
        "MkNod", "Remove", "RmDir", "Rename", "Link", "ReadDir", "ReadDirPlus", "FsStat", "FsInfo", "PathConf",
        "Commit",
    ] },
    Procedures { word: b"proc4", proto: "4", names: &[
        "Null", "Read", "Write", "Commit", "Open", "OpenConfirm", "OpenNoattr", "OpenDowngrade", "Close", "Setattr",
        "FsInfo", "Renew", "SetClientID", "SetClientIDConfirm", "Lock", "Lockt", "Locku", "Access", "Getattr",
        "Lookup", "LookupRoot", "Remove", "Rename", "Link", "Symlink", "Create", "Pathconf", "StatFs", "ReadLink",
        "ReadDir", "ServerCaps", "DelegReturn", "GetACL", "SetACL", "FsLocations", "ReleaseLockowner", "Secinfo",
        "FsidPresent", "ExchangeID", "CreateSession", "DestroySession", "Sequence", "GetLeaseTime",
        "ReclaimComplete", "GetDeviceInfo", "LayoutGet", "LayoutCommit", "LayoutReturn", "SecinfoNoName",
        "TestStateID", "FreeStateID", "GetDeviceList", "BindConnToSession", "DestroyClientID", "Seek", "Allocate",
        "DeAllocate", "LayoutStats", "Clone",
    ] },
];

/// The collector.
#[derive(Debug)]
pub(super) struct Nfs {
    file: KeptFile,
    scratch: Scratch,
}

impl Nfs {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.net("rpc/nfs"), scratch: Scratch::default() }
    }
}

impl Collector for Nfs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        let help = "Packets sent to and received from NFS servers.";
        let mut family = out.family("node_nfs_packets_total", help, Kind::Counter);
        for cell in PACKETS {
            if let Some(value) = cell.value(content) {
                family.sample(&[("protocol", cell.label)], value);
            }
        }
        for (name, help, cell) in COUNTERS {
            if let Some(value) = cell.value(content) {
                out.counter(name, help, value);
            }
        }
        let help = "Calls of NFS procedures.";
        let mut family = out.family("node_nfs_requests_total", help, Kind::Counter);
        for procedures in &PROCEDURES {
            procedures.write(content, &mut family);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn procedures_are_named_by_their_place() {
        let root = FakeRoot::new();
        root.file("proc/1/net/dev", "");
        root.file("proc/1/net/rpc/nfs", "net 5 1 4 2\nrpc 100 3 104\nproc3 22 0 11 2 3\nproc4 4 9 8 7 6\n");
        let (text, error) = collect(Nfs::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "packets_total{protocol=\"udp\"} 1",
            "connections_total 2",
            "rpc_retransmissions_total 3",
            "requests_total{method=\"GetAttr\",proto=\"3\"} 11",
            "requests_total{method=\"Commit\",proto=\"4\"} 6",
            "requests_total{method=\"Clone\",proto=\"4\"} 0",
        ] {
            assert!(text.contains(&format!("\nnode_nfs_{line}\n")), "{text}");
        }
        assert!(!text.contains("proto=\"2\""), "{text}");
    }

    #[test]
    fn a_host_without_it_is_no_fault() {
        let (_, error) = collect(Nfs::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
