//! `id="/docker"`: all containers together.
//!
//! The kernel has such a cgroup only with one of the two cgroup drivers, so the sum is made here. A plain sum of
//! counters would fall whenever a container ends, which Prometheus takes for a restart at 0 and counts as growth; so
//! the growth of each container is added up, from the exporter's own start on.

use std::collections::HashMap;

use crate::container::Container;
use crate::sample::{Cpu, Memory};
use crate::store::Running;

/// The CPU time that all containers used since the exporter started.
#[derive(Debug)]
pub struct CpuSum {
    /// Containers that started later than this began at 0 under our eyes.
    begun_nanos: i64,
    last: HashMap<String, Cpu>,
    sum: Cpu,
}

impl CpuSum {
    /// `begun_nanos` is the exporter's start in nanoseconds of Unix time.
    pub fn new(begun_nanos: i64) -> Self {
        let zero = Some(0);
        let sum = Cpu { usage_nanos: zero, user_nanos: zero, system_nanos: zero, throttling: None };
        Self { begun_nanos, last: HashMap::new(), sum }
    }

    /// Adds what a container used since it was added last.
    pub fn add(&mut self, container: &Container, now: Cpu) {
        let new = container.started_nanos.is_some_and(|start| start > self.begun_nanos);
        let before = match self.last.get(&container.id) {
            // Less than before: it was restarted in between and counts from 0 again.
            Some(last) if last.usage_nanos <= now.usage_nanos => *last,
            Some(_) => Cpu::default(),
            None if new => Cpu::default(),
            None => now,
        };
        grow(&mut self.sum.usage_nanos, before.usage_nanos, now.usage_nanos);
        grow(&mut self.sum.user_nanos, before.user_nanos, now.user_nanos);
        grow(&mut self.sum.system_nanos, before.system_nanos, now.system_nanos);
        self.last.insert(container.id.clone(), now);
    }

    /// The sum so far; forgets containers that do not run any more.
    pub fn finish(&mut self, running: &Running) -> Cpu {
        if self.last.len() > running.len() {
            self.last.retain(|id, _| running.binary_search_by(|c| c.id.as_str().cmp(id)).is_ok());
        }
        self.sum
    }
}

fn grow(sum: &mut Option<u64>, before: Option<u64>, now: Option<u64>) {
    if let (Some(sum), Some(now)) = (sum, now) {
        *sum = sum.saturating_add(now.saturating_sub(before.unwrap_or_default()));
    }
}

/// The memory of all containers; only what may be added up (no maxima, no counters).
pub fn add_memory(sum: &mut Memory, one: &Memory) {
    let add = |sum: &mut Option<u64>, one: Option<u64>| {
        if let Some(one) = one {
            *sum = Some(sum.unwrap_or_default().saturating_add(one));
        }
    };
    add(&mut sum.usage, one.usage);
    add(&mut sum.working_set, one.working_set);
    add(&mut sum.rss, one.rss);
    add(&mut sum.cache, one.cache);
    add(&mut sum.swap, one.swap);
    add(&mut sum.mapped_file, one.mapped_file);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::labels::LabelRules;

    fn container(id: &str, started: &str) -> Container {
        let inspect = serde_json::json!({"Id": id, "State": {"Status": "running", "StartedAt": started}});
        Container::from_inspect(&serde_json::from_value(inspect).unwrap(), &LabelRules::default()).unwrap()
    }

    fn used(nanos: u64) -> Cpu {
        Cpu { usage_nanos: Some(nanos), ..Cpu::default() }
    }

    #[test]
    fn the_sum_only_grows() {
        let begun = crate::container::parse_time("2026-11-22T12:00:00Z").unwrap();
        let mut sum = CpuSum::new(begun);
        let old = container("a", "2026-11-22T11:00:00Z");
        let young = container("b", "2026-11-22T12:00:01Z");
        sum.add(&old, used(1000));
        assert_eq!(sum.finish(&Arc::from([])).usage_nanos, Some(0), "what was before is not ours");
        let mut sum = CpuSum::new(begun);
        let running: Running = Arc::from([Arc::new(old.clone()), Arc::new(young.clone())]);
        sum.add(&old, used(1000));
        sum.add(&young, used(5));
        assert_eq!(sum.finish(&running).usage_nanos, Some(5));
        sum.add(&old, used(1100));
        sum.add(&young, used(2));
        assert_eq!(sum.finish(&running).usage_nanos, Some(107), "a restart begins at 0");
        let running: Running = Arc::from([Arc::new(old.clone())]);
        sum.add(&old, used(1101));
        assert_eq!(sum.finish(&running).usage_nanos, Some(108), "the dead one's share stays");
    }
}
