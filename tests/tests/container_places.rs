//! container-exporter in cAdvisor's place, and what it tells of networks and disks.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use e2e::agent::{Agent, binary};
use e2e::command::{attempt, feed, run};
use e2e::engine::Engine;
use e2e::http;
use e2e::wait::{LIMIT, ensure, until};

const IMAGE: &str = "e2e/container-exporter:1";

fn exporter(engine: &Engine, flags: &[&str]) -> Agent {
    let docker = format!("--docker={}", engine.host());
    Agent::start("container-exporter", &[&[docker.as_str()], flags].concat(), &[])
}

fn has(metrics: &str, family: &str, labels: &[&str]) -> bool {
    metrics.lines().any(|line| line.starts_with(family) && labels.iter().all(|label| line.contains(label)))
}

/// Makes an image of the binary alone.
fn import(engine: &Engine) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(binary("container-exporter"), folder.path().join("container-exporter")).expect("a copy");
    let tar = folder.path().join("image.tar");
    let root = folder.path().display().to_string();
    run("tar", &["-C", &root, "-cf", &tar.display().to_string(), "container-exporter"]);
    let image = fs::read(&tar).expect("the image");
    let entry = "ENTRYPOINT [\"/container-exporter\"]";
    feed("docker", &["-H", &engine.host(), "import", "--change", entry, "-", IMAGE], &image);
}

#[test]
fn cadvisors_command_line_works() {
    let engine = Engine::start("place", 54);
    import(&engine);
    let run = engine.socket().parent().expect("its folder").display().to_string() + ":/var/run:ro";
    let data = engine.data().display().to_string() + ":/var/lib/docker:ro";
    let binds = ["-v", "/:/rootfs:ro", "-v", &run, "-v", "/sys:/sys:ro", "-v", &data];
    let flags = [
        "-port=8081",
        "-logtostderr",
        "-docker_only=true",
        "--store_container_labels=true",
        "--housekeeping_interval=30s",
        "-storage_duration",
        "1m0s",
        "-v=2",
    ];
    let options = ["run", "-d", "--name", "cadvisor", "--read-only", "--cap-drop", "ALL", "-p", "8080:8081"];
    engine.docker(&[&options[..], &binds[..], &[IMAGE], &flags[..]].concat());
    engine.busybox(&["--name", "other", "--label", "team=lab"], &["sleep", "1000"]);
    let url = |path: &str| format!("http://{}:8080{path}", engine.address());
    let other = "name=\"other\"";
    let host = format!("interface=\"{}\"", engine.outer_device());
    // The container is told of before the engine said all of it.
    until(LIMIT, "the other container", || {
        let metrics = http::body(&url("/metrics")).map_err(|e| e + &engine.docker(&["logs", "cadvisor"]))?;
        for (family, labels) in [
            ("container_memory_rss", &[other, "container_label_team=\"lab\""][..]),
            ("container_exporter_source_info{source=\"cgroup\"} 1", &[]),
            ("container_network_receive_bytes_total", &[other, "interface=\"eth0\""]),
            ("container_network_info", &[other, "network=\"bridge\""]),
            ("container_tasks_state", &[other, "state=\"sleeping\""]),
            // The host's network.
            ("container_network_receive_bytes_total", &["id=\"/\"", &host]),
            ("cadvisor_version_info", &["dockerVersion=\""]),
        ] {
            ensure(has(&metrics, family, labels), format!("no {family} {labels:?} in {metrics}"))?;
        }
        Ok(())
    });
    assert_eq!(http::body(&url("/healthz")).expect("an answer"), "ok");
    until(LIMIT, "disk use", || {
        let metrics = http::body(&url("/metrics"))?;
        for family in ["container_fs_usage_bytes", "container_fs_limit_bytes"] {
            ensure(has(&metrics, family, &[other, "device=\"/dev/"]), metrics.clone())?;
        }
        Ok(())
    });
    for flag in ["--housekeeping_interval=30s has no effect", "--storage_duration=1m0s has no effect"] {
        until(LIMIT, flag, || {
            let log = run_log(&engine);
            ensure(log.contains(flag), log)
        });
    }
}

