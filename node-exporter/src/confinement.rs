//! What takes parts of the host away from us: hidden processes, a user namespace, `SELinux`, `AppArmor`; and which
//! network is read. Told by two gauges and by `node-exporter doctor`.

use std::fs;
use std::path::Path;

use agent_core::prometheus::metrics::family::Family;
use agent_core::prometheus::metrics::gauge::Gauge;
use agent_core::prometheus::registry::Registry;
use agent_core::read::{fields, lines, text};

use crate::host::{Host, Network};

/// What applies to this process; found once, as none of it changes while a process lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confinement {
    /// The `hidepid` option of the host's `/proc`, where it hides PID 1 from us.
    pub hidepid: Option<String>,
    /// The host's user that our root is, where that is not root (userns-remap, rootless engines).
    pub user_namespace: Option<String>,
    /// Our `SELinux` context, where it is one that is kept from things.
    pub selinux: Option<String>,
    /// Our `AppArmor` profile, where one is enforced.
    pub apparmor: Option<String>,
}

impl Confinement {
    /// Reads it from our own `/proc/self` (`own`).
    pub fn read(own: &Path, host: &Host) -> Self {
        let read = |file: &str| fs::read(own.join(file)).unwrap_or_default();
        let label = read("attr/current");
        let hidden = host.network == Network::Own;
        let enforced = fs::read(host.roots.sysfs.join("fs/selinux/enforce")).is_ok_and(|n| n != b"0");
        Self {
            hidepid: parse_hidepid(&read("mountinfo"), &host.roots.procfs).filter(|_| hidden),
            user_namespace: parse_uid_map(&read("uid_map")),
            selinux: parse_selinux(&label).filter(|_| enforced),
            apparmor: parse_apparmor(&label),
        }
    }

    /// Each kind by the name in the label `by`, with what was found.
    pub fn kinds(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("apparmor", self.apparmor.as_deref()),
            ("hidepid", self.hidepid.as_deref()),
            ("selinux", self.selinux.as_deref()),
            ("user_namespace", self.user_namespace.as_deref()),
        ]
    }

    /// Registers both gauges.
    pub fn register(&self, registry: &mut Registry, network: Network) {
        let family = Family::<[(&str, &str); 1], Gauge>::default();
        for (by, found) in self.kinds() {
            family.get_or_create(&[("by", by)]).set(i64::from(found.is_some()));
        }
        let help = "Whether something keeps this exporter from parts of the host";
        registry.register("node_exporter_confined", help, family);
        let family = Family::<[(&str, &str); 1], Gauge>::default();
        family.get_or_create(&[("source", network.name())]).set(1);
        let help = "Whose network the network collectors read: the host's by PID 1, or that of this process";
        registry.register("node_exporter_network_namespace", help, family);
    }
}

/// The value of `hidepid` among the options of the mount at `procfs`; `None` where nothing is hidden.
fn parse_hidepid(mountinfo: &[u8], procfs: &Path) -> Option<String> {
    let point = procfs.to_str()?;
    let line = lines(mountinfo).filter(|line| fields(line).nth(4) == Some(point.as_bytes())).last()?;
    let options = fields(line).last()?;
    let value = options.split(|byte| *byte == b',').find_map(|option| option.strip_prefix(b"hidepid="))?;
    text(value).filter(|value| !matches!(*value, "0" | "off")).map(str::to_owned)
}

/// The host's user for our user 0, in lines `inside outside count`; `None` where the two are the same.
fn parse_uid_map(map: &[u8]) -> Option<String> {
    let line = lines(map).find(|line| fields(line).next() == Some(b"0"))?;
    text(fields(line).nth(1)?).filter(|outside| *outside != "0").map(str::to_owned)
}

/// `system_u:system_r:container_t:s0:c1,c2`; domains that may do everything are no confinement.
fn parse_selinux(label: &[u8]) -> Option<String> {
    let label = text(label)?.trim_matches(['\0', '\n']);
    let domain = label.split(':').nth(2)?;
    let free = ["unconfined_t", "spc_t", "kernel_t", "init_t"].contains(&domain);
    (!free).then(|| label.to_owned())
}

/// `docker-default (enforce)`
fn parse_apparmor(label: &[u8]) -> Option<String> {
    text(label)?.trim_matches(['\0', '\n']).strip_suffix(" (enforce)").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use agent_core::testing::FakeRoot;
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn a_remapped_container_that_does_not_see_pid_1() {
        let root = FakeRoot::new();
        let procfs = root.path().join("proc").display().to_string();
        let mounts = format!(
            "30 29 0:26 / /proc rw - proc proc rw\n31 29 0:25 / {procfs} ro,relatime - proc proc rw,hidepid=invisible\n"
        );
        root.file("self/mountinfo", &mounts);
        root.file("self/uid_map", "         0     100000      65536\n");
        root.file("self/attr/current", "docker-default (enforce)\n");
        let confinement = Confinement::read(&root.path().join("self"), &fake::host(&root));
        let found = |text: &str| Some(text.to_owned());
        let expected = Confinement {
            hidepid: found("invisible"),
            user_namespace: found("100000"),
            selinux: None,
            apparmor: found("docker-default"),
        };
        assert_eq!(confinement, expected);
        root.file("proc/1/net/dev", "");
        let seen = Confinement::read(&root.path().join("self"), &fake::host(&root));
        assert_eq!(seen.hidepid, None, "root sees all processes nevertheless");
    }

    #[test]
    fn a_process_of_the_host_is_free() {
        let root = FakeRoot::new();
        root.file("self/uid_map", "         0          0 4294967295\n");
        root.file("self/attr/current", "unconfined\n");
        assert_eq!(Confinement::read(&root.path().join("self"), &fake::host(&root)), Confinement::default());
    }

    #[test]
    fn selinux_counts_where_it_is_enforced() {
        let root = FakeRoot::new();
        root.file("self/attr/current", "system_u:system_r:container_t:s0:c1,c2\0");
        let read = || Confinement::read(&root.path().join("self"), &fake::host(&root)).selinux;
        assert_eq!(read(), None);
        root.file("sys/fs/selinux/enforce", "1");
        assert_eq!(read().as_deref(), Some("system_u:system_r:container_t:s0:c1,c2"));
        root.file("self/attr/current", "system_u:system_r:spc_t:s0");
        assert_eq!(read(), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            parse_hidepid(&content, Path::new("/proc"));
            parse_uid_map(&content);
            parse_selinux(&content);
            parse_apparmor(&content);
        }
    }
}
