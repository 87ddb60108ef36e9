//! A real Prometheus with a configuration of the test's own.

use std::fs::{self, File};
use std::process::{Child, Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::agent::free_port;
use crate::http;
use crate::wait::{LIMIT, until};

/// A running Prometheus; killed when dropped.
#[derive(Debug)]
pub struct Prometheus {
    url: String,
    child: Child,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `jobs` (name, target) every two seconds.
    pub fn start(jobs: &[(&str, &str)]) -> Self {
        let scrapes: Vec<_> = jobs
            .iter()
            .map(|(job, target)| {
                format!("  - job_name: {job}\n    static_configs: [{{targets: ['{target}']}}]\n")
            })
            .collect();
        Self::configured(&scrapes.concat())
    }

    /// Starts one with these `scrape_configs`; `SELF` in them is its own address.
    pub fn configured(scrapes: &str) -> Self {
        Self::with_rules(scrapes, &[])
    }

    /// The same with files of rules, which are evaluated every two seconds.
    pub fn with_rules(scrapes: &str, rules: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::start_in(folder, scrapes, rules)
    }

    /// Starts one with what the folder `data` in this folder has, and nothing to scrape.
    pub fn with_data(folder: TempDir) -> Self {
        Self::start_in(folder, "", &[])
    }

    fn start_in(folder: TempDir, scrapes: &str, rules: &[&str]) -> Self {
        let listen = format!("127.0.0.1:{}", free_port());
        let scrapes = scrapes.replace("SELF", &listen);
        let config = format!(
            "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}}\nrule_files: {rules:?}\nscrape_configs:\n{scrapes}"
        );
        fs::write(folder.path().join("prometheus.yml"), config).expect("a configuration");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let log = File::create(path("log")).expect("a log file");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address={listen}"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus (`make test` installs it): {error}"));
        let prometheus = Self { url: format!("http://{listen}"), child, folder };
        until(LIMIT, "Prometheus", || {
            http::body(&format!("{}/-/ready", prometheus.url)).map_err(|error| error + &prometheus.log())
        });
        prometheus
    }

    /// Its address, as a URL without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The result vector of an expression.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = http::get(&format!("{}/api/v1/query?query={}", self.url, http::encode(expression)));
        let json = answer.expect("Prometheus answers").json();
        assert_eq!(json["status"], "success", "{expression}: {json}");
        json["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until an expression returns `count` series, and gives them.
    pub fn expect(&self, expression: &str, count: usize) -> Vec<Value> {
        until(LIMIT, expression, || {
            let result = self.query(expression);
            if result.len() == count { Ok(result) } else { Err(format!("{result:?}; log: {}", self.log())) }
        })
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
