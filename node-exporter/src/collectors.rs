//! Everything that can be collected: one row in [`COLLECTORS`] and one file of that name for each.

use std::fmt;
use std::time::SystemTime;

use agent_core::collector::Collector;
use agent_core::error::ConfigErrors;

use crate::flags::{Flag, Given};
use crate::host::Host;

mod buddyinfo;
mod cgroups;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod diskstats;
mod drbd;
mod entropy;
mod ethtool;
mod filefd;
mod filesystem;
mod interrupts;
mod ipvs;
mod ksmd;
mod lnstat;
mod loadavg;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mountstats;
mod netdev;
mod netstat;
mod network_route;
mod pressure;
mod processes;
mod qdisc;
mod slabinfo;
mod sockstat;
mod softirqs;
mod stat;
mod swap;
mod sysctl;
mod tcpstat;
mod textfile;
mod time;
mod uname;
mod vmstat;
mod xfrm;
mod zoneinfo;

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
        name: "buddyinfo",
        default_on: false,
        about: "free blocks of memory by size",
        reads: "P/buddyinfo",
        flags: &[],
        build: |_| Ok(Build::new(buddyinfo::Buddyinfo::new)),
    },
    Spec {
        name: "cgroups",
        default_on: false,
        about: "control groups by controller",
        reads: "P/cgroups",
        flags: &[],
        build: |_| Ok(Build::new(cgroups::Cgroups::new)),
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
        name: "cpu_vulnerabilities",
        default_on: false,
        about: "flaws of the CPUs and what is done about them",
        reads: "S/devices/system/cpu/vulnerabilities",
        flags: &[],
        build: |_| Ok(Build::new(cpu_vulnerabilities::CpuVulnerabilities::new)),
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
        name: "drbd",
        default_on: false,
        about: "disks replicated over the network",
        reads: "P/drbd",
        flags: &[],
        build: |_| Ok(Build::new(drbd::Drbd::new)),
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
        name: "ethtool",
        default_on: false,
        about: "nothing: network drivers tell their statistics by an ioctl only, which no safe library offers",
        reads: "nothing",
        flags: ethtool::FLAGS,
        build: ethtool::build,
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
        name: "interrupts",
        default_on: false,
        about: "interrupts by CPU, number and device",
        reads: "P/interrupts",
        flags: interrupts::FLAGS,
        build: interrupts::build,
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
        name: "ksmd",
        default_on: false,
        about: "merging of equal pages of memory",
        reads: "S/kernel/mm/ksm",
        flags: &[],
        build: |_| Ok(Build::new(ksmd::Ksmd::new)),
    },
    Spec {
        name: "lnstat",
        default_on: false,
        about: "counters of the network's caches by CPU",
        reads: "P/1/net/stat/*",
        flags: &[],
        build: |_| Ok(Build::new(lnstat::Lnstat::new)),
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
        name: "meminfo_numa",
        default_on: false,
        about: "memory and allocations by NUMA node",
        reads: "S/devices/system/node/node*/{meminfo,numastat}",
        flags: &[],
        build: |_| Ok(Build::new(meminfo_numa::MeminfoNuma::new)),
    },
    Spec {
        name: "mountstats",
        default_on: false,
        about: "what mounted NFS file systems did",
        reads: "P/1/{mountstats,mountinfo} or those of P/self",
        flags: &[],
        build: |_| Ok(Build::new(mountstats::Mountstats::new)),
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
        name: "network_route",
        default_on: false,
        about: "the host's routes",
        reads: "rtnetlink, or P/1/net/{route,ipv6_route}",
        flags: &[],
        build: |_| Ok(Build::new(network_route::NetworkRoute::new)),
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
        name: "processes",
        default_on: false,
        about: "processes and threads by state, and their limits",
        reads: "P/*/stat, P/*/task/*/stat, P/sys/kernel/{threads-max,pid_max}",
        flags: &[],
        build: |_| Ok(Build::new(processes::Processes::new)),
    },
    Spec {
        name: "qdisc",
        default_on: false,
        about: "traffic through queueing disciplines",
        reads: "rtnetlink",
        flags: qdisc::FLAGS,
        build: qdisc::build,
    },
    Spec {
        name: "slabinfo",
        default_on: false,
        about: "the kernel's own object caches",
        reads: "P/slabinfo",
        flags: slabinfo::FLAGS,
        build: slabinfo::build,
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
        name: "softirqs",
        default_on: false,
        about: "software interrupts by CPU and kind",
        reads: "P/softirqs",
        flags: &[],
        build: |_| Ok(Build::new(softirqs::Softirqs::new)),
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
        name: "swap",
        default_on: false,
        about: "size, use and priority of each swap area",
        reads: "P/swaps",
        flags: &[],
        build: |_| Ok(Build::new(swap::Swap::new)),
    },
    Spec {
        name: "sysctl",
        default_on: false,
        about: "chosen kernel settings",
        reads: "P/sys",
        flags: sysctl::FLAGS,
        build: |given| Ok(sysctl::build(given)),
    },
    Spec {
        name: "tcpstat",
        default_on: false,
        about: "the host's TCP connections by state",
        reads: "P/1/net/{tcp,tcp6}",
        flags: &[],
        build: |_| Ok(Build::new(tcpstat::Tcpstat::new)),
    },
    Spec {
        name: "textfile",
        default_on: true,
        about: "metrics that others write into *.prom files",
        reads: "the folders given by its flag",
        flags: textfile::FLAGS,
        build: |given| Ok(textfile::build(given)),
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
    Spec {
        name: "xfrm",
        default_on: false,
        about: "packets that IPsec dropped, by reason",
        reads: "P/1/net/xfrm_stat",
        flags: &[],
        build: |_| Ok(Build::new(xfrm::Xfrm::new)),
    },
    Spec {
        name: "zoneinfo",
        default_on: false,
        about: "memory by NUMA node and zone",
        reads: "P/zoneinfo",
        flags: &[],
        build: |_| Ok(Build::new(zoneinfo::Zoneinfo::new)),
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
