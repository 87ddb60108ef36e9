//! The portable source: Docker's statistics. Needs nothing but the engine's socket.
//!
//! A **one-shot** asks for each container in each scrape. A **stream** costs the engine as much as one question a second
//! and container, but answers at once and once a second. From Docker 25 on a one-shot is answered at once, before that
//! with the engine's next round, within one to two seconds.

mod mode;
mod oneshot;
pub mod parse;
mod streams;

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agent_core::prometheus::metrics::counter::Counter;
use tokio::sync::Notify;

use self::mode::Pace;
use self::parse::StatsSample;
use super::Source;
use crate::container::Container;
use crate::sample::{BlockIo, Cpu, HugePages, Interface, Memory, NumaPages, Pressure, Processes};
use crate::store::{Running, Store};

pub use self::mode::StatsMode;

/// Streams without scrapes are closed after this long: an exporter that nobody asks must cost the engine nothing.
const IDLE: Duration = Duration::from_mins(2);
/// The scrape waits at most this long for its samples; a stream's first one comes after a second or two.
const PATIENCE: Duration = Duration::from_secs(4);
/// Collectors ask one after the other: what is asked again this soon is the same scrape.
const SAME_SCRAPE: Duration = Duration::from_millis(300);

/// Answers from the newest sample of each container.
#[derive(Debug)]
pub struct StatsSource {
    desk: Arc<Desk>,
    store: Store,
    mode: StatsMode,
}

/// Where samples are left and scrapes leave word that they came.
#[derive(Debug, Default)]
struct Desk {
    state: Mutex<State>,
    /// Told at each new sample and at the end of a round.
    arrived: Condvar,
    /// Told when a scrape wants something else than what is going on.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    newest: HashMap<String, Arc<StatsSample>>,
    /// Whether streams are kept, or about to be.
    open: bool,
    /// A round of one-shots that is asked for.
    asked: Option<Running>,
    pace: Pace,
    /// When somebody asked last; streams that nobody asks are closed.
    last_scrape: Option<Instant>,
    /// When the samples for the scrape that is under way were there.
    answered: Option<Instant>,
}

impl StatsSource {
    /// Spawns the task that talks to the engine; nothing is asked before the first scrape.
    pub fn spawn(store: Store, mode: StatsMode, reopened: Counter) -> Self {
        let desk = Arc::new(Desk::default());
        tokio::spawn(run(Arc::clone(&desk), store.clone(), reopened));
        Self { desk, store, mode }
    }

    fn newest(&self, container: &Container) -> Option<Arc<StatsSample>> {
        self.desk.lock().newest.get(&container.id).map(Arc::clone)
    }
}

