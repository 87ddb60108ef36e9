//! Reservations: what is set aside, what is used, what is allowed, and what would be right?

use crate::annotation::Scope;
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::{Column, Panel};
use crate::query::{SERVICE, known, leaders, of_services, rate};
use crate::style::{BUSY, Colour, FULL, Limits, Unit};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Reservations,
        question: "What is reserved, used and allowed, and what should be reserved?",
        variables: vec![Variable::stack(), Variable::service()],
        scope: Scope::Service,
        kibana: false,
        panels: vec![
            memory().sized(8, 12),
            suggested().sized(16, 12),
            cpus().sized(6, 10),
            beyond().sized(6, 10),
            idle().sized(6, 10),
            without().sized(6, 10),
        ],
        rows: vec![nodes()],
    }
}

/// What all running tasks of the chosen services are given.
fn of_all(family: &str) -> String {
    let (each, tasks) = (known(family), known("swarm_cluster_service_running_tasks"));
    format!("sum ({each} * on ({SERVICE}) {tasks})")
}

fn memory() -> Panel {
    let used = of_services("container_memory_working_set_bytes", "");
    Panel::lines(
        "Memory of the Swarm",
        "Is there room for more reservations, and are they used?",
        Unit::Bytes,
    )
    .part("There is", Colour::Limit, "sum (swarm_cluster_node_memory_bytes)")
    .part("Limits", Colour::Warning, of_all("swarm_cluster_service_task_memory_limit_bytes"))
    .part("Reserved", Colour::Reserved, of_all("swarm_cluster_service_task_memory_reservation_bytes"))
    .part("Used", Colour::Used, format!("sum ({used})"))
    .link(Id::Swarm)
}

fn cpus() -> Panel {
    let used = rate(&of_services("container_cpu_usage_seconds_total", ""));
    Panel::lines("CPUs of the Swarm", "Is there room for more reservations, and are they used?", Unit::Count)
        .part("There are", Colour::Limit, "sum (swarm_cluster_node_cpus)")
        .part("Limits", Colour::Warning, of_all("swarm_cluster_service_task_cpu_limit"))
        .part("Reserved", Colour::Reserved, of_all("swarm_cluster_service_task_cpu_reservation"))
        .part("Used", Colour::Used, format!("sum ({used})"))
        .link(Id::Swarm)
}

/// The largest task of each service.
fn largest(text: &str) -> String {
    format!("max by ({SERVICE}) ({text})")
}

fn working_set() -> String {
    of_services("container_memory_working_set_bytes", "")
}

fn reserved() -> String {
    largest(&known("swarm_cluster_service_task_memory_reservation_bytes"))
}

/// The most that a task had, over the range.
fn peak() -> String {
    largest(&format!("max_over_time({}[$__range])", working_set()))
}

fn suggested() -> Panel {
    let ten = format!("topk(10, {})", peak());
    let of_ten = |text: &str| format!("{text} and on ({SERVICE}) {ten}");
    let usual = largest(&format!("quantile_over_time(0.99, {}[$__range])", working_set()));
    let limit = largest(&known("swarm_cluster_service_task_memory_limit_bytes"));
    let columns = vec![
        Column::label(SERVICE, "Service").drill(Id::Services, "service"),
        Column::value('A', "Peak", Unit::Bytes, Limits::None),
        Column::value('B', "Used now", Unit::Bytes, Limits::None),
        Column::value('C', "Reserved", Unit::Bytes, Limits::None),
        Column::value('D', "Limit", Unit::Bytes, Limits::None),
        Column::value('E', "--reserve-memory", Unit::Bytes, Limits::None).wide(140),
    ];
    Panel::table(
        "Memory of one task",
        "What should each service reserve? The suggestion is what its largest task stayed under in 99 of 100 moments of the range, and a fifth more, in steps of 16 MiB. Choose a range that holds a busy day.",
        columns,
    )
    .instant(ten.clone(), "")
    .instant(of_ten(&largest(&working_set())), "")
    .instant(of_ten(&reserved()), "")
    .instant(of_ten(&limit), "")
    .instant(of_ten(&format!("ceil({usual} * 1.2 / 16777216) * 16777216")), "")
    .sorted("Peak", true)
    .link(Id::Services)
}

