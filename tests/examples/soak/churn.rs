//! Containers that come and go as fast as the engine can.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use e2e::engine::{BUSYBOX, Engine};

/// Lines of each: some at once, one more right before its end.
pub(crate) const LINES: u64 = 11;

/// Each line begins with the container's name.
const SCRIPT: &str =
    "i=1; while [ $i -le 10 ]; do echo $0 line $i; i=$((i+1)); done; sleep 1; echo $0 line 11";

/// Workers that start containers, wait for their end and their removal, and start the next.
pub(crate) struct Churn {
    stop: Arc<AtomicBool>,
    /// When each was gone, by number.
    gone: Arc<Mutex<HashMap<u64, Instant>>>,
    workers: Vec<JoinHandle<Churned>>,
    begun: Instant,
}

/// What became of them.
#[derive(Debug, Default, Clone)]
pub(crate) struct Churned {
    /// Names of those that ran to their end.
    pub(crate) names: Vec<String>,
    /// Those that the engine could not start.
    pub(crate) failed: Vec<String>,
    /// For how long.
    pub(crate) seconds: f64,
}

/// The name of a container.
pub(crate) fn name(number: u64) -> String {
    format!("churn-{number:07}")
}

impl Churn {
    pub(crate) fn start(engine: &Engine, workers: f64) -> Self {
        let (stop, gone) = (Arc::<AtomicBool>::default(), Arc::<Mutex<HashMap<u64, Instant>>>::default());
        let next = Arc::new(AtomicU64::new(0));
        let mut churn = Self { stop, gone, workers: Vec::new(), begun: Instant::now() };
        let mut left = workers;
        while left >= 1.0 {
            left -= 1.0;
            let (stop, gone, next) = (Arc::clone(&churn.stop), Arc::clone(&churn.gone), Arc::clone(&next));
            let host = engine.host();
            churn.workers.push(thread::spawn(move || work(&host, &stop, &gone, &next)));
        }
        churn
    }

    /// Whether a container had been removed before a moment.
    pub(crate) fn was_gone(&self, number: u64, at: Instant) -> bool {
        self.gone.lock().expect("a lock").get(&number).is_some_and(|gone| *gone < at)
    }

    /// No more are started; waits for the end of those that run.
    pub(crate) fn end(self) -> Churned {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Churned::default();
        for worker in self.workers {
            let Churned { names, failed, .. } = worker.join().expect("a worker");
            all.names.extend(names);
            all.failed.extend(failed);
        }
        all.seconds = self.begun.elapsed().as_secs_f64();
        all
    }
}

fn work(host: &str, stop: &AtomicBool, gone: &Mutex<HashMap<u64, Instant>>, next: &AtomicU64) -> Churned {
    let mut churned = Churned::default();
    while !stop.load(Ordering::SeqCst) {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let name = name(number);
        let mut command = Command::new("docker");
        // The client comes back after the removal.
        command.args(["-H", host, "run", "--rm", "--name", &name]);
        if number.is_multiple_of(2) {
            // As Swarm labels them: the same service again and again, tasks that are new.
            let task = format!("com.docker.swarm.task.id={name}");
            command.args(["--label", "com.docker.swarm.service.name=churn", "--label", &task]);
        } else {
            command.args(["--network", "none"]);
        }
        let output =
            command.args([BUSYBOX, "sh", "-c", SCRIPT, &name]).stdin(Stdio::null()).output().expect("docker");
        if output.status.success() {
            gone.lock().expect("a lock").insert(number, Instant::now());
            churned.names.push(name);
        } else {
            churned.failed.push(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
    }
    churned
}
