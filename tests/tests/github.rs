//! The board of repositories, on what github-exporter says (`tests/github/metrics`, written after its source: neither its
//! image nor GitHub can be had here). Six graphs, each with data, none with more than six plots.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use e2e::agent::free_port;
use e2e::prometheus::Prometheus;
use serde_json::Value;

/// busybox, which gives files away; killed when dropped.
struct Files(Child);

impl Drop for Files {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn each_of_the_six_graphs_has_data_and_at_most_six_plots() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let address = format!("127.0.0.1:{}", free_port());
    let mut httpd = Command::new("/bin/busybox");
    httpd.args(["httpd", "-f", "-p", &address, "-h"]).arg(here.join("github"));
    let _files = Files(httpd.spawn().expect("busybox"));
    let prometheus = Prometheus::start(&[("github", &address)]);
    prometheus.expect("github_repo_stars", 8);

    let text = fs::read_to_string(here.join("../dashboards/optional/github.json")).expect("the board");
    let board: Value = serde_json::from_str(&text).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    assert_eq!(panels.len(), 6);
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(panel["description"].as_str().is_some_and(|d| d.ends_with(['.', '?'])), "{title}");
        assert_eq!(panel["type"], "timeseries", "{title}");
        let mut plots = 0;
        for target in panel["targets"].as_array().expect("targets") {
            let all =
                target["expr"].as_str().expect("an expression").replace("$user", ".*").replace("$repo", ".*");
            let series = prometheus.query(&all);
            assert!(!series.is_empty(), "{title}: {all}");
            plots += series.len();
        }
        println!("{title}: {plots} plots");
        assert!(plots <= 6, "{title}: {plots} plots");
    }
    // The variables offer what there is, and choosing one repository leaves one plot.
    let chosen = panels[0]["targets"][0]["expr"].as_str().expect("an expression");
    let chosen = chosen.replace("$user", "moby").replace("$repo", "moby");
    let series = prometheus.query(&chosen);
    assert_eq!(series.len(), 1);
    assert_eq!(series[0]["value"][1], "68000");
}
