//! Home: is anything wrong, and where? One screen.

use crate::annotation::{Scope, since};
use crate::board::Board;
use crate::link::Id;
use crate::panel::{Column, Panel, Word};
use crate::query::{DISKS, ERROR_LEVELS, laggards, leaders, named, on_all_nodes, rate};
use crate::style::{Colour, FULL, Limits, NONE_WANTED, Unit};

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Home,
        question: "Is anything wrong in the Swarm, and where?",
        variables: Vec::new(),
        scope: Scope::Swarm,
        kibana: false,
        panels: vec![now(), alerts(), errors(), cpu(), memory(), disks()],
        rows: Vec::new(),
    }
}

fn now() -> Panel {
    let known = "max by (node_id) (swarm_cluster_node_info)";
    let reporting = "max by (node_id) (node_meta)";
    let short = "swarm_cluster_service_desired_tasks - swarm_cluster_service_running_tasks > 0";
    Panel::stat("Now", "Is anything wrong right now? Green is well, red is not.", Unit::Count)
        .instant(format!("count({reporting}) or vector(0)"), "Nodes reporting")
        .its_limits(Limits::None)
        .instant(
            format!(
                "count(({known} or max by (node_id) (max_over_time(node_meta[1h]))) unless on (node_id) {reporting} or max by (node_id) (swarm_cluster_node_info{{state!=\"ready\"}})) or vector(0)"
            ),
            "Nodes missing",
        )
        .its_limits(NONE_WANTED)
        .instant(format!("count({short}) or vector(0)"), "Services short of tasks")
        .its_limits(NONE_WANTED)
        .instant("count(up == 0) or vector(0)", "Targets down")
        .its_limits(NONE_WANTED)
        .instant(
            "count(ALERTS{alertstate=\"firing\",severity!~\"none|info\"}) or vector(0)",
            "Alerts firing",
        )
        .its_limits(NONE_WANTED)
        .instant(
            format!("60 * sum({}) or vector(0)", rate(&format!("log_messages_total{{{ERROR_LEVELS}}}"))),
            "Errors a minute",
        )
        .its_limits(Limits::Notable(1.0))
        .link(Id::Swarm)
        .sized(24, 4)
}

const SEVERITIES: &[Word] = &[("critical", Colour::Bad), ("warning", Colour::Warning)];

fn alerts() -> Panel {
    let since = since("alertname, severity, node_name, service, instance", "");
    let columns = vec![
        Column::label("severity", "Severity").words(SEVERITIES).wide(80),
        Column::label("alertname", "Alert").wide(270),
        Column::label("node_name", "Node").drill(Id::Node, "node").wide(100),
        Column::label("service", "Service").drill(Id::Services, "service"),
        Column::label("instance", "Instance").wide(135),
        Column::value('A', "Since", Unit::Age, Limits::None).wide(140),
    ];
    Panel::table("Firing alerts", "What is wrong, where, and since when? The ten newest.", columns)
        .instant(format!("topk(10, {since})"), "")
        .empty_means("No alert fires")
        .sorted("Severity", false)
        .link(Id::Agents)
        .sized(12, 12)
}

fn errors() -> Panel {
    let text = rate(&format!("log_messages_total{{{ERROR_LEVELS}}}"));
    let text = named(&format!("60 * sum by (service) ({text})"));
    Panel::lines("Errors in logs", "Which services complain most?", Unit::PerMinute)
        .range(leaders(6, &["service"], &text), "{{service}}")
        .empty_means("No service has logged an error")
        .drill(Id::Services, "service", "service")
        .sized(12, 12)
}

fn cpu() -> Panel {
    let idle = rate("node_cpu_seconds_total{mode=~\"idle|iowait|steal\"}");
    let text = on_all_nodes(&format!("(1 - avg by (instance) (sum by (instance, cpu) ({idle})))"));
    Panel::lines("Busiest nodes", "Where are the processors busy?", Unit::Share)
        .range(leaders(6, &["node_name"], &text), "{{node_name}}")
        .drill(Id::Node, "node", "node_name")
        .sized(8, 8)
}

fn memory() -> Panel {
    let text = on_all_nodes("(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)");
    Panel::lines("Least memory available", "Where does memory run out?", Unit::Share)
        .range(laggards(6, &["node_name"], &text), "{{node_name}}")
        .drill(Id::Node, "node", "node_name")
        .sized(8, 8)
}

fn disks() -> Panel {
    let free = format!("node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}}");
    let used = format!(
        "max by (instance, device) ((1 - {free}) and on (instance, device, mountpoint) node_filesystem_readonly{{{DISKS}}} == 0)"
    );
    Panel::bars("Fullest file systems", "Which disk is full first?", Unit::Share)
        .instant(format!("topk(6, {})", on_all_nodes(&used)), "{{node_name}} {{device}}")
        .limits(FULL)
        .drill(Id::Node, "node", "node_name")
        .sized(8, 8)
}
