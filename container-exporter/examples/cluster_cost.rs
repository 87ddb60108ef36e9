//! What a scrape of the cluster view costs in a large Swarm: an engine that is made up answers for 1,000 nodes, 1,000
//! services and their 10,000 tasks, as 20.10 writes them.
//!
//! ```sh
//! cargo build --release -p container-exporter
//! cargo run --release -p container-exporter --example cluster_cost -- target/*/release/container-exporter
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark for the terminal"
)]

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixListener};

const NODES: usize = 1_000;
const SERVICES: usize = 1_000;
const TASKS: usize = 10_000;
const ROUNDS: u32 = 20;

struct Engine {
    nodes: Bytes,
    services: Bytes,
    tasks: Bytes,
}

fn engine() -> Engine {
    let plugins: Vec<_> = (0..20).map(|n| json!({"Type": "Log", "Name": format!("driver{n}")})).collect();
    let node = |n: usize| {
        json!({
            "ID": format!("node{n:021}"), "Version": {"Index": n}, "CreatedAt": "2026-11-24T17:00:00Z",
            "Spec": {"Labels": {}, "Role": if n < 5 { "manager" } else { "worker" }, "Availability": "active"},
            "Description": {
                "Hostname": format!("host-{n}"), "Platform": {"Architecture": "x86_64", "OS": "linux"},
                "Resources": {"NanoCPUs": 8_000_000_000_u64, "MemoryBytes": 33_000_000_000_u64},
                "Engine": {"EngineVersion": "20.10.24", "Plugins": plugins}, "TLSInfo": {"TrustRoot": "x".repeat(600)},
            },
            "Status": {"State": "ready", "Addr": "10.0.0.1"},
        })
    };
    let template = json!({
        "ContainerSpec": {
            "Image": format!("registry.example.org/app:1@sha256:{}", "a".repeat(64)), "Init": false,
            "Env": (0..20).map(|n| format!("VARIABLE_{n}=some value of it")).collect::<Vec<_>>(),
            "Labels": {"com.docker.stack.namespace": "shop"},
        },
        "Resources": {"Limits": {"MemoryBytes": 64_000_000}, "Reservations": {"MemoryBytes": 16_000_000}},
        "Networks": [{"Target": "n".repeat(25)}], "ForceUpdate": 0, "Runtime": "container",
    });
    let service = |n: usize| {
        let spec = json!({
            "Name": format!("shop_service-{n}"), "TaskTemplate": template, "Mode": {"Replicated": {"Replicas": 10}},
            "Labels": {"com.docker.stack.namespace": "shop", "prometheus.port": "8080"},
        });
        json!({
            "ID": format!("svc{n:022}"), "Version": {"Index": n}, "Spec": spec, "PreviousSpec": spec,
            "ServiceStatus": {"RunningTasks": 10, "DesiredTasks": 10, "CompletedTasks": 0},
        })
    };
    let task = |n: usize| {
        let network = json!({"ID": "n".repeat(25), "Spec": {"Name": "swarmscope", "DriverConfiguration": {"Name": "overlay"}}});
        json!({
            "ID": format!("task{n:021}"), "Spec": template, "ServiceID": format!("svc{:022}", n % SERVICES), "Slot": n,
            "NodeID": format!("node{:021}", n % NODES), "Status": {"State": "running"}, "DesiredState": "running",
            "NetworksAttachments": [{"Network": network, "Addresses": [format!("10.{}.{}.2/20", n / 256, n % 256)]}],
        })
    };
    let list = |items: Vec<Value>| Bytes::from(Value::Array(items).to_string());
    Engine {
        nodes: list((0..NODES).map(node).collect()),
        services: list((0..SERVICES).map(service).collect()),
        tasks: list((0..TASKS).map(task).collect()),
    }
}

impl Engine {
    fn answer(&self, path: &str) -> Option<Bytes> {
        Some(match path {
            "/nodes" => self.nodes.clone(),
            "/services" => self.services.clone(),
            "/tasks" => self.tasks.clone(),
            "/version" => Bytes::from_static(b"{\"ApiVersion\":\"1.41\",\"Version\":\"20.10.24\"}"),
            "/info" => Bytes::from_static(b"{\"Name\":\"host-0\"}"),
            _ => return None,
        })
    }

    async fn serve(self, listener: UnixListener) {
        let engine = Arc::new(self);
        while let Ok((stream, _)) = listener.accept().await {
            let engine = Arc::clone(&engine);
            let service = service_fn(move |request: Request<Incoming>| {
                let body = engine.answer(request.uri().path());
                let mut response = Response::new(Full::new(body.clone().unwrap_or_default()));
                if body.is_none() {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                }
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    }
}

/// The body's length, where the answer is 200.
async fn get(address: &str, path: &str) -> Option<usize> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "x").body(Empty::<Bytes>::new()).ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let good = answer.status() == StatusCode::OK;
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    good.then_some(body.len())
}

fn cpu(child: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap();
    (ticks(11) + ticks(12)) * 10.0
}

fn memory(child: &Child, what: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    status.lines().find_map(|line| line.strip_prefix(what)).unwrap().trim().to_owned()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let program = std::env::args_os().nth(1).expect("the path of container-exporter");
    let socket = std::env::temp_dir().join(format!("cluster-cost-{}.sock", std::process::id()));
    let engine = engine();
    println!(
        "{NODES} nodes ({} kB), {SERVICES} services ({} kB), {TASKS} tasks ({} kB)",
        engine.nodes.len() / 1000,
        engine.services.len() / 1000,
        engine.tasks.len() / 1000
    );
    tokio::spawn(engine.serve(UnixListener::bind(&socket).unwrap()));
    let address = "127.0.0.1:19382";
    let mut child = start(Path::new(&program), &socket, address);
    while get(address, "/-/ready").await.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for path in ["/metrics", "/sd", "/sd?job=shop_service-1"] {
        let size = get(address, path).await.unwrap();
        let (before, begin) = (cpu(&child), Instant::now());
        for _ in 0..ROUNDS {
            get(address, path).await.unwrap();
        }
        let rounds = f64::from(ROUNDS);
        println!(
            "{path}: {:.1} ms CPU, {:.1} ms from request to answer, {} kB; resident {}, at most {}",
            (cpu(&child) - before) / rounds,
            begin.elapsed().as_secs_f64() * 1e3 / rounds,
            size / 1000,
            memory(&child, "VmRSS:"),
            memory(&child, "VmHWM:")
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(socket).unwrap();
}

fn start(program: &Path, socket: &Path, address: &str) -> Child {
    let mut command = Command::new(program);
    command.args(["cluster", &format!("--docker=unix://{}", socket.display())]);
    command.arg(format!("--web.listen-address={address}")).stderr(Stdio::null()).spawn().unwrap()
}
