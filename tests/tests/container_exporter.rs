//! container-exporter on a real engine: what the sources say, what events change, what is kept open, and a command
//! line or an engine that is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use e2e::agent::{Agent, binary};
use e2e::engine::Engine;
use e2e::http;
use e2e::wait::{LIMIT, ensure, until};

fn exporter(engine: &Engine, source: &str) -> Agent {
    let docker = format!("--docker={}", engine.host());
    Agent::start("container-exporter", &[&docker, &format!("--source={source}")], &[])
}

/// The samples of a family prefix that carry a container's name, without the other labels of the container.
fn samples(metrics: &str, family: &str, name: &str) -> BTreeSet<String> {
    let label = format!("name=\"{name}\"");
    metrics
        .lines()
        .filter(|line| line.starts_with(family))
        .filter_map(|line| Some(line.split_once('{')?.0.to_owned() + line.split_once(&label)?.1))
        .collect()
}

/// Waits until a container is told of; its samples.
fn wait_for(exporter: &Agent, family: &str, name: &str) -> BTreeSet<String> {
    until(LIMIT, name, || {
        let metrics = exporter.metrics();
        let found = samples(&metrics, family, name);
        ensure(!found.is_empty(), metrics)?;
        Ok(found)
    })
}

#[test]
fn both_sources_say_the_same() {
    let engine = Engine::start("same", 30);
    let limits = ["--memory", "64m", "--memory-reservation", "32m", "--cpus", "0.05", "--pids-limit", "50"];
    let options = [&["--name", "still", "--network", "none"], &limits[..]].concat();
    engine.busybox(&options, &["sh", "-c", "timeout 2 sh -c 'while :; do :; done'; exec sleep 1000"]);
    let cgroup = exporter(&engine, "cgroup");
    for mode in ["stream", "oneshot"] {
        let docker = format!("--docker={}", engine.host());
        let flags = [docker.as_str(), "--source=stats", &format!("--stats-mode={mode}")];
        let stats = Agent::start("container-exporter", &flags, &[]);
        compare(&cgroup, &stats);
    }
}

fn compare(cgroup: &Agent, stats: &Agent) {
    until(LIMIT, "equal samples", || {
        let files = samples(&cgroup.metrics(), "container_", "still");
        let stream = samples(&stats.metrics(), "container_", "still");
        ensure(stream.len() > 30, format!("{stream:#?}"))?;
        let family = |line: &String| line.split(['{', ',', '}']).next().unwrap_or_default().to_owned();
        let only: BTreeSet<_> = files.difference(&stream).map(family).collect();
        // The clock, and what Docker's statistics do not have.
        let allowed = [
            "container_cpu_cfs_burst_",
            "container_last_seen",
            "container_memory_kernel_usage",
            "container_memory_swap",
            "container_memory_workingset_refault_",
            "container_oom_events_total",
            "container_pressure_",
            "container_tasks_state",
            "container_uptime_seconds",
        ];
        let is_allowed = |family: &String| allowed.iter().any(|beginning| family.starts_with(beginning));
        ensure(only.iter().all(is_allowed), format!("{only:?}"))?;
        let more: BTreeSet<_> = stream.difference(&files).map(family).collect();
        ensure(more.iter().all(is_allowed), format!("only by statistics: {more:?}"))?;
        let quota = "container_cpu_cfs_throttled_periods_total} 0";
        ensure(!stream.contains(quota), "throttled")
    });
}

#[test]
fn a_network_is_told_once() {
    let engine = Engine::start("nets", 31);
    engine.busybox(&["--name", "own"], &["sleep", "1000"]);
    engine.busybox(&["--name", "host", "--network", "host"], &["sleep", "1000"]);
    engine.busybox(&["--name", "none", "--network", "none"], &["sleep", "1000"]);
    engine.busybox(&["--name", "guest", "--network", "container:own"], &["sleep", "1000"]);
    for source in ["cgroup", "stats"] {
        let exporter = exporter(&engine, source);
        // One answer in which all of them are, and the network that there is.
        let metrics = until(LIMIT, source, || {
            let metrics = exporter.metrics();
            let family = |family, name| samples(&metrics, family, name).len() == 1;
            let all = ["own", "host", "none", "guest"]
                .iter()
                .all(|name| family("container_memory_usage_bytes", name));
            ensure(all && family("container_network_receive_bytes_total", "own"), metrics.clone())?;
            Ok(metrics)
        });
        for name in ["own", "host", "none", "guest"] {
            let network = samples(&metrics, "container_network_receive_bytes_total", name);
            assert_eq!(network.len(), usize::from(name == "own"), "{source} {name}: {network:?}");
        }
    }
}

