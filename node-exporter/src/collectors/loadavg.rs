//! `loadavg`: the kernel's load averages.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::{KeptFile, Scratch};
use procfs::{FromRead, LoadAverage};

use crate::host::{Host, read};

/// The collector.
#[derive(Debug)]
pub(super) struct Loadavg {
    file: KeptFile,
    scratch: Scratch,
}

impl Loadavg {
    pub(super) fn new(host: &Host) -> Self {
        Self { file: host.procfs("loadavg"), scratch: Scratch::default() }
    }
}

impl Collector for Loadavg {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        let load = LoadAverage::from_read(content)
            .map_err(|_| CollectError::parse(self.file.path(), 1, "expected three averages"))?;
        for (name, help, average) in [
            ("node_load1", "Load average over one minute.", load.one),
            ("node_load5", "Load average over five minutes.", load.five),
            ("node_load15", "Load average over fifteen minutes.", load.fifteen),
        ] {
            out.gauge(name, help, two_decimals(average));
        }
        Ok(())
    }
}

/// The crate's numbers are `f32`; the kernel writes two decimals, so these are exact again.
fn two_decimals(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    fn collected(content: &[u8]) -> (String, Option<CollectError>) {
        let root = FakeRoot::new();
        root.file("proc/loadavg", content);
        collect(Loadavg::new(&fake::host(&root)))
    }

    #[test]
    fn averages_are_exact() {
        let (text, error) = collected(b"0.21 0.37 0.39 1/719 19737\n");
        assert!(error.is_none(), "{error:?}");
        for line in ["node_load1 0.21", "node_load5 0.37", "node_load15 0.39"] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            collected(&content);
        }
    }
}
