//! Services: which one is in trouble, and why?

use crate::annotation::{ERRORS, Scope};
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::{Column, Panel, State};
use crate::query::{
    ERROR_LEVELS, LINES_OF_SERVICES, LINES_ON_NODES, NO_DISK_USE, SERVICE, increase, known, laggards,
    leaders, leaders_with_any, max_by, min_by, named, of_services, on_agents, rate, sum_by,
};
use crate::style::{BUSY, Colour, FULL, Limits, Unit, WAITS};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Services,
        question: "Which service is in trouble, and why?",
        variables: vec![Variable::stack(), Variable::service(), Variable::nodes("container-exporter")],
        scope: Scope::Service,
        kibana: true,
        panels: vec![cpu(), memory(), tasks(), of_limit(), errors(), lines()],
        rows: vec![ends(), held_back(), traffic()],
    }
}

/// Whether a service has its tasks.
const STATES: &[State] = &[("0", "all tasks run", Colour::Good), ("1", "tasks are missing", Colour::Bad)];

fn by_service(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    Panel::lines(title, question, unit)
        .range(leaders(6, &[SERVICE], text), format!("{{{{{SERVICE}}}}}"))
        .drill(Id::Containers, "service", SERVICE)
}

/// The same of what should not be at all.
fn of_some(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    Panel::lines(title, question, unit)
        .range(leaders_with_any(6, &[SERVICE], text), format!("{{{{{SERVICE}}}}}"))
        .drill(Id::Containers, "service", SERVICE)
}

fn cpu() -> Panel {
    let text = sum_by(SERVICE, &rate(&of_services("container_cpu_usage_seconds_total", "")));
    by_service("CPU", "Which services use the processors? 1 is one CPU.", Unit::Count, &text)
}

fn memory() -> Panel {
    let text = sum_by(SERVICE, &of_services("container_memory_working_set_bytes", ""));
    by_service("Memory", "Which services use the memory?", Unit::Bytes, &text)
}

fn tasks() -> Panel {
    let short = format!(
        "({} > bool {})",
        known("swarm_cluster_service_desired_tasks"),
        known("swarm_cluster_service_running_tasks")
    );
    // Those that lack tasks the longest come first; the managers do not tell of nodes.
    Panel::timeline(
        "Tasks",
        "Which services lack tasks, and since when? The six that lacked some the longest.",
        STATES,
    )
    .range(leaders(6, &[SERVICE], &short), format!("{{{{{SERVICE}}}}}"))
    .link(Id::Swarm)
}

fn of_limit() -> Panel {
    let used = of_services("container_memory_working_set_bytes", "");
    let limit = of_services("container_spec_memory_limit_bytes", "");
    let text = max_by(SERVICE, &format!("({used} / ({limit} > 0))"));
    Panel::bars("Nearest to the memory limit", "Which services will be killed next?", Unit::Share)
        .instant(format!("topk(6, {text})"), format!("{{{{{SERVICE}}}}}"))
        .limits(FULL)
        .empty_means("No service has a limit")
        .drill(Id::Containers, "service", SERVICE)
}

fn errors() -> Panel {
    let family = format!("log_messages_total{{{ERROR_LEVELS},service=~\"$service\"}}");
    let text = named(&format!("60 * sum by (service) ({})", on_agents("log-router", &rate(&family))));
    Panel::lines("Errors in logs", "Which services complain most?", Unit::PerMinute)
        .range(leaders(6, &["service"], &text), "{{service}}")
        .empty_means("No service has logged an error")
        .drill(Id::Logs, "service", "service")
}

fn lines() -> Panel {
    let search = format!("{ERRORS} AND {LINES_OF_SERVICES} AND {LINES_ON_NODES}");
    Panel::logs("Latest errors", "What do they complain of?", search)
        .empty_means("No errors")
        .link(Id::Logs)
        .kibana()
}

fn ends() -> Row {
    let count = |family: &str| increase(&of_services(family, ""));
    let ended = sum_by(&format!("{SERVICE}, exit_code"), &count("container_service_task_exits_total"));
    let state = |family: &str| max_by(SERVICE, &of_services(family, ""));
    let youngest = min_by(SERVICE, &of_services("container_uptime_seconds", ""));
    Row {
        question: "Do tasks end, run out of memory or fail their health check?",
        panels: vec![
            Panel::lines("Tasks that ended", "Which services lose tasks, and how do those end?", Unit::Count)
                .range(
                    leaders_with_any(6, &[SERVICE, "exit_code"], &ended),
                    format!("{{{{{SERVICE}}}}}: exit code {{{{exit_code}}}}"),
                )
                .empty_means("No task has ended")
                .drill(Id::Containers, "service", SERVICE),
            of_some(
                "Killed for memory",
                "Which services reach their limit?",
                Unit::Count,
                &sum_by(SERVICE, &count("container_service_oom_events_total")),
            )
            .empty_means("No task was killed for memory"),
            Panel::timeline("Health", "Which services fail their health check?", HEALTH)
                .range(
                    laggards(
                        6,
                        &[SERVICE],
                        &min_by(SERVICE, &format!("({} >= 0)", of_services("container_health_state", ""))),
                    ),
                    format!("{{{{{SERVICE}}}}}"),
                )
                .empty_means("No service has a health check"),
            Panel::lines("Youngest tasks", "Which services start anew again and again?", Unit::Seconds)
                .range(laggards(6, &[SERVICE], &youngest), format!("{{{{{SERVICE}}}}}"))
                .drill(Id::Containers, "service", SERVICE),
            of_some(
                "Memory read from disk",
                "Which services wait for memory that is on disk?",
                Unit::PerSecond,
                &sum_by(SERVICE, &rate(&of_services("container_memory_failures_total", MAJOR))),
            )
            .empty_means("No service had to wait for that"),
            by_service(
                "Disk used",
                "Which services fill the disk with files of their own?",
                Unit::Bytes,
                &state("container_fs_usage_bytes"),
            )
            .empty_means(NO_DISK_USE),
        ],
    }
}

