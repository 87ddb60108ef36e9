//! `infiniband`: ports of InfiniBand and RoCE adapters, from `/sys/class/infiniband`.

mod attributes;

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};

use self::attributes::ATTRIBUTES;
use crate::host::Host;
use crate::sysfs::{Device, Sysfs, list, write_attributes};

/// The collector.
#[derive(Debug)]
pub(super) struct Infiniband {
    folder: PathBuf,
    sysfs: Sysfs,
}

impl Infiniband {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("class/infiniband"), sysfs: Sysfs::opening() }
    }
}

impl Collector for Infiniband {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let names = list(&self.folder)?;
        let mut ports = Vec::new();
        for name in &names {
            let folder = self.folder.join(name).join("ports");
            for port in list(&folder).unwrap_or_default() {
                let labels = [("device", name.as_str()), ("port", &port)];
                ports.push(Device::read(&mut self.sysfs, &folder.join(&port), ATTRIBUTES, &labels));
            }
        }
        write_attributes(out, ATTRIBUTES, &ports);
        let mut family = out.family("node_infiniband_info", "What an adapter is.", Kind::Gauge);
        for name in &names {
            let folder = self.folder.join(name);
            let [board, firmware, kind] =
                ["board_id", "fw_ver", "hca_type"].map(|file| self.sysfs.label(&folder, file));
            let labels = [
                ("board_id", &board),
                ("device", name),
                ("firmware_version", &firmware),
                ("hca_type", &kind),
            ];
            family.sample(&labels.map(|(label, value)| (label, value.as_str())), 1_u64);
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
    fn ports_and_adapters() {
        let root = FakeRoot::new();
        let folder = "sys/class/infiniband/mlx5_0";
        for (file, content) in [
            ("fw_ver", "2.31.5050"),
            ("ports/1/state", "4: ACTIVE"),
            ("ports/1/rate", "2.5 Gb/sec (1X SDR)"),
            ("ports/1/counters/port_rcv_data", "4631917"),
            ("ports/1/counters/symbol_error", "N/A (no PMA)"),
            ("ports/1/hw_counters/lifespan", "10"),
        ] {
            root.file(format!("{folder}/{file}"), format!("{content}\n"));
        }
        let (text, error) = collect(Infiniband::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "node_infiniband_info{board_id=\"\",device=\"mlx5_0\",firmware_version=\"2.31.5050\",hca_type=\"\"} 1",
            "node_infiniband_state_id{device=\"mlx5_0\",port=\"1\"} 4",
            "node_infiniband_rate_bytes_per_second{device=\"mlx5_0\",port=\"1\"} 312500000",
            "node_infiniband_port_data_received_bytes_total{device=\"mlx5_0\",port=\"1\"} 18527668",
            "node_infiniband_lifespan_seconds{device=\"mlx5_0\",port=\"1\"} 0.01",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
        assert!(!text.contains("symbol_error"), "{text}");
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(Infiniband::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
