//! `drm`: memory and load of AMD graphics cards, from `/sys/class/drm/card*/device`.

use std::path::{Path, PathBuf};

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::lines;

use crate::host::Host;
use crate::sysfs::{Attribute, Device, Sysfs, list_numbered, write_attributes};

#[rustfmt::skip]
const ATTRIBUTES: &[Attribute] = &[
    Attribute::gauge("gpu_busy_percent", "node_drm_gpu_busy_percent", "Load of a card in percent."),
    Attribute::gauge("mem_info_gtt_total", "node_drm_memory_gtt_size_bytes", "Memory of the machine that a card can use."),
    Attribute::gauge("mem_info_gtt_used", "node_drm_memory_gtt_used_bytes", "Memory of the machine that a card uses."),
    Attribute::gauge("mem_info_vis_vram_total", "node_drm_memory_vis_vram_size_bytes", "Memory of a card that the CPU can see."),
    Attribute::gauge("mem_info_vis_vram_used", "node_drm_memory_vis_vram_used_bytes", "Memory of a card that the CPU can see and that is used."),
    Attribute::gauge("mem_info_vram_total", "node_drm_memory_vram_size_bytes", "Memory of a card."),
    Attribute::gauge("mem_info_vram_used", "node_drm_memory_vram_used_bytes", "Memory of a card that is used."),
];

/// The collector.
#[derive(Debug)]
pub(super) struct Drm {
    folder: PathBuf,
    sysfs: Sysfs,
}

impl Drm {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("class/drm"), sysfs: Sysfs::keeping() }
    }

    /// Other drivers do not have the files.
    fn is_amd(&mut self, device: &Path) -> bool {
        let events = self.sysfs.read(device, "uevent");
        events.is_ok_and(|text| lines(text).any(|line| line == b"DRIVER=amdgpu"))
    }
}

impl Collector for Drm {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut cards = Vec::new();
        let mut infos = Vec::new();
        for (name, _) in list_numbered(&self.folder, "card")? {
            let device = self.folder.join(&name).join("device");
            if self.is_amd(&device) {
                cards.push(Device::read(&mut self.sysfs, &device, ATTRIBUTES, &[("card", &name)]));
                let info = ["mem_info_vram_vendor", "power_dpm_force_performance_level", "unique_id"];
                infos.push((name, info.map(|file| self.sysfs.label(&device, file))));
            }
        }
        self.sysfs.forget_unused();
        if cards.is_empty() {
            return Err(CollectError::NoData("no card with the driver amdgpu".to_owned()));
        }
        let mut family = out.family("node_drm_card_info", "What a graphics card is.", Kind::Gauge);
        for (card, [memory, level, id]) in &infos {
            let labels = [
                ("card", card.as_str()),
                ("memory_vendor", memory),
                ("power_performance_level", level),
                ("unique_id", id),
                ("vendor", "amd"),
            ];
            family.sample(&labels, 1_u64);
        }
        write_attributes(out, ATTRIBUTES, &cards);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn only_cards_of_the_driver() {
        let root = FakeRoot::new();
        for card in ["card0", "card1", "card0-DP-1"] {
            root.file(format!("sys/class/drm/{card}/device/gpu_busy_percent"), "4\n");
        }
        root.file("sys/class/drm/card0/device/uevent", "DRIVER=amdgpu\nPCI_CLASS=30000\n");
        root.file("sys/class/drm/card1/device/uevent", "DRIVER=i915\n");
        root.file("sys/class/drm/card0/device/mem_info_vram_vendor", "samsung\n");
        let (text, error) = collect(Drm::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_drm_card_info{card=\"card0\",memory_vendor=\"samsung\",power_performance_level=\"\",\
                 unique_id=\"\",vendor=\"amd\"} 1",
                "node_drm_gpu_busy_percent{card=\"card0\"} 4",
            ]
        );
    }

    #[test]
    fn a_machine_without_cards_is_no_fault() {
        let (_, error) = collect(Drm::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
