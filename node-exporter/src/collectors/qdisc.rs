//! `qdisc`: traffic through the queueing disciplines of the host's network devices, by rtnetlink.
//!
//! The kernel answers for the asker's network namespace, so in a namespace of its own the collector has no data.

mod parse;

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::Exposition;

use self::parse::{Qdisc, Traffic, parse_message, parse_recorded};
use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given, Takes};
use crate::host::{Host, needs_own_network};
use crate::netlink::Netlink;
use crate::netlink::numbers::route::GET_QDISC;
use crate::table::{Column, write_rows};

const FIXTURES: Flag = Flag {
    name: "collector.qdisc.fixtures",
    takes: Takes::Value { what: "FOLDER", default: "" },
    help: "For tests: read a recorded results.json there instead of asking the kernel",
    old_names: &[],
};
const INCLUDE: Flag =
    Flag::regex("collector.qdisc.device-include", "", "Devices to export; not together with device-exclude")
        .formerly(&["collector.qdisk.device-include"]);
const EXCLUDE: Flag = Flag::regex(
    "collector.qdisc.device-exclude",
    "",
    "Devices to leave out; not together with device-include",
)
.formerly(&["collector.qdisk.device-exclude"]);

pub(super) const FLAGS: &[Flag] = &[FIXTURES, INCLUDE, EXCLUDE];

#[rustfmt::skip]
const COLUMNS: &[Column<Traffic>] = &[
    Column::counter("node_qdisc_bytes_total", "Bytes that a queueing discipline let pass.", |t| Some(t.bytes.into())),
    Column::counter("node_qdisc_packets_total", "Packets that a queueing discipline let pass.", |t| Some(t.packets.into())),
    Column::counter("node_qdisc_drops_total", "Packets that a queueing discipline dropped.", |t| Some(t.drops.into())),
    Column::counter("node_qdisc_requeues_total", "Packets that the device did not take and that were queued again.", |t| Some(t.requeues.into())),
    Column::counter("node_qdisc_overlimits_total", "Times that a queueing discipline was over its limit.", |t| Some(t.overlimits.into())),
    Column::gauge("node_qdisc_current_queue_length", "Packets that wait in a queueing discipline.", |t| Some(t.queued.into())),
    Column::gauge("node_qdisc_backlog", "Bytes that wait in a queueing discipline.", |t| Some(t.backlog.into())),
];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let devices = given.filter(&EXCLUDE, &INCLUDE)?;
    let fixtures = Some(given.value(&FIXTURES)).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    Ok(Build::new(move |host| QdiscCollector::new(host, devices.clone(), fixtures.clone())))
}

#[derive(Debug)]
struct QdiscCollector {
    devices: Filter,
    fixtures: Option<PathBuf>,
    foreign_network: bool,
    netlink: Option<Netlink>,
}

impl QdiscCollector {
    fn new(host: &Host, devices: Filter, fixtures: Option<PathBuf>) -> Self {
        Self { devices, fixtures, foreign_network: host.foreign_network, netlink: None }
    }

    fn ask(&mut self) -> Result<Vec<Qdisc>, CollectError> {
        needs_own_network(self.foreign_network)?;
        let netlink = match self.netlink.take() {
            Some(netlink) => Ok(netlink),
            None => Netlink::open(),
        };
        let failed = |error| CollectError::Other(format!("rtnetlink: {error}"));
        let mut netlink = netlink.map_err(failed)?;
        let mut found = Vec::new();
        netlink.dump(GET_QDISC, &parse::REQUEST, |body| found.extend(parse_message(body))).map_err(failed)?;
        // A device that vanished has no name any more.
        let named = found.into_iter().filter_map(|(device, mut qdisc)| {
            qdisc.device = netlink.device_name(device)?;
            Some(qdisc)
        });
        let named = named.collect();
        self.netlink = Some(netlink);
        Ok(named)
    }
}

impl Collector for QdiscCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut qdiscs = match &self.fixtures {
            Some(folder) => read_recorded(folder.join("results.json"))?,
            None => self.ask()?,
        };
        qdiscs.retain(|qdisc| qdisc.is_root() && self.devices.wants(&qdisc.device));
        write_rows(out, COLUMNS, || {
            qdiscs.iter().map(|q| ([("device", q.device.as_str()), ("kind", &q.kind)], &q.traffic))
        });
        Ok(())
    }
}

fn read_recorded(path: PathBuf) -> Result<Vec<Qdisc>, CollectError> {
    let content = std::fs::read(&path).map_err(|error| CollectError::io(&path, error))?;
    parse_recorded(&content).map_err(|error| CollectError::parse(path, error.line(), error.to_string()))
}

/// For fuzzing.
#[cfg(fuzzing)]
pub(super) fn read_message(body: &[u8]) {
    parse_message(body);
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use regex_lite::Regex;

    use super::*;
    use crate::host::fake;

    #[test]
    fn recorded_answers_are_filtered() {
        let root = FakeRoot::new();
        root.file(
            "results.json",
            r#"[{"IfaceName": "eth0", "Kind": "fq", "Bytes": 83, "Requeues": 2},
                {"IfaceName": "eth0", "Kind": "fq", "Parent": 65537, "Bytes": 1},
                {"IfaceName": "veth1", "Kind": "noqueue"}]"#,
        );
        let devices = Filter { exclude: Regex::new("veth").ok(), include: None };
        let host = fake::host(&root);
        let (text, error) = collect(QdiscCollector::new(&host, devices, Some(root.path().to_owned())));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("\nnode_qdisc_bytes_total{device=\"eth0\",kind=\"fq\"} 83\n"), "{text}");
        assert!(text.contains("\nnode_qdisc_backlog{device=\"eth0\",kind=\"fq\"} 0\n"), "{text}");
        assert_eq!(text.matches("device=").count(), COLUMNS.len());
    }

    #[test]
    fn the_kernel_is_asked_in_its_own_namespace_only() {
        let mut host = fake::host(&FakeRoot::new());
        let (_, error) = collect(QdiscCollector::new(&host, Filter::default(), None));
        assert!(error.is_none(), "{error:?}");
        host.foreign_network = true;
        let (text, error) = collect(QdiscCollector::new(&host, Filter::default(), None));
        assert!(text.is_empty() && matches!(error, Some(CollectError::NoData(_))), "{error:?}");
    }
}
