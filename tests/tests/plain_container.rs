//! node-exporter in a plain container: its image, a user without rights, a root that cannot be written, a network of its
//! own, and only /proc, /sys and / mounted, read-only. It tells of the host all the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use e2e::agent::{Agent, binary};
use e2e::command::run;
use e2e::engine::Engine;
use e2e::exposition::parse;
use e2e::http;
use e2e::wait::{LIMIT, ensure, until};

const IMAGE: &str = "e2e/node-exporter:1";
const FLAGS: [&str; 3] = ["--path.procfs=/host/proc", "--path.sysfs=/host/sys", "--path.rootfs=/rootfs"];
/// The size of a file system that only the host has mounted.
const SIZE: u64 = 3 << 20;

/// A mount of the host; undone when dropped.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new() -> Self {
        // Not below /tmp with mode 700: our user has to reach it.
        let folder = tempfile::Builder::new().prefix("e2e-mount-").tempdir_in("/var/tmp").expect("a folder");
        let path = folder.path().display().to_string();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={SIZE}"), "e2e-only-on-the-host", &path]);
        run("chmod", &["755", &path]);
        Self(folder)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &["-l", &self.0.path().display().to_string()]);
    }
}

fn build_image(engine: &Engine) {
    let context = tempfile::tempdir().expect("a folder");
    fs::copy(binary("node-exporter"), context.path().join("node-exporter")).expect("the static binary");
    let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/Dockerfile");
    fs::copy(dockerfile, context.path().join("Dockerfile")).expect("the Dockerfile");
    let context = context.path().display().to_string();
    engine.docker(&["build", "-q", "--target", "node-exporter", "-t", IMAGE, &context]);
}

/// What of an answer is looked at.
type Set<'a> = &'a dyn Fn(&str) -> BTreeSet<String>;

/// The values of one label of a family's samples.
fn labels(metrics: &str, family: &str, label: &str) -> BTreeSet<String> {
    let families = parse(metrics);
    let samples = families.get(family).unwrap_or_else(|| panic!("{family} in {metrics}")).samples.keys();
    let value = |series: &String| {
        let (_, rest) = series.split_once(&format!("{label}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    samples.filter_map(value).collect()
}

fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series));
    let line = line.unwrap_or_else(|| panic!("{series} in {metrics}"));
    line.trim().parse().unwrap_or_else(|error| panic!("{series}{line}: {error}"))
}

#[test]
fn without_rights_it_tells_of_the_host() {
    let mount = Mount::new();
    let engine = Engine::start("plain", 34);
    build_image(&engine);
    let id = engine.docker(
        &[
            &[
                "run",
                "-d",
                "--read-only",
                "--cap-drop=ALL",
                "--security-opt=no-new-privileges",
                "-p",
                "9100:9100",
            ][..],
            &["-v", "/proc:/host/proc:ro", "-v", "/sys:/host/sys:ro", "-v", "/:/rootfs:ro", IMAGE],
            &FLAGS,
        ]
        .concat(),
    );
    let url = format!("http://{}:9100/metrics", engine.address());
    let metrics = || {
        until(LIMIT, "the exporter in its container", || {
            http::body(&url).map_err(|error| engine.docker(&["logs", &id]) + &error)
        })
    };
    metrics();

    // The user and the rights are those that the image and the command line say.
    let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its process");
    for line in ["Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line} is missing in {status}");
    }
    let own_namespace = fs::read_link(format!("/proc/{pid}/ns/net")).expect("its network");
    assert_ne!(own_namespace, fs::read_link("/proc/self/ns/net").expect("our own network"));

    // The same program as a process of the host, which sees what there is.
    let host = Agent::start("node-exporter", &[], &[]);
    let points = |metrics: &str| {
        let mut points = labels(metrics, "node_filesystem_device_error", "mountpoint");
        // Those of the engine come and go with its containers.
        points.retain(|point| !Path::new(point).starts_with(engine.data().parent().expect("its folder")));
        points
    };
    let root = |metrics: &str| -> BTreeSet<String> {
        let lines = metrics.lines().filter(|line| line.starts_with("node_filesystem_size_bytes{"));
        lines.filter(|line| line.contains("mountpoint=\"/\"")).map(str::to_owned).collect()
    };
    let failed = |metrics: &str| -> BTreeSet<String> {
        let rows = metrics.lines().filter_map(|line| line.strip_prefix("node_scrape_collector_success{"));
        rows.filter(|row| row.ends_with(" 0")).map(str::to_owned).collect()
    };
    let devices = |family: &'static str| move |metrics: &str| labels(metrics, family, "device");
    let sets: [(&str, Set<'_>); 5] = [
        ("devices that received", &devices("node_network_receive_bytes_total")),
        ("devices with an MTU", &devices("node_network_mtu_bytes")),
        ("mounts", &points),
        ("the root's size", &root),
        // What runs on the host runs in the container.
        ("collectors that fail", &failed),
    ];
    // Devices and mounts of others come and go: once all three answers are of one state.
    let (before, inside, after) = until(LIMIT, "the same from inside and outside", || {
        let answers = (host.metrics(), metrics(), host.metrics());
        for (what, set) in sets {
            let (before, inside, after) = (set(&answers.0), set(&answers.1), set(&answers.2));
            let told = format!("{what}: {before:?}, inside {inside:?}, {after:?}");
            ensure(before == inside && inside == after, told)?;
        }
        Ok(answers)
    });

    // The network.
    assert!(inside.contains("node_exporter_network_namespace{source=\"host\"} 1\n"), "{inside}");
    for (what, set) in &sets[..2] {
        assert!(set(&inside).contains(&engine.outer_device()), "{what}: {inside}");
    }
    for series in ["node_netstat_Tcp_ActiveOpens ", "node_network_receive_packets_total{device=\"lo\"} "] {
        let (low, ours, high) = (value(&before, series), value(&inside, series), value(&after, series));
        assert!(low <= ours && ours <= high && ours > 0.0, "{series}: {low} {ours} {high}");
    }

    // The mounts.
    let point = mount.0.path().display();
    let only = format!("mountpoint=\"{point}\"}} {SIZE}");
    let found = |line: &str| line.starts_with("node_filesystem_size_bytes{") && line.ends_with(&only);
    assert!(inside.lines().any(found), "{only} in {inside}");
    assert!(!root(&inside).is_empty(), "{inside}");

    // The name.
    let name = fs::read_to_string("/etc/hostname").expect("this machine's name");
    let name = name.trim();
    assert_eq!(labels(&inside, "node_uname_info", "nodename"), BTreeSet::from([name.to_owned()]));
    assert_eq!(labels(&inside, "node_meta", "node_name"), BTreeSet::from([name.to_owned()]));
}
