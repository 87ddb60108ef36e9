//! `node_exporter_build_info`, which dashboards build their variables from.

use agent_core::prometheus::metrics::family::Family;
use agent_core::prometheus::metrics::gauge::Gauge;
use agent_core::prometheus::registry::Registry;

/// Registers the family; labels that only a Go program has are empty.
pub(crate) fn register(registry: &mut Registry, version: &str) {
    let goarch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let revision = option_env!("SWARMSCOPE_REVISION").unwrap_or_default();
    let labels = [
        ("branch", ""),
        ("goarch", goarch),
        ("goos", std::env::consts::OS),
        ("goversion", ""),
        ("revision", revision),
        ("tags", ""),
        ("version", version),
    ];
    let family = Family::<Vec<(String, String)>, Gauge>::default();
    family.get_or_create(&labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()).set(1);
    registry.register("node_exporter_build_info", "Which build of this exporter is running", family);
}
