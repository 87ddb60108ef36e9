//! The stack of `deploy/`, brought up by its scripts on an engine of the test's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;

use crate::command::{attempt, run};
use crate::engine::{BUSYBOX, Engine};
use crate::http::encode;
use crate::wait::{LIMIT, until};

/// A stack, or what will be one.
#[derive(Debug)]
pub struct MakeUp {
    /// Where it runs.
    pub engine: Engine,
    deploy: PathBuf,
}

impl MakeUp {
    /// Nothing is brought up yet.
    pub fn on(engine: Engine) -> Self {
        Self { engine, deploy: Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy") }
    }

    /// From now on the scripts of another folder are run.
    pub fn change_to(&mut self, deploy: PathBuf) {
        self.deploy = deploy;
    }

    /// Runs a script of `deploy/` and returns what it printed on both streams.
    pub fn run(&self, script: &str, variables: &[(&str, &str)]) -> String {
        let (status, text) = self.try_run(script, variables);
        assert!(status.success(), "{script} {variables:?}: {status}\n{text}");
        assert!(!text.contains("have no effect"), "keys that the engine ignores:\n{text}");
        println!("{text}");
        text
    }

    /// The same where it may end with an error.
    pub fn try_run(&self, script: &str, variables: &[(&str, &str)]) -> (ExitStatus, String) {
        let output = Command::new("bash")
            .arg("-c")
            .arg(format!("bash {}/{script} 2>&1", self.deploy.display()))
            .env("DOCKER_HOST", self.engine.host())
            .env("STATE_DIR", self.state())
            .env("SKIP_BUILD", "1")
            .env("WAIT_SECONDS", "900")
            .env("ADVERTISE_ADDR", self.engine.address())
            .env("ACCESS_HOST", self.engine.address())
            .envs(variables.iter().copied())
            .output()
            .expect("bash");
        (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// `make up` with these parts.
    pub fn up(&self, stacks: &str) -> String {
        self.run("up.sh", &[("STACKS", stacks)])
    }

    /// The folder with passwords and certificates.
    pub fn state(&self) -> PathBuf {
        self.engine.data().with_file_name("state")
    }

    /// What `curl` needs to ask the services as the user admin, over TLS where the stack has it. They are called
    /// `swarmscope` then, which all certificates know.
    fn curl(&self, port: u16, path: &str, state: &Path) -> Vec<String> {
        let password = std::fs::read_to_string(state.join("admin_password")).expect("the password");
        let authority = state.join("tls/tls_ca.crt");
        let mut arguments: Vec<String> =
            ["-sS", "--noproxy", "*", "-m", "30", "-u"].into_iter().map(str::to_owned).collect();
        arguments.push(format!("admin:{password}"));
        let config = std::fs::read_to_string(state.join("web.yml")).expect("web.yml");
        if config.contains("cert_file") {
            arguments.extend(["--cacert".to_owned(), authority.display().to_string()]);
            arguments.extend(["--connect-to".to_owned(), format!("::{}:", self.engine.address())]);
            arguments.push(format!("https://swarmscope:{port}{path}"));
        } else {
            arguments.push(format!("http://{}:{port}{path}", self.engine.address()));
        }
        arguments
    }

    /// An answer of one of the services with a port, headers included.
    pub fn get(&self, port: u16, path: &str) -> Result<String, String> {
        let arguments = self.curl(port, path, &self.state());
        let arguments: Vec<_> = std::iter::once("-i").chain(arguments.iter().map(String::as_str)).collect();
        attempt("curl", &arguments)
    }

    /// What Prometheus answers below `/api/v1/`.
    pub fn prometheus(&self, path: &str) -> Value {
        self.prometheus_of(path, &self.state())
    }

    /// The same with the password of another folder than [`Self::state`].
    pub fn prometheus_of(&self, path: &str, state: &Path) -> Value {
        let arguments = self.curl(9090, &format!("/api/v1/{path}"), state);
        let answer = run("curl", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"));
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].clone()
    }

    /// The result vector of an expression.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = self.prometheus(&format!("query?query={}", encode(expression)));
        answer["result"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until an expression has a result, and gives its first series.
    pub fn expect(&self, expression: &str) -> Value {
        until(LIMIT, expression, || self.query(expression).first().cloned().ok_or("no series".to_owned()))
    }

    /// Targets of a job that are up.
    pub fn targets(&self, job: &str) -> Vec<Value> {
        let targets = self.prometheus("targets?state=active")["activeTargets"].clone();
        let targets = targets.as_array().cloned().unwrap_or_default();
        targets.into_iter().filter(|t| t["labels"]["job"] == job && t["health"] == "up").collect()
    }

    /// The ID of a service's running container.
    pub fn container(&self, service: &str) -> String {
        let filter = format!("label=com.docker.swarm.service.name=swarmscope_{service}");
        until(LIMIT, service, || {
            let ids = self.engine.docker(&["ps", "-q", "--no-trunc", "--filter", &filter]);
            ids.lines().next().map(str::to_owned).ok_or_else(|| "no container".to_owned())
        })
    }

    /// The running tasks of the stack: service and container.
    pub fn tasks(&self) -> BTreeMap<String, String> {
        let filter = "label=com.docker.stack.namespace=swarmscope";
        let format = "{{.Label \"com.docker.swarm.service.name\"}} {{.ID}}";
        let lines = self.engine.docker(&["ps", "--no-trunc", "--filter", filter, "--format", format]);
        let tasks = lines.lines().filter_map(|l| l.split_once(' '));
        tasks
            .map(|(service, id)| (service.trim_start_matches("swarmscope_").to_owned(), id.to_owned()))
            .collect()
    }

    /// Runs a busybox command on the stack's network.
    pub fn on_the_network(&self, command: &[&str]) -> Result<String, String> {
        let run = ["run", "--rm", "--network", "swarmscope", BUSYBOX];
        self.engine.try_docker(&[&run[..], command].concat())
    }

    /// Asks the search engine from inside its container, as nothing of it is published.
    pub fn search(&self, path_and_body: &str) -> Result<Value, String> {
        let (scheme, authority) = if self.state().join("tls/tls_ca.crt").exists() {
            ("https", "--cacert /run/secrets/tls_ca.crt")
        } else {
            ("http", "")
        };
        let script = format!(
            "curl -sS {authority} -H 'content-type: application/json' -u elastic:$(cat /run/secrets/admin_password) {scheme}://localhost:9200/{path_and_body}"
        );
        let text =
            self.engine.try_docker(&["exec", &self.container("elasticsearch"), "bash", "-c", &script])?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }
}