/// Does what scrapes want. Never returns.
async fn run(desk: Arc<Desk>, store: Store, reopened: Counter) {
    loop {
        desk.wake.notified().await;
        let asked = desk.lock().asked.as_ref().map(Arc::clone);
        if let Some(running) = asked {
            oneshot::ask(&desk, &store, &running).await;
            desk.lock().asked = None;
            desk.arrived.notify_all();
        } else if desk.lock().open {
            streams::keep(&desk, &store, &reopened).await;
        }
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

    /// Closes where nobody has scraped for a while or streams are not wanted; else says when that may be so.
    fn close_if_idle(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let open = state.open;
        let idle_at = state.last_scrape.map(|last| last + IDLE).filter(|at| open && *at > now);
        if idle_at.is_none() {
            state.open = false;
            if state.asked.is_none() {
                state.newest.clear();
            }
        }
        idle_at
    }

    /// Notes a scrape, says how its samples are to be had, and waits for them.
    fn scrape(&self, running: &Running, mode: StatsMode, engine: &str) {
        let now = Instant::now();
        let mut state = self.lock();
        state.last_scrape = Some(now);
        // Not put off by each question: whoever asks all the time shall see the figures move.
        if state.answered.is_some_and(|at| now.duration_since(at) < SAME_SCRAPE) {
            return;
        }
        state.pace.note(now);
        state.answered = Some(now);
        if running.is_empty() {
            return;
        }
        let state = if mode.streams(engine, state.pace.between()) {
            if state.open {
                return;
            }
            state.open = true;
            self.wake.notify_one();
            let incomplete = |state: &mut State| running.iter().any(|c| !state.newest.contains_key(&c.id));
            self.arrived.wait_timeout_while(state, PATIENCE, incomplete)
        } else {
            state.open = false;
            // Rather nothing than a sample of the last scrape.
            state.newest.clear();
            state.asked = Some(Arc::clone(running));
            self.wake.notify_one();
            self.arrived.wait_timeout_while(state, PATIENCE, |state| state.asked.is_some())
        };
        let mut state = state.unwrap_or_else(PoisonError::into_inner).0;
        state.last_scrape = Some(Instant::now());
        state.answered = state.last_scrape;
    }
}

impl Source for StatsSource {
    fn name(&self) -> &'static str {
        "stats"
    }

    fn prepare(&mut self, running: &Running) {
        self.desk.scrape(running, self.mode, &self.store.engine().version);
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

    fn percpu(&mut self, container: &Container) -> Vec<u64> {
        self.newest(container).map(|sample| sample.percpu.clone()).unwrap_or_default()
    }

    fn pressure(&mut self, _: &Container) -> Option<Pressure> {
        None
    }

    fn oom_kills(&mut self, _: &Container) -> Option<u64> {
        None
    }

    fn huge_pages(&mut self, _: &Container) -> Vec<HugePages> {
        Vec::new()
    }

    fn numa(&mut self, _: &Container) -> Vec<NumaPages> {
        Vec::new()
    }

    fn pids(&mut self, _: &Container) -> Vec<u32> {
        Vec::new()
    }

    fn first_pid(&mut self, _: &Container) -> Option<u32> {
        None
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
        desk.scrape(&running(&[]), StatsMode::Stream, "20.10");
        assert!(!desk.lock().open, "nothing to stream yet");
        desk.lock().answered = None;
        let other = Arc::clone(&desk);
        let scrape =
            tokio::task::spawn_blocking(move || other.scrape(&running(&["a"]), StatsMode::Stream, "20.10"));
        desk.wake.notified().await;
        desk.put("a", StatsSample::default());
        scrape.await.unwrap();
        let now = Instant::now();
        assert!(desk.close_if_idle(now).is_some_and(|at| at > now) && desk.lock().open);
        assert_eq!(desk.close_if_idle(now + IDLE), None);
        assert!(!desk.lock().open && desk.lock().newest.is_empty());
    }

    #[test]
    fn a_scraper_that_never_pauses_gets_new_samples() {
        let desk = Desk::default();
        desk.lock().open = true;
        let is_new = |answered: Option<Instant>| {
            desk.lock().answered = answered;
            desk.scrape(&running(&["a"]), StatsMode::Stream, "28.0");
            desk.lock().answered != answered
        };
        // The last answer is not as long ago as a scrape may take, however long this test is held up.
        let just_now = Instant::now().checked_add(Duration::from_mins(5));
        assert!(!is_new(just_now), "the same scrape does not put off the next one");
        assert!(is_new(Instant::now().checked_sub(SAME_SCRAPE)), "the next scrape");
    }

    #[tokio::test]
    async fn a_one_shot_is_asked_once_a_scrape_and_ends_streams() {
        let desk = Arc::new(Desk::default());
        desk.lock().open = true;
        desk.put("gone", StatsSample::default());
        let other = Arc::clone(&desk);
        let scrape =
            tokio::task::spawn_blocking(move || other.scrape(&running(&["a"]), StatsMode::OneShot, "28.0"));
        desk.wake.notified().await;
        assert!(!desk.lock().open && desk.lock().newest.is_empty());
        desk.put("a", StatsSample::default());
        desk.lock().asked = None;
        desk.arrived.notify_all();
        scrape.await.unwrap();
        desk.scrape(&running(&["a"]), StatsMode::OneShot, "28.0");
        assert!(desk.lock().asked.is_none(), "the next collector of the same scrape");
        assert!(desk.lock().newest.contains_key("a"));
    }
}
