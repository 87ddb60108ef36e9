//! docs/cluster.md and docs/socket-proxy.md say what the tables say.

use std::fs;

use container_exporter::cluster;
use container_exporter::socket_proxy::rules::RULES;

fn between(file: &str, begin: &str, end: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{}/../docs/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (_, rest) = text.split_once(&format!("<!-- {begin}")).expect("the beginning");
    let (table, _) = rest.split_once(&format!("<!-- {end}")).expect("the end");
    table.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn the_families_are_told() {
    let rows: Vec<_> = cluster::families().map(|(name, help)| format!("| `{name}` | {help} |")).collect();
    assert_eq!(between("cluster.md", "families", "end of the families"), rows);
    for (name, _) in cluster::families() {
        // dockerd's own are swarm_manager_*, swarm_node_*, swarm_raft_*, swarm_store_*, swarm_dispatcher_*.
        assert!(name.starts_with("swarm_cluster_"), "{name}");
    }
}

#[test]
fn the_labels_are_told() {
    let rows = between("cluster.md", "labels", "end of the labels").join("\n");
    for names in cluster::label_names() {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        assert!(rows.contains(&format!("| {} |", names.join(", "))), "{names:?}\n{rows}");
    }
}

#[test]
fn the_rules_are_told() {
    let row = |rule: &container_exporter::socket_proxy::rules::Rule| {
        let names: Vec<_> = rule.query.iter().map(|(name, _)| format!(" `{name}`")).collect();
        format!("| `{}` |{} |", rule.path, names.concat())
    };
    assert_eq!(
        between("socket-proxy.md", "rules", "end of the rules"),
        RULES.iter().map(row).collect::<Vec<_>>()
    );
}
