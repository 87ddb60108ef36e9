//! The socket proxy between a real engine and its users: what passes, what does not, and agents that have nothing else.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use e2e::agent::Agent;
use e2e::command::attempt;
use e2e::engine::Engine;
use e2e::rsyslog::Rsyslog;
use e2e::wait::{LIMIT, ensure, until};
use serde_json::Value;
use tempfile::TempDir;

struct Proxy {
    agent: Agent,
    folder: TempDir,
}

impl Proxy {
    fn start(engine: &Engine, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let socket = format!("--socket={}", folder.path().join("docker.sock").display());
        let docker = format!("--docker={}", engine.host());
        let arguments = [&["socket-proxy", &docker, &socket, "--socket.group=65534"], flags].concat();
        let agent = Agent::start("container-exporter", &arguments, &[]);
        Self { agent, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        attempt("docker", &[&["-H", &self.host()], arguments].concat())
    }

    /// Status and body of a request.
    fn ask(&self, method: &str, target: &str) -> (u16, String) {
        let (socket, url) = (self.socket().display().to_string(), format!("http://docker{target}"));
        let write =
            ["-sS", "-w", "\n%{http_code}", "--path-as-is", "-X", method, "--unix-socket", &socket, &url];
        let text = attempt("curl", &write).expect("curl");
        let (body, status) = text.trim_end().rsplit_once('\n').expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }

    fn json(&self, target: &str) -> Value {
        let (status, body) = self.ask("GET", target);
        assert_eq!(status, 200, "{target}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

const ENVIRONMENT: [&str; 8] = [
    "-e",
    "SECRET=hunter2",
    "-e",
    "LOGSPOUT=ignore",
    "-e",
    "LOGSPOUT_MULTILINE=true",
    "-e",
    "LOGSPOUTER=hunter2",
];

#[test]
fn only_reading_passes_and_environments_do_not() {
    let engine = Engine::start("proxy", 38);
    engine.docker(&["swarm", "init", "--advertise-addr", &engine.address()]);
    let options = [&["--name", "seen"], &ENVIRONMENT[..]].concat();
    engine.busybox(&options, &["sh", "-c", "echo hello; exec sleep 1000"]);
    let service = ["service", "create", "-d", "--no-resolve-image", "--name", "svc"];
    engine.docker(&[&service[..], &ENVIRONMENT, &[e2e::engine::BUSYBOX, "sleep", "1000"]].concat());
    let proxy = Proxy::start(&engine, &[]);
    let metadata = fs::metadata(proxy.socket()).expect("a socket");
    assert_eq!((metadata.mode() & 0o777, metadata.gid()), (0o660, 65534));

    // The ordinary client works on it.
    for (arguments, text) in [
        (&["ps", "--format", "{{.Names}}"][..], "seen"),
        (&["info", "--format", "{{.ServerVersion}}"], "20.10"),
        (&["version", "--format", "{{.Server.APIVersion}}"], "1.41"),
        (&["logs", "seen"], "hello"),
        (&["stats", "--no-stream", "--format", "{{.Name}}", "seen"], "seen"),
        (&["inspect", "-f", "{{len .Config.Env}} {{.Config.Env}}", "seen"], "2 [LOGSPOUT"),
        (&["service", "ls", "--format", "{{.Name}}"], "svc"),
        (&["node", "ls", "--format", "{{.Status}}"], "Ready"),
    ] {
        // What a container printed is in its log a moment later, and a node is ready a moment after it is a Swarm.
        until(LIMIT, text, || {
            let answer = proxy.docker(arguments)?;
            ensure(answer.contains(text), format!("{arguments:?}: {answer}"))
        });
    }
    let (status, _) = proxy.ask("GET", "/_ping");
    assert_eq!(status, 200);
    until(LIMIT, "the service's task", || {
        let tasks = proxy.json("/v1.41/tasks");
        ensure(tasks[0]["Spec"]["ContainerSpec"]["Env"].is_array(), tasks.to_string())
    });
    for target in
        ["/containers/json?all=1", "/containers/seen/json", "/services?status=true", "/tasks", "/nodes"]
    {
        let text = proxy.json(target).to_string();
        assert!(!text.contains("hunter2"), "{target}: {text}");
    }
    assert!(engine.docker(&["inspect", "seen"]).contains("hunter2"), "the engine itself tells");

    // Nothing else does, and it is said what would.
    for arguments in [
        &["kill", "seen"][..],
        &["rm", "-f", "seen"],
        &["exec", "seen", "true"],
        &["cp", "seen:/bin/busybox", "-"],
        &["export", "seen"],
        &["run", "-d", e2e::engine::BUSYBOX],
        &["swarm", "join-token", "-q", "worker"],
    ] {
        let error = proxy.docker(arguments).expect_err("it must be refused");
        assert!(error.contains("socket-proxy: ") && error.contains("refused"), "{arguments:?}: {error}");
    }
    for (method, target) in [
        ("POST", "/containers/seen/stop"),
        ("DELETE", "/containers/seen"),
        ("PUT", "/containers/seen/archive?path=/"),
        ("GET", "/swarm"),
        ("GET", "/containers/seen/../seen/export"),
        ("GET", "/containers/json?size=1"),
        ("GET", "/containers/seen/top"),
        ("GET", "/images/json"),
    ] {
        let (status, body) = proxy.ask(method, target);
        assert_eq!(status, 403, "{method} {target}: {body}");
        assert!(body.contains("refused"), "{body}");
    }
    assert_eq!(engine.docker(&["inspect", "-f", "{{.State.Running}}", "seen"]), "true");
    until(LIMIT, "all refusals counted", || {
        let refused = proxy.agent.sample("socket_proxy_requests_total{outcome=\"refused\"} ");
        ensure(refused.parse::<u64>().is_ok_and(|refused| refused >= 15), refused)
    });
    let removed = proxy.agent.sample("socket_proxy_environment_entries_removed_total ");
    assert_ne!(removed, "0");
}

#[test]
fn agents_live_on_the_proxys_socket_alone() {
    let engine = Engine::start("nobody", 35);
    let proxy = Proxy::start(&engine, &[]);
    let docker = format!("--docker={}", proxy.host());
    let rsyslog = Rsyslog::start();
    let state = tempfile::tempdir().expect("a folder");
    chown(state.path(), Some(65534), Some(65534)).expect("an owner");
    let path = format!("--state.path={}", state.path().display());
    let route = format!("syslog+tcp://{}", rsyslog.address());
    let exporter = Agent::start_as_nobody("container-exporter", &[&docker], &[]);
    let router = Agent::start_as_nobody("log-router", &[&docker, &path, &route], &[]);
    for agent in [&exporter, &router] {
        let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("a process");
        assert!(status.contains("Uid:\t65534\t65534\t65534\t65534"), "{status}");
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    }
    assert!(fs::metadata(engine.data()).is_ok(), "root sees the engine's folder, they do not");

    // Events reach them: both start after the agents.
    let say = ["sh", "-c", "echo one line; exec sleep 1000"];
    engine.busybox(&["--name", "quiet", "-e", "LOGSPOUT=ignore", "--memory", "64m"], &say);
    engine.busybox(&["--name", "loud", "--memory", "64m"], &say);
    exporter.expect("container_exporter_docker_connected", "1");
    for name in ["quiet", "loud"] {
        until(LIMIT, name, || {
            let metrics = exporter.metrics();
            let name = format!("name=\"{name}\"");
            for family in [
                "container_memory_usage_bytes{",
                "container_cpu_usage_seconds_total{",
                "container_spec_memory_limit_bytes{",
            ] {
                let found = metrics.lines().any(|line| line.starts_with(family) && line.contains(&name));
                ensure(found, format!("no {family} of {name}"))?;
            }
            Ok(())
        });
    }
    let lines = rsyslog.expect("loud", 1);
    assert_eq!(lines[0]["message"], "one line", "{lines:?}");
    assert!(rsyslog.received("quiet").is_empty(), "LOGSPOUT=ignore is seen through the proxy");

    // The stats stream passes too.
    let streaming = Agent::start_as_nobody("container-exporter", &[&docker, "--source=stats"], &[]);
    until(LIMIT, "a sample of the stream", || {
        let metrics = streaming.metrics();
        let found = metrics
            .lines()
            .any(|l| l.starts_with("container_memory_usage_bytes{") && l.contains("name=\"loud\""));
        ensure(found, metrics)
    });
}
