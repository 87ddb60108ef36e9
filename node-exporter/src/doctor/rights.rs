//! What this process may do.

use std::fs;
use std::path::Path;

use agent_core::doctor::Finding;
use agent_core::read::{fields, lines, text};

use crate::confinement::Confinement;

/// Capabilities that collectors have a use for, by their number.
const CAPABILITIES: [(u32, &str); 7] = [
    (1, "CAP_DAC_OVERRIDE"),
    (2, "CAP_DAC_READ_SEARCH"),
    (12, "CAP_NET_ADMIN"),
    (17, "CAP_SYS_RAWIO"),
    (19, "CAP_SYS_PTRACE"),
    (21, "CAP_SYS_ADMIN"),
    (38, "CAP_PERFMON"),
];

/// What each kind of confinement costs, and how to have it back.
const COSTS: [(&str, &str, &str); 4] = [
    (
        "apparmor",
        "may keep us from files that the profile denies",
        "--security-opt apparmor=unconfined, where a collector below says \"Permission denied\"",
    ),
    (
        "hidepid",
        "hides PID 1 and with it the host's network and mounts",
        "mount the host's /proc without hidepid, or give our group (gid=) or CAP_SYS_PTRACE",
    ),
    (
        "selinux",
        "may keep us from files below the mounted roots",
        "--security-opt label=disable, where a collector below says \"Permission denied\"",
    ),
    (
        "user_namespace",
        "makes our root a user without rights to the host's files",
        "run with --userns=host, where a collector below says \"Permission denied\"",
    ),
];

/// User, capabilities, filters of system calls, confinement.
pub(super) fn examine(own: &Path, confinement: &Confinement) -> Vec<Finding> {
    let status = parse_status(&fs::read(own.join("status")).unwrap_or_default());
    let mut findings = vec![Finding::good(status.describe())];
    for (by, found) in confinement.kinds() {
        let cost = COSTS.iter().find(|(name, ..)| *name == by);
        if let (Some(found), Some((_, cost, remedy))) = (found, cost) {
            findings.push(Finding::note(format!("{by} ({found}) {cost}")).with(*remedy));
        }
    }
    if findings.len() == 1 {
        findings.push(Finding::good("not confined by apparmor, hidepid, selinux or a user namespace"));
    }
    findings
}

/// The part of `/proc/self/status` that says what we may do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Status {
    user: String,
    group: String,
    capabilities: u64,
    filtered: bool,
    no_new_privileges: bool,
}

fn parse_status(content: &[u8]) -> Status {
    let mut status = Status::default();
    for line in lines(content) {
        let mut words = fields(line);
        let key = words.next();
        // Of users and groups: real, effective, saved, for files.
        let words: Vec<_> = words.filter_map(text).collect();
        let [first, effective] = [0, 1].map(|index| words.get(index).copied().unwrap_or_default());
        match key {
            Some(b"Uid:") => effective.clone_into(&mut status.user),
            Some(b"Gid:") => effective.clone_into(&mut status.group),
            Some(b"CapEff:") => status.capabilities = u64::from_str_radix(first, 16).unwrap_or(0),
            Some(b"Seccomp:") => status.filtered = first == "2",
            Some(b"NoNewPrivs:") => status.no_new_privileges = first == "1",
            _ => {}
        }
    }
    status
}

impl Status {
    fn describe(&self) -> String {
        let has = |bit: u32| self.capabilities & (1 << bit) != 0;
        let names: Vec<_> = CAPABILITIES.iter().filter(|(bit, _)| has(*bit)).map(|(_, name)| *name).collect();
        let capabilities = match (self.capabilities, names.is_empty()) {
            (0, _) => "no capabilities".to_owned(),
            (_, true) => "capabilities without use here".to_owned(),
            (_, false) => names.join(" "),
        };
        let mut text = format!("user {}, group {}, {capabilities}", self.user, self.group);
        if self.filtered {
            text.push_str(", system calls filtered");
        }
        if self.no_new_privileges {
            text.push_str(", no new privileges");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::FakeRoot;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_agent_in_a_container() {
        let root = FakeRoot::new();
        root.file(
            "status",
            "Name:\tx\nUid:\t0\t65534\t0\t0\nGid:\t65534\t65534\t65534\t65534\nCapEff:\t0000000000080004\n\
             NoNewPrivs:\t1\nSeccomp:\t2\n",
        );
        let confinement =
            Confinement { apparmor: Some("docker-default".to_owned()), ..Confinement::default() };
        let findings = examine(root.path(), &confinement);
        assert_eq!(
            findings[0].what,
            "user 65534, group 65534, CAP_DAC_READ_SEARCH CAP_SYS_PTRACE, system calls filtered, no new privileges"
        );
        assert!(findings[1].what.starts_with("apparmor (docker-default) may keep us"), "{findings:?}");
        assert_eq!(examine(root.path(), &Confinement::default()).len(), 2);
    }

    #[test]
    fn every_kind_has_its_remedy() {
        for (by, _) in Confinement::default().kinds() {
            assert!(COSTS.iter().any(|(name, ..)| *name == by), "{by}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            parse_status(&content).describe();
        }
    }
}
