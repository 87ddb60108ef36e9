//! container-exporter on a real engine: how containers live and end, and what is summed up by service.

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::wait::{LIMIT, ensure, until};

fn exporter(engine: &Engine, flags: &[&str]) -> Agent {
    let docker = format!("--docker={}", engine.host());
    Agent::start("container-exporter", &[&[docker.as_str()], flags].concat(), &[])
}

/// Samples of a family prefix with a label.
fn lines(metrics: &str, family: &str, label: &str) -> Vec<String> {
    let wanted = |line: &&str| line.starts_with(family) && line.contains(label);
    metrics.lines().filter(wanted).map(str::to_owned).collect()
}

/// The value of the only sample of a family with a label.
fn value(metrics: &str, family: &str, label: &str) -> Result<f64, String> {
    let found = lines(metrics, &format!("{family}{{"), label);
    ensure(found.len() == 1, format!("{family} {label}: {found:?}"))?;
    found[0].rsplit(' ').next().and_then(|v| v.parse().ok()).ok_or_else(|| found[0].clone())
}

fn wait_value(exporter: &Agent, family: &str, label: &str, expected: f64) {
    until(LIMIT, family, || {
        let value = value(&exporter.metrics(), family, label)?;
        ensure((value - expected).abs() < f64::EPSILON, format!("{family} {label} is {value}"))
    });
}

#[test]
fn the_end_of_a_task_is_told_and_its_service_goes_on() {
    let engine = Engine::start("ends", 50);
    let exporter = exporter(&engine, &["--source=cgroup"]);
    let service = ["--label", "com.docker.swarm.service.name=worker", "--label", "com.docker.swarm.task=x"];
    let start = |name: &str, script: &str| {
        engine.busybox(&[&["--name", name], &service[..]].concat(), &["sh", "-c", script])
    };
    let of_service = "container_label_com_docker_swarm_service_name=\"worker\"";
    let one = start("worker.1", "while :; do :; done");
    let cpu = "container_service_cpu_usage_seconds_total";
    let used = until(LIMIT, cpu, || {
        let used = value(&exporter.metrics(), cpu, of_service)?;
        ensure(used > 0.3, used.to_string())?;
        Ok(used)
    });
    engine.docker(&["kill", &one]);
    // The engine has answered, so its event is on its way: the next scrape but one shows nothing but the end.
    let left = until(LIMIT, "the end", || {
        let left = lines(&exporter.metrics(), "container_", "name=\"worker.1\"");
        ensure(left.len() == 3, format!("{left:#?}"))?;
        Ok(left)
    });
    let families: Vec<_> = left.iter().filter_map(|line| Some(line.split_once('{')?.0)).collect();
    assert_eq!(families, ["container_state", "container_exit_code", "container_oom_killed"]);
    assert!(left[0].contains("state=\"exited\"") && left[1].ends_with(" 137"), "{left:?}");
    start("worker.2", "exit 3");
    wait_value(&exporter, "container_service_task_exits_total", "exit_code=\"3\"", 1.0);
    wait_value(&exporter, "container_service_task_exits_total", "exit_code=\"137\"", 1.0);
    start("worker.3", "sleep 1000");
    until(LIMIT, "the newest dead one alone", || {
        let metrics = exporter.metrics();
        let dead = lines(&metrics, "container_exit_code{", of_service);
        ensure(
            dead.len() == 1 && dead[0].contains("worker.2") && dead[0].ends_with(" 3"),
            format!("{dead:?}"),
        )?;
        let seen = lines(&metrics, "container_last_seen", "");
        ensure(seen.len() == 1 && seen[0].contains("worker.3"), format!("{seen:?}"))
    });
    assert!(value(&exporter.metrics(), cpu, of_service).expect("a sum") >= used, "the sum never falls");
    engine.docker(&["rm", "worker.2"]);
    until(LIMIT, "the one before", || {
        let dead = lines(&exporter.metrics(), "container_exit_code{", of_service);
        ensure(dead.len() == 1 && dead[0].contains("worker.1"), format!("{dead:?}"))
    });
}

