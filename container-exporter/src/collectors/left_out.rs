//! What cAdvisor has and this exporter has not, with the reason.

/// Families by name.
pub const LEFT_OUT: &[(&str, &str)] = &[
    (
        "container_cpu_load_average_10s",
        "needs a netlink reader that is off in cAdvisor: it is always 0 there; container_pressure_cpu_* tells of load",
    ),
    ("container_cpu_load_d_average_10s", "as container_cpu_load_average_10s"),
    ("container_fs_inodes_total", "a figure of the whole file system: node_filesystem_files has it"),
    ("container_fs_inodes_free", "always 0 in cAdvisor for containers: node_filesystem_files_free has it"),
    (
        "container_fs_sector_reads_total",
        "the whole disk's figure in cAdvisor, given as the container's: node_disk_* has it",
    ),
    ("container_fs_sector_writes_total", "as container_fs_sector_reads_total"),
    ("container_fs_reads_merged_total", "as container_fs_sector_reads_total"),
    ("container_fs_writes_merged_total", "as container_fs_sector_reads_total"),
    ("container_fs_read_seconds_total", "as container_fs_sector_reads_total"),
    ("container_fs_write_seconds_total", "as container_fs_sector_reads_total"),
    ("container_fs_io_current", "as container_fs_sector_reads_total"),
    ("container_fs_io_time_seconds_total", "as container_fs_sector_reads_total"),
    ("container_fs_io_time_weighted_seconds_total", "as container_fs_sector_reads_total"),
    ("machine_cpu_books", "s390 only"),
    ("machine_cpu_drawers", "s390 only"),
    ("machine_dimm_count", "node_exporter's edac collector tells of memory modules"),
    ("machine_dimm_capacity_bytes", "as machine_dimm_count"),
    ("machine_nvm_capacity", "needs Intel's ipmctl library: 0 in every published build"),
    ("machine_nvm_avg_power_budget_watts", "as machine_nvm_capacity"),
    ("container_memory_migrate", "group cpuset: a setting that nobody asked for"),
    (
        "container_referenced_bytes",
        "group referenced_memory: it clears bits of the pages it looks at, and so changes what it measures",
    ),
    (
        "container_network_advance_tcp_stats_total",
        "group advtcp: some 110 series a container; node_netstat_* has the machine's",
    ),
    (
        "container_perf_events_total",
        "group perf_event: needs perf_event_open, which is unsafe code and a privilege",
    ),
    ("container_perf_events_scaling_ratio", "as container_perf_events_total"),
    ("container_perf_uncore_events_total", "as container_perf_events_total"),
    ("container_perf_uncore_events_scaling_ratio", "as container_perf_events_total"),
    ("container_memory_bandwidth_bytes", "group resctrl: needs a mounted and writable resctrl"),
    ("container_memory_bandwidth_local_bytes", "as container_memory_bandwidth_bytes"),
    ("container_llc_occupancy_bytes", "as container_memory_bandwidth_bytes"),
    ("machine_cpu_cache_capacity_bytes", "group cpu_topology: figures that never change; lscpu has them"),
    ("machine_thread_siblings_count", "as machine_cpu_cache_capacity_bytes"),
    ("machine_node_memory_capacity_bytes", "as machine_cpu_cache_capacity_bytes"),
    ("machine_node_hugepages_count", "as machine_cpu_cache_capacity_bytes"),
    ("machine_node_distance", "as machine_cpu_cache_capacity_bytes"),
];
