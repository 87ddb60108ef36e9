//! Node: what keeps this one busy, and what is wrong with it?

use crate::annotation::Scope;
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::Panel;
use crate::query::{DEVICES, DISKS, increase, leaders, leaders_with_any, on_nodes, rate, sum_by};
use crate::style::{BUSY, Colour, FULL, Limits, Unit, WAITS};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Node,
        question: "What keeps this node busy, and what is wrong with it?",
        variables: vec![Variable::node()],
        scope: Scope::Node,
        kibana: false,
        panels: vec![cpu(), memory(), containers(), disks(), disk_time(), traffic()],
        rows: vec![processor(), storage(), network()],
    }
}

/// How many CPUs the node has.
const CPUS: &str = "count by (instance) (node_cpu_seconds_total{mode=\"idle\"})";

/// One number of the node: what `text` gives for its instance.
fn one(text: &str) -> String {
    format!("sum without (instance, job, node_name) ({})", on_nodes(text))
}

fn cpu() -> Panel {
    let mode = |modes: &str| {
        let text = rate(&format!("node_cpu_seconds_total{{mode=~\"{modes}\"}}"));
        format!("sum by (node_name) ({}) / scalar({})", on_nodes(&text), one(CPUS))
    };
    Panel::stacked("CPU", "How busy are the processors, and with what?", Unit::Share)
        .part("Programs", Colour::First, mode("user|nice"))
        .part("Kernel", Colour::Second, mode("system"))
        .part("Interrupts", Colour::Third, mode("irq|softirq"))
        .part("Waiting for disks", Colour::Warning, mode("iowait"))
        .part("Taken by the hypervisor", Colour::Bad, mode("steal"))
        .link(Id::Nodes)
}

fn memory() -> Panel {
    let cache = "(node_memory_Cached_bytes + node_memory_Buffers_bytes + node_memory_SReclaimable_bytes)";
    let used = "(node_memory_MemTotal_bytes - node_memory_MemFree_bytes - node_memory_Cached_bytes - node_memory_Buffers_bytes - node_memory_SReclaimable_bytes)";
    let swap = "(node_memory_SwapTotal_bytes - node_memory_SwapFree_bytes)";
    Panel::stacked("Memory", "Who has the memory? Cache can be given up, swap is on disk.", Unit::Bytes)
        .part("Programs", Colour::Used, one(used))
        .part("Cache", Colour::Second, one(cache))
        .part("Free", Colour::Good, one("node_memory_MemFree_bytes"))
        .part("Swap", Colour::Bad, one(swap))
        .link(Id::Nodes)
}

fn containers() -> Panel {
    let text = rate("container_cpu_usage_seconds_total{name!=\"\"}");
    let text = sum_by("name", &text);
    Panel::lines("Busiest containers", "Which containers use the processors? 1 is one CPU.", Unit::Count)
        .range(leaders(6, &["name"], &text), "{{name}}")
        .link(Id::Containers)
}

fn disks() -> Panel {
    let free = format!("node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}}");
    let text = on_nodes(&format!("max by (instance, device) (1 - {free})"));
    Panel::bars("Fullest file systems", "Which disk is full first?", Unit::Share)
        .instant(format!("topk(6, {text})"), "{{device}}")
        .limits(FULL)
        .link(Id::Nodes)
}

fn by_device(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    let text = format!("sum by (device) ({})", on_nodes(text));
    Panel::lines(title, question, unit).range(leaders(6, &["device"], &text), "{{device}}")
}

fn disk_time() -> Panel {
    let text = rate("node_disk_io_time_seconds_total");
    by_device("Disks at work", "Which disks have no time left?", Unit::Share, &text)
        .limits(BUSY)
        .link(Id::Nodes)
}

/// Three devices in each direction, what goes out below the axis.
fn in_and_out(panel: Panel, family: &str, ways: [(&str, &str); 2]) -> Panel {
    let text = |way: &str| {
        let text = rate(&family.replace("WAY", way));
        leaders(3, &["device"], &format!("sum by (device) ({})", on_nodes(&text)))
    };
    panel.both_ways("{{device}}", ways, text)
}

fn traffic() -> Panel {
    let panel = Panel::lines(
        "Network",
        "How much goes over which device? Sent is below the axis.",
        Unit::BytesPerSecond,
    );
    let family = format!("node_network_WAY_bytes_total{{{DEVICES}}}");
    in_and_out(panel, &family, [("receive", "received"), ("transmit", "sent")]).link(Id::Network)
}

fn pressure(kind: &str) -> String {
    one(&rate(&format!("node_pressure_{kind}_seconds_total")))
}

