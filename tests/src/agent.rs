//! An agent's release binary as a process of this machine.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use crate::http;
use crate::wait::{LIMIT, ensure, until};

/// A running agent; killed when dropped.
#[derive(Debug)]
pub struct Agent {
    name: String,
    port: u16,
    child: Child,
    folder: TempDir,
}

/// Where an agent's binary is: in the folder that `BINARIES` names, or with the release binaries.
pub fn binary(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/x86_64-unknown-linux-gnu/release");
    let path = std::env::var_os("BINARIES").map_or(target, PathBuf::from).join(name);
    assert!(path.exists(), "{} is missing: `make test` builds it", path.display());
    path
}

/// A port nobody listens on, neither with TCP nor UDP. It stays free until it is used: it is below those that the kernel
/// gives to outgoing connections (32768 to 60999 by default), and no other call of this process returns it.
pub fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Elsewhere for each process, should two run at once.
    let start = u16::try_from(std::process::id() * 97 % u32::from(COUNT)).expect("small");
    let free = |port: &u16| {
        TcpListener::bind(("127.0.0.1", *port)).is_ok() && UdpSocket::bind(("127.0.0.1", *port)).is_ok()
    };
    let mut ports = std::iter::repeat_with(|| {
        FIRST
            + u16::try_from(
                (u32::from(start) + u32::from(TAKEN.fetch_add(1, Ordering::SeqCst))) % u32::from(COUNT),
            )
            .expect("small")
    });
    ports.by_ref().take(usize::from(COUNT)).find(free).expect("a free port")
}

impl Agent {
    /// Starts an agent on a free port and waits until it answers.
    pub fn start(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_program(&binary(name), "/-/healthy", arguments, environment)
    }

    /// The same as uid and gid 65534, with no other group and no capability.
    pub fn start_as_nobody(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let program = binary(name).display().to_string();
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", &program];
        let arguments = [&nobody[..], arguments].concat();
        Self::start_program(Path::new("setpriv"), "/-/healthy", &arguments, environment)
    }

    /// The same with any program that takes `--web.listen-address`; `path` is asked until it answers.
    pub fn start_program(
        program: &Path,
        path: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut agent = Self::spawn(program, arguments, environment);
        let name = agent.name.clone();
        until(LIMIT, &name, || {
            if let Ok(Some(status)) = agent.child.try_wait() {
                panic!("{name} ended with {status}: {}", agent.log());
            }
            http::body(&agent.url(path)).map(drop)
        });
        agent
    }

    /// Starts an agent without waiting for its answer.
    pub fn launch(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(&binary(name), arguments, environment)
    }

    fn spawn(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let name = program.display().to_string();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = File::create(folder.path().join("log")).expect("a log file");
        let port = free_port();
        let mut command = Command::new(program);
        command
            // Last, as the first may be a subcommand.
            .args(arguments)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .envs(environment.iter().copied())
            .stderr(log);
        let child = until(LIMIT, &name, || match command.spawn() {
            // A program that was just written is open for a moment in whatever another thread starts meanwhile.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => Err(error.to_string()),
            Err(error) => panic!("{name} cannot be started: {error}"),
            Ok(child) => Ok(child),
        });
        Self { name, port, child, folder }
    }

    /// A URL of the agent.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its metrics in the text format.
    pub fn metrics(&self) -> String {
        http::body(&self.url("/metrics")).expect("the agent answers")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with SIGKILL, as a lost machine would; what it logged.
    pub fn kill(mut self) -> String {
        self.child.kill().expect("the agent runs");
        self.child.wait().expect("the agent ends");
        self.log()
    }

    /// Asks it to end and waits; the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        crate::command::run("kill", &["-TERM", &self.child.id().to_string()]);
        self.wait_for_end()
    }

    /// Waits until it ends by itself; the exit code.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        let name = self.name.clone();
        until(LIMIT, &name, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status.code()),
            other => Err(format!("{other:?}")),
        })
    }

    /// Waits until a series has a value.
    pub fn expect(&self, series: &str, value: &str) {
        let wanted = format!("{series} {value}");
        until(LIMIT, &self.name, || {
            let metrics = http::body(&self.url("/metrics"))?;
            ensure(metrics.lines().any(|line| line == wanted), format!("no {wanted} in {metrics}"))
        });
    }

    /// Waits until it logged a text.
    pub fn expect_log(&self, text: &str) {
        until(LIMIT, &self.name, || {
            let log = self.log();
            ensure(log.contains(text), format!("no {text} in {log}"))
        });
    }

    /// Waits until its metrics hold a line that begins with `start`; the rest of the line, as it is then.
    pub fn sample(&self, start: &str) -> String {
        until(LIMIT, &self.name, || {
            let metrics = http::body(&self.url("/metrics"))?;
            let line = metrics.lines().find_map(|line| line.strip_prefix(start).map(str::to_owned));
            ensure(line.is_some(), format!("no {start} in {metrics}"))?;
            Ok(line.unwrap_or_default())
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- log of {}\n{}", self.name, self.log());
        }
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
