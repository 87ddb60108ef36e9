//! `fibrechannel`: ports of Fibre Channel adapters, from `/sys/class/fc_host`.

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind, Value};

use crate::host::Host;
use crate::sysfs::{Attribute, Device, Sysfs, hexadecimal, list, write_attributes};

#[rustfmt::skip]
const ATTRIBUTES: &[Attribute] = &[
    counter("statistics/dumped_frames", "node_fibrechannel_dumped_frames_total", "Frames that were dropped."),
    counter("statistics/error_frames", "node_fibrechannel_error_frames_total", "Frames with an error."),
    counter("statistics/fcp_packet_aborts", "node_fibrechannel_fcp_packet_aborts_total", "Packets that were aborted."),
    counter("statistics/invalid_crc_count", "node_fibrechannel_invalid_crc_total", "Frames whose checksum was wrong."),
    counter("statistics/invalid_tx_word_count", "node_fibrechannel_invalid_tx_words_total", "Transmission words that were invalid."),
    counter("statistics/link_failure_count", "node_fibrechannel_link_failure_total", "Failures of the link."),
    counter("statistics/loss_of_signal_count", "node_fibrechannel_loss_of_signal_total", "Losses of the signal."),
    counter("statistics/loss_of_sync_count", "node_fibrechannel_loss_of_sync_total", "Losses of synchronisation."),
    counter("statistics/nos_count", "node_fibrechannel_nos_total", "Received sequences that say the other side is not operational."),
    counter("statistics/rx_frames", "node_fibrechannel_rx_frames_total", "Frames received."),
    counter("statistics/rx_words", "node_fibrechannel_rx_words_total", "Words received."),
    counter("statistics/seconds_since_last_reset", "node_fibrechannel_seconds_since_last_reset_total", "Seconds since the port was reset."),
    counter("statistics/tx_frames", "node_fibrechannel_tx_frames_total", "Frames sent."),
    counter("statistics/tx_words", "node_fibrechannel_tx_words_total", "Words sent."),
];

const fn counter(file: &'static str, name: &'static str, help: &'static str) -> Attribute {
    Attribute::counter(file, name, help).parsed(statistic)
}

/// A hexadecimal number; all bits are set where the adapter does not count the thing.
fn statistic(text: &[u8]) -> Option<Value> {
    hexadecimal(text).filter(|value| *value != u64::MAX).map(Value::Unsigned)
}

const INFO: [&str; 10] = [
    "speed",
    "port_state",
    "port_type",
    "port_id",
    "port_name",
    "fabric_name",
    "symbolic_name",
    "supported_classes",
    "supported_speeds",
    "dev_loss_tmo",
];

/// The collector.
#[derive(Debug)]
pub(super) struct Fibrechannel {
    folder: PathBuf,
    sysfs: Sysfs,
}

impl Fibrechannel {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: host.roots.sysfs.join("class/fc_host"), sysfs: Sysfs::opening() }
    }
}

impl Collector for Fibrechannel {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let names = list(&self.folder)?;
        let ports: Vec<_> = names
            .iter()
            .map(|name| {
                Device::read(&mut self.sysfs, &self.folder.join(name), ATTRIBUTES, &[("fc_host", name)])
            })
            .collect();
        write_attributes(out, ATTRIBUTES, &ports);
        let help = "What a Fibre Channel port is and is connected to.";
        let mut family = out.family("node_fibrechannel_info", help, Kind::Gauge);
        for name in &names {
            let folder = self.folder.join(name);
            // Names and IDs of ports are hexadecimal; the field writes them without the prefix.
            let values = INFO.map(|file| self.sysfs.label(&folder, file));
            let values = values.each_ref().map(|value| value.strip_prefix("0x").unwrap_or(value));
            let mut labels = vec![("fc_host", name.as_str())];
            labels.extend(INFO.into_iter().zip(values));
            family.sample(&labels, 1_u64);
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
    fn what_an_adapter_does_not_count_is_absent() {
        let root = FakeRoot::new();
        root.file("sys/class/fc_host/host0/speed", "16 Gbit\n");
        root.file("sys/class/fc_host/host0/port_id", "0x000002\n");
        root.file("sys/class/fc_host/host0/statistics/rx_frames", "0x1f\n");
        root.file("sys/class/fc_host/host0/statistics/tx_frames", "0xffffffffffffffff\n");
        let (text, error) = collect(Fibrechannel::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("node_fibrechannel_rx_frames_total{fc_host=\"host0\"} 31\n"), "{text}");
        assert!(text.contains(
            "node_fibrechannel_info{fc_host=\"host0\",speed=\"16 Gbit\",port_state=\"\",port_type=\"\",port_id=\"000002\","
        ), "{text}");
        assert!(!text.contains("tx_frames"), "{text}");
    }

    #[test]
    fn a_machine_without_it_is_no_fault() {
        let (_, error) = collect(Fibrechannel::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}
