//! `cpu_vulnerabilities`: flaws of the CPUs and what is done about them, from
//! `/sys/devices/system/cpu/vulnerabilities`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch};

use crate::host::Host;
use crate::sysfs::list;

/// The first words of a file, and the state that they mean.
const STATES: [(&str, &str); 3] =
    [("Not affected", "not affected"), ("Vulnerable", "vulnerable"), ("Mitigation", "mitigation")];
/// The state for texts of newer kernels.
const UNKNOWN: &str = "unknown";

/// The collector.
#[derive(Debug)]
pub(super) struct CpuVulnerabilities {
    folder: PathBuf,
    /// By name; they do not change while the system runs.
    files: BTreeMap<String, KeptFile>,
    scratch: Scratch,
}

impl CpuVulnerabilities {
    pub(super) fn new(host: &Host) -> Self {
        let folder = host.roots.sysfs.join("devices/system/cpu/vulnerabilities");
        Self { folder, files: BTreeMap::new(), scratch: Scratch::default() }
    }

    fn read_folder(&mut self) -> Result<(), CollectError> {
        for name in list(&self.folder)? {
            let file = KeptFile::new(self.folder.join(&name));
            self.files.insert(name, file);
        }
        Ok(())
    }
}

impl Collector for CpuVulnerabilities {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        if self.files.is_empty() {
            self.read_folder()?;
        }
        let help = "A flaw of the CPUs: whether they have it and what is done about it.";
        let mut family = out.family("node_cpu_vulnerabilities_info", help, Kind::Gauge);
        for (name, file) in &mut self.files {
            let Ok(content) = file.read(&mut self.scratch) else { continue };
            let content = String::from_utf8_lossy(content);
            let (state, mitigation) = parse(&content);
            family.sample(&[("codename", name), ("mitigation", mitigation), ("state", state)], 1_u64);
        }
        Ok(())
    }
}

/// `Mitigation: PTI`: the state, and the text behind it.
fn parse(content: &str) -> (&'static str, &str) {
    let content = content.trim();
    let known = STATES.iter().find_map(|(words, state)| Some((*state, content.strip_prefix(words)?)));
    known.map_or((UNKNOWN, content), |(state, rest)| (state, rest.strip_prefix(": ").unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn states_and_mitigations() {
        assert_eq!(parse("Not affected\n"), ("not affected", ""));
        assert_eq!(parse("Vulnerable\n"), ("vulnerable", ""));
        assert_eq!(parse("Vulnerable: No microcode\n"), ("vulnerable", "No microcode"));
        assert_eq!(parse("Mitigation: PTI; SMT: on\n"), ("mitigation", "PTI; SMT: on"));
        assert_eq!(parse("KVM: Mitigation: VMX disabled\n"), ("unknown", "KVM: Mitigation: VMX disabled"));
    }

    #[test]
    fn each_flaw_is_a_series() {
        let root = FakeRoot::new();
        root.file("sys/devices/system/cpu/vulnerabilities/mds", "Vulnerable\n");
        root.file("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n");
        let (text, error) = collect(CpuVulnerabilities::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let expected = "node_cpu_vulnerabilities_info{codename=\"mds\",mitigation=\"\",state=\"vulnerable\"} 1\n\
                        node_cpu_vulnerabilities_info{codename=\"meltdown\",mitigation=\"PTI\",state=\"mitigation\"} 1\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(CpuVulnerabilities::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(content in ".{0,80}") {
            parse(&content);
        }
    }
}
