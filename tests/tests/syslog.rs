//! A service's line arrives at a real rsyslog with the right facility, severity, program and pid.

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::rsyslog::Rsyslog;

#[test]
fn a_containers_lines_arrive_with_their_meaning() {
    let engine = Engine::start("syslog", 12);
    let rsyslog = Rsyslog::start();
    let state = engine.data().with_file_name("router").display().to_string();
    for (format, scheme) in [("rfc3164", "syslog+tcp"), ("rfc5424", "syslog+udp")] {
        let name = format!("registry.1.abszmuwq8k3d7comu5041z2mc.with-a-very-long-name-{format}");
        let script = "echo to standard output; echo to standard error >&2; sleep 300";
        let id = engine.busybox(&["--name", &name, "--network", "none"], &["sh", "-c", script]);
        let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
        let route = format!("{scheme}://{}?filter.name={name}", rsyslog.address());
        let (docker, state) =
            (format!("--docker={}", engine.host()), format!("--state.path={state}-{format}"));
        let environment = [("SYSLOG_FORMAT", format), ("NODE_NAME", "alpha")];
        let _router = Agent::start("log-router", &[&docker, &state, &route], &environment);
        let mut events = rsyslog.expect(&name, 2);
        events.sort_by_key(|event| event["severity"].to_string());
        let told: Vec<_> = events
            .iter()
            .map(|e| {
                let field = |name: &str| e[name].as_str().unwrap_or_default().trim().to_owned();
                (field("facility"), field("severity"), field("pid"), field("host"), field("message"))
            })
            .collect();
        let event = |severity: &str, message: &str| {
            ("1".to_owned(), severity.to_owned(), pid.clone(), "alpha".to_owned(), message.to_owned())
        };
        assert_eq!(told, [event("3", "to standard error"), event("6", "to standard output")], "{format}");
    }
}
