//! A real search engine as a process of this machine, made of jars by `tests/lab/search-engine`.

use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::agent::free_port;
use crate::command::run;
use crate::http::{self, Answer};
use crate::wait::{LIMIT, ensure, until};

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Elasticsearch 8.19.0 with users and API keys.
    Elasticsearch8,
    /// Elasticsearch 9.1.0 with users and API keys.
    Elasticsearch9,
    /// OpenSearch 2.19.1 without.
    OpenSearch,
}

/// The password of the user `elastic`.
pub const PASSWORD: &str = "changeme";

/// A running node; stopped and removed when dropped.
#[derive(Debug)]
pub struct SearchEngine {
    name: String,
    port: u16,
    kind: Kind,
    is_secured: bool,
    heap: &'static str,
    data: tempfile::TempDir,
    settings: Vec<String>,
}

impl SearchEngine {
    /// Starts a node with these settings and waits until it answers.
    pub fn start(kind: Kind, name: &str, settings: &[&str]) -> Self {
        let engine = Self::new(kind, name, settings);
        engine.resume();
        engine
    }

    fn new(kind: Kind, name: &str, settings: &[&str]) -> Self {
        Self {
            name: format!("e2e{}{name}", std::process::id()),
            port: free_port(),
            kind,
            is_secured: kind != Kind::OpenSearch,
            heap: "512m",
            data: tempfile::tempdir().expect("a folder"),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
        }
    }

    /// Starts three small nodes of Elasticsearch 8 without users that form a cluster; the first one is its master.
    pub fn cluster(name: &str) -> [Self; 3] {
        let ports = [(); 3].map(|()| free_port());
        let hosts = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
        let nodes = [0, 1, 2].map(|number| {
            let settings = [
                format!("cluster.name=e2e{}{name}", std::process::id()),
                format!("node.name=n{number}"),
                "cluster.initial_master_nodes=n0".to_owned(),
                format!("discovery.seed_hosts={hosts}"),
                format!("transport.port={}", ports[number]),
            ];
            let settings: Vec<_> = settings.iter().map(String::as_str).collect();
            let mut node = Self::new(Kind::Elasticsearch8, &format!("{name}{number}"), &settings);
            (node.is_secured, node.heap) = (false, "320m");
            node
        });
        thread::scope(|scope| {
            for node in &nodes {
                scope.spawn(|| node.resume());
            }
        });
        let expect = nodes.len();
        until(LIMIT, "a cluster", || {
            let health = nodes[0].call("GET", "/_cluster/health", &Value::Null);
            let there = health.json()["number_of_nodes"].as_u64();
            ensure(there == Some(expect as u64), health.body)
        });
        nodes
    }

    /// Starts it (again), with the data that it has.
    pub fn resume(&self) {
        let (port, data) = (self.port.to_string(), self.data.path().display().to_string());
        let mut arguments = vec!["up", "--name", &self.name, "--port", &port, "--data", &data];
        arguments.extend(["--heap", self.heap]);
        arguments.push(match self.kind {
            Kind::Elasticsearch8 => "--elasticsearch",
            Kind::Elasticsearch9 => "--elasticsearch9",
            Kind::OpenSearch => "--opensearch",
        });
        if self.is_secured {
            arguments.extend(["--password", PASSWORD]);
        }
        // A disk that is nearly full is this machine's matter.
        arguments.push("cluster.routing.allocation.disk.threshold_enabled=false");
        arguments.extend(self.settings.iter().map(String::as_str));
        attempt(&arguments).unwrap_or_else(|problem| panic!("{arguments:?}: {problem}"));
    }

    /// Ends it with SIGKILL: what it acknowledged is on its disk.
    pub fn kill(&self) {
        let cache = std::env::var("XDG_CACHE_HOME")
            .unwrap_or_else(|_| format!("{}/.cache", std::env::var("HOME").expect("HOME")));
        let pid = format!("{cache}/swarmscope/search-engine/run/{}/pid", self.name);
        let pid = std::fs::read_to_string(pid).expect("the node runs");
        run("kill", &["-KILL", pid.trim()]);
        until(LIMIT, "the end of the search engine", || {
            // Whoever inherited it may never ask how it ended.
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            ensure(stat.is_empty() || stat.contains(") Z "), stat)
        });
    }

    /// Whether it knows users and API keys.
    pub fn is_secured(&self) -> bool {
        self.is_secured
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A request as the superuser.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let url = format!("http://{}{path}", self.address());
        let login = http::basic("elastic", PASSWORD);
        http::send(method, &url, &[("authorization", &login)], body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same where it must succeed.
    pub fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.call(method, path, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.body);
        answer.json()
    }

    /// The documents that match a query string.
    pub fn documents(&self, index: &str, query: &str) -> Vec<Value> {
        let refresh = self.call("POST", &format!("/{index}/_refresh"), &Value::Null);
        if refresh.status == 404 {
            return Vec::new();
        }
        let path = format!("/{index}/_search?size=10000&q={}", http::encode(query));
        let found = self.call("GET", &path, &Value::Null);
        // An index that is being made has no shard for a moment, and an engine that has much to do says so.
        if [429, 503].contains(&found.status) {
            return Vec::new();
        }
        assert_eq!(found.status, 200, "{path}: {}", found.body);
        let found = found.json();
        found["hits"]["hits"].as_array().cloned().unwrap_or_default()
    }
}

/// Runs the script; its errors are in what it says.
fn attempt(arguments: &[&str]) -> Result<(), String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/search-engine/search-engine.sh");
    let output = Command::new("bash")
        .arg(script)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("{script}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

impl Drop for SearchEngine {
    fn drop(&mut self) {
        // A failure here would hide the one that ended the test.
        if let Err(problem) = attempt(&["down", "--name", &self.name]) {
            println!("--- {}: {problem}", self.name);
        }
    }
}
