//! Where a container's cgroup is.
//!
//! `/proc/<pid>/cgroup` says it exactly, whatever driver, version and parent. It says it as seen from the reader's own
//! cgroup namespace, though (on version 2 the exporter's container has one): parts above that are only `..` there. Then,
//! and where the PID means nothing here, the usual places of both drivers are tried.

use std::path::{Path, PathBuf};

use agent_core::cli::PathArgs;
use agent_core::read::{Scratch, lines, text};

use crate::container::Container;

/// The cgroup of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Version 1, perhaps beside an empty version 2 tree ("hybrid").
    V1(FoldersV1),
    /// Version 2.
    V2(PathBuf),
}

/// The folders of the version 1 controllers that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldersV1 {
    /// Quota.
    pub cpu: PathBuf,
    /// CPU time.
    pub cpuacct: PathBuf,
    /// Memory.
    pub memory: PathBuf,
    /// Block I/O.
    pub blkio: PathBuf,
    /// Tasks.
    pub pids: PathBuf,
    /// Huge pages.
    pub hugetlb: PathBuf,
    /// The version 2 tree beside them, where it is mounted: pressure is only there.
    pub unified: PathBuf,
}

/// A place, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The folders.
    pub place: Place,
    /// Whether `/proc/<pid>/cgroup` named the container, so that the PID is good for more.
    pub pid_is_theirs: bool,
}

/// Looks for cgroups under the mounted `/proc` and `/sys`.
#[derive(Debug)]
pub struct Finder {
    root: PathBuf,
    procfs: PathBuf,
}

impl Finder {
    /// Where to look.
    pub fn new(paths: &PathArgs) -> Self {
        Self { root: paths.sysfs.join("fs/cgroup"), procfs: paths.procfs.clone() }
    }

    /// The root of the cgroup file systems.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The cgroup of a running container; `None` where there is none to be seen.
    pub fn find(&self, container: &Container, scratch: &mut Scratch) -> Option<Found> {
        if let Some(path) = &container.raw_cgroup {
            return self.find_raw(path).map(|place| Found { place, pid_is_theirs: false });
        }
        let told = container.pid.and_then(|pid| {
            let path = self.procfs.join(pid.to_string()).join("cgroup");
            scratch.read(&path).ok().map(|bytes| parse_proc_cgroup(bytes, &container.id))
        });
        let told = told.unwrap_or_default();
        let usual = usual_places(&container.id, container.cgroup_parent.as_deref());
        let place = if self.is_v2() {
            first(&self.root, told.iter().filter(|m| m.controllers.is_empty()), &usual).map(Place::V2)
        } else {
            self.find_v1(&told, &usual)
        };
        Some(Found { place: place?, pid_is_theirs: !told.is_empty() })
    }

    /// A cgroup that is no container, by its path without the leading slash.
    fn find_raw(&self, path: &Path) -> Option<Place> {
        if self.is_v2() {
            return first(&self.root, [].iter(), &[path.to_owned()]).map(Place::V2);
        }
        self.find_v1(&[], &[path.to_owned()])
    }

    /// Whether the machine has cgroups of version 2 alone.
    pub fn is_v2(&self) -> bool {
        self.root.join("cgroup.controllers").exists()
    }

    fn find_v1(&self, told: &[Membership], usual: &[PathBuf]) -> Option<Place> {
        let folder = |controller: &str| {
            let told = told.iter().filter(|m| m.controllers.iter().any(|c| c == controller));
            first(&self.root.join(controller), told, usual)
        };
        let (cpuacct, memory) = (folder("cpuacct"), folder("memory"));
        let in_unified = told.iter().filter(|m| m.controllers.is_empty());
        let unified = first(&self.root.join("unified"), in_unified, usual);
        // One of them is enough to be worth it; what a kernel lacks has a path without files.
        let known = cpuacct.as_ref().or(memory.as_ref())?.clone();
        let or_absent = |folder: Option<PathBuf>| folder.unwrap_or_else(|| known.join("absent"));
        Some(Place::V1(FoldersV1 {
            cpu: or_absent(folder("cpu")),
            blkio: or_absent(folder("blkio")),
            pids: or_absent(folder("pids")),
            hugetlb: or_absent(folder("hugetlb")),
            unified: or_absent(unified),
            cpuacct: or_absent(cpuacct),
            memory: or_absent(memory),
        }))
    }
}

/// The first folder under a mount that is there: what was told, else a usual place.
fn first<'a>(mount: &Path, told: impl Iterator<Item = &'a Membership>, usual: &[PathBuf]) -> Option<PathBuf> {
    let folders = told.map(|m| m.path.as_path()).chain(usual.iter().map(PathBuf::as_path));
    folders.map(|folder| mount.join(folder)).find(|folder| folder.is_dir())
}

/// One line of `/proc/<pid>/cgroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Version 1 controllers; none on the line of version 2.
    pub controllers: Vec<String>,
    /// The path without its leading slash.
    pub path: PathBuf,
}

