//! `nfsd`: what the host's NFS server has done (`net/rpc/nfsd`).

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch};

use crate::host::{Host, read};
use crate::rpc::{Cell, Procedures};

/// A family: name, HELP, type, its label, and where its numbers stand.
type Family = (&'static str, &'static str, Kind, &'static str, &'static [Cell]);

#[rustfmt::skip]
const FAMILIES: [Family; 13] = [
    ("node_nfsd_reply_cache_hits_total", "Calls answered from the cache of replies.", Kind::Counter, "", &[Cell::new(b"rc", 0, "")]),
    ("node_nfsd_reply_cache_misses_total", "Calls whose reply had to be put into the cache.", Kind::Counter, "", &[Cell::new(b"rc", 1, "")]),
    ("node_nfsd_reply_cache_nocache_total", "Calls whose reply need not be kept.", Kind::Counter, "", &[Cell::new(b"rc", 2, "")]),
    ("node_nfsd_file_handles_stale_total", "Handles of files that no longer exist.", Kind::Counter, "", &[Cell::new(b"fh", 0, "")]),
    ("node_nfsd_disk_bytes_read_total", "Bytes that clients read.", Kind::Counter, "", &[Cell::new(b"io", 0, "")]),
    ("node_nfsd_disk_bytes_written_total", "Bytes that clients wrote.", Kind::Counter, "", &[Cell::new(b"io", 1, "")]),
    ("node_nfsd_server_threads", "Threads that serve calls.", Kind::Gauge, "", &[Cell::new(b"th", 0, "")]),
    ("node_nfsd_read_ahead_cache_size_blocks", "Blocks that the cache for reading ahead has.", Kind::Gauge, "", &[Cell::new(b"ra", 0, "")]),
    ("node_nfsd_read_ahead_cache_not_found_total", "Reads that the cache for reading ahead knew nothing of.", Kind::Counter, "", &[Cell::new(b"ra", 11, "")]),
    ("node_nfsd_packets_total", "Packets sent to and received from clients.", Kind::Counter, "proto", &[Cell::new(b"net", 1, "udp"), Cell::new(b"net", 2, "tcp")]),
    ("node_nfsd_connections_total", "TCP connections of clients.", Kind::Counter, "", &[Cell::new(b"net", 3, "")]),
    ("node_nfsd_rpc_errors_total", "Calls that were refused.", Kind::Counter, "error", &[Cell::new(b"rpc", 2, "fmt"), Cell::new(b"rpc", 3, "auth"), Cell::new(b"rpc", 4, "cInt")]),
    ("node_nfsd_server_rpcs_total", "Calls received.", Kind::Counter, "", &[Cell::new(b"rpc", 0, "")]),
];

#[rustfmt::skip]
const PROCEDURES: [Procedures; 3] = [
    Procedures { word: b"proc2", proto: "2", names: &[
        "", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write", "Create", "Remove", "Rename",
        "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
    ] },
    Procedures { word: b"proc3", proto: "3", names: &[
        "", "GetAttr", "SetAttr", "Lookup", "Access", "ReadLink", "Read", "Write", "Create", "MkDir", "SymLink", "MkNod",
        "Remove", "RmDir", "Rename", "Link", "ReadDir", "ReadDirPlus", "FsStat", "FsInfo", "PathConf", "Commit",
    ] },
    // By the numbers of the operations in the protocol; 16, 23 and 24 have been exported under one name or none.
    Procedures { word: b"proc4ops", proto: "4", names: &[
        "", "", "", "Access", "Close", "Commit", "Create", "DelegPurge", "DelegReturn", "GetAttr", "GetFH", "Link",
        "Lock", "Lockt", "Locku", "Lookup", "LookupRoot", "Nverify", "Open", "OpenAttr", "OpenConfirm", "OpenDgrd",
        "PutFH", "", "", "Read", "ReadDir", "ReadLink", "Remove", "Rename", "Renew", "RestoreFH", "SaveFH",
        "SecInfo", "SetAttr", "SetClientID", "SetClientIDConfirm", "Verify", "Write", "RelLockOwner",
    ] },
];

/// Questions that the server asked of those who hold a delegation for writing; a line of its own, Linux 6.8.
const WRITE_DELEGATIONS: Cell = Cell::new(b"wdeleg_getattr", 0, "WdelegGetattr");

/// The collector.
#[derive(Debug)]
pub(super) struct Nfsd {
    file: KeptFile,
    scratch: Scratch,
}

impl Nfsd {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.net("rpc/nfsd"), scratch: Scratch::default() }
    }
}

impl Collector for Nfsd {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        for (name, help, kind, label, cells) in FAMILIES {
            let mut family = out.family(name, help, kind);
            for cell in cells {
                match cell.value(content) {
                    Some(value) if label.is_empty() => family.sample(&[], value),
                    Some(value) => family.sample(&[(label, cell.label)], value),
                    None => {}
                }
            }
        }
        let help = "Calls of NFS procedures by clients.";
        let mut family = out.family("node_nfsd_requests_total", help, Kind::Counter);
        for procedures in &PROCEDURES {
            procedures.write(content, &mut family);
        }
        let asked = WRITE_DELEGATIONS.value(content).unwrap_or(0);
        family.sample(&[("method", WRITE_DELEGATIONS.label), ("proto", "4")], asked);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn lines_that_are_missing_cost_their_own_series() {
        let root = FakeRoot::new();
        root.file(
            "proc/net/rpc/nfsd",
            "rc 1 2 3\nth 8 0 0.000 0.000\nnet 9 1 8 2\nproc4ops 72 0 0 0 5 6\nwdeleg_getattr 7\n",
        );
        let (text, error) = collect(Nfsd::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "reply_cache_nocache_total 3",
            "server_threads 8",
            "packets_total{proto=\"tcp\"} 8",
            "requests_total{method=\"Close\",proto=\"4\"} 6",
            "requests_total{method=\"Write\",proto=\"4\"} 0",
            "requests_total{method=\"WdelegGetattr\",proto=\"4\"} 7",
        ] {
            assert!(text.contains(&format!("\nnode_nfsd_{line}\n")), "{text}");
        }
        assert!(!text.contains("read_ahead") && !text.contains("rpc_errors"), "{text}");
    }

    #[test]
    fn a_host_without_it_is_no_fault() {
        let (_, error) = collect(Nfsd::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
