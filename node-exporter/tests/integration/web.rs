//! `--web.config.file` and `--web.systemd-socket` as a service manager and a user give them.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io::Read, io::Write, thread};

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

#[test]
fn every_listen_address_is_served() {
    let exporter = Exporter::start(&[&["--web.listen-address=127.0.0.1:0"], &FIXTURES[..]].concat());
    let addresses = || -> Vec<String> {
        let log = exporter.log();
        log.lines()
            .filter_map(|line| Some(line.split_once("message=listening address=")?.1.to_owned()))
            .collect()
    };
    let deadline = Instant::now() + Duration::from_secs(180);
    while addresses().len() < 2 && Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!(addresses().len(), 2, "{}", exporter.log());
    for address in addresses() {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains("node_load1 "), "{address}: {answer}");
    }
}

#[test]
fn a_scrape_too_many_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slow.prom");
    assert!(Command::new("mkfifo").arg(&file).status().expect("it runs").success());
    let directory = format!("--collector.textfile.directory={}", folder.path().display());
    let only = ["--collector.disable-defaults", "--collector.textfile", "--web.max-requests=1", &directory];
    let exporter = Exporter::start(&only);
    thread::scope(|scope| {
        let first = scope.spawn(|| exporter.get("/metrics", "text/plain"));
        // Returns when the first scrape has opened the other end, and waits for what it says.
        let mut pipe = fs::OpenOptions::new().write(true).open(&file).expect("the pipe");
        assert_eq!(exporter.get("/metrics", "text/plain").0, 503);
        pipe.write_all(b"slow 0.25\n").expect("a line");
        drop(pipe);
        let (status, body) = first.join().expect("an answer");
        assert!(status == 200 && body.contains("\nslow 0.25\n"), "{status}: {body}");
    });
}
