//! The agents' doctors on real parts that are broken on purpose: each fault is named with what to do, and a Swarm that is
//! well has none.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use e2e::agent::{Agent, binary, free_port};
use e2e::engine::{BUSYBOX, Engine};
use e2e::prometheus::Prometheus;
use e2e::search::{Kind, PASSWORD, SearchEngine};
use e2e::wait::{LIMIT, ensure, until};
use tempfile::TempDir;

/// What a doctor printed, and its exit code.
struct Report {
    text: String,
    code: Option<i32>,
}

impl Report {
    fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the doctor starts");
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        println!("{text}");
        Self { text, code: output.status.code() }
    }

    fn run(agent: &str, arguments: &[&str]) -> Self {
        Self::of(Command::new(binary(agent)).arg("doctor").args(arguments).env_clear())
    }

    /// The findings of a cause, without its name.
    fn seen(&self, cause: &str) -> Vec<&str> {
        let marked = ["  PROBLEM  ", "  note     "];
        let lines =
            self.text.lines().filter_map(|line| marked.iter().find_map(|mark| line.strip_prefix(mark)));
        lines.filter_map(|line| line.strip_prefix(cause)?.strip_prefix(": ")).collect()
    }

    fn has(&self, cause: &str, what: &str) -> Result<(), String> {
        ensure(
            self.seen(cause).iter().any(|seen| seen.contains(what)),
            format!("{cause}: {what}\n{}", self.text),
        )
    }

    #[track_caller]
    fn must_have(&self, cause: &str, what: &str) {
        self.has(cause, what).expect("the finding");
    }
}

fn swarm(name: &str, index: u8, subnet: &str) -> Engine {
    let engine = Engine::start(name, index);
    engine.docker(&["swarm", "init", "--advertise-addr", &engine.address()]);
    engine.docker(&["network", "create", "--driver", "overlay", "--attachable", "--subnet", subnet, "mon"]);
    engine
}

fn service(engine: &Engine, options: &[&str], image: &str) {
    let create = ["service", "create", "-d", "--no-resolve-image", "--stop-grace-period", "1s"];
    engine.docker(&[&create[..], options, &[image, "sleep", "1000"]].concat());
}

#[test]
fn a_swarm_that_is_broken_on_purpose() {
    let alone = Report::run("container-exporter", &["--docker=unix:///no/such.sock"]);
    alone.must_have("engine-unreachable", "unix:///no/such.sock");
    assert_eq!(alone.code, Some(1));
    let usage = Report::run("container-exporter", &["--docker=ssh://x", "--prometheus.url=here"]);
    assert_eq!(usage.code, Some(2), "{}", usage.text);
    assert!(usage.text.contains("--docker: `ssh://x`") && usage.text.contains("--prometheus.url: `here`"));

    let engine = Engine::start("doctor", 27);
    let docker = format!("--docker={}", engine.host());
    Report::run("container-exporter", &[&docker]).must_have("not-a-manager", "inactive");
    engine.docker(&["swarm", "init", "--advertise-addr", &engine.address()]);
    Report::run("container-exporter", &[&docker]).must_have("network-missing", "swarmscope");
    engine.docker(&["network", "create", "--driver", "overlay", "--subnet", "10.77.0.0/29", "mon"]);
    let on_network = ["--network", "mon", "--endpoint-mode", "dnsrr"];
    for agent in ["node-exporter", "container-exporter"] {
        engine.docker(&["tag", BUSYBOX, &format!("any/{agent}:1")]);
    }
    let global = ["--mode", "global", "--name", "hosts", "--mount", "type=bind,source=/sys,target=/host/sys"];
    service(&engine, &[&on_network[..], &global].concat(), "any/node-exporter:1");
    let global = ["--mode", "global", "--name", "boxes", "--mount", "type=bind,source=/no/such,target=/x"];
    service(&engine, &[&on_network[..], &global].concat(), "any/container-exporter:1");
    service(&engine, &[&on_network[..], &["--name", "crowd", "--replicas", "6"]].concat(), BUSYBOX);
    service(&engine, &["--name", "quiet", "--log-driver", "none"], BUSYBOX);
    engine.busybox(&["--name", "mute", "--log-driver", "none"], &["sleep", "1000"]);
    engine.busybox(&["--name", "endless"], &["sleep", "1000"]);

    let nobody = format!("127.0.0.1:{}", free_port());
    let prometheus = Prometheus::configured(&format!(
        "  - job_name: gone\n    static_configs: [{{targets: ['{nobody}']}}]\n  - job_name: nobody\n    static_configs: []\n"
    ));
    let folder = tempfile::tempdir().expect("a folder");
    let alertmanager = alertmanager(&folder);
    let flags = [
        docker,
        "--network=mon".to_owned(),
        format!("--prometheus.url={}", prometheus.url()),
        format!("--alertmanager.url={}", alertmanager.url("")),
    ];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let report = until(LIMIT, "all findings", || {
        let report = Report::run("container-exporter", &flags);
        report.has("overlay-full", "mon 10.77.0.0/29: ")?;
        report.has("agent-missing", "invalid mount config")?;
        report.has("target-down", &format!("gone {nobody}: "))?;
        Ok(report)
    });
    report.must_have("agent-missing", "boxes on ");
    report.must_have("target-down", "connection refused");
    report.must_have("job-empty", "nobody");
    report.must_have("no-alertmanager", "none is active");
    report.must_have("no-receiver", "null");
    report.must_have("router-absent", "log-router");
    report.must_have("agent-mounts", "hosts has no bind of /proc");
    report.must_have("agent-mounts", "boxes has no socket of the engine");
    report.must_have("agent-rights", "hosts: its root is writable, it keeps Docker's default capabilities");
    report.must_have("driver-unreadable", "service quiet: its log driver is none");
    report.must_have("driver-unreadable", "container mute: its log driver is none");
    report.must_have("log-unbounded", "endless");
    assert_eq!(report.code, Some(1));

    let id = engine.docker(&["info", "-f", "{{.Swarm.NodeID}}"]);
    engine.docker(&["node", "update", "--availability", "drain", &id]);
    Report::run("container-exporter", &flags).must_have("node-drained", "drain");
    drop((prometheus, alertmanager));
    let report = Report::run("container-exporter", &flags);
    report.must_have("prometheus-unreachable", "refused");
    report.must_have("alertmanager-unreachable", "refused");
}

