//! The binary as a process of this machine.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_node-exporter");

/// Where tests run, so that paths in their output are short and the same everywhere.
pub(crate) fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The flags that make the recorded files the host.
pub(crate) const FIXTURES: [&str; 5] = [
    "--path.procfs=tests/fixtures/proc",
    "--path.sysfs=tests/fixtures/sys",
    "--path.rootfs=tests/fixtures/root",
    "--path.udev.data=tests/fixtures/udev",
    "--collector.textfile.directory=tests/fixtures/textfile",
];

/// A running exporter; killed when dropped.
#[derive(Debug)]
pub(crate) struct Exporter {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Exporter {
    /// Starts it on a port of the system's choice.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.arg("--web.listen-address=127.0.0.1:0").args(arguments);
        Self::spawn(command)
    }

    /// Starts it by a command of the test's own.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .current_dir(package())
            .env_clear()
            .envs([("NODE_NAME", "golden"), ("NODE_ID", "golden-id")])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let shared = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("message=listening address=") {
                    sender.send(address.to_owned()).ok();
                }
                let mut log = shared.lock().expect("the log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = receiver.recv_timeout(Duration::from_secs(180));
        let address =
            address.unwrap_or_else(|_| panic!("it does not listen: {}", log.lock().expect("the log")));
        Self { child, address, log }
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Status and body of an answer.
    pub(crate) fn get(&self, path: &str, accept: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nAccept: {accept}\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        stream.shutdown(Shutdown::Both).ok();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    /// Its metrics in the text format.
    pub(crate) fn metrics(&self) -> String {
        self.get("/metrics", "text/plain").1
    }

    /// Sends SIGTERM; how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill");
        self.child.wait().expect("its end")
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Compares with a checked-in file, or with `UPDATE_GOLDEN=1` writes it.
pub(crate) fn assert_golden(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of the golden file");
        fs::write(path, actual).expect("the golden file");
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return;
    }
    let other = |text: &str, line: &str| !text.lines().any(|l| l == line);
    for line in expected.lines().filter(|line| other(actual, line)) {
        println!("- {line}");
    }
    for line in actual.lines().filter(|line| other(&expected, line)) {
        println!("+ {line}");
    }
    panic!("{} is not what it should be; if it should, run the test with UPDATE_GOLDEN=1", path.display());
}
