//! The simulated nodes and the Prometheus that scrapes them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use e2e::agent::free_port;
use e2e::command::run;
use e2e::http;
use e2e::wait::{LIMIT, until};
use serde_json::Value;
use tempfile::TempDir;

/// Both; killed when dropped.
pub(crate) struct Servers {
    pub(crate) prometheus: Child,
    pub(crate) nodes: Child,
    url: String,
    nodes_url: String,
    folder: TempDir,
}

/// An answer to a query.
pub(crate) struct Answer {
    pub(crate) result: Vec<Value>,
    pub(crate) took: Duration,
    /// That were read for it.
    pub(crate) samples: f64,
}

impl Servers {
    /// With the project's rules, and its scrape interval.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (listen, nodes_listen) = (format!("127.0.0.1:{}", free_port()), free_port());
        let nodes = Command::new(e2e::agent::binary("simulated-nodes"))
            .args([nodes_listen.to_string(), "1".to_owned()])
            .spawn()
            .expect("simulated-nodes");
        let nodes_url = format!("http://127.0.0.1:{nodes_listen}");
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus/rules/*.yml");
        let job = |job: &str| {
            format!(
                "  - {{job_name: {job}, http_sd_configs: [{{url: '{nodes_url}/sd?job={job}', refresh_interval: 5s}}]}}\n"
            )
        };
        let config = format!(
            "global: {{scrape_interval: 15s, evaluation_interval: 15s}}\nrule_files: ['{rules}']\nscrape_configs:\n{}{}{}  \
             - {{job_name: prometheus, static_configs: [{{targets: ['{listen}']}}]}}\n",
            job("node"),
            job("cadvisor"),
            job("log-router")
        );
        fs::write(folder.path().join("prometheus.yml"), config).expect("a configuration");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let prometheus = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address={listen}"))
            .arg("--web.enable-admin-api")
            .stderr(File::create(path("log")).expect("a log"))
            .spawn()
            .expect("prometheus (tests/prepare.sh installs it)");
        let servers = Self { prometheus, nodes, url: format!("http://{listen}"), nodes_url, folder };
        until(LIMIT, "Prometheus", || http::body(&format!("{}/-/ready", servers.url)));
        servers
    }

    /// From now on there are so many nodes.
    pub(crate) fn set_nodes(&self, count: u32) {
        let answer = http::send("POST", &format!("{}/nodes/{count}", self.nodes_url), &[], &Value::Null);
        assert_eq!(answer.expect("simulated-nodes answers").status, 200);
    }

    /// One value at this moment; 0 where there is none.
    pub(crate) fn value(&self, expression: &str) -> f64 {
        let answer = self.ask(&format!("query?query={}", http::encode(expression)));
        answer.result.first().and_then(|first| first["value"][1].as_str()?.parse().ok()).unwrap_or(0.0)
    }

    /// A path below `/api/v1/`.
    pub(crate) fn ask(&self, path: &str) -> Answer {
        let url = format!("{}/api/v1/{path}&stats=all", self.url);
        let begun = Instant::now();
        let answer = http::get(&url).unwrap_or_else(|error| panic!("{error}"));
        let took = begun.elapsed();
        let json = answer.json();
        assert_eq!(json["status"], "success", "{path}: {json}");
        Answer {
            result: json["data"]["result"].as_array().cloned().unwrap_or_default(),
            took,
            samples: json["data"]["stats"]["samples"]["totalQueryableSamples"].as_f64().unwrap_or(0.0),
        }
    }

    /// Writes the head as a block, as it would be after two hours; its folder.
    pub(crate) fn snapshot(&self) -> PathBuf {
        let url = format!("{}/api/v1/admin/tsdb/snapshot", self.url);
        // On a busy machine it takes minutes.
        let text = run("curl", &["-sS", "-m", "1800", "-X", "POST", &url]);
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let name = json["data"]["name"].as_str().unwrap_or_else(|| panic!("{json}")).to_owned();
        let snapshots = self.data().join("snapshots").join(name);
        let mut blocks = fs::read_dir(&snapshots).expect("a snapshot");
        blocks.next().expect("a block").expect("a block").path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Of a block.
    pub(crate) fn file_mb(path: &Path) -> f64 {
        fs::metadata(path).map_or(0.0, |metadata| metadata.len() as f64 / 1e6)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in [&mut self.prometheus, &mut self.nodes] {
            // It may have ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}
