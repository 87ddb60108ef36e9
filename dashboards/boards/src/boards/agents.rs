//! Agents: can what the other boards show be trusted?

use crate::annotation::Scope;
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::{Column, Panel, State};
use crate::query::{increase, laggards, leaders, leaders_with_any, rate};
use crate::style::{Colour, Limits, Unit};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Agents,
        question: "Can the other boards be trusted: are Prometheus and the agents well?",
        variables: vec![Variable::nodes("node-exporter")],
        scope: Scope::Node,
        kibana: false,
        panels: vec![targets(), slow(), versions(), cpu(), memory(), series()],
        rows: vec![prometheus(), sight()],
    }
}

/// Whether a target answers.
const UP: &[State] = &[("0", "does not answer", Colour::Bad), ("1", "answers", Colour::Good)];
/// Whether something works.
const WORKS: &[State] = &[("0", "fails", Colour::Bad), ("1", "works", Colour::Good)];

/// What a collector of node-exporter came to; a machine need not have what it is about.
const COLLECTORS: &[State] =
    &[("0", "fails", Colour::Bad), ("1", "works", Colour::Good), ("2", "nothing there", Colour::Faint)];

fn targets() -> Panel {
    Panel::timeline("Targets", "Which targets did not answer, and when? The six that did the least.", UP)
        .range(laggards(6, &["job", "instance"], "up"), "{{job}} {{instance}}")
        .link(Id::Home)
}

fn by_target(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    Panel::lines(title, question, unit)
        .range(leaders(6, &["job", "instance"], text), "{{job}} {{instance}}")
        .link(Id::Home)
}

fn slow() -> Panel {
    by_target(
        "Slowest scrapes",
        "Which targets take long to answer?",
        Unit::Seconds,
        "scrape_duration_seconds",
    )
}

fn series() -> Panel {
    by_target("Largest answers", "Which targets have the most series?", Unit::Count, "scrape_samples_scraped")
}

/// An agent's own figure, with its name and its node's.
fn of_agents(text: &str) -> String {
    format!(
        "{text} * on (instance) group_left (agent, node_name) max by (instance, agent, node_name) (swarmscope_agent_info{{node_name=~\"$node\"}})"
    )
}

fn by_agent(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    Panel::lines(title, question, unit)
        .range(leaders(6, &["agent", "node_name", "instance"], &of_agents(text)), "{{node_name}} {{agent}}")
        .drill(Id::Node, "node", "node_name")
}

fn cpu() -> Panel {
    by_agent(
        "CPU of agents",
        "What do agents cost? 1 is one CPU.",
        Unit::Count,
        &rate("process_cpu_seconds_total"),
    )
}

fn memory() -> Panel {
    by_agent("Memory of agents", "What do agents cost?", Unit::Bytes, "process_resident_memory_bytes")
}

fn versions() -> Panel {
    let columns = vec![
        Column::label("agent", "Agent"),
        Column::label("version", "Version"),
        Column::value('A', "Running", Unit::Count, Limits::None),
    ];
    let text = "count by (agent, version) (swarmscope_agent_info{node_name=~\"$node\"})";
    Panel::table("Versions", "Do all nodes run the same version?", columns)
        .instant(format!("topk(10, {text})"), "")
        .sorted("Agent", false)
        .link(Id::Nodes)
}

fn one(name: &str, colour: Colour, text: &str, panel: Panel) -> Panel {
    panel.part(name, colour, format!("sum ({text})"))
}