fn run_log(engine: &Engine) -> String {
    let output = std::process::Command::new("docker")
        .args(["-H", &engine.host(), "logs", "cadvisor"])
        .output()
        .expect("docker");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn interfaces_have_their_networks_and_namespaces_are_freed() {
    let engine = Engine::start("netinfo", 55);
    engine.docker(&["network", "create", "--subnet", "10.99.7.0/24", "backend"]);
    let id = engine.busybox(&["--name", "web"], &["sleep", "1000"]);
    let exporter = exporter(&engine, &["--source=cgroup"]);
    let told = |interface: &str, network: &str| {
        let labels = [format!("interface=\"{interface}\""), format!("network=\"{network}\"")];
        until(LIMIT, network, || {
            let metrics = exporter.metrics();
            let labels = ["name=\"web\"", labels[0].as_str(), labels[1].as_str()];
            ensure(has(&metrics, "container_network_info", &labels), metrics.clone())
        });
    };
    told("eth0", "bridge");
    engine.docker(&["network", "connect", "backend", "web"]);
    told("eth1", "backend");
    // A device in a namespace goes with it; its other end out here shows when.
    let (here, there) = (format!("e2ex{}", engine.address().len()), "e2ey");
    drop(attempt("ip", &["link", "del", &here]));
    run("ip", &["link", "add", &here, "type", "veth", "peer", "name", there]);
    let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
    run("ip", &["link", "set", there, "netns", &pid]);
    until(LIMIT, "the device", || {
        ensure(has(&exporter.metrics(), "container_network_", &["interface=\"e2ey\""]), exporter.metrics())
    });
    engine.docker(&["rm", "-f", &id]);
    until(LIMIT, "the end of the namespace", || {
        drop(exporter.metrics());
        ensure(!Path::new("/sys/class/net").join(&here).exists(), "it is still there")
    });
}

#[test]
fn disk_use_is_measured_beside_the_scrapes() {
    let engine = Engine::start_with("disk", 56, &["-D"]);
    let write = "dd if=/dev/zero of=/big bs=1M count=6; sleep 1000";
    engine.busybox(&["--name", "writer"], &["sh", "-c", write]);
    until(LIMIT, "the file", || {
        let size = engine.try_docker(&["exec", "writer", "/bin/busybox", "stat", "-c", "%s", "/big"])?;
        ensure(size == "6291456", size)
    });
    // The default costs the engine nothing.
    for (flags, asked) in [
        (&[][..], false),
        (&["--disk-usage=walk"], false),
        (&["--disk-usage=off"], false),
        (&["--disk-usage=api"], true),
    ] {
        let exporter = exporter(&engine, &[&["--source=cgroup"], flags].concat());
        if flags == ["--disk-usage=off"] {
            until(LIMIT, "the container", || {
                let metrics = exporter.metrics();
                ensure(has(&metrics, "container_memory_rss", &["name=\"writer\""]), metrics.clone())?;
                assert_eq!(used(&metrics), None);
                Ok(())
            });
        } else {
            let used = until(LIMIT, "its disk use", || {
                let metrics = exporter.metrics();
                used(&metrics).ok_or(metrics)
            });
            assert!((6_291_456..8_000_000).contains(&used), "{flags:?}: {used}");
        }
        assert_eq!(engine.logged("size=true") > 0, asked, "{flags:?}");
    }
}

/// `container_fs_usage_bytes` of the container `writer`.
fn used(metrics: &str) -> Option<u64> {
    let wanted =
        |line: &&str| line.starts_with("container_fs_usage_bytes{") && line.contains("name=\"writer\"");
    metrics.lines().find(wanted)?.rsplit(' ').next()?.parse().ok()
}

#[test]
fn the_size_of_the_file_system_needs_no_bind_of_it() {
    let engine = Engine::start("bound", 59);
    import(&engine);
    let socket = engine.socket().display().to_string() + ":/var/run/docker.sock:ro";
    let binds = ["-v", "/proc:/host/proc:ro", "-v", "/sys:/host/sys:ro", "-v", &socket];
    let options = ["run", "-d", "--name", "exporter", "--read-only", "--cap-drop", "ALL", "-p", "8080:8080"];
    engine.docker(&[&options[..], &binds[..], &[IMAGE]].concat());
    let output = run("stat", &["-f", "-c", "%S %b", &engine.data().display().to_string()]);
    let (size, blocks) = output.trim().split_once(' ').expect("two numbers");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let limit = format!("}} {}", number(size) * number(blocks));
    until(LIMIT, "the size", || {
        let metrics = http::body(&format!("http://{}:8080/metrics", engine.address()))?;
        let known = |line: &&str| {
            line.starts_with("container_fs_limit_bytes{")
                && line.contains("name=\"exporter\"")
                && line.ends_with(&limit)
        };
        ensure(metrics.lines().any(|line| known(&line)), metrics.clone())?;
        assert!(
            !has(&metrics, "container_fs_usage_bytes", &["name=\"exporter\""]),
            "absent, not 0: {metrics}"
        );
        Ok(())
    });
}

/// The device that a folder's file system is on.
fn disk_of(folder: &Path) -> String {
    let device = fs::metadata(folder).expect("a folder").dev();
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    let uevent = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/uevent")).expect("a disk");
    let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME=")).expect("its name");
    format!("/dev/{name}")
}

/// The only test that sets a limit: on cgroup version 1 that makes the kernel count from then on, until it is started
/// anew, so that on a machine where this ran before only the second half can be seen.
#[test]
fn block_io_is_absent_until_the_kernel_counts_it() {
    let engine = Engine::start("blkio", 57);
    let script = "while :; do dd if=/dev/zero of=/data/x bs=1M count=4 oflag=direct; sleep 1; done";
    let volume = format!("{}:/data", engine.data().display());
    let exporter = exporter(&engine, &["--source=cgroup"]);
    engine.busybox(&["--name", "first", "-v", &volume], &["sh", "-c", script]);
    let wrote = |metrics: &str, name: &str| {
        let name = format!("name=\"{name}\"");
        let line =
            metrics.lines().find(|l| l.starts_with("container_fs_writes_bytes_total{") && l.contains(&name));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    if exporter.sample("container_exporter_blkio_unaccounted ") == "1" {
        until(LIMIT, "the container", || {
            let metrics = exporter.metrics();
            ensure(has(&metrics, "container_memory_rss", &["name=\"first\""]), metrics.clone())?;
            // Somebody else's limit makes the kernel count from now on.
            let unaccounted = has(&metrics, "container_exporter_blkio_unaccounted 1", &[]);
            assert!(!unaccounted || wrote(&metrics, "first").is_none(), "absent, not 0: {metrics}");
            Ok(())
        });
        println!("the kernel did not count block I/O before");
    }
    let limit = format!("{}:1gb", disk_of(&engine.data()));
    let options = ["--name", "second", "--device-write-bps", &limit, "-v", &volume];
    engine.busybox(&options, &["sh", "-c", script]);
    until(LIMIT, "counted writes", || {
        let metrics = exporter.metrics();
        ensure(wrote(&metrics, "second").is_some_and(|bytes| bytes >= 4_194_304.0), metrics.clone())
    });
    exporter.expect("container_exporter_blkio_unaccounted", "0");
}

#[test]
fn sixty_containers_come_and_go() {
    let engine = Engine::start("sixty", 58);
    let exporter = exporter(&engine, &["--source=auto"]);
    for number in 0..60 {
        let name = format!("idle{number}");
        engine.busybox(&["--name", &name, "--network", "none"], &["sleep", "1000"]);
    }
    let count = |metrics: &str, family: &str| metrics.lines().filter(|l| l.starts_with(family)).count();
    for family in ["container_last_seen{", "container_spec_cpu_shares{"] {
        until(LIMIT, family, || {
            let seen = count(&exporter.metrics(), family);
            ensure(seen == 60, seen.to_string())
        });
    }
    exporter.expect("container_exporter_containers{state=\"running\"}", "60");
    let ids = engine.docker(&["ps", "-q"]);
    engine.docker(&[&["rm", "-f"], &ids.lines().collect::<Vec<_>>()[..]].concat());
    until(LIMIT, "the end of all", || {
        let seen = count(&exporter.metrics(), "container_state{");
        ensure(seen == 0, seen.to_string())
    });
}