fn processor() -> Row {
    let cores = rate("node_cpu_seconds_total{mode!~\"idle|iowait|steal\"}");
    let cores = format!("sum by (cpu) ({})", on_nodes(&cores));
    Row {
        question: "Do tasks wait for a processor or for memory?",
        panels: vec![
            Panel::lines("Load", "How many tasks want to run, and how many can?", Unit::Count)
                .part("1 minute", Colour::First, one("node_load1"))
                .part("5 minutes", Colour::Second, one("node_load5"))
                .part("15 minutes", Colour::Third, one("node_load15"))
                .part("CPUs", Colour::Limit, one(CPUS)),
            Panel::lines("Time lost to waiting", "What do tasks wait for?", Unit::Share)
                .part("CPU", Colour::First, pressure("cpu_waiting"))
                .part("Memory", Colour::Second, pressure("memory_waiting"))
                .part("Disks", Colour::Third, pressure("io_waiting"))
                .limits(WAITS),
            Panel::lines("Busiest CPUs", "Is one processor busy while others rest?", Unit::Share)
                .range(leaders(6, &["cpu"], &cores), "CPU {{cpu}}"),
            Panel::lines("Tasks", "How many tasks run, and how many are stuck?", Unit::Count)
                .part("Running", Colour::Good, one("node_procs_running"))
                .part("Blocked", Colour::Bad, one("node_procs_blocked")),
            Panel::lines("Memory moved", "Is memory moved to disk and back?", Unit::PerSecond)
                .part("Swapped in", Colour::In, one(&rate("node_vmstat_pswpin")))
                .part("Swapped out", Colour::Out, one(&rate("node_vmstat_pswpout")))
                .part("Major faults", Colour::Warning, one(&rate("node_vmstat_pgmajfault"))),
            Panel::lines("Killed for memory", "Did the kernel kill programs?", Unit::Count).part(
                "Kills",
                Colour::Bad,
                one(&increase("node_vmstat_oom_kill")),
            ),
        ],
    }
}

fn storage() -> Row {
    let waited = |way: &str| {
        let (time, count) = (
            rate(&format!("node_disk_{way}_time_seconds_total")),
            rate(&format!("node_disk_{way}s_completed_total")),
        );
        format!("({time} / ({count} > 0))")
    };
    let inodes = format!(
        "max by (instance, device) (1 - node_filesystem_files_free{{{DISKS}}} / (node_filesystem_files{{{DISKS}}} > 0))"
    );
    Row {
        question: "Are the disks slow, or full?",
        panels: vec![
            in_and_out(
                Panel::lines(
                    "Disk traffic",
                    "How much is read and written? Written is below the axis.",
                    Unit::BytesPerSecond,
                ),
                "node_disk_WAY_bytes_total",
                [("read", "read"), ("written", "written")],
            ),
            in_and_out(
                Panel::lines("Disk operations", "How often? Writes are below the axis.", Unit::Operations),
                "node_disk_WAY_completed_total",
                [("reads", "reads"), ("writes", "writes")],
            ),
            by_device("Reads wait", "How long does a read take?", Unit::Seconds, &waited("read"))
                .empty_means("Nothing was read"),
            by_device("Writes wait", "How long does a write take?", Unit::Seconds, &waited("write"))
                .empty_means("Nothing was written"),
            by_device(
                "Queue",
                "How many requests wait?",
                Unit::Count,
                &rate("node_disk_io_time_weighted_seconds_total"),
            ),
            Panel::bars("Inodes used", "Where can no more files be made?", Unit::Share)
                .instant(format!("topk(6, {})", on_nodes(&inodes)), "{{device}}")
                .limits(FULL),
        ],
    }
}

fn network() -> Row {
    let lost = |title, question, what: &str| {
        let way = |way: &str| rate(&format!("node_network_{way}_{what}_total{{{DEVICES}}}"));
        let both = format!("({} + {})", way("receive"), way("transmit"));
        let text = format!("sum by (device) ({})", on_nodes(&both));
        Panel::lines(title, question, Unit::Packets)
            .range(leaders_with_any(6, &["device"], &text), "{{device}}")
    };
    let resent = format!("({} / {})", rate("node_netstat_Tcp_RetransSegs"), rate("node_netstat_Tcp_OutSegs"));
    Row {
        question: "Does the network fail, or run out of something?",
        panels: vec![
            lost("Packets with errors", "Which devices garble packets?", "errs")
                .empty_means("No device has garbled a packet"),
            lost("Packets dropped", "Which devices drop packets?", "drop")
                .empty_means("No device has dropped a packet"),
            Panel::lines("TCP sent again", "Is the network bad?", Unit::Share)
                .part("Segments sent again", Colour::Warning, one(&resent))
                .open(),
            Panel::lines("Connections", "Do connections pile up?", Unit::Count)
                .part("Open", Colour::First, one("node_sockstat_TCP_inuse"))
                .part("Closing", Colour::Second, one("node_sockstat_TCP_tw"))
                .part("Orphans", Colour::Warning, one("node_sockstat_TCP_orphan"))
                .part("Tracked by the firewall", Colour::Third, one("node_nf_conntrack_entries")),
            Panel::lines("Limits of the machine", "Which of the kernel's tables are full?", Unit::Share)
                .part("Files", Colour::First, one("(node_filefd_allocated / node_filefd_maximum)"))
                .part(
                    "Tracked connections",
                    Colour::Third,
                    one("(node_nf_conntrack_entries / node_nf_conntrack_entries_limit)"),
                )
                .limits(FULL),
            Panel::lines("Clock", "Is the clock right?", Unit::Seconds)
                .part("Off by", Colour::First, one("node_timex_offset_seconds"))
                .part("At most", Colour::Limit, one("node_timex_maxerror_seconds"))
                .unbounded()
                .limits(Limits::None),
        ],
    }
}
