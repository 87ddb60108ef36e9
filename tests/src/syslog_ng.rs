//! A real syslog-ng that receives by TCP, with newlines or lengths, and writes the fields that it understood.

use std::fs::{self, File};
use std::process::{Child, Command};
use std::time::Duration;

use tempfile::TempDir;

use crate::agent::free_port;
use crate::wait::{ensure, until};

/// One message as syslog-ng read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Facility and severity as numbers.
    pub facility: String,
    /// See [`Received::facility`].
    pub severity: String,
    /// The sender's name for its host.
    pub host: String,
    /// The tag without the process.
    pub program: String,
    /// Empty where there is none.
    pub pid: String,
    /// The text.
    pub message: String,
}

/// A running syslog-ng; killed when dropped.
#[derive(Debug)]
pub struct SyslogNg {
    newline: u16,
    counted: u16,
    child: Option<Child>,
    folder: TempDir,
}

impl SyslogNg {
    /// Starts one on free ports.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut started = Self { newline: free_port(), counted: free_port(), child: None, folder };
        let config = format!(
            r#"@version: 3.35
options {{ keep-hostname(yes); chain-hostnames(no); log-msg-size(1048576); stats-freq(0); }};
source in {{
  network(transport("tcp") ip("127.0.0.1") port({newline}));
  syslog(transport("tcp") ip("127.0.0.1") port({counted}));
}};
destination out {{
  file("{out}" flush-lines(1) template("$FACILITY_NUM\t$LEVEL_NUM\t$HOST\t$PROGRAM\t$PID\t$MSG\n"));
}};
log {{ source(in); destination(out); }};
"#,
            newline = started.newline,
            counted = started.counted,
            out = started.path("received"),
        );
        fs::write(started.path("conf"), config).expect("a configuration");
        started.resume();
        started
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Starts it (again) and waits until it listens.
    pub fn resume(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log")).expect("a log file");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/syslog-ng/syslog-ng.sh");
        let child = Command::new("bash")
            .arg(script)
            .args(["-F", "--no-caps", "-f", &self.path("conf"), "-p", &self.path("pid")])
            .args(["-c", &self.path("control"), "-R", &self.path("persist")])
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{script}: {error}"));
        self.child = Some(child);
        until(Duration::from_secs(120), "syslog-ng", || {
            std::net::TcpStream::connect(("127.0.0.1", self.counted)).map(drop).map_err(|error| {
                format!("{error}: {}", fs::read_to_string(self.path("log")).unwrap_or_default())
            })
        });
    }

    /// Ends it with SIGKILL; what it wrote stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("syslog-ng runs");
            child.wait().expect("it ends");
        }
    }

    /// `host:port` for RFC 3164 with newlines.
    pub fn newline_address(&self) -> String {
        format!("127.0.0.1:{}", self.newline)
    }

    /// `host:port` for RFC 5424 with lengths.
    pub fn counted_address(&self) -> String {
        format!("127.0.0.1:{}", self.counted)
    }

    /// Everything received so far of programs whose names begin like this.
    pub fn received(&self, program: &str) -> Vec<Received> {
        let text = fs::read_to_string(self.path("received")).unwrap_or_default();
        let read = |line: &str| {
            let fields: Vec<_> = line.splitn(6, '\t').map(str::to_owned).collect();
            let [facility, severity, host, program, pid, message] = fields.try_into().ok()?;
            Some(Received { facility, severity, host, program, pid, message })
        };
        text.lines().filter_map(read).filter(|received| received.program.starts_with(program)).collect()
    }

    /// Waits until at least so many of them are there.
    pub fn expect(&self, program: &str, count: usize) -> Vec<Received> {
        until(Duration::from_secs(60), "lines at syslog-ng", || {
            let received = self.received(program);
            ensure(received.len() >= count, format!("{} of {count}", received.len()))?;
            Ok(received)
        })
    }
}

impl Drop for SyslogNg {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for file in ["log", "received"] {
                println!(
                    "--- syslog-ng: {file}\n{}",
                    fs::read_to_string(self.path(file)).unwrap_or_default()
                );
            }
        }
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}
