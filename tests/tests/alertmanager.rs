//! Alertmanager's files: taken by amtool, and by a real Alertmanager that holds back and sends as they say.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use e2e::agent::Agent;
use e2e::command::run;
use e2e::http::{get, send};
use e2e::wait::{LIMIT, ensure, until};
use serde_json::{Value, json};
use tempfile::TempDir;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/alertmanager")
}

fn examples() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder().join("examples")).expect("the examples").flatten();
    let mut files: Vec<_> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "yml")).collect();
    files.sort();
    files
}

/// An Alertmanager with its folder, which goes last.
struct Alertmanager {
    agent: Agent,
    _folder: TempDir,
}

fn start(config: &Path) -> Alertmanager {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!("--config.file={}", config.display());
    let storage = format!("--storage.path={}", folder.path().display());
    let arguments = [config.as_str(), &storage, "--cluster.listen-address="];
    let agent = Agent::start_program(Path::new("prometheus-alertmanager"), "/-/ready", &arguments, &[]);
    Alertmanager { agent, _folder: folder }
}

fn post(alertmanager: &Alertmanager, alerts: &[Value]) {
    let alerts: Vec<_> = alerts.iter().map(|labels| json!({"labels": labels})).collect();
    let answer = send("POST", &alertmanager.agent.url("/api/v2/alerts"), &[], &Value::from(alerts));
    let answer = answer.expect("Alertmanager answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Alert and node of those in a state.
fn in_state(alertmanager: &Alertmanager, state: &str) -> Result<Vec<String>, String> {
    let alerts = get(&alertmanager.agent.url("/api/v2/alerts"))?.json();
    let alerts = alerts.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut found: Vec<_> = alerts
        .iter()
        .filter(|alert| alert["status"]["state"] == state)
        .map(|alert| {
            format!("{} {}", text(&alert["labels"]["alertname"]), text(&alert["labels"]["node_name"]))
        })
        .collect();
    found.sort();
    Ok(found)
}

#[test]
fn amtool_takes_the_file_and_every_example() {
    let names: Vec<_> =
        examples().iter().filter_map(|p| p.file_stem()?.to_str().map(str::to_owned)).collect();
    assert_eq!(names, ["mail", "slack", "webhook"]);
    let readme = fs::read_to_string(folder().join("examples/README.md")).expect("the page");
    for (file, name) in examples().iter().zip(names) {
        run("amtool", &["check-config", &file.display().to_string()]);
        assert!(readme.contains(&format!("[{name}.yml]({name}.yml)")), "{name} is not told of");
        let text = fs::read_to_string(file).expect("an example");
        assert!(text.contains("_file: /run/secrets/"), "{name}: secrets are files");
        for word in ["password:", "api_url:", "credentials:", "hooks.slack.com"] {
            assert!(!text.contains(word), "{name} has a secret in it: {word}");
        }
    }
    let file = folder().join("alertmanager.yml").display().to_string();
    let told = run("amtool", &["config", "routes", "test", "--config.file", &file, "severity=critical"]);
    assert_eq!(told.trim(), "null", "nothing is sent to anybody by default");
}

#[test]
fn a_node_that_is_down_silences_its_containers() {
    let alertmanager = start(&folder().join("alertmanager.yml"));
    let of = |name: &str, node: &str| json!({"alertname": name, "node_name": node, "service": "shop_web"});
    let before = [
        of("ContainerOOMKilled", "beta"),
        of("NodeMemoryPressure", "beta"),
        of("NodeMissing", "beta"),
        of("ContainerOOMKilled", "alpha"),
        json!({"alertname": "AgentCountMismatch"}),
        json!({"alertname": "ServiceBelowDesired", "service": "shop_web"}),
    ];
    post(&alertmanager, &before[..2]);
    until(LIMIT, "alerts of a node that is well", || {
        let active = in_state(&alertmanager, "active")?;
        ensure(active == ["ContainerOOMKilled beta", "NodeMemoryPressure beta"], format!("{active:?}"))
    });
    post(&alertmanager, &before);
    until(LIMIT, "the silence of what a missing node explains", || {
        let (active, held) = (in_state(&alertmanager, "active")?, in_state(&alertmanager, "suppressed")?);
        let shown = ["ContainerOOMKilled alpha", "NodeMissing beta", "ServiceBelowDesired -"];
        let hidden = ["AgentCountMismatch -", "ContainerOOMKilled beta", "NodeMemoryPressure beta"];
        ensure(active == shown && held == hidden, format!("{active:?}, held back {held:?}"))
    });
    post(
        &alertmanager,
        &[of("SwarmNodeDown", "beta"), json!({"alertname": "ServiceWithoutTasks", "service": "shop_web"})],
    );
    until(LIMIT, "one alert for the node and one for the service", || {
        let active = in_state(&alertmanager, "active")?;
        let shown = ["ContainerOOMKilled alpha", "ServiceWithoutTasks -", "SwarmNodeDown beta"];
        ensure(active == shown, format!("{active:?}"))
    });
}

/// The example for webhooks, with an address that there is: what arrives, and by which token.
#[test]
fn the_watchdog_goes_out_with_the_token_of_the_file() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let work = tempfile::tempdir().expect("a folder");
    let token = work.path().join("token");
    fs::write(&token, "a-secret-of-its-own").expect("a token");
    let example = fs::read_to_string(folder().join("examples/webhook.yml")).expect("the example");
    let config = example
        .replace("https://switch.example.org", &format!("http://{address}"))
        .replace("/run/secrets/webhook_token", &token.display().to_string());
    let file = work.path().join("alertmanager.yml");
    fs::write(&file, config).expect("a configuration");
    let alertmanager = start(&file);
    let receiver = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("Alertmanager calls");
        let mut reader = BufReader::new(connection.try_clone().expect("a second handle"));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).expect("a request") > 0, "{head}");
        }
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        connection.write_all(answer.as_bytes()).expect("an answer");
        head
    });
    post(&alertmanager, &[json!({"alertname": "Watchdog", "severity": "none"})]);
    until(LIMIT, "the call", || ensure(receiver.is_finished(), alertmanager.agent.log()));
    let head = receiver.join().expect("the request");
    assert!(head.starts_with("POST /ping/swarm "), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer a-secret-of-its-own\r\n"), "{head}");
}