fn by_service(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    Panel::bars(title, question, unit)
        .instant(format!("topk(6, {text})"), format!("{{{{{SERVICE}}}}}"))
        .drill(Id::Services, "service", SERVICE)
}

fn beyond() -> Panel {
    let text = format!("{} / on ({SERVICE}) {}", peak(), reserved());
    by_service(
        "Of the reservation",
        "Which services need more than they have reserved? Their peak, of what is reserved.",
        Unit::Share,
        &text,
    )
    .limits(Limits::Above(1.0, 1.5))
    .open()
    .empty_means("No service has a reservation")
}

fn idle() -> Panel {
    let text = format!("({} - on ({SERVICE}) {}) > 0", reserved(), peak());
    by_service("Reserved in vain", "Which services reserve memory that they never used?", Unit::Bytes, &text)
        .empty_means("All that is reserved was used")
}

fn without() -> Panel {
    let text = format!("{} unless on ({SERVICE}) {}", peak(), reserved());
    by_service(
        "Without reservation",
        "Which services use memory that is not set aside for them?",
        Unit::Bytes,
        &text,
    )
    .empty_means("Every service has a reservation")
}

fn nodes() -> Row {
    // Tasks by service and instance, each with what its service reserves.
    let promised = |family: &str| {
        let tasks = format!("count by (instance, {SERVICE}) ({})", of_services("container_last_seen", ""));
        format!("sum by (instance) ({tasks} * on ({SERVICE}) group_left () {})", largest(&known(family)))
    };
    let on_nodes = |text: &str| {
        let named = "max by (instance, node_name) (swarmscope_agent_info{agent=\"container-exporter\"})";
        format!("{text} * on (instance) group_left (node_name) {named}")
    };
    let by_node = |text: &str| leaders(6, &["node_name"], &on_nodes(text));
    let line = |title: &'static str, question: &'static str, text: &str| {
        Panel::lines(title, question, Unit::Share).range(by_node(text), "{{node_name}}").drill(
            Id::Node,
            "node",
            "node_name",
        )
    };
    let quota = format!(
        "({} / {})",
        of_services("container_spec_cpu_quota", ""),
        of_services("container_spec_cpu_period", "")
    );
    let limits = of_services("container_spec_memory_limit_bytes", "");
    Row {
        question: "Which nodes have promised more than they have?",
        panels: vec![
            line(
                "Memory reserved",
                "How much of each node's memory is set aside?",
                &format!(
                    "({} / on (instance) machine_memory_bytes)",
                    promised("swarm_cluster_service_task_memory_reservation_bytes")
                ),
            )
            .limits(FULL),
            line(
                "CPUs reserved",
                "How much of each node's processors is set aside?",
                &format!(
                    "({} / on (instance) machine_cpu_cores)",
                    promised("swarm_cluster_service_task_cpu_reservation")
                ),
            )
            .limits(BUSY),
            line(
                "Memory used by services",
                "How much of each node's memory do services use?",
                &format!("(sum by (instance) ({}) / on (instance) machine_memory_bytes)", working_set()),
            )
            .limits(FULL),
            line(
                "Memory limits",
                "Could all services at their limits fill a node?",
                &format!("(sum by (instance) ({limits}) / on (instance) machine_memory_bytes)"),
            )
            .open()
            .limits(Limits::Above(1.0, 2.0)),
            line(
                "CPU limits",
                "Could all services at their limits fill a node?",
                &format!("(sum by (instance) ({quota}) / on (instance) machine_cpu_cores)"),
            )
            .open()
            .limits(Limits::Above(1.0, 4.0)),
            line(
                "CPUs used by services",
                "How much of each node's processors do services use?",
                &format!(
                    "(sum by (instance) ({}) / on (instance) machine_cpu_cores)",
                    rate(&of_services("container_cpu_usage_seconds_total", ""))
                ),
            )
            .limits(BUSY),
        ],
    }
}
