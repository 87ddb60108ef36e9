//! Syslog from the network, as real senders send it: util-linux's `logger`, rsyslog, and a TLS client.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::agent::{Agent, free_port};
use e2e::command::run;
use e2e::rsyslog::Rsyslog;
use e2e::wait::{LIMIT, until};

/// A router that listens and sends on to rsyslog; it needs no engine.
fn router(rsyslog: &Rsyslog, state: &tempfile::TempDir, listen: &[String]) -> Agent {
    let mut arguments = vec![
        format!("--docker=unix://{}", state.path().join("none.sock").display()),
        format!("--state.path={}", state.path().display()),
        format!("syslog+tcp://{}", rsyslog.address()),
    ];
    arguments.extend(listen.iter().cloned());
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Agent::start("log-router", &arguments, &[("SYSLOG_FORMAT", "rfc3164"), ("NODE_NAME", "alpha")])
}

fn field<'a>(event: &'a serde_json::Value, name: &str) -> &'a str {
    event[name].as_str().unwrap_or_default().trim()
}

#[test]
fn loggers_messages_arrive_by_every_way() {
    let rsyslog = Rsyslog::start();
    let state = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let listen = ["udp", "tcp"].map(|kind| format!("--listen.syslog-{kind}=127.0.0.1:{port}"));
    let router = router(&rsyslog, &state, &listen);
    let to = port.to_string();
    for (tag, options) in [
        ("udp5424", &["--udp", "--rfc5424"][..]),
        ("udp3164", &["--udp", "--rfc3164"]),
        ("tcp5424", &["--tcp", "--rfc5424"]),
        ("tcp3164", &["--tcp", "--rfc3164"]),
        ("octets", &["--tcp", "--octet-count", "--rfc5424"]),
    ] {
        let common = ["-n", "127.0.0.1", "-P", &to, "-p", "local0.warning", "--id=77", "-t", tag];
        run("logger", &[&common[..], options, &["--", "  hello [a b=\"c\"] world"]].concat());
        let events = rsyslog.expect(tag, 1);
        let event = &events[0];
        let told = ["facility", "severity", "program", "pid"].map(|name| field(event, name));
        assert_eq!(told, ["16", "4", tag, "77"], "{event}");
        // rsyslog leaves the blank behind the colon in its message.
        let text = event["message"].as_str().unwrap_or_default();
        assert_eq!(text.strip_prefix(' ').unwrap_or(text), "  hello [a b=\"c\"] world", "{event}");
        assert!(!field(event, "host").is_empty(), "{event}");
    }
    router.expect("log_router_listener_messages_total{listener=\"syslog-udp\"}", "2");
    router.expect("log_router_listener_messages_total{listener=\"syslog-tcp\"}", "3");
}

/// A process that is killed when dropped.
struct Sender(Child);

impl Drop for Sender {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn rsyslog_as_a_sender_loses_nothing() {
    let rsyslog = Rsyslog::start();
    let state = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let _router = router(&rsyslog, &state, &[format!("--listen.syslog-tcp=127.0.0.1:{port}")]);
    for framing in ["traditional", "octet-counted"] {
        let config = state.path().join(format!("{framing}.conf"));
        let input = free_port();
        fs::write(
            &config,
            format!(
                "module(load=\"imudp\")\ninput(type=\"imudp\" port=\"{input}\" address=\"127.0.0.1\")\n\
                 *.* action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" \
                 template=\"RSYSLOG_SyslogProtocol23Format\" TCP_Framing=\"{framing}\")\n"
            ),
        )
        .expect("a configuration");
        let pid = state.path().join(format!("{framing}.pid")).display().to_string();
        let sender = Command::new("rsyslogd")
            .args(["-n", "-f", &config.display().to_string(), "-i", &pid])
            .spawn()
            .unwrap_or_else(|error| panic!("rsyslogd (`make test` installs it): {error}"));
        let _sender = Sender(sender);
        // UDP to a rsyslog that is still starting is lost on the way to it: that is not what is tested.
        let tag = format!("through-{framing}");
        until(LIMIT, "the first message", || {
            run(
                "logger",
                &["-n", "127.0.0.1", "-P", &input.to_string(), "--udp", "-t", &format!("{tag}-up"), "up"],
            );
            std::thread::sleep(Duration::from_millis(100));
            if rsyslog.received(&format!("{tag}-up")).is_empty() {
                Err("none yet".to_owned())
            } else {
                Ok(())
            }
        });
        for line in 0..50 {
            let text = format!("line {line}");
            run(
                "logger",
                &["-n", "127.0.0.1", "-P", &input.to_string(), "--udp", "-t", &format!("{tag}-n"), &text],
            );
        }
        let events = rsyslog.expect(&format!("{tag}-n"), 50);
        let texts: Vec<_> = events.iter().map(|event| field(event, "message").to_owned()).collect();
        assert_eq!(texts, (0..50).map(|line| format!("line {line}")).collect::<Vec<_>>());
    }
}

#[test]
fn tls_takes_clients_with_a_certificate_and_no_others() {
    let rsyslog = Rsyslog::start();
    let state = tempfile::tempdir().expect("a folder");
    let path = |name: &str| state.path().join(name).display().to_string();
    for name in ["server", "client", "stranger"] {
        run(
            "openssl",
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-keyout",
                &path(&format!("{name}.key")),
                "-out",
                &path(&format!("{name}.pem")),
                "-subj",
                &format!("/CN={name}"),
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ],
        );
    }
    let port = free_port();
    let router = router(
        &rsyslog,
        &state,
        &[
            format!("--listen.syslog-tls=127.0.0.1:{port}"),
            format!("--listen.tls-cert-file={}", path("server.pem")),
            format!("--listen.tls-key-file={}", path("server.key")),
            format!("--listen.tls-client-ca-file={}", path("client.pem")),
        ],
    );
    let message = "<131>1 2016-10-19T23:14:19Z beta over-tls 7 - - hello";
    let framed = format!("{} {message}", message.len());
    let send = |who: &str| {
        let client = [
            "s_client",
            "-quiet",
            "-no_ign_eof",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-CAfile",
            &path("server.pem"),
            "-cert",
            &path(&format!("{who}.pem")),
            "-key",
            &path(&format!("{who}.key")),
        ]
        .map(str::to_owned);
        let mut client = Command::new("openssl")
            .args(client)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl (`make test` installs it)");
        // One that was refused may be gone already. The other stays: its end would race with what it has not read yet.
        let input = client.stdin.as_mut().expect("piped");
        drop(input.write_all(framed.as_bytes()));
        Sender(client)
    };
    let client = send("client");
    let events = rsyslog.expect("over-tls", 1);
    drop(client);
    assert_eq!(
        ["host", "facility", "severity", "message"].map(|name| field(&events[0], name)),
        ["beta", "16", "3", "hello"]
    );
    // Its own end tells the client nothing; the router's counter does.
    let _stranger = send("stranger");
    router.expect("log_router_listener_connections_refused_total{listener=\"syslog-tls\"}", "1");
    assert_eq!(rsyslog.received("over-tls").len(), 1);
}
