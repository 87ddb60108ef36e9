//! Everything that can be collected: one row in [`COLLECTORS`] and one file of that name for each.

use std::time::SystemTime;

use crate::bus;

mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod buddyinfo;
mod cgroup_pressure;
mod cgroups;
mod conntrack;
mod cpu;
mod cpu_vulnerabilities;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod drbd;
mod drm;
mod edac;
mod entropy;
mod ethtool;
mod fibrechannel;
mod filefd;
mod filesystem;
mod hwmon;
mod infiniband;
mod interrupts;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod logind;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mountstats;
mod netclass;
mod netdev;
mod netstat;
mod network_route;
mod nfs;
mod nfsd;
mod nvme;
mod nvmesubsystem;
mod os;
mod pcidevice;
mod powersupplyclass;
mod pressure;
mod processes;
mod procs;
mod qdisc;
mod rapl;
mod schedstat;
mod selinux;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod spec;
mod stat;
mod swap;
mod sysctl;
mod systemd;
mod tapestats;
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod wifi;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

pub use spec::{Build, Spec};
use spec::{off, on};

/// All collectors, in the order in which they run and write.
pub const COLLECTORS: &[Spec] = &[
    on("arp", "the host's neighbours by device", "P/1/net/arp", arp::FLAGS, arp::build),
    on("bcache", "disks that are cached on faster ones", "S/fs/bcache", bcache::FLAGS, |given| {
        Ok(bcache::build(given))
    }),
    on("bcachefs", "counters, errors and devices of bcachefs file systems", "S/fs/bcachefs", &[], |_| {
        Ok(Build::new(bcachefs::Bcachefs::new))
    }),
    on(
        "bonding",
        "network devices that bundle others, and how many of those are up",
        "S/class/net/{bonding_masters,*/bonding/slaves}",
        &[],
        |_| Ok(Build::new(bonding::Bonding::new)),
    )
    .driven(),
    on("btrfs", "space and commits of Btrfs file systems", "S/fs/btrfs", &[], |_| {
        Ok(Build::new(btrfs::Btrfs::new))
    }),
    off("buddyinfo", "free blocks of memory by size", "P/buddyinfo", &[], |_| {
        Ok(Build::new(buddyinfo::Buddyinfo::new))
    }),
    off(
        "cgroup_pressure",
        "time that tasks of the topmost control groups (slices) waited; only ours",
        "S/fs/cgroup/*/{cpu,io,memory,irq}.pressure",
        &[],
        |_| Ok(Build::new(cgroup_pressure::CgroupPressure::new)),
    ),
    off("cgroups", "control groups by controller", "P/cgroups", &[], |_| {
        Ok(Build::new(cgroups::Cgroups::new))
    }),
    on(
        "conntrack",
        "connections that the kernel tracks, and the limit",
        "P/sys/net/netfilter/nf_conntrack_{count,max}, P/1/net/stat/nf_conntrack",
        &[],
        |_| Ok(Build::new(conntrack::Conntrack::new)),
    ),
    on(
        "cpu",
        "seconds that each CPU spent in each mode, throttling, CPUs online and isolated",
        "P/stat, P/cpuinfo, S/devices/system/cpu",
        cpu::FLAGS,
        cpu::build,
    ),
    off(
        "cpu_vulnerabilities",
        "flaws of the CPUs and what is done about them",
        "S/devices/system/cpu/vulnerabilities",
        &[],
        |_| Ok(Build::new(cpu_vulnerabilities::CpuVulnerabilities::new)),
    ),
    on(
        "cpufreq",
        "frequencies of CPUs and the governor that sets them",
        "S/devices/system/cpu/cpu*/cpufreq",
        &[],
        |given| Ok(cpufreq::build(given)),
    ),
    on(
        "diskstats",
        "reads, writes, discards and flushes of block devices, and what the devices are",
        "P/diskstats, S/block/*/queue/rotational, U/b*",
        diskstats::FLAGS,
        diskstats::build,
    ),
    on("dmi", "what the firmware says of the machine", "S/class/dmi/id", &[], |_| {
        Ok(Build::new(dmi::Dmi::new))
    })
    .driven(),
    on(
        "dmmultipath",
        "disks that are reached over several paths, and which of those work",
        "S/block/{dm-*/{dm,slaves,size},*/device/state}",
        &[],
        |_| Ok(Build::new(dmmultipath::Dmmultipath::new)),
    ),
    off("drbd", "disks replicated over the network", "P/drbd", &[], |_| Ok(Build::new(drbd::Drbd::new))),
    off("drm", "memory and load of AMD graphics cards", "S/class/drm/card*/device", &[], |_| {
        Ok(Build::new(drm::Drm::new))
    }),
    on("edac", "memory errors, corrected or not", "S/devices/system/edac/mc", &[], |_| {
        Ok(Build::new(edac::Edac::new))
    })
    .driven(),
    on("entropy", "the kernel's entropy pool", "P/sys/kernel/random/{entropy_avail,poolsize}", &[], |_| {
        Ok(Build::new(entropy::Entropy::new))
    }),
    off(
        "ethtool",
        "link modes and drivers of network devices; what drivers count needs an ioctl, which no sound library offers",
        "netlink (ethtool), S/class/net/*/device",
        ethtool::FLAGS,
        ethtool::build,
    ),
    on("fibrechannel", "ports of Fibre Channel adapters", "S/class/fc_host", &[], |_| {
        Ok(Build::new(fibrechannel::Fibrechannel::new))
    })
    .driven(),
    on("filefd", "open files of the whole system, and the limit", "P/sys/fs/file-nr", &[], |_| {
        Ok(Build::new(filefd::Filefd::new))
    }),
    on(
        "filesystem",
        "size, free space and inodes of mounted file systems",
        "P/1/mountinfo, statfs below R",
        filesystem::FLAGS,
        filesystem::build,
    ),
    on(
        "hwmon",
        "temperatures, fans, voltages and other sensors of hardware monitors",
        "S/class/hwmon",
        hwmon::FLAGS,
        hwmon::build,
    )
    .driven(),
    on("infiniband", "ports of InfiniBand and RoCE adapters", "S/class/infiniband", &[], |_| {
        Ok(Build::new(infiniband::Infiniband::new))
    })
    .driven(),
    off(
        "interrupts",
        "interrupts by CPU, number and device",
        "P/interrupts",
        interrupts::FLAGS,
        interrupts::build,
    ),
    on(
        "ipvs",
        "traffic and backends of the kernel's load balancer",
        "P/1/net/ip_vs, P/1/net/ip_vs_stats",
        ipvs::FLAGS,
        ipvs::build,
    )
    .driven(),
    on(
        "kernel_hung",
        "tasks that the kernel found hanging",
        "P/sys/kernel/hung_task_detect_count",
        &[],
        |_| Ok(Build::new(kernel_hung::KernelHung::new)),
    ),
    off("ksmd", "merging of equal pages of memory", "S/kernel/mm/ksm", &[], |_| {
        Ok(Build::new(ksmd::Ksmd::new))
    }),
    off("lnstat", "counters of the network's caches by CPU", "P/1/net/stat/*", &[], |_| {
        Ok(Build::new(lnstat::Lnstat::new))
    }),
    on("loadavg", "load averages over 1, 5 and 15 minutes", "P/loadavg", &[], |_| {
        Ok(Build::new(loadavg::Loadavg::new))
    }),
    off("logind", "sessions of users", "logind over the bus at R/run/dbus/system_bus_socket", &[], |_| {
        Ok(logind::build(bus::address()))
    }),
    on("mdadm", "state, disks and resync of software RAID arrays", "P/mdstat, S/block/md*/md", &[], |_| {
        Ok(Build::new(mdadm::Mdadm::new))
    })
    .driven(),
    on("meminfo", "memory by use", "P/meminfo", &[], |_| Ok(Build::new(meminfo::Meminfo::new))),
    off(
        "meminfo_numa",
        "memory and allocations by NUMA node",
        "S/devices/system/node/node*/{meminfo,numastat}",
        &[],
        |_| Ok(Build::new(meminfo_numa::MeminfoNuma::new)),
    ),
    off(
        "mountstats",
        "what mounted NFS file systems did",
        "P/1/{mountstats,mountinfo} or those of P/self",
        &[],
        |_| Ok(Build::new(mountstats::Mountstats::new)),
    ),
    on(
        "netclass",
        "what the host's network devices are and whether they are up",
        "S/class/net",
        netclass::FLAGS,
        netclass::build,
    ),
    on(
        "netdev",
        "traffic and errors of the host's network devices",
        "P/1/net/dev, S/class/net/*/statistics/rx_nohandler",
        netdev::FLAGS,
        netdev::build,
    ),
    on(
        "netstat",
        "the host's protocol counters",
        "P/1/net/{netstat,snmp,snmp6}",
        netstat::FLAGS,
        netstat::build,
    ),
    off("network_route", "the host's routes", "rtnetlink, or P/1/net/{route,ipv6_route}", &[], |_| {
        Ok(Build::new(network_route::NetworkRoute::new))
    }),
    on("nfs", "what the host asked of NFS servers", "P/1/net/rpc/nfs", &[], |_| {
        Ok(Build::new(nfs::Nfs::new))
    })
    .driven(),
    on("nfsd", "what the host's NFS server did", "P/1/net/rpc/nfsd", &[], |_| {
        Ok(Build::new(nfsd::Nfsd::new))
    })
    .driven(),
    on("nvme", "NVMe controllers and the sizes of their namespaces", "S/class/nvme", &[], |_| {
        Ok(Build::new(nvme::Nvme::new))
    })
    .driven(),
    off("nvmesubsystem", "paths to NVMe subsystems and their states", "S/class/nvme-subsystem", &[], |_| {
        Ok(Build::new(nvmesubsystem::NvmeSubsystem::new))
    }),
    on("os", "the host's distribution", "R/etc/os-release, R/usr/lib/os-release", &[], |_| {
        Ok(Build::new(os::Os::new))
    }),
    off(
        "pcidevice",
        "PCI devices, their links and power states",
        "S/bus/pci/devices, R/usr/share/*/pci.ids",
        pcidevice::FLAGS,
        |given| Ok(pcidevice::build(given)),
    ),
    on(
        "powersupplyclass",
        "batteries and other supplies of power",
        "S/class/power_supply",
        powersupplyclass::FLAGS,
        powersupplyclass::build,
    )
    .driven(),
    on(
        "pressure",
        "time that tasks waited for CPU, memory, I/O and interrupts",
        "P/pressure/{cpu,io,memory,irq}",
        &[],
        |_| Ok(Build::new(pressure::Pressure::new)),
    ),
    off(
        "processes",
        "processes and threads by state, and their limits",
        "P/*/stat, P/*/task/*/stat, P/sys/kernel/{threads-max,pid_max}",
        &[],
        |_| Ok(Build::new(processes::Processes::new)),
    ),
    off(
        "procs",
        "processes that use most, added up by command or container; only ours",
        "P/[pid]/stat, P/[pid]/cgroup",
        procs::FLAGS,
        procs::build,
    ),
    off("qdisc", "traffic through queueing disciplines", "rtnetlink", qdisc::FLAGS, qdisc::build),
    on("rapl", "energy that parts of the processor used", "S/class/powercap", rapl::FLAGS, |given| {
        Ok(rapl::build(given))
    }),
    on("schedstat", "how long tasks ran on each CPU and waited for it", "P/schedstat", &[], |_| {
        Ok(Build::new(schedstat::Schedstat::new))
    })
    .driven(),
    on(
        "selinux",
        "whether SELinux is on, and its modes",
        "S/fs/selinux/enforce, R/etc/selinux/config",
        &[],
        |_| Ok(Build::new(selinux::Selinux::new)),
    ),
    off("slabinfo", "the kernel's own object caches", "P/slabinfo", slabinfo::FLAGS, slabinfo::build),
    on("sockstat", "the host's sockets in use", "P/1/net/{sockstat,sockstat6}", &[], |_| {
        Ok(Build::new(sockstat::Sockstat::new))
    }),
    off("softirqs", "software interrupts by CPU and kind", "P/softirqs", &[], |_| {
        Ok(Build::new(softirqs::Softirqs::new))
    }),
    on(
        "softnet",
        "packets on their way from the devices into the kernel",
        "P/1/net/softnet_stat",
        &[],
        |_| Ok(Build::new(softnet::Softnet::new)),
    ),
    on(
        "stat",
        "interrupts, context switches, forks, boot time, running and blocked processes",
        "P/stat",
        stat::FLAGS,
        |given| Ok(stat::build(given)),
    ),
    off("swap", "size, use and priority of each swap area", "P/swaps", &[], |_| {
        Ok(Build::new(swap::Swap::new))
    }),
    off("sysctl", "chosen kernel settings", "P/sys", sysctl::FLAGS, |given| Ok(sysctl::build(given))),
    off(
        "systemd",
        "state of systemd's units, sockets and timers",
        "systemd over the bus at R/run/dbus/system_bus_socket",
        systemd::FLAGS,
        |given| systemd::build(given, bus::address()),
    ),
    on(
        "tapestats",
        "traffic of tape drives",
        "S/class/scsi_tape/st*/stats",
        tapestats::FLAGS,
        tapestats::build,
    )
    .driven(),
    off("tcpstat", "the host's TCP connections by state", "P/1/net/{tcp,tcp6}", &[], |_| {
        Ok(Build::new(tcpstat::Tcpstat::new))
    }),
    on(
        "textfile",
        "metrics that others write into *.prom files",
        "the folders given by its flag",
        textfile::FLAGS,
        textfile::build,
    ),
    on("thermal_zone", "temperatures and how far cooling is turned up", "S/class/thermal", &[], |_| {
        Ok(Build::new(thermal_zone::ThermalZone::new))
    })
    .driven(),
    on(
        "time",
        "the system's time and its clock sources",
        "the clock, S/devices/system/clocksource",
        &[],
        |_| Ok(Build::new(|host| time::Time::new(host, SystemTime::now))),
    ),
    on("timex", "how well the kernel's clock follows a time server", "adjtimex(2)", &[], |_| {
        Ok(Build::new(|_| timex::Timex))
    }),
    on("udp_queues", "bytes that wait in the host's UDP sockets", "P/1/net/{udp,udp6}", &[], |_| {
        Ok(Build::new(udp_queues::UdpQueues::new))
    }),
    on("uname", "kernel, architecture and the node's name", "uname(2), the node's identity", &[], |_| {
        Ok(Build::new(uname::Uname::new))
    }),
    on(
        "vmstat",
        "paging, swapping, page faults and kills for lack of memory",
        "P/vmstat",
        vmstat::FLAGS,
        vmstat::build,
    ),
    on("watchdog", "timers that restart a machine which hangs", "S/class/watchdog", &[], |_| {
        Ok(Build::new(watchdog::Watchdog::new))
    })
    .driven(),
    off(
        "wifi",
        "wireless devices, their networks and the stations that they talk to",
        "netlink (nl80211)",
        wifi::FLAGS,
        |given| Ok(wifi::build(given)),
    ),
    off("xfrm", "packets that IPsec dropped, by reason", "P/1/net/xfrm_stat", &[], |_| {
        Ok(Build::new(xfrm::Xfrm::new))
    }),
    on("xfs", "what the XFS file systems did", "S/fs/xfs/*/stats/stats", &[], |_| {
        Ok(Build::new(xfs::Xfs::new))
    }),
    on("zfs", "OpenZFS's statistics and the state of its pools", "P/spl/kstat/zfs", &[], |_| {
        Ok(Build::new(zfs::Zfs::new))
    })
    .driven(),
    off("zoneinfo", "memory by NUMA node and zone", "P/zoneinfo", &[], |_| {
        Ok(Build::new(zoneinfo::Zoneinfo::new))
    }),
];

/// Every reader of answers over netlink, for fuzzing: no file leads to them.
#[cfg(fuzzing)]
pub fn read_message(bytes: &[u8]) {
    crate::netlink::read_datagram(bytes);
    ethtool::read_message(bytes);
    netdev::netlink::read_message(bytes);
    network_route::messages::read_message(bytes);
    qdisc::read_message(bytes);
    wifi::nl80211::read_message(bytes);
}