/// A real Alertmanager with a receiver that tells nobody.
fn alertmanager(folder: &TempDir) -> Agent {
    let config = folder.path().join("alertmanager.yml");
    std::fs::write(&config, "route: {receiver: \"null\"}\nreceivers: [{name: \"null\"}]\n").expect("a file");
    let storage = folder.path().join("data");
    let arguments = [
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", storage.display()),
        "--cluster.listen-address=".to_owned(),
    ];
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Agent::start_program(Path::new("prometheus-alertmanager"), "/-/ready", &arguments, &[])
}

/// Runs a script of `deploy/` on the test's engine.
fn deploy(engine: &Engine, script: &str) -> Report {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(script);
    Report::of(
        Command::new("bash")
            .arg(path)
            .env("DOCKER_HOST", engine.host())
            .env("STATE_DIR", engine.data().with_file_name("state"))
            .env("SKIP_BUILD", "1")
            .env("WAIT_SECONDS", "900")
            .env("NETWORK", "mon")
            .env("STACKS", "agents"),
    )
}

#[test]
fn make_doctor_on_a_running_stack() {
    let engine = swarm("doctors", 28, "10.78.0.0/24");
    let up = deploy(&engine, "up.sh");
    assert_eq!(up.code, Some(0), "{}", up.text);
    let name = engine.docker(&["info", "-f", "{{.Name}}"]);
    let report = until(LIMIT, "agents that have all they need", || {
        let report = deploy(&engine, "doctor.sh");
        // The disk of the machine that runs the tests is no matter of theirs.
        let sick = report.text.lines().filter(|line| line.contains("PROBLEM") && !line.contains("disk-low"));
        ensure(sick.count() == 0, report.text.clone())?;
        Ok(report)
    });
    for line in [
        "  ok       1 of 1 nodes work",
        "  ok       3 of 3 tasks are ready",
        &format!("  ok       clocks agree: {name}"),
        &format!("  ok       {name}, in the Swarm "),
        "No problems.",
    ] {
        assert!(report.text.contains(line), "{line}\n{}", report.text);
    }
    assert_eq!(report.code == Some(0), !report.text.contains("disk-low"), "{}", report.text);

    engine.docker(&["service", "update", "-d", "--mount-rm", "/host/sys", "swarmscope_node-exporter"]);
    // The engine's socket belongs to root.
    engine.docker(&["service", "update", "-d", "--user", "65534:65534", "swarmscope_container-exporter"]);
    let report = until(LIMIT, "the findings of both faults", || {
        let report = deploy(&engine, "doctor.sh");
        report.has("agent-mounts", "swarmscope_node-exporter has no bind of /sys")?;
        report.has("agent-not-ready", "swarmscope_container-exporter on ")?;
        report.has("root-unreadable", "--path.sysfs=/host/sys: ")?;
        Ok(report)
    });
    assert_eq!(report.code, Some(1));
    assert!(
        report.text.contains("make doctor: problems, found by container-exporter node-exporter."),
        "{}",
        report.text
    );
}

