//! The whole output over recorded hosts of both cgroup versions.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::recording::Recording;
use agent_core::docker::Container as Inspect;
use agent_core::exposition::Format;
use container_exporter::collectors::metric::Detail;
use container_exporter::collectors::{self, Options, Selection};

fn scrape(version: &str, format: Format) -> String {
    let recording = Recording::new(version);
    recording.exporter(recording.cgroup()).scrape(format)
}

#[test]
fn version_1_in_text() {
    insta::assert_snapshot!(scrape("v1", Format::Text));
}

#[test]
fn version_2_in_text() {
    insta::assert_snapshot!(scrape("v2", Format::Text));
}

#[test]
fn version_2_in_open_metrics() {
    insta::assert_snapshot!(scrape("v2", Format::OpenMetrics));
}

/// The text of the samples of one container and of one family prefix.
fn samples<'a>(text: &'a str, family: &str, name: &str) -> Vec<&'a str> {
    let label = format!("name=\"{name}\"");
    text.lines().filter(|line| line.starts_with(family) && line.contains(&label)).collect()
}

#[test]
fn a_network_is_reported_once() {
    for (version, own, borrowed) in
        [("v1", "plain", ["host", "sidecar"]), ("v2", "limited", ["hostnet", "sidecar"])]
    {
        let text = scrape(version, Format::Text);
        assert_eq!(samples(&text, "container_network_receive_", own).len(), 4, "{version}");
        for name in borrowed {
            assert_eq!(samples(&text, "container_network_", name), [""; 0], "{version}");
            assert_eq!(samples(&text, "container_memory_rss", name).len(), 1, "{version}");
        }
    }
}

#[test]
fn of_the_dead_only_their_end_is_told() {
    let text = scrape("v2", Format::Text);
    let families: Vec<_> =
        samples(&text, "container_", "exit3").iter().map(|line| line.split_once('{').unwrap().0).collect();
    assert_eq!(families, ["container_state", "container_exit_code", "container_oom_killed"]);
    assert!(samples(&text, "container_exit_code", "exit3")[0].ends_with(" 3"));
    let options = Options { dead: 0, ..Options::default() };
    let recording = Recording::new("v2");
    let text =
        recording.exporter_with(recording.cgroup(), options, &Selection::default()).scrape(Format::Text);
    assert_eq!(samples(&text, "container_", "exit3"), [""; 0]);
}

#[test]
fn unaccounted_block_io_is_told() {
    let text = scrape("v1", Format::Text);
    assert_eq!(samples(&text, "container_fs_", "limited"), [""; 0]);
    assert!(text.contains("\ncontainer_exporter_blkio_unaccounted 1\n"), "24 MB were written all the same");
}

const TASK: &str = "shop_frontend-gateway.3.kof7dg6s39mt5xqe127c5urjh";

/// Makes a task of a Swarm of a recorded container.
fn as_task(inspect: &mut Inspect) {
    if inspect.name.as_deref() != Some("/blkio") {
        return;
    }
    inspect.name = Some(format!("/{TASK}"));
    let labels = [
        ("com.docker.stack.namespace", "shop"),
        ("com.docker.swarm.node.id", "qpluk1kge2dyr2kkxi536743f"),
        ("com.docker.swarm.service.id", "kof7dg6s39mt5xqe127c5urjh"),
        ("com.docker.swarm.service.name", "shop_frontend-gateway"),
        ("com.docker.swarm.task", ""),
        ("com.docker.swarm.task.id", "af8e5b04044336684cd449cf6"),
        ("com.docker.swarm.task.name", TASK),
    ];
    let config = inspect.config.as_mut().unwrap();
    config.labels = Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    let digest = "c7ce5dd02577dc9789f700560911c4b20318d1a3abfef2fe79ad5980f7a22d77";
    config.image = Some(format!("registry.example.org/shop/frontend:1.27.3@sha256:{digest}"));
}

const OWN: [&str; 4] =
    ["container_state", "container_restarts_total", "container_uptime_seconds", "container_network_info"];

/// Series of cAdvisor's families, their bytes, and series of our own, of the task.
fn size(recording: &Recording, detail: Detail) -> (usize, usize, usize) {
    let options = Options { detail, ..Options::default() };
    let text =
        recording.exporter_with(recording.cgroup(), options, &Selection::default()).scrape(Format::Text);
    let lines = samples(&text, "container_", TASK);
    let (own, theirs): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| OWN.contains(&line.split_once('{').unwrap().0));
    let bytes = theirs.iter().map(|line| line.len() + 1).sum::<usize>();
    (theirs.len(), bytes, own.len())
}

