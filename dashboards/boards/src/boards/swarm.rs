//! Swarm: do all nodes and tasks stand as the managers want them?

use crate::annotation::Scope;
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::{Column, Panel, State, Word};
use crate::query::{SERVICE, STACK, increase, known, laggards, leaders, leaders_with_any, rate};
use crate::style::{Colour, Limits, NONE_WANTED, Unit};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Swarm,
        question: "Are all nodes and tasks as the managers want them?",
        variables: vec![Variable::known_stack(), Variable::known_service()],
        scope: Scope::Service,
        kibana: false,
        panels: vec![
            now().sized(24, 4),
            nodes().sized(8, 8),
            short().sized(8, 8),
            updates().sized(8, 8),
            tasks().sized(12, 12),
            ended().sized(12, 12),
        ],
        rows: vec![managers(), stacks()],
    }
}

/// Whether the managers reach a node.
const NODES: &[State] = &[("0", "lost", Colour::Bad), ("1", "ready", Colour::Good)];
/// Whether a service has its tasks.
const TASKS: &[State] = &[("0", "all tasks run", Colour::Good), ("1", "tasks are missing", Colour::Bad)];

fn now() -> Panel {
    let nodes = |matchers: &str| format!("count(swarm_cluster_node_info{{{matchers}}}) or vector(0)");
    let lacking = format!(
        "count({} > {}) or vector(0)",
        known("swarm_cluster_service_desired_tasks"),
        known("swarm_cluster_service_running_tasks")
    );
    Panel::stat("Now", "Is the Swarm whole?", Unit::Count)
        .instant(nodes("state=\"ready\""), "Nodes ready")
        .its_limits(Limits::None)
        .instant(nodes("state!=\"ready\""), "Nodes lost")
        .its_limits(NONE_WANTED)
        .instant(nodes("availability!=\"active\""), "Nodes that take no tasks")
        .its_limits(Limits::Notable(1.0))
        .instant("count(swarm_cluster_manager_reachable == 0) or vector(0)", "Managers lost")
        .its_limits(NONE_WANTED)
        .instant(lacking, "Services short of tasks")
        .its_limits(NONE_WANTED)
        .instant(format!("count({}) or vector(0)", known("swarm_cluster_service_info")), "Services")
        .its_limits(Limits::None)
        .link(Id::Home)
}

fn nodes() -> Panel {
    let ready = "max by (node_name) (swarm_cluster_node_info{state=\"ready\"}) or 0 * max by (node_name) (swarm_cluster_node_info)";
    Panel::timeline("Nodes", "Which nodes were lost, and when? The six that were lost the longest.", NODES)
        .range(laggards(6, &["node_name"], ready), "{{node_name}}")
        .drill(Id::Node, "node", "node_name")
}

fn lacking() -> String {
    format!(
        "({} > bool {})",
        known("swarm_cluster_service_desired_tasks"),
        known("swarm_cluster_service_running_tasks")
    )
}

fn short() -> Panel {
    Panel::timeline(
        "Services",
        "Which services lack tasks, and since when? The six that lacked some the longest.",
        TASKS,
    )
    .range(leaders(6, &[SERVICE], &lacking()), format!("{{{{{SERVICE}}}}}"))
    .drill(Id::Services, "service", SERVICE)
}

fn tasks() -> Panel {
    let missing = format!(
        "({} - {})",
        known("swarm_cluster_service_desired_tasks"),
        known("swarm_cluster_service_running_tasks")
    );
    let ten = format!("topk(10, max by ({SERVICE}) ({missing}))");
    let of_ten = |family: &str| format!("max by ({SERVICE}) ({}) and on ({SERVICE}) {ten}", known(family));
    let columns = vec![
        Column::label(SERVICE, "Service").drill(Id::Services, "service"),
        Column::value('A', "Missing", Unit::Count, NONE_WANTED),
        Column::value('B', "Running", Unit::Count, Limits::None),
        Column::value('C', "Wanted", Unit::Count, Limits::None),
    ];
    Panel::table("Tasks", "Which services lack how many tasks? The ten that lack most.", columns)
        .instant(ten.clone(), "")
        .instant(of_ten("swarm_cluster_service_running_tasks"), "")
        .instant(of_ten("swarm_cluster_service_desired_tasks"), "")
        .sorted("Missing", true)
        .link(Id::Services)
}

fn of(family: &str, more: &str) -> String {
    format!("{family}{{{more}{STACK}=~\"$stack\",{SERVICE}=~\"$service\"}}")
}

fn ended() -> Panel {
    let text = format!(
        "sum by ({SERVICE}, exit_code) ({})",
        increase(&of("container_service_task_exits_total", ""))
    );
    Panel::lines("Tasks that ended", "Which services lose tasks, and how do those end?", Unit::Count)
        .range(
            leaders_with_any(6, &[SERVICE, "exit_code"], &text),
            format!("{{{{{SERVICE}}}}}: exit code {{{{exit_code}}}}"),
        )
        .empty_means("No task has ended")
        .drill(Id::Services, "service", SERVICE)
}

/// What the managers say of an update.
const OUTCOMES: &[Word] = &[
    ("completed", Colour::Good),
    ("updating", Colour::Neutral),
    ("paused", Colour::Bad),
    ("rollback_started", Colour::Warning),
    ("rollback_paused", Colour::Bad),
    ("rollback_completed", Colour::Warning),
];

