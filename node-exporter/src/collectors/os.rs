//! `os`: the host's distribution, from its `os-release` file.

mod release;

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, LabelBlock};
use agent_core::read::Scratch;

use self::release::Release;
use crate::host::{Host, optional};

/// The collector.
#[derive(Debug)]
pub(super) struct Os {
    paths: [PathBuf; 2],
    /// The text that the fields below were made from; it changes with an upgrade only.
    known: Vec<u8>,
    info: LabelBlock,
    system: LabelBlock,
    version: Option<f64>,
    support_end: Option<i64>,
    scratch: Scratch,
}

impl Os {
    pub(super) fn new(host: &Host) -> Self {
        let none = LabelBlock::new::<&str, &str>(&[]);
        Self {
            // The first is mostly a link to the second; an absolute one leads nowhere below a root that is not ours.
            paths: ["etc/os-release", "usr/lib/os-release"].map(|path| host.roots.rootfs.join(path)),
            known: Vec::new(),
            info: none.clone(),
            system: none,
            version: None,
            support_end: None,
            scratch: Scratch::default(),
        }
    }

    fn read(&mut self) -> Result<(), CollectError> {
        let [first, second] = &self.paths;
        // The file is replaced by upgrades, so no descriptor is kept.
        let found = optional(self.scratch.read(first).map(drop).map_err(|e| CollectError::io(first, e)))?;
        if found.is_none() {
            self.scratch.read(second).map_err(|error| CollectError::io(second, error))?;
        }
        if self.scratch.content() == self.known && !self.info.is_empty() {
            return Ok(());
        }
        self.scratch.content().clone_into(&mut self.known);
        let release = Release::parse(&self.known);
        self.info = LabelBlock::new(&release.labels());
        self.system = LabelBlock::new(&release.system_labels());
        self.version = release.version();
        self.support_end = release.support_end();
        Ok(())
    }
}

impl Collector for Os {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        self.read()?;
        let help = "What the host's os-release file says; always 1.";
        out.family("node_os_info", help, Kind::Gauge).sample_in(&self.info, &[], 1_u64);
        if let Some(version) = self.version {
            let help = "The first two parts of the distribution's version as one number.";
            out.family("node_os_version", help, Kind::Gauge).sample_in(&self.system, &[], version);
        }
        if let Some(end) = self.support_end {
            let help = "Unix time at which the distribution's support ends.";
            out.gauge("node_os_support_end_timestamp_seconds", help, end);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn the_second_place_counts_where_the_first_is_missing() {
        let root = FakeRoot::new();
        root.file("root/usr/lib/os-release", release::TEXT);
        let (text, error) = collect(Os::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let info = "node_os_info{build_id=\"\",id=\"alpine\",id_like=\"\",image_id=\"\",image_version=\"\",\
                    name=\"Alpine Linux\",pretty_name=\"Alpine \\\"edge\\\"\",variant=\"\",variant_id=\"\",version=\"\",\
                    version_codename=\"\",version_id=\"3.23.1\"} 1\n";
        assert!(text.contains(info), "{text}");
        assert!(
            text.contains("\nnode_os_version{id=\"alpine\",id_like=\"\",name=\"Alpine Linux\"} 3.23\n"),
            "{text}"
        );
        assert!(text.contains("\nnode_os_support_end_timestamp_seconds 1825027200\n"), "{text}");
    }

    #[test]
    fn a_host_without_it_is_no_fault() {
        let (_, error) = collect(Os::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
