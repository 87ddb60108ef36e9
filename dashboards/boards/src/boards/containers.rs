//! Containers: which one is it, and what holds it back?

use crate::annotation::{ERRORS, Scope};
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::{Column, Panel, State};
use crate::query::{
    LINES_OF_SERVICES, LINES_ON_NODES, NO_DISK_USE, increase, laggards, leaders, leaders_with_any, max_by,
    min_by, of_tasks, on_agents, rate, sum_by,
};
use crate::style::{BUSY, Colour, FULL, Limits, Unit, WAITS};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Containers,
        question: "Which container is it, and what holds it back?",
        variables: vec![
            Variable::stack(),
            Variable::service(),
            Variable::task(),
            Variable::nodes("container-exporter"),
        ],
        scope: Scope::Service,
        kibana: false,
        panels: vec![
            cpu().sized(7, 12),
            memory().sized(7, 12),
            table().sized(10, 12),
            parts().sized(7, 10),
            traffic().sized(7, 10),
            lines().sized(10, 10),
        ],
        rows: vec![ends(), held_back(), grows()],
    }
}

fn by_name(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    Panel::lines(title, question, unit).range(leaders(6, &["name"], text), "{{name}}")
}

/// The same of what should not be at all.
fn of_some(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    Panel::lines(title, question, unit).range(leaders_with_any(6, &["name"], text), "{{name}}")
}

fn used() -> String {
    sum_by("name", &rate(&of_tasks("container_cpu_usage_seconds_total", "")))
}

fn cpu() -> Panel {
    by_name("CPU", "Which containers use the processors? 1 is one CPU.", Unit::Count, &used())
        .link(Id::Services)
}

fn working_set() -> String {
    of_tasks("container_memory_working_set_bytes", "")
}

fn memory() -> Panel {
    by_name("Memory", "Which containers use the memory?", Unit::Bytes, &sum_by("name", &working_set()))
        .link(Id::Services)
}

/// Of the memory limit, where there is one.
fn of_limit() -> String {
    format!("({} / ({} > 0))", working_set(), of_tasks("container_spec_memory_limit_bytes", ""))
}

fn table() -> Panel {
    let labels = "name, node_name";
    let ten = format!("topk(10, {})", sum_by(labels, &working_set()));
    let of_ten = |text: &str| format!("{} and on ({labels}) {ten}", sum_by(labels, text));
    let started = format!("({} * 1000)", of_tasks("container_start_time_seconds", ""));
    let columns = vec![
        Column::label("name", "Container"),
        Column::label("node_name", "Node").drill(Id::Node, "node").wide(96),
        Column::value('A', "Memory", Unit::Bytes, Limits::None),
        Column::value('B', "Of the limit", Unit::Share, FULL),
        Column::value('C', "CPUs", Unit::Count, Limits::None),
        Column::value('D', "Started", Unit::Age, Limits::None).wide(140),
    ];
    Panel::table("The ten largest", "Which containers are the largest, and where?", columns)
        .instant(ten.clone(), "")
        .instant(of_ten(&of_limit()), "")
        .instant(of_ten(&rate(&of_tasks("container_cpu_usage_seconds_total", ""))), "")
        // The latest of a place: added up, two of them would be a moment far ahead.
        .instant(format!("{} and on ({labels}) {ten}", max_by(labels, &started)), "")
        .sorted("Memory", true)
        .link(Id::Nodes)
}

fn parts() -> Panel {
    let part = |family: &str| format!("sum ({})", on_agents("container-exporter", &of_tasks(family, "")));
    Panel::lines("What the memory is", "Is it the programs' own, or cache that can be given up?", Unit::Bytes)
        .part("Programs", Colour::Used, part("container_memory_rss"))
        .part("Cache", Colour::Second, part("container_memory_cache"))
        .part("In use", Colour::Good, part("container_memory_working_set_bytes"))
        .part("All limits", Colour::Limit, part("container_spec_memory_limit_bytes"))
        .link(Id::Reservations)
}

fn in_and_out(
    title: &'static str,
    question: &'static str,
    unit: Unit,
    family: &str,
    ways: [(&str, &str); 2],
) -> Panel {
    let text =
        |way: &str| leaders(3, &["name"], &sum_by("name", &rate(&of_tasks(&family.replace("WAY", way), ""))));
    Panel::lines(title, question, unit).both_ways("{{name}}", ways, text)
}

const NETWORK: [(&str, &str); 2] = [("receive", "received"), ("transmit", "sent")];

fn traffic() -> Panel {
    let question = "Which containers send and receive most? Sent is below the axis.";
    in_and_out("Network", question, Unit::BytesPerSecond, "container_network_WAY_bytes_total", NETWORK)
        .link(Id::Network)
}

fn lines() -> Panel {
    // A task's name is its container's, and other containers have names of their own.
    let chosen = |what: &str| {
        format!(
            "(docker.{what}.keyword:/${{{what}:regex}}/ OR docker.container_name.keyword:/${{{what}:regex}}/)"
        )
    };
    let (stack, task) = (chosen("stack"), chosen("task"));
    let search = format!("{ERRORS} AND {stack} AND {LINES_OF_SERVICES} AND {task} AND {LINES_ON_NODES}");
    Panel::logs("Latest errors", "What do they complain of?", search).empty_means("No errors").link(Id::Logs)
}

