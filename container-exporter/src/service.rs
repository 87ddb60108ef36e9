//! Services of a Swarm or of Compose: what their containers used and how they ended, surviving each single container.
//!
//! A Swarm replaces tasks instead of restarting them, so a container's counters say little of its service. These are
//! counted from the exporter's own start on, as sums of what each container used under its eyes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_core::exposition::LabelBlock;

use crate::container::Container;
use crate::labels::label_name;
use crate::store::Running;

/// Services that are remembered; beyond that those go first that have had no container for longest.
const MOST: usize = 1000;

/// A service by its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The same for all its containers.
    pub key: String,
    labels: Vec<(String, String)>,
}

impl Service {
    /// What a container's labels say.
    pub fn of(labels: &HashMap<String, String>) -> Option<Self> {
        let swarm = ["com.docker.swarm.service.name", "com.docker.stack.namespace"];
        let compose = ["com.docker.compose.service", "com.docker.compose.project"];
        [swarm, compose].into_iter().find_map(|keys| {
            let pair =
                |key: &str| labels.get(key).filter(|v| !v.is_empty()).map(|v| (label_name(key), v.clone()));
            let service = pair(keys[0])?;
            let labels: Vec<_> = std::iter::once(service).chain(pair(keys[1])).collect();
            let key = labels.iter().flat_map(|(key, value)| [key, "=", value, "\n"]).collect();
            Some(Self { key, labels })
        })
    }
}

/// What the containers of one service used since the exporter started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Processor time in nanoseconds.
    pub cpu_nanos: Option<u64>,
    /// Bytes received.
    pub receive_bytes: Option<u64>,
    /// Bytes sent.
    pub transmit_bytes: Option<u64>,
    /// Out-of-memory events.
    pub oom_events: u64,
    /// Ends by exit code.
    pub exits: BTreeMap<i64, u64>,
}

/// Keeps the sums; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    services: BTreeMap<String, Entry>,
    last: HashMap<String, Last>,
    /// Counts calls; tells which service was busy last.
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    labels: Arc<LabelBlock>,
    totals: Totals,
    turn: u64,
}

/// What a container's counters said last.
#[derive(Debug, Default)]
struct Last {
    started_nanos: Option<i64>,
    cpu: Option<u64>,
    receive: Option<u64>,
    transmit: Option<u64>,
}

impl Ledger {
    /// Adds the processor time that a container used since it was added last.
    pub fn add_cpu(&self, container: &Container, begun_nanos: i64, nanos: Option<u64>) {
        let Some(nanos) = nanos else { return };
        self.with(container, begun_nanos, |totals, last, new| {
            grow(&mut totals.cpu_nanos, &mut last.cpu, nanos, new);
        });
    }

    /// The same of its traffic.
    pub fn add_traffic(&self, container: &Container, begun_nanos: i64, receive: u64, transmit: u64) {
        self.with(container, begun_nanos, |totals, last, new| {
            grow(&mut totals.receive_bytes, &mut last.receive, receive, new);
            grow(&mut totals.transmit_bytes, &mut last.transmit, transmit, new);
        });
    }

    /// Counts the end of a container.
    pub fn exited(&self, container: &Container) {
        if let Some(code) = container.exit_code {
            self.touch(container, |totals| *totals.exits.entry(code).or_default() += 1);
        }
    }

    /// Counts a kill for want of memory.
    pub fn out_of_memory(&self, container: &Container) {
        self.touch(container, |totals| totals.oom_events += 1);
    }

    /// Forgets counters of containers that do not run any more.
    pub fn forget(&self, running: &Running) {
        let mut book = self.lock();
        if book.last.len() > running.len() {
            book.last.retain(|id, _| running.binary_search_by(|c| c.id.as_str().cmp(id)).is_ok());
        }
    }

    /// All services with their labels.
    pub fn all(&self) -> Vec<(Arc<LabelBlock>, Totals)> {
        let book = self.lock();
        book.services.values().map(|entry| (Arc::clone(&entry.labels), entry.totals.clone())).collect()
    }

