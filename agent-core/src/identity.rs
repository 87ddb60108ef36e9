//! Which node this is: the name and the Swarm ID that every agent reports the same.
//!
//! A container's own host name is worthless (it is the container's), so the name comes from what the operator or the
//! Swarm hands in, and from the kernel only outside of containers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tracing::{info, warn};

use crate::entry::Environment;

/// Name and Swarm ID of the node; what is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The host's name, as operators call the node.
    pub node_name: Option<String>,
    /// The Swarm's ID of the node.
    pub node_id: Option<String>,
}

/// Where the files of an identity are looked for.
#[derive(Debug, Clone)]
pub struct Places {
    /// The agent's own root; `/` but in tests.
    pub root: PathBuf,
    /// The host's root as mounted into a container, if any.
    pub rootfs: Option<PathBuf>,
}

impl Places {
    /// The usual places; a `rootfs` of `/` is no mount.
    pub fn new(rootfs: Option<&Path>) -> Self {
        let rootfs = rootfs.filter(|path| *path != Path::new("/")).map(Path::to_owned);
        Self { root: PathBuf::from("/"), rootfs }
    }

    /// Whether this process runs in a container, as engines mark it.
    pub fn in_container(&self) -> bool {
        [".dockerenv", "run/.containerenv"].iter().any(|file| self.root.join(file).exists())
    }
}

impl Identity {
    /// Looks in the order: `NODE_NAME`, the file named by `HOST_HOSTNAME`, `/etc/host_hostname`, `/etc/nodename`,
    /// `<rootfs>/etc/hostname`, and the kernel where this is no container. `NODE_ID` gives the ID.
    pub fn resolve(environment: &Environment, places: &Places) -> Self {
        let node_name = environment.get("NODE_NAME").map(str::to_owned).or_else(|| {
            Self::files(environment, places)
                .find_map(|path| read_name(&path))
                .or_else(|| (!places.in_container()).then(|| sysinfo::System::host_name().ok()).flatten())
        });
        Self { node_name, node_id: environment.get("NODE_ID").map(str::to_owned) }
    }

    fn files<'a>(environment: &'a Environment, places: &'a Places) -> impl Iterator<Item = PathBuf> + 'a {
        let named = environment.get("HOST_HOSTNAME").map(PathBuf::from);
        let fixed = ["etc/host_hostname", "etc/nodename"].map(|file| places.root.join(file));
        let host = places.rootfs.as_ref().map(|rootfs| rootfs.join("etc/hostname"));
        named.into_iter().chain(fixed).chain(host)
    }

    /// Fills what is missing with what the engine says of its node.
    #[must_use]
    pub fn or(self, name: Option<String>, id: Option<String>) -> Self {
        Self { node_name: self.node_name.or(name), node_id: self.node_id.or(id) }
    }
}

fn read_name(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The identity as all parts of an agent see it; it can become known later (an engine that starts after us).
#[derive(Debug, Clone)]
pub struct SharedIdentity {
    identity: Arc<RwLock<Arc<Identity>>>,
    /// Families of [`IDENTITY_FAMILIES`] that somebody else exports.
    left_out: Arc<Mutex<Vec<&'static str>>>,
}

/// The families that say who the node is; joins need exactly one series of each.
pub const IDENTITY_FAMILIES: [&str; 3] = ["host", "node_meta", "swarmscope_agent_info"];

impl SharedIdentity {
    /// Starts with what is known now.
    pub fn new(identity: Identity) -> Self {
        Self { identity: Arc::new(RwLock::new(Arc::new(identity))), left_out: Arc::default() }
    }

    /// What is known at the moment.
    pub fn get(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fills what is missing; what is known already stays.
    pub fn complete(&self, name: Option<String>, id: Option<String>) {
        let known = self.get();
        let completed = Identity::clone(&known).or(name, id);
        if completed != *known {
            *self.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(completed);
            self.report();
        }
    }

    /// Leaves those of [`IDENTITY_FAMILIES`] out that somebody else exports; forgets what was said before.
    pub fn leave_out(&self, elsewhere: impl Fn(&str) -> bool) {
        let families = IDENTITY_FAMILIES.into_iter().filter(|family| elsewhere(family)).collect();
        *self.left_out.lock().unwrap_or_else(PoisonError::into_inner) = families;
    }

    /// Whether somebody else exports a family.
    pub fn leaves_out(&self, family: &str) -> bool {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).contains(&family)
    }

    /// Says at start who we are, and what to do where that is not known.
    pub fn report(&self) {
        let identity = self.get();
        let os = sysinfo::System::long_os_version().unwrap_or_default();
        let kernel = sysinfo::System::kernel_version().unwrap_or_default();
        if let Some(node_name) = &identity.node_name {
            let node_id = identity.node_id.as_deref().unwrap_or_default();
            info!(node_name, node_id, os, kernel, "this node");
        } else {
            warn!(
                os,
                kernel,
                "the node's name is not known: set NODE_NAME (in a Swarm NODE_NAME={{{{.Node.Hostname}}}}) or mount \
                 /etc/hostname as /etc/host_hostname"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn name(environment: &[(&str, &str)], files: &[(&str, &str)]) -> Option<String> {
        let folder = root(files);
        let places = Places { root: folder.path().to_owned(), rootfs: Some(folder.path().join("host")) };
        let environment =
            environment.iter().map(|(k, v)| (*k, v.replace("ROOT", &folder.path().to_string_lossy())));
        Identity::resolve(&environment.collect(), &places).node_name
    }

    #[test]
    fn places_are_asked_in_their_order() {
        let files = [
            ("named", "from-named\n"),
            ("etc/host_hostname", "from-host-hostname\r\n"),
            ("etc/nodename", "from-nodename"),
            ("host/etc/hostname", "from-rootfs\n"),
            (".dockerenv", ""),
        ];
        let named = [("HOST_HOSTNAME", "ROOT/named")];
        assert_eq!(name(&[("NODE_NAME", "n1"), named[0]], &files).unwrap(), "n1");
        assert_eq!(name(&named, &files).unwrap(), "from-named");
        assert_eq!(name(&[], &files).unwrap(), "from-host-hostname");
        assert_eq!(name(&[], &files[2..]).unwrap(), "from-nodename");
        assert_eq!(name(&[], &files[3..]).unwrap(), "from-rootfs");
        assert_eq!(
            name(&[("HOST_HOSTNAME", "ROOT/absent")], &files[4..]),
            None,
            "a container's own name is no answer"
        );
    }

    #[test]
    fn the_kernel_is_asked_outside_of_containers() {
        assert_eq!(name(&[], &[]), sysinfo::System::host_name().ok());
    }

    #[test]
    fn the_engine_fills_gaps_only() {
        let shared = SharedIdentity::new(Identity { node_name: Some("given".to_owned()), node_id: None });
        shared.complete(Some("engine".to_owned()), Some("id".to_owned()));
        let identity = shared.get();
        assert_eq!(identity.node_name.as_deref(), Some("given"));
        assert_eq!(identity.node_id.as_deref(), Some("id"));
    }
}