/// Page faults that read from a disk.
const MAJOR: &str = "failure_type=\"pgmajfault\",scope=\"container\",";

/// What an engine says of a container.
const STATES: &[State] = &[("0", "not healthy", Colour::Bad), ("1", "healthy", Colour::Good)];

fn ends() -> Row {
    let count = |family: &str| sum_by("name", &increase(&of_tasks(family, "")));
    let health = min_by("name", &format!("({} >= 0)", of_tasks("container_health_state", "")));
    let age = min_by("name", &of_tasks("container_uptime_seconds", ""));
    let state =
        format!("count by (state) ({})", on_agents("container-exporter", &of_tasks("container_state", "")));
    let codes = max_by("name", &format!("({} > 0)", of_tasks("container_exit_code", "")));
    Row {
        question: "Do containers start anew, run out of memory or fail their health check?",
        panels: vec![
            of_some(
                "Restarted by the engine",
                "Which containers start anew? A Swarm makes new ones instead.",
                Unit::Count,
                &count("container_restarts_total"),
            )
            .empty_means("The engines have restarted no container; a Swarm makes new ones instead"),
            of_some(
                "Killed for memory",
                "Which containers reach their limit?",
                Unit::Count,
                &count("container_oom_events_total"),
            )
            .empty_means("None that is still there; the board services counts those that are gone"),
            Panel::timeline("Health", "Which containers fail their health check?", STATES)
                .range(laggards(6, &["name"], &health), "{{name}}")
                .empty_means("No container has a health check"),
            Panel::lines("Youngest", "Which containers are new?", Unit::Seconds)
                .range(laggards(6, &["name"], &age), "{{name}}"),
            Panel::lines("By state", "How many run, and how many do not?", Unit::Count)
                .range(leaders(6, &["state"], &state), "{{state}}"),
            Panel::bars(
                "Ended with an error",
                "Which containers that are still there have failed, and with which exit code?",
                Unit::Count,
            )
            .instant(format!("topk(6, {codes})"), "{{name}}")
            .limits(Limits::Wrong(1.0))
            .empty_means("No container that is still there has failed"),
        ],
    }
}

fn held_back() -> Row {
    let periods = |what: &str| rate(&of_tasks(&format!("container_cpu_cfs_{what}periods_total"), ""));
    let throttled = max_by("name", &format!("({} / ({} > 0))", periods("throttled_"), periods("")));
    let pressure = |what: &str| {
        max_by("name", &rate(&of_tasks(&format!("container_pressure_{what}_waiting_seconds_total"), "")))
    };
    let disk = [("reads", "read"), ("writes", "written")];
    Row {
        question: "What holds them back: limits, processors, memory or disks?",
        panels: vec![
            by_name(
                "Held back by the CPU limit",
                "Which containers are throttled, and how often?",
                Unit::Share,
                &throttled,
            )
            .limits(BUSY)
            .empty_means("No container has a CPU limit"),
            by_name(
                "Of the memory limit",
                "Which containers will be killed next?",
                Unit::Share,
                &max_by("name", &of_limit()),
            )
            .limits(FULL)
            .empty_means("No container has a memory limit"),
            in_and_out(
                "Disk",
                "Which containers read and write most? Written is below the axis.",
                Unit::BytesPerSecond,
                "container_fs_WAY_bytes_total",
                disk,
            )
            .empty_means("The kernel does not count disk traffic by container"),
            by_name("Waiting for CPU", "Where do tasks wait for a processor?", Unit::Share, &pressure("cpu"))
                .limits(WAITS)
                .empty_means("These nodes do not measure pressure by container"),
            by_name(
                "Waiting for memory",
                "Where do tasks wait for memory?",
                Unit::Share,
                &pressure("memory"),
            )
            .limits(WAITS)
            .empty_means("These nodes do not measure pressure by container"),
            by_name("Waiting for disks", "Where do tasks wait for disks?", Unit::Share, &pressure("io"))
                .limits(WAITS)
                .empty_means("These nodes do not measure pressure by container"),
        ],
    }
}

fn grows() -> Row {
    let sum = |family: &str| sum_by("name", &of_tasks(family, ""));
    let way = |way: &str| rate(&of_tasks(&format!("container_network_{way}_packets_dropped_total"), ""));
    let dropped = sum_by("name", &format!("({} + {})", way("receive"), way("transmit")));
    Row {
        question: "Does something grow without end?",
        panels: vec![
            by_name(
                "Programs' own memory",
                "Whose memory only grows?",
                Unit::Bytes,
                &sum("container_memory_rss"),
            ),
            by_name("Cache", "Whose files fill the memory?", Unit::Bytes, &sum("container_memory_cache")),
            of_some("Swap", "Whose memory was moved to disk?", Unit::Bytes, &sum("container_memory_swap"))
                .empty_means("No container has memory on disk"),
            of_some(
                "Memory read from disk",
                "Who waits for memory that is on disk?",
                Unit::PerSecond,
                &sum_by("name", &rate(&of_tasks("container_memory_failures_total", MAJOR))),
            )
            .empty_means("No container had to wait for that"),
            by_name("Disk used", "Whose files only grow?", Unit::Bytes, &sum("container_fs_usage_bytes"))
                .empty_means(NO_DISK_USE),
            of_some("Packets dropped", "Whose packets are dropped?", Unit::Packets, &dropped)
                .empty_means("No packet of a container was dropped"),
        ],
    }
}
