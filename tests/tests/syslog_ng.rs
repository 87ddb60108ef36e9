//! The other receiver that people have: syslog-ng.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::syslog_ng::{Received, SyslogNg};
use e2e::wait::{ensure, until};

const LINES: usize = 20_000;

fn router(engine: &Engine, route: &str, state: &str, environment: &[(&str, &str)]) -> Agent {
    let state = engine.data().with_file_name(state);
    let (docker, state) =
        (format!("--docker={}", engine.host()), format!("--state.path={}", state.display()));
    let environment = [environment, &[("NODE_NAME", "alpha")]].concat();
    Agent::start("log-router", &[&docker, &state, route], &environment)
}

#[test]
fn syslog_ng_reads_both_forms_and_loses_nothing_when_killed() {
    let engine = Engine::start("syslogng", 38);
    let mut receiver = SyslogNg::start();
    // syslog-ng keeps to the 48 characters that RFC 5424 has for a program; we send whole names all the same.
    let ways = [
        ("rfc3164", "traditional", receiver.newline_address(), "-with-a-name-of-more-than-60-characters"),
        ("rfc5424", "octet-counted", receiver.counted_address(), ""),
    ];
    for (format, framing, address, more) in &ways {
        let name = format!("{format}.1.abszmuwq8k3d7comu5041z2mc{more}");
        let script = "echo to standard output; echo; echo to standard error >&2; sleep 300";
        let id = engine.busybox(&["--name", &name, "--network", "none"], &["sh", "-c", script]);
        let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
        let environment = [("SYSLOG_FORMAT", *format), ("SYSLOG_TCP_FRAMING", *framing)];
        let route = format!("syslog+tcp://{address}?filter.name={name}");
        let _router = router(&engine, &route, format, &environment);
        let mut events = receiver.expect(&name, 3);
        events.sort_by(|one, other| (&one.severity, &one.message).cmp(&(&other.severity, &other.message)));
        let event = |severity: &str, message: &str| Received {
            facility: "1".to_owned(),
            severity: severity.to_owned(),
            host: "alpha".to_owned(),
            program: name.clone(),
            pid: pid.clone(),
            message: message.to_owned(),
        };
        let expected = [event("3", "to standard error"), event("6", ""), event("6", "to standard output")];
        assert_eq!(events, expected, "{format}");
    }

    let script = format!(
        "i=1; while [ $i -le {LINES} ]; do echo line $i; i=$((i+1)); [ $((i % 2000)) = 0 ] && sleep 0.2; done; sleep 300"
    );
    engine.busybox(&["--name", "numbered", "--network", "none"], &["sh", "-c", &script]);
    let route = format!("syslog+tcp://{}?filter.name=numbered", receiver.newline_address());
    let _router = router(&engine, &route, "numbered", &[("SYSLOG_FORMAT", "rfc3164")]);
    receiver.expect("numbered", LINES / 10);
    receiver.kill();
    receiver.resume();
    until(Duration::from_secs(60), "every line", || {
        let number = |received: Received| received.message.strip_prefix("line ")?.parse::<usize>().ok();
        let there: BTreeSet<_> = receiver.received("numbered").into_iter().filter_map(number).collect();
        let missing: Vec<_> = (1..=LINES).filter(|number| !there.contains(number)).take(5).collect();
        ensure(missing.is_empty(), format!("{} are there; the first missing: {missing:?}", there.len()))
    });
}
