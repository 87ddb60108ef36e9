//! Processes added up by group, so that a group's counter does not fall when one of its processes ends.

use std::collections::{BTreeSet, HashMap};

/// What a group uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// CPU time of all its processes so far, in clock ticks, also of those that ended.
    pub(super) ticks: u64,
    /// What of it came since the round before.
    pub(super) recent: u64,
    /// Resident pages now.
    pub(super) pages: u64,
    /// Processes now.
    pub(super) processes: u64,
}

/// All groups with a living process, and what was last seen of each process: both are as many as there are processes.
#[derive(Debug, Default)]
pub(super) struct Groups {
    usages: HashMap<String, Usage>,
    processes: HashMap<(u32, u64), Process>,
    round: u64,
}

#[derive(Debug)]
struct Process {
    group: String,
    ticks: u64,
    round: u64,
}

impl Groups {
    /// Begins a new round: nothing is seen yet.
    pub(super) fn begin(&mut self) {
        self.round += 1;
        for usage in self.usages.values_mut() {
            (usage.recent, usage.pages, usage.processes) = (0, 0, 0);
        }
    }

    /// Adds a process, known by its number and its start. `group` is only asked where it is new.
    pub(super) fn add(&mut self, id: (u32, u64), ticks: u64, pages: u64, group: impl FnOnce() -> String) {
        let process =
            self.processes.entry(id).or_insert_with(|| Process { group: group(), ticks: 0, round: 0 });
        let recent = ticks.saturating_sub(process.ticks);
        process.ticks = process.ticks.max(ticks);
        process.round = self.round;
        if !self.usages.contains_key(&process.group) {
            self.usages.insert(process.group.clone(), Usage::default());
        }
        if let Some(usage) = self.usages.get_mut(&process.group) {
            usage.ticks = usage.ticks.saturating_add(recent);
            usage.recent = usage.recent.saturating_add(recent);
            usage.pages = usage.pages.saturating_add(pages);
            usage.processes += 1;
        }
    }

    /// Forgets what was not seen in this round.
    pub(super) fn end(&mut self) {
        let round = self.round;
        self.processes.retain(|_, process| process.round == round);
        self.usages.retain(|_, usage| usage.processes > 0);
    }

    /// The groups among the first `count` by recent CPU time or by memory, in the order of their names.
    pub(super) fn top(&self, count: usize) -> Vec<(&str, &Usage)> {
        let mut ranked: Vec<_> = self.usages.iter().collect();
        let mut names = BTreeSet::new();
        for by in [|usage: &Usage| (usage.recent, usage.ticks), |usage: &Usage| (usage.pages, 0)] {
            // Equals by name, so that the choice does not change without reason.
            ranked.sort_unstable_by(|(name, one), (other_name, other)| {
                by(other).cmp(&by(one)).then_with(|| name.cmp(other_name))
            });
            names.extend(ranked.iter().take(count).map(|(name, _)| name.as_str()));
        }
        names.into_iter().filter_map(|name| Some((name, self.usages.get(name)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &'static str) -> impl FnOnce() -> String {
        move || text.to_owned()
    }

    #[test]
    fn a_groups_counter_does_not_fall() {
        let mut groups = Groups::default();
        groups.begin();
        groups.add((1, 1), 100, 5, name("web"));
        groups.add((2, 1), 50, 7, name("web"));
        groups.end();
        assert_eq!(groups.top(1), [("web", &Usage { ticks: 150, recent: 150, pages: 12, processes: 2 })]);
        groups.begin();
        // The second one ended, its number belongs to another now.
        groups.add((1, 1), 110, 5, name("not asked"));
        groups.add((2, 9), 1, 1, name("other"));
        groups.end();
        let web = Usage { ticks: 160, recent: 10, pages: 5, processes: 1 };
        let other = Usage { ticks: 1, recent: 1, pages: 1, processes: 1 };
        assert_eq!(groups.top(5), [("other", &other), ("web", &web)]);
        groups.begin();
        groups.end();
        assert!(groups.top(5).is_empty() && groups.processes.is_empty());
    }

    #[test]
    fn first_by_cpu_and_first_by_memory() {
        let mut groups = Groups::default();
        groups.begin();
        groups.add((1, 1), 100, 1, name("busy"));
        groups.add((2, 1), 1, 100, name("fat"));
        groups.add((3, 1), 2, 2, name("neither"));
        groups.end();
        let names: Vec<_> = groups.top(1).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["busy", "fat"]);
    }

    proptest! {
        #[test]
        fn never_more_than_twice_the_count(
            rounds in prop::collection::vec(prop::collection::vec((0..50_u32, any::<u64>(), any::<u64>()), 0..50), 1..4),
            count in 0..10_usize,
        ) {
            let mut groups = Groups::default();
            for round in rounds {
                groups.begin();
                for (pid, ticks, pages) in round {
                    groups.add((pid, 1), ticks, pages, || format!("g{}", pid % 20));
                }
                groups.end();
                prop_assert!(groups.top(count).len() <= 2 * count);
            }
        }
    }
}
