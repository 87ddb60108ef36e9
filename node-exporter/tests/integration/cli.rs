//! The command line: what is wrong is told at once, what users of node_exporter write works.

use std::process::{Command, Output};

use crate::exporter::{BINARY, Exporter, FIXTURES, package};

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(BINARY).args(arguments).current_dir(package()).output().expect("the binary starts");
    (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

fn collectors(metrics: &str) -> Vec<String> {
    let rows =
        metrics.lines().filter_map(|line| line.strip_prefix("node_scrape_collector_success{collector=\""));
    rows.filter_map(|row| Some(row.split_once('"')?.0.to_owned())).collect()
}

#[test]
fn an_unknown_flag_is_named() {
    let (code, text) = run(&["--collector.nope"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("--collector.nope"), "{text}");
}

#[test]
fn what_is_left_out_is_accepted_with_a_warning() {
    let exporter = Exporter::start(&[
        "--collector.disable-defaults",
        "-collector.ntp.server=ntp.example",
        "--web.disable-exporter-metrics",
    ]);
    let metrics = exporter.metrics();
    assert!(!metrics.contains("process_") && !metrics.contains("promhttp_"), "{metrics}");
    let log = exporter.log();
    assert_eq!(log.matches("without effect").count(), 1, "{log}");
    assert!(log.contains("flag=--collector.ntp.server"), "{log}");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let (code, text) = run(&[
        "--collector.netdev.device-exclude=(",
        "--collector.vmstat.fields=[",
        "--collector.filesystem.mount-timeout=5",
        "--collector.ipvs.backend-labels=colour",
        "--collector.diskstats.device-include=sd",
        "--collector.diskstats.device-exclude=nvme",
        "--collectors.enabled=cpu,nope",
        "--web.listen-address=nowhere",
    ]);
    assert_eq!(code, Some(2));
    for part in [
        "--collector.netdev.device-exclude: `(` is not a regular expression (found open group without closing ')'); give one in RE2 syntax",
        "--collector.vmstat.fields: `[` is not a regular expression",
        "--collector.filesystem.mount-timeout: `5` is not a duration; give a number with a unit, for example 5s",
        "--collector.ipvs.backend-labels: `colour` names labels that do not exist (colour); choose from local_address",
        "--collector.diskstats.device-include: `sd` cannot be together with --collector.diskstats.device-exclude",
        "--collectors.enabled: `cpu,nope` names collectors that do not exist (nope); choose from ",
        "--web.listen-address: `nowhere` has no port",
    ] {
        assert!(text.contains(part), "{part}\nis missing in\n{text}");
    }
    assert_eq!(text.matches("error: ").count(), 7, "{text}");
}

#[test]
fn help_and_version_are_no_errors() {
    let (code, help) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for flag in
        ["--path.rootfs", "--collector.textfile.directory", "--collector.disable-defaults", "healthcheck"]
    {
        assert!(help.contains(flag), "{flag} is missing in\n{help}");
    }
    assert!(help.starts_with("The host's metrics for Prometheus"), "{help}");
    assert_eq!(run(&["--version"]), (Some(0), format!("node-exporter {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn flags_choose_what_runs() {
    let names = |flags: &[&str]| collectors(&Exporter::start(&[&FIXTURES[..], flags].concat()).metrics());
    assert_eq!(
        names(&["--collector.disable-defaults", "--collector.cpu", "--collector.loadavg"]),
        ["cpu", "loadavg"]
    );
    assert_eq!(names(&["-collectors.enabled", "loadavg,cpu"]), ["cpu", "loadavg"]);
    let rest = names(&["--no-collector.cpu", "--collector.netdev=false"]);
    assert!(
        !rest.contains(&"cpu".to_owned()) && !rest.contains(&"netdev".to_owned()) && rest.len() > 10,
        "{rest:?}"
    );
}

#[test]
fn old_and_new_flags_filter() {
    let metrics = Exporter::start(&[
        "-collector.procfs",
        "tests/fixtures/proc",
        "-collector.sysfs=tests/fixtures/sys",
        "--collector.netdev.ignored-devices=^(lo|veth.*)$",
        "--collector.netclass.ignored-devices=^lo$",
        "--collector.filesystem.ignored-mount-points=^/(boot|proc)($|/)",
        "--collector.filesystem.ignored-fs-types=^xfs$",
        "--collector.diskstats.device-include=^sda$",
        "--collector.netstat.fields=^Tcp_MaxConn$",
        "--path.rootfs=tests/fixtures/root",
        "--label=region=north",
    ])
    .metrics();
    for (label, present) in [
        ("device=\"eth0\"", true),
        ("device=\"lo\"", false),
        ("device=\"vethab12\"", false),
        ("mountpoint=\"/boot\"", false),
        ("fstype=\"overlay\"", true),
        ("fstype=\"xfs\"", false),
        ("device=\"sda\"", true),
        ("device=\"nvme0n1\"", false),
        ("node_netstat_Tcp_MaxConn", true),
        ("node_netstat_Tcp_InSegs", false),
        ("node_exporter_build_info{region=\"north\"", true),
    ] {
        assert_eq!(metrics.contains(label), present, "{label}\n{metrics}");
    }
}

#[test]
fn old_flags_bring_the_old_names() {
    let old =
        ["node_cpu{cpu=\"cpu0\",mode=\"idle\"}", "node_memory_MemAvailable ", "node_disk_read_time_ms{"];
    let new =
        ["node_cpu_seconds_total{", "node_memory_MemAvailable_bytes ", "node_disk_read_time_seconds_total{"];
    for (flag, expected) in [
        ("-collectors.enabled=cpu,meminfo,diskstats", true),
        ("-collector.procfs=tests/fixtures/proc", true),
        ("--compat.legacy-names", true),
        ("--log.level=info", false),
    ] {
        let metrics = Exporter::start(&[&FIXTURES[..], &[flag]].concat()).metrics();
        assert_eq!(metrics.matches("\n# TYPE node_cpu ").count(), usize::from(expected), "{metrics}");
        for (old, new) in old.iter().zip(new) {
            assert!(metrics.contains(new), "{new}\n{metrics}");
            assert_eq!(metrics.contains(&format!("\n{old}")), expected, "{flag}: {old}\n{metrics}");
        }
    }
    let exporter = Exporter::start(&[&FIXTURES[..], &["--compat.legacy-names"]].concat());
    let (_, answer) = exporter.get("/metrics", "application/openmetrics-text");
    assert!(!answer.ends_with("# EOF\n"), "one family of OpenMetrics cannot have both names");
    let off = ["-collectors.enabled=cpu", "--compat.legacy-names=false"];
    let metrics = Exporter::start(&[&FIXTURES[..], &off].concat()).metrics();
    assert!(!metrics.contains("\nnode_cpu{"), "{metrics}");
}

#[test]
fn queries_choose_too() {
    let exporter = Exporter::start(&[&FIXTURES[..], &["--no-collector.time"]].concat());
    let get = |query: &str| exporter.get(&format!("/metrics?{query}"), "text/plain");
    let (status, metrics) = get("collect[]=cpu&collect%5B%5D=stat");
    assert_eq!((status, collectors(&metrics)), (200, vec!["cpu".to_owned(), "stat".to_owned()]));
    assert!(!metrics.contains("node_load1"), "{metrics}");
    let (_, metrics) = get("exclude[]=cpu");
    assert!(!metrics.contains("node_cpu_seconds_total") && metrics.contains("node_load1"), "{metrics}");
    for (query, answer) in [
        ("collect[]=cpu&exclude[]=stat", "Combined collect and exclude queries are not allowed."),
        ("collect[]=nope", "missing collector: nope"),
        ("collect[]=time", "disabled collector: time"),
    ] {
        let (status, text) = get(query);
        assert!(status == 400 && text.contains(answer), "{status} {text}");
    }
}

#[test]
fn an_unreadable_root_is_named_and_the_rest_served() {
    let exporter = Exporter::start(&["--path.procfs=/no/such/proc", "--path.sysfs=tests/fixtures/sys"]);
    let metrics = exporter.metrics();
    assert!(metrics.contains("node_scrape_collector_success{collector=\"cpu\"} 0\n"), "{metrics}");
    assert!(metrics.contains("node_scrape_collector_success{collector=\"time\"} 1\n"), "{metrics}");
    let log = exporter.log();
    assert!(log.contains("flag=--path.procfs path=/no/such/proc/stat"), "{log}");
}

#[test]
fn sigterm_is_an_end_without_an_error() {
    let exporter = Exporter::start(&FIXTURES);
    exporter.metrics();
    let status = exporter.terminate();
    assert!(status.success(), "{status}");
}

#[test]
fn the_health_check_tells_up_from_down() {
    let exporter = Exporter::start(&FIXTURES);
    let flag = format!("--web.listen-address={}", exporter.address());
    assert_eq!(run(&["healthcheck", &flag]), (Some(0), String::new()));
    exporter.terminate();
    let (code, text) = run(&["healthcheck", &flag]);
    assert_eq!(code, Some(1));
    assert!(text.contains("does not answer /-/healthy"), "{text}");
}

#[test]
fn the_doctor_tells_what_is_wrong() {
    let exporter = Exporter::start(&FIXTURES);
    let port = exporter.address().rsplit_once(':').expect("a port").1.to_owned();
    let doctor = |flags: &[&str]| {
        let listen = format!("--web.listen-address=127.0.0.1:{port}");
        let output = Command::new(BINARY)
            .arg("doctor")
            .arg(&listen)
            .args(flags)
            .current_dir(package())
            .env_clear()
            .envs([("NODE_NAME", "golden"), ("NODE_ID", "id"), ("TASKS", "127.0.0.1")])
            .output()
            .expect("the binary starts");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let loadavg = ["--collector.disable-defaults", "--collector.loadavg"];
    let (code, text) = doctor(&[&FIXTURES[..], &loadavg].concat());
    for part in [
        "  ok       golden, in the Swarm id\n",
        "--path.procfs=tests/fixtures/proc: ",
        "  ok       loadavg: 3 series in ",
        &format!("  ok       127.0.0.1:{port} is golden (golden-id)\n"),
        "No problems.\n",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(code, Some(0), "{text}");
    exporter.terminate();
    let (code, text) = doctor(&[&["--path.rootfs=/no/such/root"][..], &loadavg].concat());
    assert!(
        text.contains("PROBLEM  root-unreadable: --path.rootfs=/no/such/root: No such file or directory"),
        "{text}"
    );
    assert!(text.contains("PROBLEM  task-silent: 127.0.0.1:"), "{text}");
    assert_eq!(code, Some(1), "{text}");
}
