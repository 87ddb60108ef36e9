//! Logs: does every line arrive, and what do services complain of?

use crate::annotation::{ERRORS, Scope};
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::{Panel, State};
use crate::query::{
    ERROR_LEVELS, LINES_OF_SERVICES, LINES_ON_NODES, laggards, leaders, leaders_with_any, named, on_agents,
    rate,
};
use crate::style::{Colour, Limits, Unit};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Logs,
        question: "Does every line arrive, and what do services complain of?",
        variables: vec![Variable::speaking_service(), Variable::nodes("log-router")],
        scope: Scope::ServiceOnly,
        kibana: true,
        panels: vec![levels(), errors(), lines(), sinks(), delivered(), lag()],
        rows: vec![lost(), pace(), sources()],
    }
}

/// Whether a sink takes lines.
const SINKS: &[State] = &[("0", "takes nothing", Colour::Bad), ("1", "takes lines", Colour::Good)];

fn of_routers(text: &str) -> String {
    on_agents("log-router", text)
}

fn messages(levels: &str) -> String {
    rate(&format!("log_messages_total{{{levels},service=~\"$service\"}}"))
}

fn levels() -> Panel {
    let level = |names: &str| {
        let text = of_routers(&messages(&format!("severity=~\"{names}\"")));
        format!("60 * sum ({text}) or vector(0)")
    };
    Panel::lines("By level", "Do services complain more than usual?", Unit::PerMinute)
        .part("Critical", Colour::Third, level("emergency|alert|critical"))
        .part("Error", Colour::Bad, level("error"))
        .part("Warning", Colour::Warning, level("warning"))
        .part("Info", Colour::Neutral, level("notice|info"))
        .part("Debug", Colour::Faint, level("debug"))
        .link(Id::Services)
}

fn errors() -> Panel {
    let text = named(&format!("60 * sum by (service) ({})", of_routers(&messages(ERROR_LEVELS))));
    Panel::lines("Errors", "Which services complain most?", Unit::PerMinute)
        .range(leaders(6, &["service"], &text), "{{service}}")
        .empty_means("No service has logged an error")
        .drill(Id::Services, "service", "service")
}

fn lines() -> Panel {
    let search = format!("{ERRORS} AND {LINES_OF_SERVICES} AND {LINES_ON_NODES}");
    Panel::logs("Latest errors", "What do they complain of?", search)
        .empty_means("No errors")
        .link(Id::Services)
        .kibana()
}

fn sinks() -> Panel {
    // Routes to one sink share its fate; what else they are named by is left out.
    let sink = format!(
        "label_replace({}, \"sink\", \"$1\", \"route\", \"([^?]+).*\")",
        of_routers("log_router_sink_up")
    );
    let text = format!("min by (node_name, sink) ({sink})");
    Panel::timeline("Sinks", "Do sinks take lines? The six that did the least.", SINKS)
        .range(laggards(6, &["node_name", "sink"], &text), "{{node_name}} {{sink}}")
        .drill(Id::Node, "node", "node_name")
}

fn delivered() -> Panel {
    let read = format!("sum ({})", of_routers(&rate("log_router_read_lines_total")));
    let taken = format!("sum by (route) ({})", of_routers(&rate("log_router_lines_total")));
    Panel::lines(
        "Read and delivered",
        "Do sinks take as much as is read? Each line is read once for each route.",
        Unit::PerSecond,
    )
    .part("Read for all routes", Colour::Neutral, read)
    .range(leaders(5, &["route"], &taken), "{{route}}")
    .link(Id::Agents)
}

fn by_route(title: &'static str, question: &'static str, unit: Unit, text: &str) -> Panel {
    let text = format!("max by (node_name, route) ({})", of_routers(text));
    Panel::lines(title, question, unit)
        .range(leaders(6, &["node_name", "route"], &text), "{{node_name}} {{route}}")
        .drill(Id::Node, "node", "node_name")
}

/// The same of what should not be at all; what it means that there is none.
fn of_some(title: &'static str, question: &'static str, unit: Unit, text: &str, none: &'static str) -> Panel {
    let text = format!("max by (node_name, route) ({})", of_routers(text));
    Panel::lines(title, question, unit)
        .range(leaders_with_any(6, &["node_name", "route"], &text), "{{node_name}} {{route}}")
        .empty_means(none)
        .drill(Id::Node, "node", "node_name")
}

fn lag() -> Panel {
    by_route("Behind by", "How old is the oldest line on its way?", Unit::Seconds, "log_router_lag_seconds")
        .limits(Limits::Above(30.0, 300.0))
}

/// Counts over the shown interval, by a label that tells the reason.
fn reasons(title: &'static str, question: &'static str, family: &str, label: &'static str) -> Panel {
    let text = format!("sum by (route, {label}) ({})", of_routers(&rate(&format!("{family}_total"))));
    Panel::lines(title, question, Unit::PerSecond)
        .range(leaders_with_any(6, &["route", label], &text), format!("{{{{{label}}}}}: {{{{route}}}}"))
}