#[test]
fn a_router_that_cannot_do_its_work() {
    let engine = Engine::start("doctorl", 29);
    let docker = format!("--docker={}", engine.host());
    let folder = tempfile::tempdir().expect("a folder");
    let state = format!("--state.path={}", folder.path().display());
    engine.busybox(&["--name", "mute", "--log-driver", "none"], &["sleep", "1000"]);
    let noise = "while :; do yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -n 1000; sleep 1; done";
    let rotation = ["--name", "loud", "--log-opt", "max-size=100k", "--log-opt", "max-file=2"];
    engine.busybox(&rotation, &["sh", "-c", noise]);

    let none = Report::run("log-router", &["--docker=unix:///no/such.sock", "--state.path=none"]);
    none.must_have("no-route", "ROUTE_URIS");
    none.must_have("engine-silent", "/no/such.sock");
    none.must_have("state-none", "--start");
    assert_eq!(none.code, Some(1));

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let good = format!("tcp://{}", listener.local_addr().expect("an address"));
    let bad = format!("syslog+tcp://127.0.0.1:{}", free_port());
    let search = SearchEngine::start(Kind::Elasticsearch8, "doctor", &[]);
    let refused = format!("elasticsearch://elastic:wrong@{}", search.address());
    let taken = format!("elasticsearch://elastic:{}@{}", PASSWORD, search.address());
    // It fills its spool with what rotation is about to delete.
    let at_work = Agent::start("log-router", &[&docker, &state, &bad], &[]);
    let unknown = "syslog://no.such.name.invalid:514";
    let routes = [good.as_str(), &bad, &refused, unknown].join(",");
    let report = until(LIMIT, "the findings of the router", || {
        let report = Report::run("log-router", &[&docker, &state, "--spool.max-bytes=9000000GiB", &routes]);
        report.has("rotation-small", "loud: ")?;
        report.has("spool-in-use", &bad)?;
        Ok(report)
    });
    report.must_have("sink-unreachable", &format!("{bad}: "));
    report.must_have("sink-unreachable", unknown);
    report.must_have("sink-refuses", "HTTP 401");
    report.must_have("log-unreadable", "mute (log driver none)");
    report.must_have("spool-room", "bytes are free");
    assert!(report.text.contains(&format!("  ok       {good}: takes connections")), "{}", report.text);
    assert_eq!(report.code, Some(1));
    drop(at_work);

    engine.docker(&["rm", "-f", "mute", "loud"]);
    let healthy = Report::run("log-router", &[&docker, &state, "--spool.max-bytes=1MiB", &good, &taken]);
    assert!(healthy.text.ends_with("No problems.\n"), "{}", healthy.text);
    assert_eq!(healthy.code, Some(0));

    let unusable = Report::run("log-router", &[&docker, "--state.path=/proc/nowhere", &good]);
    unusable.must_have("state-unusable", "/proc/nowhere");
    in_its_container(&engine);
}

/// Where the folder of logs is not mounted and that of positions is no volume.
fn in_its_container(engine: &Engine) {
    engine.busybox(&["--name", "speaker"], &["sh", "-c", "echo hello; sleep 1000"]);
    let program = format!("{}:/log-router:ro", binary("log-router").display());
    let socket = format!("{}:/var/run/docker.sock", engine.socket().display());
    let mounts = ["-v", program.as_str(), "-v", socket.as_str(), "--entrypoint", "/log-router"];
    let doctor = [BUSYBOX, "doctor", "--state.path=/etc", "raw+udp://127.0.0.1:9"];
    // The engine may not have noted at first that the doctor's own container runs.
    until(LIMIT, "the findings of a container without mounts", || {
        let report = Report::of(
            Command::new("docker").args(["-H", &engine.host(), "run", "--rm"]).args(mounts).args(doctor),
        );
        report.has("state-lost", "/etc is on the container's own layer")?;
        report.has("files-unreadable", "those of 2 containers")
    });
}