fn prometheus() -> Row {
    let lines = Panel::lines;
    // A group's name is its file's, a semicolon and its own.
    let groups = "label_replace(prometheus_rule_group_last_duration_seconds, \"rule_group\", \"$1\", \"rule_group\", \".*;(.+)\")";
    let slowest = leaders(6, &["rule_group"], &format!("max by (rule_group) ({groups})"));
    let wrong = lines("What goes wrong", "Does Prometheus fail at something?", Unit::PerSecond)
        .part("Rules", Colour::First, format!("sum ({})", rate("prometheus_rule_evaluation_failures_total")))
        .part(
            "Rounds of rules missed",
            Colour::Second,
            format!("sum ({})", rate("prometheus_rule_group_iterations_missed_total")),
        )
        .part(
            "Samples out of order",
            Colour::Third,
            format!("sum ({})", rate("prometheus_target_scrapes_sample_out_of_order_total")),
        )
        .part(
            "Compactions",
            Colour::Warning,
            format!("sum ({})", rate("prometheus_tsdb_compactions_failed_total")),
        )
        .part(
            "Look-ups of DNS",
            Colour::Bad,
            format!("sum ({})", rate("prometheus_sd_dns_lookup_failures_total")),
        );
    let alerts = lines("Alerts sent", "Do alerts reach an Alertmanager?", Unit::Count)
        .part("Dropped", Colour::Bad, format!("sum ({})", increase("prometheus_notifications_dropped_total")))
        .part("Waiting", Colour::Warning, "sum (prometheus_notifications_queue_length)")
        .part("Alertmanagers", Colour::Good, "sum (prometheus_notifications_alertmanagers_discovered)");
    let stored = one(
        "Blocks",
        Colour::First,
        "prometheus_tsdb_storage_blocks_bytes",
        lines("Stored on disk", "How fast does the disk fill? Without the latest hours.", Unit::Bytes),
    );
    Row {
        question: "Is Prometheus well?",
        panels: vec![
            one(
                "Series",
                Colour::First,
                "prometheus_tsdb_head_series",
                lines("Series in memory", "Does their number grow without end?", Unit::Count),
            ),
            lines("Samples taken", "How much comes in?", Unit::PerSecond).part(
                "Samples",
                Colour::First,
                format!("sum ({})", rate("prometheus_tsdb_head_samples_appended_total")),
            ),
            lines("Slowest rules", "Which groups of rules take long?", Unit::Seconds)
                .range(slowest, "{{rule_group}}"),
            stored,
            wrong,
            alerts,
        ],
    }
}

fn sight() -> Row {
    let worst = |by: &[&str], text: &str| laggards(6, by, text);
    let collectors = of_agents(
        "(node_scrape_collector_success == 1 or (node_scrape_collector_applicable == 0) + 2 or node_scrape_collector_success)",
    );
    let by_collector = format!("min by (node_name, collector) ({collectors})");
    let containers = format!(
        "min by (node_name, collector) ({})",
        of_agents("container_exporter_scrape_collector_success")
    );
    let engine = format!("min by (node_name) ({})", of_agents("container_exporter_docker_connected"));
    let complete = format!("min by (node_name) ({})", of_agents("container_exporter_metadata_complete"));
    let managers = format!("min by (collector) ({})", of_agents("swarm_cluster_scrape_collector_success"));
    let refused = format!(
        "sum by (node_name, code) ({})",
        of_agents(&rate("promhttp_metric_handler_requests_total{code!=\"200\"}"))
    );
    Row {
        question: "Do the agents see everything?",
        panels: vec![
            Panel::timeline(
                "Collectors of node-exporter",
                "What can node-exporter not read? The six that failed most.",
                COLLECTORS,
            )
            .range(worst(&["node_name", "collector"], &by_collector), "{{node_name}} {{collector}}"),
            Panel::timeline(
                "Collectors of container-exporter",
                "What can container-exporter not read? The six that failed most.",
                WORKS,
            )
            .range(worst(&["node_name", "collector"], &containers), "{{node_name}} {{collector}}"),
            Panel::timeline(
                "Engines",
                "Which engines do not answer container-exporter? The six that did the least.",
                UP,
            )
            .range(worst(&["node_name"], &engine), "{{node_name}}"),
            Panel::timeline(
                "Names of containers",
                "Where do names and labels of containers lack? The six that lacked most.",
                WORKS,
            )
            .range(worst(&["node_name"], &complete), "{{node_name}}"),
            Panel::timeline("Cluster view", "Do the managers tell of nodes and services?", WORKS)
                .range(worst(&["collector"], &managers), "{{collector}}"),
            Panel::lines("Scrapes refused", "Which agents answer scrapes with an error?", Unit::PerSecond)
                .range(leaders_with_any(6, &["node_name", "code"], &refused), "{{node_name}} {{code}}")
                .empty_means("Every scrape was answered"),
        ],
    }
}
