//! Network: who talks, through the proxy or inside, and is anything lost?

use crate::annotation::Scope;
use crate::board::{Board, Row};
use crate::link::Id;
use crate::panel::Panel;
use crate::query::{DEVICES, SERVICE, leaders, leaders_with_any, of_services, on_agents, rate};
use crate::style::{Colour, Unit};
use crate::variable::Variable;

/// The board.
pub fn board() -> Board {
    Board {
        id: Id::Network,
        question: "Who sends and receives, through the proxy or inside, and is anything lost?",
        variables: vec![
            Variable::stack(),
            Variable::service(),
            Variable::nodes("container-exporter"),
            Variable::proxy(),
        ],
        scope: Scope::Service,
        kibana: false,
        panels: vec![
            by_service("Received through the proxy", "Who gets what comes from outside?", "receive", "="),
            by_service("Sent through the proxy", "Who answers most?", "transmit", "="),
            shares(),
            by_service("Received inside", "Which services get most from each other?", "receive", "!="),
            by_service("Sent inside", "Which services send most to each other?", "transmit", "!="),
            machines(),
        ],
        rows: vec![lost(), kinds()],
    }
}

/// Traffic by service and network: interfaces are those of the network that the engine has given them.
fn over(family: &str, network: &str) -> String {
    format!(
        "({} * on (instance, id, interface) group_left (network) container_network_info{{{network}}})",
        rate(&of_services(family, ""))
    )
}

fn through(family: &str, sign: &str) -> String {
    over(family, &format!("network{sign}\"$proxy\""))
}

/// What it means where the proxy's panels are empty.
const NO_PROXY: &str = "No service is on the network chosen above as the proxy's";

fn by_service(title: &'static str, question: &'static str, way: &str, sign: &str) -> Panel {
    let empty = if sign == "=" { NO_PROXY } else { "No service is on another network than the proxy's" };
    let text =
        on_agents("container-exporter", &through(&format!("container_network_{way}_bytes_total"), sign));
    let text = format!("sum by ({SERVICE}) ({text})");
    Panel::lines(title, question, Unit::BytesPerSecond)
        .range(leaders(6, &[SERVICE], &text), format!("{{{{{SERVICE}}}}}"))
        .empty_means(empty)
        .drill(Id::Services, "service", SERVICE)
}

fn shares() -> Panel {
    let sum = |way: &str, sign: &str| {
        let text = through(&format!("container_network_{way}_bytes_total"), sign);
        format!("sum ({})", on_agents("container-exporter", &text))
    };
    Panel::lines(
        "Proxy and inside",
        "How much comes from outside, and how much stays inside? Sent is below the axis.",
        Unit::BytesPerSecond,
    )
    // No colours by name and one end for both: where there is no proxy, nothing asks for it.
    .range(sum("receive", "="), "Proxy received")
    .range(sum("receive", "!="), "Inside received")
    .range(sum("transmit", "="), "Proxy sent")
    .range(sum("transmit", "!="), "Inside sent")
    .below_all("sent")
    .empty_means("No service is on a network of the engine's")
    .link(Id::Services)
}

/// Of the machines' own devices, on the chosen nodes.
fn of_devices(what: &str) -> String {
    rate(&format!("node_network_{what}_total{{{DEVICES}}}"))
}

fn in_and_out(title: &'static str, question: &'static str, unit: Unit, what: &str) -> Panel {
    let text = |way: &str| {
        let text = on_agents("node-exporter", &of_devices(&format!("{way}_{what}")));
        leaders(3, &["node_name", "device"], &format!("sum by (node_name, device) ({text})"))
    };
    Panel::lines(title, question, unit)
        .both_ways("{{node_name}} {{device}}", [("receive", "received"), ("transmit", "sent")], text)
        .drill(Id::Node, "node", "node_name")
}

fn machines() -> Panel {
    in_and_out(
        "Machines",
        "Which nodes' devices carry most? Sent is below the axis.",
        Unit::BytesPerSecond,
        "bytes",
    )
}

