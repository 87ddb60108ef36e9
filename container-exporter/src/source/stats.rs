//! The portable source: Docker's stats streams. Needs nothing but the engine's socket.

pub mod parse;
mod streams;

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agent_core::prometheus::metrics::counter::Counter;
use tokio::sync::Notify;

use self::parse::StatsSample;
use super::Source;
use crate::container::Container;
use crate::sample::{BlockIo, Cpu, Interface, Memory, Processes};
use crate::store::{Running, Store};

/// Streams without scrapes are closed after this long: an exporter that nobody asks must cost the engine nothing.
const IDLE: Duration = Duration::from_mins(2);
/// A stream's first sample comes after a second; the scrape that opens the streams waits at most this long.
const FIRST_SAMPLES: Duration = Duration::from_secs(3);

/// Answers from the newest sample of each container's stream.
#[derive(Debug)]
pub struct StatsSource {
    desk: Arc<Desk>,
}

/// Where the streams leave their samples and scrapes leave word that they came.
#[derive(Debug, Default)]
struct Desk {
    state: Mutex<State>,
    /// Told at each new sample.
    arrived: Condvar,
    /// Told when a scrape finds the streams closed.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    newest: HashMap<String, Arc<StatsSample>>,
    last_scrape: Option<Instant>,
}

impl StatsSource {
    /// Spawns the task that keeps the streams; nothing is opened before the first scrape.
    pub fn spawn(store: Store, reopened: Counter) -> Self {
        let desk = Arc::new(Desk::default());
        tokio::spawn(streams::run(Arc::clone(&desk), store, reopened));
        Self { desk }
    }

    fn newest(&self, container: &Container) -> Option<Arc<StatsSample>> {
        self.desk.lock().newest.get(&container.id).map(Arc::clone)
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, id: &str, sample: StatsSample) {
        self.lock().newest.insert(id.to_owned(), Arc::new(sample));
        self.arrived.notify_all();
    }

    fn drop_sample(&self, id: &str) {
        self.lock().newest.remove(id);
    }

    fn clear(&self) {
        self.lock().newest.clear();
    }

    /// When streams may be closed; `None` before the first scrape.
    fn idle_at(&self) -> Option<Instant> {
        self.lock().last_scrape.map(|last| last + IDLE)
    }

    /// Notes a scrape; where the streams were closed, opens them and waits for their first samples.
    fn scrape(&self, running: &Running) {
        let now = Instant::now();
        let mut state = self.lock();
        let open = state.last_scrape.is_some_and(|last| now < last + IDLE);
        state.last_scrape = Some(now);
        if open || running.is_empty() {
            return;
        }
        self.wake.notify_one();
        let incomplete = |state: &mut State| running.iter().any(|c| !state.newest.contains_key(&c.id));
        let _samples = self.arrived.wait_timeout_while(state, FIRST_SAMPLES, incomplete);
    }
}

impl Source for StatsSource {
    fn name(&self) -> &'static str {
        "stats"
    }

    fn prepare(&mut self, running: &Running) {
        self.desk.scrape(running);
    }

    fn cpu(&mut self, container: &Container) -> Option<Cpu> {
        let quota = container.limits.cpu_quota.is_some();
        self.newest(container)?.cpu.map(|cpu| Cpu { throttling: cpu.throttling.filter(|_| quota), ..cpu })
    }

    fn memory(&mut self, container: &Container) -> Option<Memory> {
        self.newest(container)?.memory
    }

    fn interfaces(&mut self, container: &Container) -> Vec<Interface> {
        self.newest(container).map(|sample| sample.interfaces.clone()).unwrap_or_default()
    }

    fn block_io(&mut self, container: &Container) -> Vec<BlockIo> {
        self.newest(container).map(|sample| sample.block_io.clone()).unwrap_or_default()
    }

    fn processes(&mut self, container: &Container) -> Option<Processes> {
        self.newest(container)?.processes
    }
}