    fn touch(&self, container: &Container, change: impl FnOnce(&mut Totals)) {
        let Some(service) = &container.service else { return };
        let mut book = self.lock();
        change(&mut book.entry(service).totals);
    }

    fn with(&self, container: &Container, begun: i64, add: impl FnOnce(&mut Totals, &mut Last, bool)) {
        let Some(service) = &container.service else { return };
        let mut book = self.lock();
        if !book.last.contains_key(&container.id) {
            book.last.insert(container.id.clone(), Last::default());
        }
        let Some(mut last) = book.last.get_mut(&container.id).map(std::mem::take) else { return };
        if last.started_nanos != container.started_nanos {
            last = Last { started_nanos: container.started_nanos, ..Last::default() };
        }
        let new = container.started_nanos.is_some_and(|start| start > begun);
        add(&mut book.entry(service).totals, &mut last, new);
        if let Some(place) = book.last.get_mut(&container.id) {
            *place = last;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn entry(&mut self, service: &Service) -> &mut Entry {
        self.turn += 1;
        let turn = self.turn;
        if !self.services.contains_key(&service.key) && self.services.len() >= MOST {
            let idle = self.services.iter().min_by_key(|(_, entry)| entry.turn).map(|(key, _)| key.clone());
            idle.and_then(|key| self.services.remove(&key));
        }
        let entry = self.services.entry(service.key.clone()).or_insert_with(|| Entry {
            labels: Arc::new(LabelBlock::new(&service.labels)),
            totals: Totals::default(),
            turn,
        });
        entry.turn = turn;
        entry
    }
}

/// A container that began before us is counted from where we saw it first; one that began later from 0.
fn grow(sum: &mut Option<u64>, last: &mut Option<u64>, now: u64, new: bool) {
    let before = last.unwrap_or(if new { 0 } else { now });
    *sum = Some(sum.unwrap_or_default().saturating_add(now.saturating_sub(before)));
    *last = Some(now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::LabelRules;

    fn task(id: &str, started: &str) -> Container {
        let inspect = serde_json::json!({
            "Id": id, "State": {"Status": "exited", "StartedAt": started, "ExitCode": 3},
            "Config": {"Labels": {"com.docker.swarm.service.name": "web", "com.docker.stack.namespace": "shop"}},
        });
        Container::from_inspect(&serde_json::from_value(inspect).unwrap(), &LabelRules::default()).unwrap()
    }

    #[test]
    fn sums_survive_their_tasks() {
        let begun = crate::container::parse_time("2026-11-22T12:00:00Z").unwrap();
        let (old, young) = (task("a", "2026-11-22T11:00:00Z"), task("b", "2026-11-22T12:00:01Z"));
        let ledger = Ledger::default();
        ledger.add_cpu(&old, begun, Some(1000));
        ledger.add_cpu(&old, begun, Some(1100));
        ledger.add_cpu(&young, begun, Some(5));
        ledger.add_traffic(&young, begun, 7, 8);
        ledger.exited(&old);
        ledger.exited(&young);
        ledger.out_of_memory(&young);
        ledger.forget(&Arc::from([]));
        let all = ledger.all();
        assert_eq!(all.len(), 1);
        let totals = &all[0].1;
        assert_eq!(
            (totals.cpu_nanos, totals.receive_bytes, totals.transmit_bytes),
            (Some(105), Some(7), Some(8))
        );
        assert_eq!((totals.exits.get(&3), totals.oom_events), (Some(&2), 1));
    }

    #[test]
    fn services_do_not_pile_up() {
        let ledger = Ledger::default();
        for number in 0..MOST + 5 {
            let mut container = task("a", "");
            let labels = HashMap::from([("com.docker.compose.service".to_owned(), number.to_string())]);
            container.service = Service::of(&labels).map(Arc::new);
            ledger.exited(&container);
        }
        assert_eq!(ledger.all().len(), MOST);
    }
}