/// Page faults that read from a disk.
const MAJOR: &str = "failure_type=\"pgmajfault\",scope=\"container\",";

/// What a health check says.
const HEALTH: &[State] = &[("0", "not healthy", Colour::Bad), ("1", "healthy", Colour::Good)];

fn held_back() -> Row {
    let periods = |what: &str| rate(&of_services(&format!("container_cpu_cfs_{what}periods_total"), ""));
    let throttled = max_by(SERVICE, &format!("({} / ({} > 0))", periods("throttled_"), periods("")));
    let pressure = |what: &str| {
        max_by(SERVICE, &rate(&of_services(&format!("container_pressure_{what}_waiting_seconds_total"), "")))
    };
    let limited = max_by(
        SERVICE,
        &format!(
            "({} / on (instance, id) group_left () ({} / {}))",
            rate(&of_services("container_cpu_usage_seconds_total", "")),
            of_services("container_spec_cpu_quota", ""),
            of_services("container_spec_cpu_period", "")
        ),
    );
    Row {
        question: "Are services held back by limits, processors or disks?",
        panels: vec![
            by_service(
                "Held back by the CPU limit",
                "Which services are throttled, and how often?",
                Unit::Share,
                &throttled,
            )
            .limits(BUSY)
            .empty_means("No service has a CPU limit"),
            by_service("Of the CPU limit", "Which services use what they may?", Unit::Share, &limited)
                .open()
                .limits(BUSY)
                .empty_means("No service has a CPU limit"),
            by_service(
                "Kernel's work",
                "Which services keep the kernel busy? 1 is one CPU.",
                Unit::Count,
                &sum_by(SERVICE, &rate(&of_services("container_cpu_system_seconds_total", ""))),
            ),
            by_service(
                "Waiting for CPU",
                "Where do tasks wait for a processor?",
                Unit::Share,
                &pressure("cpu"),
            )
            .limits(WAITS)
            .empty_means("These nodes do not measure pressure by container"),
            by_service(
                "Waiting for memory",
                "Where do tasks wait for memory?",
                Unit::Share,
                &pressure("memory"),
            )
            .limits(WAITS)
            .empty_means("These nodes do not measure pressure by container"),
            by_service("Waiting for disks", "Where do tasks wait for disks?", Unit::Share, &pressure("io"))
                .limits(WAITS)
                .empty_means("These nodes do not measure pressure by container"),
        ],
    }
}

fn in_and_out(
    title: &'static str,
    question: &'static str,
    unit: Unit,
    family: &str,
    ways: [(&str, &str); 2],
) -> Panel {
    let text = |way: &str| {
        leaders(3, &[SERVICE], &sum_by(SERVICE, &rate(&of_services(&family.replace("WAY", way), ""))))
    };
    Panel::lines(title, question, unit).both_ways(&format!("{{{{{SERVICE}}}}}"), ways, text).drill(
        Id::Network,
        "service",
        SERVICE,
    )
}

fn traffic() -> Row {
    let network = [("receive", "received"), ("transmit", "sent")];
    let way = |way: &str| rate(&of_services(&format!("container_network_{way}_packets_dropped_total"), ""));
    let dropped = sum_by(SERVICE, &format!("({} + {})", way("receive"), way("transmit")));
    Row {
        question: "What do services send, receive, read and write?",
        panels: vec![
            in_and_out("Network", "Which services send and receive most? Sent is below the axis.", Unit::BytesPerSecond, "container_network_WAY_bytes_total", network),
            of_some("Packets dropped", "Whose packets are dropped?", Unit::Packets, &dropped)
                .empty_means("No packet of a service was dropped"),
            in_and_out("Disk", "Which services read and write most? Written is below the axis.", Unit::BytesPerSecond, "container_fs_WAY_bytes_total", [("reads", "read"), ("writes", "written")])
                .empty_means("The kernel does not count disk traffic by container"),
            Panel::table(
                "Images",
                "Which image does each service run? The ten with the most tasks.",
                vec![
                    Column::label(SERVICE, "Service").drill(Id::Containers, "service").wide(400),
                    Column::label("image", "Image"),
                    Column::label("mode", "Mode").wide(150),
                    Column::value('A', "Tasks", Unit::Count, Limits::None),
                ],
            )
            .instant(
                format!(
                    "topk(10, sum by ({SERVICE}, image, mode) ({} * on ({SERVICE}) group_left (image, mode) {}))",
                    known("swarm_cluster_service_running_tasks"),
                    known("swarm_cluster_service_info")
                ),
                "",
            )
            .sorted("Tasks", true)
            .link(Id::Swarm)
            .sized(24, 12),
        ],
    }
}