#[test]
fn a_task_takes_64_series_and_48_kilobytes() {
    let recording = Recording::changed("v2", as_task);
    // Two of disk use are not in the recording.
    let (series, bytes, own) = size(&recording, Detail::Full);
    println!("full: {series} + 2 of disk use, {bytes} bytes, own {own}");
    assert!(series + 2 <= 64 && own <= 8, "{series} {own}");
    assert!(bytes * (series + 2) / series <= 48_000, "{bytes}");
    let (series, bytes, own) = size(&recording, Detail::Lean);
    println!("lean: {series} + 2 of disk use, {bytes} bytes, own {own}");
    assert!(series + 2 + own <= 40, "{series} {own}");
}

#[test]
fn a_further_interface_takes_8_series_and_a_quota_6() {
    let plain = Recording::changed("v2", as_task);
    let (series, _, own) = size(&plain, Detail::Full);
    let quota = Recording::changed("v2", |inspect| {
        as_task(inspect);
        if inspect.name.as_deref() == Some(&format!("/{TASK}")) {
            inspect.host_config.as_mut().unwrap().nano_cpus = Some(200_000_000);
        }
    });
    assert_eq!(size(&quota, Detail::Full).0, series + 6);
    let folder = tempfile::tempdir().unwrap();
    let copy = Command::new("cp").arg("-r").arg(&plain.folder).arg(folder.path()).status().unwrap();
    assert!(copy.success());
    let second = Recording { folder: folder.path().join("v2"), store: plain.store.clone() };
    let file = second.folder.join(format!("proc/{}/net/dev", plain.container(TASK).pid.unwrap()));
    let interfaces = std::fs::read_to_string(&file).unwrap();
    let eth0 = interfaces.lines().find(|line| line.trim_start().starts_with("eth0:")).unwrap();
    std::fs::write(file, format!("{interfaces}{}\n", eth0.replace("eth0", "eth1"))).unwrap();
    let (with_second, _, own_with_second) = size(&second, Detail::Full);
    assert_eq!((with_second, own_with_second), (series + 8, own));
}

#[test]
fn groups_that_are_off_can_be_asked_for() {
    let recording = Recording::new("v1");
    let names =
        ["--collector.process", "--collector.sched", "--collector.memory_numa", "--no-collector.memory"];
    let command = collectors::add_flags(clap::Command::new("x"));
    let selection = collectors::select(&command.get_matches_from([&["x"], &names[..]].concat()), None);
    let options = Options { percpu: true, root: false, ..Options::default() };
    let text = recording.exporter_with(recording.cgroup(), options, &selection).scrape(Format::Text);
    assert_eq!(samples(&text, "container_threads_max", "limited").len(), 1);
    assert_eq!(samples(&text, "container_memory_rss", "limited"), [""; 0]);
    assert!(!text.contains("id=\"/\""));
    let percpu = samples(&text, "container_cpu_usage_seconds_total", "limited");
    assert_eq!(percpu.len(), 2);
    assert!(percpu[1].ends_with("cpu=\"cpu01\"} 1.108925688"), "{percpu:?}");
    let recording = Recording::new("v2");
    let options = Options { percpu: true, ..Options::default() };
    let text = recording.exporter_with(recording.cgroup(), options, &selection).scrape(Format::Text);
    let total = samples(&text, "container_cpu_usage_seconds_total", "limited");
    assert!(total.len() == 1 && total[0].contains("cpu=\"total\""), "{total:?}");
    assert!(samples(&text, "container_memory_numa_pages", "limited").len() >= 3);
    assert_eq!(samples(&text, "container_cpu_schedstat_run_periods_total", "limited").len(), 1);
    assert_eq!(samples(&text, "container_ulimits_soft", "limited").len(), 1);
}

/// Complaints that only parity with cAdvisor earns us.
const PARITY: [&str; 2] = [
    "cadvisor_version_info label names should be written in 'snake_case' not 'camelCase'",
    "container_memory_failcnt counter metrics should have \"_total\" suffix",
];

#[test]
fn promtool_takes_it() {
    for version in ["v1", "v2"] {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool, from the package prometheus");
        promtool.stdin.take().unwrap().write_all(scrape(version, Format::Text).as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints: BTreeSet<_> = complaints.lines().collect();
        assert_eq!(complaints, BTreeSet::from(PARITY));
        assert_eq!(output.status.code(), Some(3));
    }
}
