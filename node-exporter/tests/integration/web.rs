//! `--web.config.file` and `--web.systemd-socket` as a service manager and a user give them.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::{fs, io::Read, io::Write};

use crate::exporter::{BINARY, Exporter, FIXTURES};

/// A command that finds a socket as its descriptor 3, as systemd would leave it there.
fn activated(socket: impl Into<OwnedFd>) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = r#"export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@" 3<&0 0</dev/null"#;
    command.args(["-c", script, "sh", BINARY, "--web.systemd-socket"]).args(FIXTURES);
    command.stdin(Stdio::from(socket.into()));
    command
}

#[test]
fn a_socket_of_systemd_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("its address").to_string();
    let exporter = Exporter::spawn(activated(listener));
    assert_eq!(exporter.address(), address);
    assert!(exporter.metrics().contains("node_load1 "));
}

#[test]
fn a_unix_socket_of_systemd_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("agent.sock");
    let _exporter = Exporter::spawn(activated(UnixListener::bind(&path).expect("a socket")));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("node_load1 "), "{answer}");
}

#[test]
fn no_socket_of_systemd_is_an_error() {
    for (count, others) in [("0", false), ("1", true)] {
        let mut command = Command::new(BINARY);
        command.arg("--web.systemd-socket").env("LISTEN_FDS", count);
        if others {
            command.env("LISTEN_PID", "1");
        }
        let output = command.stdin(Stdio::null()).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains("--web.systemd-socket"), "{text}");
    }
}

#[test]
fn users_are_asked_for_and_a_bad_file_is_told_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("web.yml");
    let flag = format!("-web.config.file={}", file.display());
    fs::write(
        &file,
        "basic_auth_users:\n  alice: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
    )
    .expect("a file");
    let exporter = Exporter::start(&[&[flag.as_str()], &FIXTURES[..]].concat());
    assert_eq!(exporter.get("/metrics", "text/plain").0, 401);
    assert_eq!(exporter.get("/-/healthy", "text/plain").0, 200);
    let listen = format!("--web.listen-address={}", exporter.address());
    let health = Command::new(BINARY).args(["healthcheck", &listen, &flag]).status().expect("it runs");
    assert!(health.success());

    fs::write(&file, "basic_auth_users:\n  alice: open-sesame\nrate: 1\n").expect("a file");
    let output = Command::new(BINARY).args([&flag, "--web.max-requests=x"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text.contains("web.yml:3:1: `unknown field `rate`") && text.contains("--web.max-requests"),
        "{text}"
    );
}
