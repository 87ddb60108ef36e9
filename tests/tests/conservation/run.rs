//! One row: a container that writes, a router, a sink, a fault, and what became of the lines.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Instant;

use e2e::agent::{Agent, binary};
use e2e::engine::Engine;
use e2e::recorder::{Counts, Recorder, number};
use e2e::rsyslog::Rsyslog;
use e2e::wait::{LIMIT, ensure, until};

use super::table::{Case, Fault, Framing};

/// A line has about this many bytes.
const PADDING: &str = "the quick brown fox jumps over the lazy dog and back again, over and over";
/// The resend window, and the batch that a killed router was about to send.
const REPEATED_BYTES: usize = 2 * 1024 * 1024;

/// Far less than what rotation deletes of a row.
const SMALL_SPOOL: &str = "512KiB";

/// Prints numbered lines in bursts. A container that is started again goes on a burst before where it was. `first` is done
/// before all; as long as there is a file `/hold`, no further burst begins and `/held` tells how many lines there are.
pub(crate) fn writer(
    engine: &Engine,
    name: &str,
    options: &[&str],
    first: &str,
    (lines, burst): (usize, usize),
) {
    let script = format!(
        "{first}; n=$(cat /n 2>/dev/null || echo 0); [ $n -ge {burst} ] && n=$((n - {burst})); \
         while [ $n -lt {lines} ]; do seq $((n + 1)) $((n + {burst})) | sed 's/.*/line & {PADDING}/'; \
         n=$((n + {burst})); echo $n >/m; mv /m /n; sleep 0.2; \
         while [ -e /hold ]; do cp /n /held; sleep 0.1; done; rm -f /held; done; echo >/done; sleep 600"
    );
    let logging = options.iter().flat_map(|option| ["--log-opt", option]);
    let options: Vec<_> = ["--name", name, "--network", "none"].into_iter().chain(logging).collect();
    engine.busybox(&options, &["sh", "-c", &script]);
}

/// Waits until all lines are printed.
pub(crate) fn wait_for_writer(engine: &Engine, name: &str) {
    until(LIMIT, "the writer's end", || {
        engine.try_docker(&["exec", name, "/bin/busybox", "test", "-e", "/done"]).map(drop)
    });
}

/// A real rsyslog where the sink is killed, else one that does what no real one can be told to.
enum Sink {
    Rsyslog(Rsyslog),
    Recorder(Recorder),
}

impl Sink {
    fn counts(&self) -> Counts {
        match self {
            Self::Recorder(recorder) => recorder.counts(),
            Self::Rsyslog(rsyslog) => {
                let mut counts = Counts::new();
                let text = rsyslog.text();
                // The objects follow each other without a separator.
                for number in text.split("\"message\":").filter_map(|object| number(object.as_bytes())) {
                    *counts.entry(number).or_default() += 1;
                }
                counts
            }
        }
    }
}

/// A row under way.
pub(crate) struct Running {
    case: Case,
    name: String,
    sink: Sink,
    router: Option<Agent>,
    arguments: Vec<String>,
    program: PathBuf,
    hosts: PathBuf,
    /// While this is there, the writer makes a pause.
    hold: PathBuf,
    /// Gaps that routers reported which are gone; one at least where their log has any.
    gaps_before: u64,
}