fn lost() -> Row {
    let of_tasks = |what: &str| {
        let way = |way: &str| rate(&of_services(&format!("container_network_{way}_{what}_total"), ""));
        let text = on_agents("container-exporter", &format!("({} + {})", way("receive"), way("transmit")));
        leaders_with_any(6, &[SERVICE], &format!("sum by ({SERVICE}) ({text})"))
    };
    let of_machines = |title, question, what: &str| {
        let both = format!(
            "({} + {})",
            of_devices(&format!("receive_{what}")),
            of_devices(&format!("transmit_{what}"))
        );
        let text = format!("sum by (node_name, device) ({})", on_agents("node-exporter", &both));
        Panel::lines(title, question, Unit::Packets)
            .range(leaders_with_any(6, &["node_name", "device"], &text), "{{node_name}} {{device}}")
            .drill(Id::Node, "node", "node_name")
    };
    let legend = format!("{{{{{SERVICE}}}}}");
    let resent = format!("({} / {})", rate("node_netstat_Tcp_RetransSegs"), rate("node_netstat_Tcp_OutSegs"));
    let tracked = "(node_nf_conntrack_entries / node_nf_conntrack_entries_limit)";
    let by_node = |text: &str| {
        leaders(6, &["node_name"], &format!("max by (node_name) ({})", on_agents("node-exporter", text)))
    };
    Row {
        question: "Is anything lost on the way?",
        panels: vec![
            Panel::lines("Services: packets dropped", "Whose packets are dropped?", Unit::Packets)
                .range(of_tasks("packets_dropped"), &legend)
                .empty_means("No packet of a service was dropped")
                .drill(Id::Services, "service", SERVICE),
            Panel::lines("Services: errors", "Whose packets are garbled?", Unit::Packets)
                .range(of_tasks("errors"), &legend)
                .empty_means("No packet of a service was garbled")
                .drill(Id::Services, "service", SERVICE),
            of_machines("Machines: packets dropped", "Which devices drop packets?", "drop")
                .empty_means("No device has dropped a packet"),
            of_machines("Machines: errors", "Which devices garble packets?", "errs")
                .empty_means("No device has garbled a packet"),
            Panel::lines("TCP sent again", "From which nodes is the network bad?", Unit::Share)
                .range(by_node(&resent), "{{node_name}}")
                .open()
                .drill(Id::Node, "node", "node_name"),
            Panel::lines("Connections tracked", "Where is the table of connections full?", Unit::Share)
                .range(by_node(tracked), "{{node_name}}")
                .drill(Id::Node, "node", "node_name"),
        ],
    }
}

fn kinds() -> Row {
    let by_network = |way: &str| {
        let text = over(&format!("container_network_{way}_bytes_total"), "");
        let text = format!("sum by (network) ({})", on_agents("container-exporter", &text));
        leaders(3, &["network"], &text)
    };
    let packets = |way: &str| {
        let text = rate(&of_services(&format!("container_network_{way}_packets_total"), ""));
        let text = format!("sum by ({SERVICE}) ({})", on_agents("container-exporter", &text));
        leaders(3, &[SERVICE], &text)
    };
    let sockets = |what: &str| format!("sum ({})", on_agents("node-exporter", what));
    Row {
        question: "Which networks carry it, and how many connections are there?",
        panels: vec![
            Panel::lines(
                "Networks",
                "Which networks carry most? Sent is below the axis.",
                Unit::BytesPerSecond,
            )
            .range(by_network("receive"), "{{network}} received")
            .range(by_network("transmit"), "{{network}} sent")
            .below(),
            Panel::lines("Packets", "Who sends many small packets? Sent is below the axis.", Unit::Packets)
                .range(packets("receive"), format!("{{{{{SERVICE}}}}} received"))
                .range(packets("transmit"), format!("{{{{{SERVICE}}}}} sent"))
                .below()
                .drill(Id::Services, "service", SERVICE),
            Panel::lines("Connections of the machines", "Do connections pile up?", Unit::Count)
                .part("Open", Colour::First, sockets("node_sockstat_TCP_inuse"))
                .part("Closing", Colour::Second, sockets("node_sockstat_TCP_tw"))
                .part("Orphans", Colour::Warning, sockets("node_sockstat_TCP_orphan"))
                .link(Id::Nodes),
        ],
    }
}
