//! `uname`: kernel, architecture and the node's name.

use std::borrow::Cow;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::identity::SharedIdentity;
use rustix::system::uname;

use crate::host::Host;

/// The collector.
#[derive(Debug)]
pub(super) struct Uname {
    identity: SharedIdentity,
}

impl Uname {
    pub(super) fn new(host: &Host) -> Self {
        Self { identity: host.identity.clone() }
    }
}

impl Collector for Uname {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let uname = uname();
        let identity = self.identity.get();
        // In a container the kernel's own answer is the container's name.
        let nodename =
            identity.node_name.as_deref().map_or_else(|| uname.nodename().to_string_lossy(), Cow::from);
        let labels = [
            ("domainname", &*uname.domainname().to_string_lossy()),
            ("machine", &*uname.machine().to_string_lossy()),
            ("nodename", &*nodename),
            ("release", &*uname.release().to_string_lossy()),
            ("sysname", &*uname.sysname().to_string_lossy()),
            ("version", &*uname.version().to_string_lossy()),
        ];
        out.family("node_uname_info", "Kernel, architecture and name of the node.", Kind::Gauge)
            .sample(&labels, 1_u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn the_nodes_name_is_the_one_we_know() {
        let (text, error) = collect(Uname::new(&fake::host(&FakeRoot::new())));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("nodename=\"node-1\"") && text.contains("sysname=\"Linux\""), "{text}");
    }
}