impl Running {
    pub(crate) fn begin(engine: &Engine, case: Case, name: &str) -> Self {
        let folder = engine.data().with_file_name(format!("router-{name}"));
        fs::create_dir(&folder).expect("a folder");
        let hosts = folder.join("hosts");
        fs::write(&hosts, "127.0.0.1 localhost sink.test\n").expect("a file");
        let (sink, address) = if case.fault == Fault::SinkKilled {
            let rsyslog = Rsyslog::start();
            let address = rsyslog.address();
            (Sink::Rsyslog(rsyslog), address)
        } else {
            let recorder = Recorder::start("127.0.0.1");
            let address = format!("sink.test:{}", recorder.address().port());
            (Sink::Recorder(recorder), address)
        };
        let scheme = if case.framing == Framing::Raw && case.fault != Fault::SinkKilled {
            "raw+tcp"
        } else {
            "syslog+tcp"
        };
        let spool = if case.fault == Fault::SpoolFull { SMALL_SPOOL } else { "1GiB" };
        let arguments = vec![
            format!("--docker={}", engine.host()),
            format!("--spool.max-bytes={spool}"),
            format!("--state.path={}", folder.join("state").display()),
            format!("{scheme}://{address}?filter.name={name}"),
        ];
        let program = with_own_hosts(&folder, &hosts);
        let mut running = Self {
            case,
            name: name.to_owned(),
            sink,
            router: None,
            arguments,
            program,
            hosts,
            hold: PathBuf::new(),
            gaps_before: 0,
        };
        running.start_router();
        // The router must have found the log before there is more of it than the engine keeps.
        let first = "[ -e /n ] || touch /hold";
        writer(engine, name, case.rotation.options(), first, case.rotation.lines());
        let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", name]);
        running.hold = format!("/proc/{pid}/root/hold").into();
        running
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn start_router(&mut self) {
        let framing = if self.case.framing == Framing::Octets { "octet-counted" } else { "traditional" };
        let environment = [("SYSLOG_FORMAT", "rfc3164"), ("SYSLOG_TCP_FRAMING", framing)];
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        self.router = Some(Agent::start_program(&self.program, "/-/healthy", &arguments, &environment));
    }

    fn gaps(&self) -> u64 {
        self.sum("log_router_gaps_total{", "")
    }

    /// Lines that the router says it threw away because the spool was full.
    fn thrown_away(&self) -> u64 {
        self.sum("log_router_dropped_total{", "reason=\"spool_full\"")
    }

    fn sum(&self, family: &str, label: &str) -> u64 {
        let metrics = self.router.as_ref().map(Agent::metrics).unwrap_or_default();
        let series = metrics.lines().filter(|line| line.starts_with(family) && line.contains(label));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// A gap may have been found after the metrics were read.
    fn note_gaps(&mut self, counted: u64, log: &str) {
        let told = log.matches("lines of a log may be missing").count() as u64;
        self.gaps_before += counted.max(told);
    }

    /// Lets the writer go on once a new router has got as far as the one before was left behind.
    fn let_go(&self) {
        let file = |name: &str| self.hold.with_file_name(name);
        let held = until(LIMIT, "the writer's pause", || {
            let name = if file("done").exists() { "n" } else { "held" };
            let text = fs::read_to_string(file(name)).map_err(|error| error.to_string())?;
            text.trim().parse::<usize>().map_err(|error| format!("{error}: {text}"))
        });
        until(LIMIT, "what was printed meanwhile", || {
            let counts = self.sink.counts();
            ensure(counts.contains_key(&held), format!("{held} is not among {}", counts.len()))
        });
        fs::remove_file(&self.hold).expect("the writer waits");
    }

    fn wait_for(&self, count: usize) {
        until(LIMIT, &format!("{:?}: {count} lines", self.case), || {
            let there = self.sink.counts().len();
            ensure(there >= count, format!("{there} are there"))
        });
    }

    pub(crate) fn wait_for_first_lines(&self) {
        self.wait_for(self.case.rotation.lines().1 / 2);
        fs::remove_file(&self.hold).expect("the writer waits");
    }

    /// Lets it happen, and waits for the end.
    pub(crate) fn through(mut self, engine: &Engine) -> Outcome {
        self.wait_for_first_lines();
        let name = self.name.clone();
        let (lines, burst) = self.case.rotation.lines();
        match (self.case.fault, &mut self.sink) {
            (Fault::SinkSlow, Sink::Recorder(recorder)) => {
                recorder.slow(true);
                wait_for_writer(engine, &name);
                recorder.slow(false);
            }
            (Fault::SinkReset, Sink::Recorder(_)) => {
                for part in 1..4 {
                    self.wait_for((lines * part / 5).max(burst));
                    if let Sink::Recorder(recorder) = &self.sink {
                        recorder.reset();
                    }
                }
            }
            (Fault::SinkAway | Fault::SpoolFull, Sink::Recorder(recorder)) => {
                recorder.leave();
                wait_for_writer(engine, &name);
                recorder.come_back("127.0.0.1");
            }
            (Fault::SinkMoved, Sink::Recorder(recorder)) => {
                recorder.leave();
                // In place: a mount of a file stays with the file.
                fs::write(&self.hosts, "127.0.0.1 localhost\n127.0.0.2 sink.test\n").expect("a file");
                recorder.come_back("127.0.0.2");
            }
            (Fault::SinkKilled, Sink::Rsyslog(rsyslog)) => {
                rsyslog.kill();
                rsyslog.resume();
            }
            (Fault::RouterKilled, _) => {
                fs::write(&self.hold, "").expect("the writer runs");
                let counted = self.gaps();
                let log = self.router.take().expect("a router").kill();
                self.note_gaps(counted, &log);
                self.start_router();
                self.let_go();
            }
            (Fault::RouterStopped, _) => {
                fs::write(&self.hold, "").expect("the writer runs");
                let counted = self.gaps();
                let mut router = self.router.take().expect("a router");
                assert_eq!(router.terminate(), Some(0), "after SIGTERM");
                self.note_gaps(counted, &router.log());
                self.start_router();
                self.let_go();
            }
            (Fault::ContainerRemoved, _) => {
                wait_for_writer(engine, &name);
                engine.docker(&["rm", "-f", &name]);
            }
            _ => {}
        }
        self.finish(engine)
    }

    /// Waits until everything is there, or nothing comes any more.
    pub(crate) fn finish(self, engine: &Engine) -> Outcome {
        if self.case.fault != Fault::ContainerRemoved {
            wait_for_writer(engine, &self.name);
        }
        let (lines, _) = self.case.rotation.lines();
        let end = Instant::now() + LIMIT;
        let counts = until(LIMIT * 2, "the end of a row", || {
            let counts = self.sink.counts();
            // Lines come in order: where some may be missing, none comes after the last.
            let last = self.case.may_gap() && counts.contains_key(&lines);
            let all = counts.len() >= lines || last || Instant::now() > end;
            ensure(all, format!("{} lines", counts.len()))?;
            Ok(counts)
        });
        let gaps = self.gaps_before + self.gaps();
        // Not needed any more, and others want the processor.
        drop(engine.try_docker(&["rm", "-f", &self.name]));
        self.judge(&counts, gaps)
    }

    fn judge(&self, counts: &Counts, gaps: u64) -> Outcome {
        let (lines, _) = self.case.rotation.lines();
        let missing = (1..=lines).filter(|number| !counts.contains_key(number)).count();
        let repeated = counts.values().sum::<usize>() - counts.len();
        let mut problems = Vec::new();
        if missing > 0 && !self.case.may_gap() {
            problems.push("lines are missing".to_owned());
        }
        if self.case.fault == Fault::SpoolFull {
            let thrown_away = self.thrown_away();
            if !self.case.rotation.may_gap() && thrown_away != missing as u64 {
                problems.push(format!("{missing} lines are missing, {thrown_away} were counted"));
            }
            if !counts.contains_key(&lines) {
                problems.push("the newest line is missing".to_owned());
            }
        }
        if missing > 0 && gaps == 0 {
            problems.push("lines are missing outside of reported gaps".to_owned());
        }
        let breaks = match self.case.fault {
            Fault::None | Fault::SinkSlow | Fault::RouterStopped | Fault::ContainerRemoved => 0,
            Fault::SinkReset => 3,
            // The writer itself prints a burst again.
            Fault::EngineRestarted => 2,
            _ => 1,
        };
        if repeated > breaks * REPEATED_BYTES / PADDING.len() {
            problems.push("more lines came twice than a window of bytes holds".to_owned());
        }
        if counts.keys().any(|number| !(1..=lines).contains(number)) {
            problems.push("lines came that nobody wrote".to_owned());
        }
        if !problems.is_empty() {
            problems.push(self.router.as_ref().map(Agent::log).unwrap_or_default());
        }
        Outcome { case: self.case, lines, missing, repeated, gaps, problems }
    }
}

/// A program that runs the router with its own `/etc/hosts`.
fn with_own_hosts(folder: &std::path::Path, hosts: &std::path::Path) -> PathBuf {
    let program = folder.join("log-router");
    let router = binary("log-router").canonicalize().expect("the router");
    let script = format!(
        "#!/bin/sh\nexec unshare -m --propagation private sh -c 'mount --bind {} /etc/hosts && exec \"$0\" \"$@\"' {} \"$@\"\n",
        hosts.display(),
        router.display()
    );
    fs::write(&program, script).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
    program
}

/// What became of the lines of a row.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) case: Case,
    lines: usize,
    missing: usize,
    repeated: usize,
    gaps: u64,
    pub(crate) problems: Vec<String>,
}

impl Outcome {
    pub(crate) const HEADER: &str =
        "fault             rotation     framing    written  missing  twice  gaps reported";
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { fault, rotation, framing } = self.case;
        let Self { lines, missing, repeated, gaps, .. } = self;
        let verdict = if self.problems.is_empty() { "ok" } else { "BROKEN" };
        write!(
            f,
            "{:17} {:12} {:8} {lines:>9} {missing:>8} {repeated:>6} {gaps:>6}  {verdict}",
            format!("{fault:?}"),
            format!("{rotation:?}"),
            format!("{framing:?}")
        )
    }
}
