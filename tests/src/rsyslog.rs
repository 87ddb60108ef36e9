//! A real rsyslog that receives on TCP and UDP and writes what it understood as JSON objects.

use std::fs::{self, File};
use std::process::{Child, Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::agent::free_port;
use crate::wait::{LIMIT, ensure, until};

/// A running rsyslog; killed when dropped.
#[derive(Debug)]
pub struct Rsyslog {
    port: u16,
    child: Option<Child>,
    folder: TempDir,
}

impl Rsyslog {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let mut rsyslog =
            Self { port: free_port(), child: None, folder: tempfile::tempdir().expect("a folder") };
        let config = format!(
            r#"module(load="imtcp") module(load="imudp")
$MaxMessageSize 64k
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="out")
input(type="imudp" port="{port}" address="127.0.0.1" ruleset="out")
template(name="json" type="list" option.jsonf="on") {{
  property(outname="facility" name="syslogfacility" format="jsonf")
  property(outname="severity" name="syslogseverity" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="program" name="programname" format="jsonf")
  property(outname="tag" name="syslogtag" format="jsonf")
  property(outname="pid" name="procid" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}}
ruleset(name="out") {{ action(type="omfile" file="{out}" template="json" flushOnTXEnd="on") }}
"#,
            port = rsyslog.port,
            out = rsyslog.path("received"),
        );
        fs::write(rsyslog.path("rsyslog.conf"), config).expect("a configuration");
        rsyslog.resume();
        rsyslog
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Starts it (again) and waits until it listens.
    pub fn resume(&mut self) {
        // One that was killed leaves it, and by now the number may be another process's.
        drop(fs::remove_file(self.path("pid")));
        let log = File::options().create(true).append(true).open(self.path("log")).expect("a log file");
        let child = Command::new("rsyslogd")
            .args(["-n", "-f", &self.path("rsyslog.conf"), "-i", &self.path("pid")])
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("rsyslogd (`make test` installs it): {error}"));
        self.child = Some(child);
        until(LIMIT, "rsyslog", || {
            std::net::TcpStream::connect(self.address()).map(drop).map_err(|error| {
                format!("{error}: {}", fs::read_to_string(self.path("log")).unwrap_or_default())
            })
        });
    }

    /// Stops it; what it received stays.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(crate::command::attempt("kill", &["-TERM", &child.id().to_string()]));
            child.wait().expect("rsyslog ends");
        }
    }

    /// Ends it with SIGKILL; what it wrote stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("rsyslog runs");
            child.wait().expect("rsyslog ends");
        }
    }

    /// `host:port` of both inputs.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it wrote, as text: rsyslog 8.2302 writes broken bytes for the digits of a second beyond the sixth.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("received")).unwrap_or_default()).into_owned()
    }

    /// Everything received so far that names `program` at the start of its tag.
    pub fn received(&self, program: &str) -> Vec<Value> {
        let text = self.text();
        // The objects follow each other without a separator, and the last one may not be whole yet.
        let events = serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok);
        events.filter(|event| event["tag"].as_str().is_some_and(|tag| tag.starts_with(program))).collect()
    }

    /// Waits until at least `count` events of `program` are there.
    pub fn expect(&self, program: &str, count: usize) -> Vec<Value> {
        until(LIMIT, "lines at rsyslog", || {
            let events = self.received(program);
            ensure(events.len() >= count, format!("{} of {count}", events.len()))?;
            Ok(events)
        })
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- what rsyslog received\n{}", self.text());
        }
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}
