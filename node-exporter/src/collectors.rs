//! Everything that can be collected: one row in [`COLLECTORS`] and one file of that name for each.

use std::fmt;
use std::time::SystemTime;

use agent_core::collector::Collector;
use agent_core::error::ConfigErrors;

use crate::flags::{Flag, Given};
use crate::host::Host;

mod cgroup_pressure;
mod conntrack;
mod cpu;
mod diskstats;
mod entropy;
mod filefd;
mod filesystem;
mod ipvs;
mod loadavg;
mod mdadm;
mod meminfo;
mod netdev;
mod netstat;
mod pressure;
mod procs;
mod sockstat;
mod stat;
mod textfile;
mod time;
mod uname;
mod vmstat;

/// A collector as users see it.
#[derive(Debug)]
pub struct Spec {
    /// The name in flags, `collect[]` and labels; node_exporter's.
    pub name: &'static str,
    /// Whether it runs without being asked for.
    pub default_on: bool,
    /// What it is about, as a sentence part.
    pub about: &'static str,
    /// The files it reads; `P`, `S`, `R` and `U` stand for the four `--path.*` flags.
    pub reads: &'static str,
    /// Its flags.
    pub flags: &'static [Flag],
    /// Checks its flags; the result makes the collector.
    pub build: fn(Given<'_>) -> Result<Build, ConfigErrors>,
}

impl Spec {
    /// The flag that switches it on, without dashes.
    pub fn switch(&self) -> String {
        format!("collector.{}", self.name)
    }
}

/// All collectors, in the order in which they run and write.
pub const COLLECTORS: &[Spec] = &[
    Spec {
        name: "cgroup_pressure",
        default_on: false,
        about: "time that tasks of the topmost control groups (slices) waited; only ours",
        reads: "S/fs/cgroup/*/{cpu,io,memory,irq}.pressure",
        flags: &[],
        build: |_| Ok(Build::new(cgroup_pressure::CgroupPressure::new)),
    },
    Spec {
        name: "conntrack",
        default_on: true,
        about: "connections that the kernel tracks, and the limit",
        reads: "P/sys/net/netfilter/nf_conntrack_{count,max}, P/1/net/stat/nf_conntrack",
        flags: &[],
        build: |_| Ok(Build::new(conntrack::Conntrack::new)),
    },
    Spec {
        name: "cpu",
        default_on: true,
        about: "seconds that each CPU spent in each mode, throttling, CPUs online and isolated",
        reads: "P/stat, S/devices/system/cpu",
        flags: cpu::FLAGS,
        build: |given| Ok(cpu::build(given)),
    },
    Spec {
        name: "diskstats",
        default_on: true,
        about: "reads, writes, discards and flushes of block devices, and what the devices are",
        reads: "P/diskstats, S/block/*/queue/rotational, U/b*",
        flags: diskstats::FLAGS,
        build: diskstats::build,
    },
    Spec {
        name: "entropy",
        default_on: true,
        about: "the kernel's entropy pool",
        reads: "P/sys/kernel/random/{entropy_avail,poolsize}",
        flags: &[],
        build: |_| Ok(Build::new(entropy::Entropy::new)),
    },
    Spec {
        name: "filefd",
        default_on: true,
        about: "open files of the whole system, and the limit",
        reads: "P/sys/fs/file-nr",
        flags: &[],
        build: |_| Ok(Build::new(filefd::Filefd::new)),
    },
    Spec {
        name: "filesystem",
        default_on: true,
        about: "size, free space and inodes of mounted file systems",
        reads: "P/1/mountinfo, statfs below R",
        flags: filesystem::FLAGS,
        build: filesystem::build,
    },
    Spec {
        name: "ipvs",
        default_on: true,
        about: "traffic and backends of the kernel's load balancer",
        reads: "P/1/net/ip_vs, P/1/net/ip_vs_stats",
        flags: ipvs::FLAGS,
        build: ipvs::build,
    },
    Spec {
        name: "loadavg",
        default_on: true,
        about: "load averages over 1, 5 and 15 minutes",
        reads: "P/loadavg",
        flags: &[],
        build: |_| Ok(Build::new(loadavg::Loadavg::new)),
    },
    Spec {
        name: "mdadm",
        default_on: true,
        about: "state, disks and resync of software RAID arrays",
        reads: "P/mdstat, S/block/md*/md",
        flags: &[],
        build: |_| Ok(Build::new(mdadm::Mdadm::new)),
    },
    Spec {
        name: "meminfo",
        default_on: true,
        about: "memory by use",
        reads: "P/meminfo",
        flags: &[],
        build: |_| Ok(Build::new(meminfo::Meminfo::new)),
    },
    Spec {
        name: "netdev",
        default_on: true,
        about: "traffic and errors of the host's network devices",
        reads: "P/1/net/dev",
        flags: netdev::FLAGS,
        build: netdev::build,
    },
    Spec {
        name: "netstat",
        default_on: true,
        about: "the host's protocol counters",
        reads: "P/1/net/{netstat,snmp,snmp6}",
        flags: netstat::FLAGS,
        build: netstat::build,
    },
    Spec {
        name: "pressure",
        default_on: true,
        about: "time that tasks waited for CPU, memory, I/O and interrupts",
        reads: "P/pressure/{cpu,io,memory,irq}",
        flags: &[],
        build: |_| Ok(Build::new(pressure::Pressure::new)),
    },
    Spec {
        name: "procs",
        default_on: false,
        about: "processes that use most, added up by command or container; only ours",
        reads: "P/[pid]/stat, P/[pid]/cgroup",
        flags: procs::FLAGS,
        build: procs::build,
    },
    Spec {
        name: "sockstat",
        default_on: true,
        about: "the host's sockets in use",
        reads: "P/1/net/{sockstat,sockstat6}",
        flags: &[],
        build: |_| Ok(Build::new(sockstat::Sockstat::new)),
    },
    Spec {
        name: "stat",
        default_on: true,
        about: "interrupts, context switches, forks, boot time, running and blocked processes",
        reads: "P/stat",
        flags: stat::FLAGS,
        build: |given| Ok(stat::build(given)),
    },
    Spec {
        name: "textfile",
        default_on: true,
        about: "metrics that others write into *.prom files",
        reads: "the folders given by its flag",
        flags: textfile::FLAGS,
        build: textfile::build,
    },
    Spec {
        name: "time",
        default_on: true,
        about: "the system's time and its clock sources",
        reads: "the clock, S/devices/system/clocksource",
        flags: &[],
        build: |_| Ok(Build::new(|host| time::Time::new(host, SystemTime::now))),
    },
    Spec {
        name: "uname",
        default_on: true,
        about: "kernel, architecture and the node's name",
        reads: "uname(2), the node's identity",
        flags: &[],
        build: |_| Ok(Build::new(uname::Uname::new)),
    },
    Spec {
        name: "vmstat",
        default_on: true,
        about: "paging, swapping, page faults and kills for lack of memory",
        reads: "P/vmstat",
        flags: vmstat::FLAGS,
        build: vmstat::build,
    },
];

/// Makes a collector once the host is known, and again after a panic.
pub struct Build(Box<Make>);

type Make = dyn Fn(&Host) -> Box<dyn Collector> + Send;

impl Build {
    /// From a constructor that has its settings.
    pub fn new<C: Collector + 'static>(make: impl Fn(&Host) -> C + Send + 'static) -> Self {
        Self(Box::new(move |host| Box::new(make(host))))
    }

    /// The collector.
    pub fn make(&self, host: &Host) -> Box<dyn Collector> {
        (self.0)(host)
    }
}

impl fmt::Debug for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Build")
    }
}
