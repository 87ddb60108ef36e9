//! Nodes: which one is worse off than the others?

use crate::annotation::Scope;
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::{Column, Panel};
use crate::query::{DEVICES, DISKS, increase, leaders, on_nodes, rate};
use crate::style::{BUSY, FULL, Limits, Unit, WAITS};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Nodes,
        question: "Which node is worse off than the others?",
        variables: vec![Variable::nodes("node-exporter")],
        scope: Scope::Node,
        kibana: false,
        panels: vec![
            by_node("CPU", "Which nodes are busiest?", Unit::Share, &cpu()).limits(BUSY),
            by_node("Memory used", "Which nodes run out of memory?", Unit::Share, &memory()).limits(FULL),
            disks(),
            by_node("Disks at work", "Which node's disks have no time left?", Unit::Share, &disk_time())
                .limits(BUSY),
            traffic(),
            table(),
        ],
        rows: vec![waits(), faults()],
    }
}

fn waits() -> Row {
    let pressure = |what: &str| on_nodes(&rate(&format!("node_pressure_{what}_waiting_seconds_total")));
    let load =
        on_nodes("(node_load1 / on (instance) count by (instance) (node_cpu_seconds_total{mode=\"idle\"}))");
    let swapped = on_nodes(&format!("({} + {})", rate("node_vmstat_pswpin"), rate("node_vmstat_pswpout")));
    let faults = on_nodes(&rate("node_vmstat_pgmajfault"));
    Row {
        question: "Where does work wait for CPU, memory or disk?",
        panels: vec![
            by_node("Waiting for CPU", "Where do tasks wait for a processor?", Unit::Share, &pressure("cpu"))
                .limits(WAITS),
            by_node(
                "Waiting for memory",
                "Where do tasks wait for memory?",
                Unit::Share,
                &pressure("memory"),
            )
            .limits(WAITS),
            by_node("Waiting for disks", "Where do tasks wait for disks?", Unit::Share, &pressure("io"))
                .limits(WAITS),
            by_node(
                "Load by CPU",
                "Where do more tasks want to run than there are CPUs?",
                Unit::Count,
                &load,
            )
            .limits(Limits::Above(1.5, 3.0)),
            by_node("Pages swapped", "Where is memory moved to disk and back?", Unit::PerSecond, &swapped),
            by_node("Major page faults", "Where is memory read from disk?", Unit::PerSecond, &faults),
        ],
    }
}

fn faults() -> Row {
    let lost = "sum by (instance) (LOST)".replace(
        "LOST",
        &["receive_errs", "receive_drop", "transmit_errs", "transmit_drop"]
            .map(|what| rate(&format!("node_network_{what}_total{{{DEVICES}}}")))
            .join(" + "),
    );
    let resent = format!("({} / {})", rate("node_netstat_Tcp_RetransSegs"), rate("node_netstat_Tcp_OutSegs"));
    let inodes = format!(
        "max by (instance) (1 - node_filesystem_files_free{{{DISKS}}} / (node_filesystem_files{{{DISKS}}} > 0))"
    );
    let tracked = "(node_nf_conntrack_entries / node_nf_conntrack_entries_limit)";
    Row {
        question: "Which node loses packets, kills programs or has a wrong clock?",
        panels: vec![
            by_node(
                "Packets lost",
                "Where do devices drop or garble packets?",
                Unit::Packets,
                &on_nodes(&lost),
            ),
            by_node("TCP sent again", "Where is the network bad?", Unit::Share, &on_nodes(&resent)).open(),
            by_node(
                "Clock off by",
                "Which clocks are wrong?",
                Unit::Seconds,
                &on_nodes("abs(node_timex_offset_seconds)"),
            ),
            by_node(
                "Killed for memory",
                "Where did the kernel kill programs?",
                Unit::Count,
                &on_nodes(&increase("node_vmstat_oom_kill")),
            ),
            by_node("Inodes used", "Where can no more files be made?", Unit::Share, &on_nodes(&inodes))
                .limits(FULL),
            by_node(
                "Connections tracked",
                "Where is the table of connections full?",
                Unit::Share,
                &on_nodes(tracked),
            )
            .limits(FULL),
        ],
    }
}

fn by_node(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    let panel = Panel::lines(title, question, unit).range(leaders(6, &["node_name"], text), "{{node_name}}");
    panel.drill(Id::Node, "node", "node_name")
}

/// The share of time that processors worked.
fn cpu() -> String {
    let idle = rate("node_cpu_seconds_total{mode=~\"idle|iowait|steal\"}");
    on_nodes(&format!("(1 - avg by (instance) (sum by (instance, cpu) ({idle})))"))
}

fn memory() -> String {
    on_nodes("(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)")
}

/// The busiest disk of each node.
fn disk_time() -> String {
    on_nodes(&format!("max by (instance) ({})", rate("node_disk_io_time_seconds_total")))
}

/// How full file systems are, by instance and device.
fn used() -> String {
    format!(
        "(1 - node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}} and on (instance, device, mountpoint) node_filesystem_readonly{{{DISKS}}} == 0)"
    )
}

fn disks() -> Panel {
    let text = on_nodes(&format!("max by (instance, device) {}", used()));
    Panel::bars("Fullest file systems", "Which disks are full first?", Unit::Share)
        .instant(format!("topk(6, {text})"), "{{node_name}} {{device}}")
        .limits(FULL)
        .drill(Id::Node, "node", "node_name")
}

fn traffic() -> Panel {
    let bytes = |way: &str| {
        let text = rate(&format!("node_network_{way}_bytes_total{{{DEVICES}}}"));
        leaders(3, &["node_name"], &on_nodes(&format!("sum by (instance) ({text})")))
    };
    Panel::lines(
        "Network",
        "Which nodes send and receive most? Sent is below the axis.",
        Unit::BytesPerSecond,
    )
    .both_ways("{{node_name}}", [("receive", "received"), ("transmit", "sent")], bytes)
    .drill(Id::Node, "node", "node_name")
}

fn table() -> Panel {
    let by_name = |text: &str| format!("max by (node_name) ({text})");
    let ten = format!("topk(10, {})", by_name(&cpu()));
    let of_ten = |text: &str| format!("{} and on (node_name) {ten}", by_name(text));
    let disk = on_nodes(&format!("max by (instance) {}", used()));
    let columns = vec![
        Column::label("node_name", "Node").drill(Id::Node, "node"),
        Column::value('A', "CPU", Unit::Share, BUSY),
        Column::value('B', "Memory", Unit::Share, FULL),
        Column::value('C', "Fullest disk", Unit::Share, FULL),
        Column::value('D', "CPUs", Unit::Count, Limits::None).wide(60),
        Column::value('E', "Started", Unit::Age, Limits::None).wide(110),
    ];
    let cpus = on_nodes("count by (instance) (node_cpu_seconds_total{mode=\"idle\"})");
    Panel::table("The ten busiest", "What are the busiest nodes, and how full are they?", columns)
        .instant(ten.clone(), "")
        .instant(of_ten(&memory()), "")
        .instant(of_ten(&disk), "")
        .instant(of_ten(&cpus), "")
        .instant(of_ten(&on_nodes("node_boot_time_seconds * 1000")), "")
        .sorted("CPU", true)
}
