//! Everything that can be collected: one row in [`COLLECTORS`] and one file of that name for each.

use std::fmt;
use std::time::SystemTime;

use agent_core::collector::Collector;
use agent_core::error::ConfigErrors;

use crate::flags::{Flag, Given};
use crate::host::Host;

mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod conntrack;
mod cpu;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod drm;
mod edac;
mod entropy;
mod fibrechannel;
mod filefd;
mod filesystem;
mod hwmon;
mod infiniband;
mod ipvs;
mod loadavg;
mod mdadm;
mod meminfo;
mod netdev;
mod netstat;
mod nvme;
mod nvmesubsystem;
mod pcidevice;
mod powersupplyclass;
mod pressure;
mod rapl;
mod sockstat;
mod stat;
mod tapestats;
mod textfile;
mod thermal_zone;
mod time;
mod uname;
mod vmstat;
mod watchdog;
mod wifi;

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
        name: "bcache",
        default_on: true,
        about: "disks that are cached on faster ones",
        reads: "S/fs/bcache",
        flags: bcache::FLAGS,
        build: |given| Ok(bcache::build(given)),
    },
    Spec {
        name: "bcachefs",
        default_on: true,
        about: "counters, errors and devices of bcachefs file systems",
        reads: "S/fs/bcachefs",
        flags: &[],
        build: |_| Ok(Build::new(bcachefs::Bcachefs::new)),
    },
    Spec {
        name: "bonding",
        default_on: true,
        about: "network devices that bundle others, and how many of those are up",
        reads: "S/class/net/{bonding_masters,*/bonding/slaves}",
        flags: &[],
        build: |_| Ok(Build::new(bonding::Bonding::new)),
    },
    Spec {
        name: "btrfs",
        default_on: true,
        about: "space and commits of Btrfs file systems",
        reads: "S/fs/btrfs",
        flags: &[],
        build: |_| Ok(Build::new(btrfs::Btrfs::new)),
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
        reads: "P/stat, P/cpuinfo, S/devices/system/cpu",
        flags: cpu::FLAGS,
        build: cpu::build,
    },
    Spec {
        name: "cpufreq",
        default_on: true,
        about: "frequencies of CPUs and the governor that sets them",
        reads: "S/devices/system/cpu/cpu*/cpufreq",
        flags: &[],
        build: |given| Ok(cpufreq::build(given)),
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
        name: "dmi",
        default_on: true,
        about: "what the firmware says of the machine",
        reads: "S/class/dmi/id",
        flags: &[],
        build: |_| Ok(Build::new(dmi::Dmi::new)),
    },
    Spec {
        name: "dmmultipath",
        default_on: true,
        about: "disks that are reached over several paths, and which of those work",
        reads: "S/block/{dm-*/{dm,slaves,size},*/device/state}",
        flags: &[],
        build: |_| Ok(Build::new(dmmultipath::Dmmultipath::new)),
    },
    Spec {
        name: "drm",
        default_on: false,
        about: "memory and load of AMD graphics cards",
        reads: "S/class/drm/card*/device",
        flags: &[],
        build: |_| Ok(Build::new(drm::Drm::new)),
    },
    Spec {
        name: "edac",
        default_on: true,
        about: "memory errors, corrected or not",
        reads: "S/devices/system/edac/mc",
        flags: &[],
        build: |_| Ok(Build::new(edac::Edac::new)),
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
        name: "fibrechannel",
        default_on: true,
        about: "ports of Fibre Channel adapters",
        reads: "S/class/fc_host",
        flags: &[],
        build: |_| Ok(Build::new(fibrechannel::Fibrechannel::new)),
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
        name: "hwmon",
        default_on: true,
        about: "temperatures, fans, voltages and other sensors of hardware monitors",
        reads: "S/class/hwmon",
        flags: hwmon::FLAGS,
        build: hwmon::build,
    },
    Spec {
        name: "infiniband",
        default_on: true,
        about: "ports of InfiniBand and RoCE adapters",
        reads: "S/class/infiniband",
        flags: &[],
        build: |_| Ok(Build::new(infiniband::Infiniband::new)),
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
        name: "nvme",
        default_on: true,
        about: "NVMe controllers and the sizes of their namespaces",
        reads: "S/class/nvme",
        flags: &[],
        build: |_| Ok(Build::new(nvme::Nvme::new)),
    },
    Spec {
        name: "nvmesubsystem",
        default_on: false,
        about: "paths to NVMe subsystems and their states",
        reads: "S/class/nvme-subsystem",
        flags: &[],
        build: |_| Ok(Build::new(nvmesubsystem::NvmeSubsystem::new)),
    },
    Spec {
        name: "pcidevice",
        default_on: false,
        about: "PCI devices, their links and power states",
        reads: "S/bus/pci/devices, R/usr/share/*/pci.ids",
        flags: pcidevice::FLAGS,
        build: |given| Ok(pcidevice::build(given)),
    },
    Spec {
        name: "powersupplyclass",
        default_on: true,
        about: "batteries and other supplies of power",
        reads: "S/class/power_supply",
        flags: powersupplyclass::FLAGS,
        build: powersupplyclass::build,
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
        name: "rapl",
        default_on: true,
        about: "energy that parts of the processor used",
        reads: "S/class/powercap",
        flags: rapl::FLAGS,
        build: |given| Ok(rapl::build(given)),
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
        name: "tapestats",
        default_on: true,
        about: "traffic of tape drives",
        reads: "S/class/scsi_tape/st*/stats",
        flags: tapestats::FLAGS,
        build: tapestats::build,
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
        name: "thermal_zone",
        default_on: true,
        about: "temperatures and how far cooling is turned up",
        reads: "S/class/thermal",
        flags: &[],
        build: |_| Ok(Build::new(thermal_zone::ThermalZone::new)),
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
        name: "watchdog",
        default_on: true,
        about: "timers that restart a machine which hangs",
        reads: "S/class/watchdog",
        flags: &[],
        build: |_| Ok(Build::new(watchdog::Watchdog::new)),
    },
    Spec {
        name: "wifi",
        default_on: false,
        about: "stations of wireless networks (recorded ones only, so far)",
        reads: "the folder given by its flag",
        flags: wifi::FLAGS,
        build: |given| Ok(wifi::build(given)),
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