fn updates() -> Panel {
    let labels = format!("{SERVICE}, state");
    let began = format!(
        "topk(10, max by ({labels}) ({} * on ({SERVICE}) group_left (state) {})) * 1000",
        known("swarm_cluster_service_update_start_time_seconds"),
        known("swarm_cluster_service_update_state")
    );
    let columns = vec![
        Column::label(SERVICE, "Service").drill(Id::Services, "service"),
        Column::label("state", "Outcome").words(OUTCOMES),
        Column::value('A', "Began", Unit::Age, Limits::None).wide(150),
    ];
    Panel::table("Updates", "What was deployed last, and did it go well? The ten latest.", columns)
        .instant(began, "")
        .empty_means("No service was updated yet")
        .sorted("Began", true)
        .link(Id::Services)
}

/// Whether a node takes tasks.
const AVAILABILITIES: &[Word] =
    &[("active", Colour::Good), ("pause", Colour::Warning), ("drain", Colour::Warning)];
/// What the managers say of a node.
const NODE_STATES: &[Word] = &[
    ("ready", Colour::Good),
    ("down", Colour::Bad),
    ("disconnected", Colour::Bad),
    ("unknown", Colour::Bad),
];

fn managers() -> Row {
    let columns = vec![
        Column::label("node_name", "Node").drill(Id::Node, "node"),
        Column::label("role", "Role").wide(76),
        Column::label("availability", "Availability").words(AVAILABILITIES).wide(104),
        Column::label("state", "State").words(NODE_STATES).wide(70),
        Column::label("engine_version", "Engine").wide(118),
        Column::label("address", "Address").wide(110),
    ];
    let table = "bottomk(10, max by (node_name, role, availability, state, engine_version, address) (swarm_cluster_node_info) * on (node_name) group_left () max by (node_name) (swarm_cluster_node_info{state=\"ready\"} * 2 or swarm_cluster_node_info))";
    Row {
        question: "What do the managers know of the nodes?",
        panels: vec![
            Panel::timeline(
                "Managers reached",
                "Which managers does the leader reach? The six that were lost the longest.",
                NODES,
            )
            .range(
                laggards(6, &["node_name"], "max by (node_name) (swarm_cluster_manager_reachable)"),
                "{{node_name}}",
            )
            .drill(Id::Node, "node", "node_name"),
            Panel::timeline("Leader", "Which manager leads, and did that change?", LEADERS)
                .range(
                    leaders(6, &["node_name"], "max by (node_name) (swarm_cluster_manager_leader)"),
                    "{{node_name}}",
                )
                .drill(Id::Node, "node", "node_name"),
            Panel::table("Nodes", "What is each node? Lost ones first, ten at most.", columns)
                .instant(table, "")
                .sized(8, 8),
            Panel::lines("CPUs of the nodes", "Which nodes are the largest?", Unit::Count).range(
                leaders(6, &["node_name"], "max by (node_name) (swarm_cluster_node_cpus)"),
                "{{node_name}}",
            ),
            Panel::lines("Memory of the nodes", "Which nodes are the largest?", Unit::Bytes).range(
                leaders(6, &["node_name"], "max by (node_name) (swarm_cluster_node_memory_bytes)"),
                "{{node_name}}",
            ),
            Panel::lines("Failed questions", "Do the managers answer the cluster view?", Unit::PerSecond)
                .range(
                    leaders_with_any(
                        6,
                        &["request"],
                        &format!("sum by (request) ({})", rate("swarm_cluster_request_errors_total")),
                    ),
                    "{{request}}",
                )
                .empty_means("The managers answer every question"),
        ],
    }
}

/// Whether a manager leads.
const LEADERS: &[State] = &[("0", "follows", Colour::Faint), ("1", "leads", Colour::Good)];

fn stacks() -> Row {
    let by_stack = |family: &str| format!("sum by ({STACK}) ({})", known(family));
    let legend = format!("{{{{{STACK}}}}}");
    let oom = format!("sum by ({SERVICE}) ({})", increase(&of("container_service_oom_events_total", "")));
    let lost = format!(
        "max by ({SERVICE}) ({} - {})",
        known("swarm_cluster_service_desired_tasks"),
        known("swarm_cluster_service_running_tasks")
    );
    Row {
        question: "How did stacks and services change?",
        panels: vec![
            Panel::lines(
                "Running tasks by stack",
                "Which stacks are large, and do they shrink?",
                Unit::Count,
            )
            .range(leaders(6, &[STACK], &by_stack("swarm_cluster_service_running_tasks")), &legend),
            Panel::lines("Wanted tasks by stack", "Was something scaled?", Unit::Count)
                .range(leaders(6, &[STACK], &by_stack("swarm_cluster_service_desired_tasks")), &legend),
            Panel::lines("Missing tasks", "Which services lack tasks, and how many?", Unit::Count)
                .range(leaders_with_any(6, &[SERVICE], &lost), format!("{{{{{SERVICE}}}}}"))
                .empty_means("No service lacked a task")
                .drill(Id::Services, "service", SERVICE),
            Panel::lines("Killed for memory", "Which services reach their limit?", Unit::Count)
                .range(leaders_with_any(6, &[SERVICE], &oom), format!("{{{{{SERVICE}}}}}"))
                .empty_means("No task was killed for memory")
                .drill(Id::Services, "service", SERVICE),
        ],
    }
}
