//! Cgroups that are no containers (`/system.slice`, `/user.slice` ...), where `--docker_only=false` asks for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::container::Container;
use crate::store::Running;

/// How long a list of cgroups holds, as cAdvisor's global housekeeping.
const FRESH: Duration = Duration::from_mins(1);
/// Cgroups that are listed at most; what lies deeper than [`DEEPEST`] is left out.
const MOST: usize = 1000;
const DEEPEST: usize = 8;

/// Which of them are exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RawRule {
    /// None.
    #[default]
    None,
    /// Those whose path begins with one of these (`--raw_cgroup_prefix_whitelist`).
    Beginning(Vec<String>),
    /// All (`--docker_only=false`).
    All,
}

/// Lists them now and then.
#[derive(Debug)]
pub struct RawCgroups {
    mounts: PathBuf,
    rule: RawRule,
    listed: Option<(Instant, Vec<Arc<Container>>)>,
    joined: Option<(Running, Running)>,
}

impl RawCgroups {
    /// `sysfs` is where the host's `/sys` is.
    pub fn new(sysfs: &Path, rule: RawRule) -> Self {
        Self { mounts: sysfs.join("fs/cgroup"), rule, listed: None, joined: None }
    }

    /// These cgroups, and the containers behind them; the same pointer while nothing changed.
    pub fn before(&mut self, running: &Running) -> Running {
        if self.rule == RawRule::None {
            return Arc::clone(running);
        }
        if self.listed.as_ref().is_none_or(|(at, _)| at.elapsed() > FRESH) {
            let new = self.list();
            let old = self.listed.take().map(|(_, old)| old).unwrap_or_default();
            let same = old.iter().map(|c| &c.id).eq(new.iter().map(|c| &c.id));
            if !same {
                self.joined = None;
            }
            self.listed = Some((Instant::now(), if same { old } else { new }));
        }
        if let Some((containers, joined)) = &self.joined
            && Arc::ptr_eq(containers, running)
        {
            return Arc::clone(joined);
        }
        let raw = self.listed.iter().flat_map(|(_, raw)| raw);
        // `/` sorts before every hexadecimal digit: the whole stays sorted by ID.
        let joined: Running = raw.chain(running.iter()).map(Arc::clone).collect();
        self.joined = Some((Arc::clone(running), Arc::clone(&joined)));
        joined
    }

    fn list(&self) -> Vec<Arc<Container>> {
        let v2 = self.mounts.join("cgroup.controllers").exists();
        // On version 1 each controller has a tree of its own, and they need not be the same.
        let tops = if v2 {
            vec![self.mounts.clone()]
        } else {
            ["cpuacct", "memory"].map(|name| self.mounts.join(name)).to_vec()
        };
        let mut found = Vec::new();
        for top in &tops {
            self.descend(top, top, 0, &mut found);
        }
        found.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        found.dedup_by(|a, b| a.id == b.id);
        found
    }

    fn descend(&self, top: &Path, folder: &Path, depth: usize, found: &mut Vec<Arc<Container>>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let inside = path.strip_prefix(top).unwrap_or(&path);
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder || is_containers(&entry.file_name().to_string_lossy()) || found.len() >= MOST {
                continue;
            }
            let raw = Container::raw(inside.to_owned());
            // `/docker` is the sum of all containers already.
            if raw.id != "/docker" && self.takes(&raw.id) {
                found.push(Arc::new(raw));
            }
            if depth < DEEPEST {
                self.descend(top, &path, depth + 1, found);
            }
        }
    }

    fn takes(&self, id: &str) -> bool {
        match &self.rule {
            RawRule::None => false,
            RawRule::Beginning(beginnings) => beginnings.iter().any(|beginning| id.starts_with(beginning)),
            RawRule::All => true,
        }
    }
}

/// A container's folder has its ID in its name: 64 hexadecimal digits.
fn is_containers(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_hexdigit()).any(|part| part.len() >= 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;

    fn ids(root: &FakeRoot, rule: RawRule) -> Vec<String> {
        let mut raw = RawCgroups::new(root.path(), rule);
        let running: Running = Arc::from([]);
        let all = raw.before(&running);
        assert!(Arc::ptr_eq(&all, &raw.before(&running)));
        all.iter().map(|c| c.id.clone()).collect()
    }

    #[test]
    fn containers_are_no_raw_cgroups() {
        let root = FakeRoot::new();
        let id = "8995742129ac1a08839e543bbc64e4b77c79082a3c23882028298ca31a79e6f9";
        root.file("fs/cgroup/cgroup.controllers", "cpu\n");
        for folder in ["system.slice/cron.service", "user.slice", &format!("system.slice/docker-{id}.scope")]
        {
            root.file(format!("fs/cgroup/{folder}/cpu.stat"), "");
        }
        root.file(format!("fs/cgroup/docker/{id}/init/cpu.stat"), "");
        let all = ["/system.slice", "/system.slice/cron.service", "/user.slice"];
        assert_eq!(ids(&root, RawRule::All), all);
        assert_eq!(ids(&root, RawRule::Beginning(vec!["/user".to_owned()])), ["/user.slice"]);
        assert_eq!(ids(&root, RawRule::None), [""; 0]);
    }

    #[test]
    fn trees_of_version_1_are_put_together() {
        let root = FakeRoot::new();
        for folder in ["cpuacct/a", "cpuacct/b", "memory/b", "memory/c"] {
            root.file(format!("fs/cgroup/{folder}/tasks"), "");
        }
        assert_eq!(ids(&root, RawRule::All), ["/a", "/b", "/c"]);
    }
}