#[test]
fn memory_runs_out_with_and_without_the_container() {
    let engine = Engine::start("oom", 51);
    let exporter = exporter(&engine, &["--source=cgroup"]);
    let label = ["--label", "com.docker.swarm.service.name=hungry"];
    let options = [&["--memory", "16m", "--memory-swap", "16m"], &label[..]].concat();
    let eat = "dd if=/dev/zero of=/dev/null bs=64M count=1";
    let survivor = format!("{eat}; sleep 1000");
    engine.busybox(&[&["--name", "survivor"], &options[..]].concat(), &["sh", "-c", &survivor]);
    until(LIMIT, "a killed child", || {
        let kills = value(&exporter.metrics(), "container_oom_events_total", "name=\"survivor\"")?;
        ensure(kills >= 1.0, kills.to_string())
    });
    engine.busybox(&[&["--name", "victim"], &options[..]].concat(), &["sh", "-c", &format!("exec {eat}")]);
    wait_value(&exporter, "container_exit_code", "name=\"victim\"", 137.0);
    wait_value(&exporter, "container_oom_killed", "name=\"victim\"", 1.0);
    until(LIMIT, "the sum of both", || {
        let events = value(&exporter.metrics(), "container_service_oom_events_total", "hungry")?;
        ensure(events >= 2.0, events.to_string())
    });
}

#[test]
fn health_and_restarts_are_told() {
    let engine = Engine::start("health", 52);
    let exporter = exporter(&engine, &["--source=cgroup"]);
    let check =
        ["--health-cmd", "/bin/busybox test -e /well", "--health-interval", "1s", "--health-retries", "1"];
    let sick = engine.busybox(&[&["--name", "sick"], &check[..]].concat(), &["sleep", "1000"]);
    engine.busybox(&["--name", "plain"], &["sleep", "1000"]);
    wait_value(&exporter, "container_health_state", "name=\"plain\"", -1.0);
    wait_value(&exporter, "container_health_state", "name=\"sick\"", 0.0);
    engine.docker(&["exec", &sick, "/bin/busybox", "touch", "/well"]);
    wait_value(&exporter, "container_health_state", "name=\"sick\"", 1.0);
    wait_value(&exporter, "container_restarts_total", "name=\"plain\"", 0.0);
    // The second run stays until its restart was seen.
    let script = "if [ -e /ran ]; then until [ -e /go ]; do sleep 0.1; done; fi; echo >/ran; exit 4";
    engine.busybox(&["--name", "loops", "--restart", "on-failure:1"], &["sh", "-c", script]);
    until(LIMIT, "a restart", || {
        let restarts = value(&exporter.metrics(), "container_restarts_total", "name=\"loops\"")?;
        ensure(restarts >= 1.0, restarts.to_string())
    });
    engine.docker(&["exec", "loops", "/bin/busybox", "touch", "/go"]);
    wait_value(&exporter, "container_exit_code", "name=\"loops\"", 4.0);
    let metrics = exporter.metrics();
    let uptime = value(&metrics, "container_uptime_seconds", "name=\"plain\"").expect("an uptime");
    assert!((1.0..600.0).contains(&uptime), "{uptime}");
    assert!(lines(&metrics, "container_state", "name=\"plain\"")[0].contains("state=\"running\""));
}

fn complete(exporter: &Agent, expected: &str) -> Result<(), String> {
    ensure(exporter.sample("container_exporter_metadata_complete ") == expected, exporter.log())
}

#[test]
fn a_death_that_no_event_told_is_counted_after_a_reconnect() {
    let mut engine = Engine::start("missed", 53);
    let exporter = exporter(&engine, &["--source=cgroup"]);
    let options = ["--name", "worker", "--label", "com.docker.swarm.service.name=worker"];
    engine.busybox(&options, &["sleep", "1000"]);
    wait_value(&exporter, "container_state", "name=\"worker\"", 1.0);
    until(LIMIT, "the whole list", || complete(&exporter, "1"));
    engine.stop();
    until(LIMIT, "the loss", || complete(&exporter, "0"));
    engine.resume();
    until(LIMIT, "its end", || {
        let exits = lines(&exporter.metrics(), "container_service_task_exits_total", "worker");
        ensure(exits.len() == 1 && exits[0].ends_with("} 1"), format!("{exits:?}"))
    });
    // The set is complete when the whole list is applied, a moment after its first entry.
    until(LIMIT, "the whole list", || complete(&exporter, "1"));
}