#[test]
fn events_change_what_is_told() {
    let engine = Engine::start("events", 32);
    let id = engine.busybox(&["--name", "first", "--network", "none"], &["sleep", "1000"]);
    let exporter = exporter(&engine, "cgroup");
    let start = wait_for(&exporter, "container_start_time_seconds", "first");
    engine.docker(&["rename", "first", "second"]);
    wait_for(&exporter, "container_memory_usage_bytes", "second");
    assert_eq!(samples(&exporter.metrics(), "container_", "first"), BTreeSet::new());
    engine.docker(&["update", "--memory", "96m", "--memory-swap", "128m", "--cpus", "0.3", &id]);
    for line in ["container_spec_memory_limit_bytes} 100663296", "container_spec_cpu_quota} 30000"] {
        until(LIMIT, line, || {
            let all = samples(&exporter.metrics(), "container_", "second");
            ensure(all.contains(line), format!("{all:#?}"))
        });
    }
    engine.docker(&["pause", &id]);
    exporter.expect("container_exporter_containers{state=\"paused\"}", "1");
    assert!(
        !samples(&exporter.metrics(), "container_memory_rss", "second").is_empty(),
        "it still has memory"
    );
    engine.docker(&["unpause", &id]);
    // Starts are told in whole seconds.
    let second = start.iter().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).max();
    until(LIMIT, "another second", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        ensure(second.is_some_and(|second| now > second), format!("{now}, started at {second:?}"))
    });
    engine.docker(&["restart", "-t", "0", &id]);
    until(LIMIT, "the new start", || {
        let again = samples(&exporter.metrics(), "container_start_time_seconds", "second");
        ensure(again != start && !again.is_empty(), format!("{again:?}"))?;
        ensure(!samples(&exporter.metrics(), "container_cpu_usage", "second").is_empty(), "its cgroup")
    });
    engine.docker(&["rm", "-f", &id]);
    until(LIMIT, "the end of all its series", || {
        let left = samples(&exporter.metrics(), "container_", "second");
        ensure(left.is_empty(), format!("{left:?}"))
    });
}

/// What a process has open.
fn open_files(agent: &Agent) -> Vec<String> {
    let links = fs::read_dir(format!("/proc/{}/fd", agent.pid())).expect("its descriptors");
    let target = |link: fs::DirEntry| fs::read_link(link.path()).ok();
    links.flatten().filter_map(target).map(|path| path.display().to_string()).collect()
}

#[test]
fn cgroup_files_stay_open_and_network_namespaces_do_not() {
    let engine = Engine::start("open", 33);
    let id = engine.busybox(&["--name", "kept"], &["sleep", "1000"]);
    let exporter = exporter(&engine, "cgroup");
    wait_for(&exporter, "container_network_receive_bytes_total", "kept");
    let open = until(LIMIT, "its cgroup's files", || {
        drop(exporter.metrics());
        let open = open_files(&exporter);
        ensure(open.iter().any(|path| path.contains(&id)), format!("{open:?}"))?;
        Ok(open)
    });
    assert!(!open.iter().any(|path| path.contains("/net/")), "{open:?}");
    engine.docker(&["rm", "-f", &id]);
    until(LIMIT, "the end of its series", || {
        let left = samples(&exporter.metrics(), "container_", "kept");
        ensure(left.is_empty(), format!("{left:?}"))
    });
    until(LIMIT, "the end of its files", || {
        let open = open_files(&exporter);
        ensure(!open.iter().any(|path| path.contains(&id)), format!("{open:?}"))
    });
}

#[test]
fn without_an_engine_the_machine_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("none.sock").display().to_string();
    let docker = format!("--docker=unix://{socket}");
    let exporter = Agent::start("container-exporter", &[&docker, "--log.level=debug"], &[]);
    exporter.expect("container_exporter_docker_connected", "0");
    exporter.expect("container_scrape_error", "1");
    let metrics = exporter.metrics();
    for start in [
        "machine_memory_bytes",
        "container_cpu_usage_seconds_total{id=\"/\"",
        "container_start_time_seconds{id=\"/\"",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(start)), "{start}");
    }
    // It is tried again, and told once.
    exporter.expect_log("the engine still does not answer");
    let log = exporter.log();
    let told = log.lines().filter(|line| line.contains("trying again") && line.contains(&socket));
    assert_eq!(told.count(), 1, "{log}");
    assert_eq!(http::get(&exporter.url("/-/ready")).expect("an answer").status, 503);
    assert_eq!(http::get(&exporter.url("/healthz")).expect("an answer").status, 200);
}

#[test]
fn all_that_is_wrong_with_a_command_line_is_told_at_once() {
    let flags = [
        "-source=magic",
        "--docker=ssh://x",
        "--docker_only=perhaps",
        "--log.level=loud",
        "-disable_metrics=gpu",
        "--disk-usage=guess",
        "--dead-containers=all",
    ];
    let output =
        std::process::Command::new(binary("container-exporter")).args(flags).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    for flag in [
        "--source: `magic`",
        "--docker: `ssh://x`",
        "--docker_only: `perhaps`",
        "--log.level: `loud`",
        "--disable_metrics: `gpu`",
        "--disk-usage: `guess`",
        "--dead-containers: `all`",
    ] {
        assert!(text.contains(flag), "{text}");
    }
}
