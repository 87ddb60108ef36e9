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
    /// Whether streams are kept, or about to be.
    open: bool,
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

    /// Closes where nobody has scraped for a while; else says when that may be so.
    fn close_if_idle(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let idle_at = state.last_scrape.map(|last| last + IDLE).filter(|at| *at > now);
        if idle_at.is_none() {
            state.open = false;
            state.newest.clear();
        }
        idle_at
    }

    /// Notes a scrape; where the streams were closed, opens them and waits for their first samples.
    fn scrape(&self, running: &Running) {
        let mut state = self.lock();
        state.last_scrape = Some(Instant::now());
        if state.open || running.is_empty() {
            return;
        }
        state.open = true;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelRules;

    fn running(ids: &[&str]) -> Running {
        let container = |id: &&str| {
            let inspect = serde_json::from_value(serde_json::json!({"Id": id})).unwrap();
            Arc::new(Container::from_inspect(&inspect, &LabelRules::default()).unwrap())
        };
        ids.iter().map(container).collect()
    }

    #[tokio::test]
    async fn streams_open_when_there_is_something_and_close_when_nobody_asks() {
        let desk = Arc::new(Desk::default());
        desk.scrape(&running(&[]));
        assert!(!desk.lock().open, "nothing to stream yet");
        let other = Arc::clone(&desk);
        let scrape = tokio::task::spawn_blocking(move || other.scrape(&running(&["a"])));
        desk.wake.notified().await;
        desk.put("a", StatsSample::default());
        scrape.await.unwrap();
        let now = Instant::now();
        assert!(desk.close_if_idle(now).is_some_and(|at| at > now) && desk.lock().open);
        assert_eq!(desk.close_if_idle(now + IDLE), None);
        assert!(!desk.lock().open && desk.lock().newest.is_empty());
    }
}