fn lost() -> Row {
    let refused = |family: &str| rate(&format!("log_router_{family}_total"));
    Row {
        question: "Is anything lost, or sent twice?",
        panels: vec![
            reasons("Left out", "Which lines are left out, and why?", "log_router_dropped", "reason")
                .empty_means("No line was left out"),
            reasons("Gaps", "Where may lines be missing, and why?", "log_router_gaps", "reason")
                .empty_means("There are no gaps"),
            reasons("Errors of sinks", "What do sinks answer?", "log_router_sink_errors", "kind")
                .empty_means("No sink has failed"),
            of_some(
                "Can never be taken",
                "Which sinks refuse lines for good?",
                Unit::PerSecond,
                &refused("dead_letters"),
                "No sink has refused a line for good",
            ),
            of_some(
                "Attempts repeated",
                "Which sinks need several attempts?",
                Unit::PerSecond,
                &refused("retries"),
                "No attempt was repeated",
            ),
            of_some(
                "There already",
                "What was sent again after a fault, and known by its ID?",
                Unit::PerSecond,
                &refused("duplicates"),
                "Nothing was sent twice",
            ),
        ],
    }
}

fn pace() -> Row {
    // Where nobody was asked there is no number, and neither is that.
    let slow = format!(
        "(histogram_quantile(0.99, sum by (route, le) ({})) >= 0)",
        of_routers(&rate("log_router_sink_request_duration_seconds_bucket"))
    );
    let busy = |family: &str| {
        let text = format!("max by (node_name) ({})", of_routers(family));
        leaders(6, &["node_name"], &text)
    };
    Row {
        question: "Can routers and sinks keep up?",
        panels: vec![
            Panel::lines(
                "Slowest answers of sinks",
                "How long do sinks take? 99 of 100 answers are faster.",
                Unit::Seconds,
            )
            .range(leaders(6, &["route"], &slow), "{{route}}")
            .empty_means("No sink was asked"),
            of_some(
                "Waiting on disk",
                "How much waits in spools for a sink?",
                Unit::Bytes,
                "log_router_spool_bytes",
                "Nothing waits on disk",
            ),
            of_some(
                "Held after a rotation",
                "How much of deleted log files is not yet read?",
                Unit::Bytes,
                "log_router_held_bytes",
                "All of deleted log files is read",
            ),
            by_route(
                "Bytes delivered",
                "Which nodes write most?",
                Unit::BytesPerSecond,
                &rate("log_router_bytes_total"),
            ),
            Panel::lines("CPU of routers", "Which routers have much to do? 1 is one CPU.", Unit::Count)
                .range(busy(&rate("process_cpu_seconds_total")), "{{node_name}}")
                .drill(Id::Node, "node", "node_name"),
            Panel::lines("Memory of routers", "Which routers are large?", Unit::Bytes)
                .range(busy("process_resident_memory_bytes"), "{{node_name}}")
                .drill(Id::Node, "node", "node_name"),
        ],
    }
}

fn sources() -> Row {
    let by_service = named(&format!("60 * sum by (service) ({})", of_routers(&messages("severity=~\".+\""))));
    let read = format!("sum by (source) ({})", of_routers("log_router_containers"));
    let unreadable =
        format!("sum by (node_name, container, driver) ({})", of_routers("log_router_container_unreadable"));
    Row {
        question: "Who writes most, and is every container read?",
        panels: vec![
            Panel::lines("Lines by service", "Who writes most?", Unit::PerMinute)
                .range(leaders(6, &["service"], &by_service), "{{service}}")
                .drill(Id::Services, "service", "service"),
            Panel::lines(
                "Containers by source",
                "How are containers read, for all routes? Unreadable ones are lost.",
                Unit::Count,
            )
            .range(leaders(6, &["source"], &read), "{{source}}"),
            Panel::bars(
                "Containers that cannot be read",
                "Whose log driver keeps nothing that can be read?",
                Unit::Count,
            )
            .instant(format!("topk(6, {unreadable})"), "{{node_name}} {{container}} ({{driver}})")
            .limits(Limits::Wrong(1.0))
            .empty_means("Every container can be read"),
            of_some(
                "Lines that were cut",
                "Where are lines longer than allowed?",
                Unit::PerSecond,
                &rate("log_router_split_lines_total"),
                "No line was too long",
            ),
            of_some(
                "Secrets masked",
                "Where do services log secrets?",
                Unit::PerSecond,
                &rate("log_router_masked_lines_total"),
                "No secret was masked; nothing is looked for without --mask",
            ),
            of_some(
                "Equal IDs",
                "Where did different lines have the same ID?",
                Unit::PerSecond,
                &rate("log_router_id_collisions_total"),
                "All lines had IDs of their own",
            ),
        ],
    }
}