/// `number:controllers:path` per line; only the lines that are about this container. A container may have cgroups of
/// its own inside (an engine in a container moves its first process there): the path ends where the container begins.
pub fn parse_proc_cgroup(bytes: &[u8], id: &str) -> Vec<Membership> {
    if id.is_empty() {
        return Vec::new();
    }
    let membership = |line| {
        let mut parts = text(line)?.splitn(3, ':');
        let controllers = parts.nth(1)?;
        let mut path = PathBuf::new();
        for part in parts.next()?.split('/').filter(|part| !part.is_empty() && *part != "..") {
            path.push(part);
            if part.contains(id) {
                let controllers =
                    controllers.split(',').filter(|c| !c.is_empty()).map(str::to_owned).collect();
                return Some(Membership { controllers, path });
            }
        }
        None
    };
    lines(bytes).filter_map(membership).collect()
}

/// Where the two drivers put a container.
fn usual_places(id: &str, parent: Option<&str>) -> Vec<PathBuf> {
    let scope = format!("docker-{id}.scope");
    let mut places = Vec::with_capacity(3);
    if let Some(parent) = parent.map(|parent| parent.trim_matches('/')) {
        places.push(match parent.strip_suffix(".slice") {
            Some(slice) => slice_folder(slice).join(&scope),
            None => Path::new(parent).join(id),
        });
    }
    places.push(Path::new("docker").join(id));
    places.push(Path::new("system.slice").join(&scope));
    places
}

/// systemd nests slices by the dashes in their names: `a-b.slice` is in `a.slice`.
fn slice_folder(name: &str) -> PathBuf {
    let ends = name.match_indices('-').map(|(index, _)| index).filter(|index| *index > 0);
    let parents = ends.filter_map(|end| name.get(..end));
    parents.chain([name]).map(|part| format!("{part}.slice")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::testing::FakeRoot;
    use proptest::prelude::*;

    const ID: &str = "8995742129ac1a08839e543bbc64e4b77c79082a3c23882028298ca31a79e6f9";

    fn paths(memberships: &[Membership]) -> Vec<&str> {
        memberships.iter().map(|m| m.path.to_str().unwrap()).collect()
    }

    #[test]
    fn lines_of_both_versions() {
        let v1 =
            format!("4:memory:/docker/{ID}\n2:cpu,cpuacct:/docker/{ID}\n1:name=systemd:/\n0::/docker/{ID}\n");
        let told = parse_proc_cgroup(v1.as_bytes(), ID);
        assert_eq!(told.len(), 3);
        assert_eq!(told[1].controllers, ["cpu", "cpuacct"]);
        assert_eq!(told[2].controllers, [""; 0]);
        let inner = format!("0::/docker/{ID}/init\n");
        assert_eq!(paths(&parse_proc_cgroup(inner.as_bytes(), ID)), [format!("docker/{ID}")]);
        let seen_from_a_namespace = format!("0::/../../lab.slice/docker-{ID}.scope\n");
        assert_eq!(
            paths(&parse_proc_cgroup(seen_from_a_namespace.as_bytes(), ID)),
            [format!("lab.slice/docker-{ID}.scope")]
        );
        assert_eq!(parse_proc_cgroup(b"0::/init.scope\n", ID), [], "a PID of another namespace");
    }

    #[test]
    fn places_of_both_drivers() {
        assert_eq!(slice_folder("a-b-c"), Path::new("a.slice/a-b.slice/a-b-c.slice"));
        assert_eq!(slice_folder("lab"), Path::new("lab.slice"));
        assert_eq!(usual_places("1", Some("/swarm-2"))[0], Path::new("swarm-2/1"));
        assert_eq!(
            usual_places("1", None),
            [Path::new("docker/1"), Path::new("system.slice/docker-1.scope")]
        );
    }

    fn container(pid: u32) -> Container {
        let inspect = serde_json::json!({"Id": ID, "State": {"Status": "running", "Pid": pid}});
        let rules = crate::labels::LabelRules::default();
        Container::from_inspect(&serde_json::from_value(inspect).unwrap(), &rules).unwrap()
    }

    fn finder(root: &FakeRoot) -> Finder {
        let at = |folder| root.path().join(folder);
        Finder::new(&PathArgs { procfs: at("proc"), sysfs: at("sys"), rootfs: at("") })
    }

    #[test]
    fn version_2_from_inside_a_namespace() {
        let root = FakeRoot::new();
        root.file("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        root.file(format!("sys/fs/cgroup/system.slice/docker-{ID}.scope/cpu.stat"), "");
        root.file("proc/620/cgroup", format!("0::/../docker-{ID}.scope\n"));
        let found = finder(&root).find(&container(620), &mut Scratch::default()).unwrap();
        let folder = root.path().join(format!("sys/fs/cgroup/system.slice/docker-{ID}.scope"));
        assert_eq!(found, Found { place: Place::V2(folder), pid_is_theirs: true });
    }

    #[test]
    fn version_1_without_proc() {
        let root = FakeRoot::new();
        let memory = root.file(format!("sys/fs/cgroup/memory/docker/{ID}/memory.stat"), "");
        root.file("proc/620/cgroup", "4:memory:/user.slice\n");
        let found = finder(&root).find(&container(620), &mut Scratch::default()).unwrap();
        assert!(!found.pid_is_theirs);
        let Place::V1(folders) = found.place else { panic!("version 1") };
        assert_eq!(folders.memory, memory.parent().unwrap());
        assert!(!folders.pids.exists());
        assert_eq!(finder(&FakeRoot::new()).find(&container(620), &mut Scratch::default()), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, id: String) {
            parse_proc_cgroup(&bytes, &id);
            slice_folder(&id);
        }
    }
}
