//! `ipvs`: the kernel's load balancer, its traffic and its backends.

mod parse;

use std::collections::BTreeMap;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::{ConfigError, ConfigErrors};
use agent_core::exposition::{Exposition, Kind, LabelBlock};
use agent_core::read::{KeptFile, Scratch};

use self::parse::{Backend, Load, parse_backends, parse_totals};
use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::{Host, read};

const BACKEND_LABELS: Flag = Flag {
    name: "collector.ipvs.backend-labels",
    takes: Takes::Value {
        what: "LABEL,LABEL",
        default: "local_address,local_port,remote_address,remote_port,proto,local_mark",
    },
    help: "Labels of backends; those that differ only in others are summed",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[BACKEND_LABELS];

/// A label that backends can have, and where its value is.
type Label = (&'static str, for<'b> fn(&'b Backend) -> &'b str);

const LABELS: [Label; 6] = [
    ("local_address", |backend| &backend.local_address),
    ("local_port", |backend| &backend.local_port),
    ("remote_address", |backend| &backend.remote_address),
    ("remote_port", |backend| &backend.remote_port),
    ("proto", |backend| &backend.proto),
    ("local_mark", |backend| &backend.local_mark),
];

/// Families of the whole balancer, in the order of the columns of `net/ip_vs_stats`.
const TOTALS: [(&str, &str); 5] = [
    ("node_ipvs_connections_total", "Connections that were balanced."),
    ("node_ipvs_incoming_packets_total", "Packets that came in."),
    ("node_ipvs_outgoing_packets_total", "Packets that went out."),
    ("node_ipvs_incoming_bytes_total", "Bytes that came in."),
    ("node_ipvs_outgoing_bytes_total", "Bytes that went out."),
];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let labels = parse_labels(given.value(&BACKEND_LABELS))?;
    Ok(Build::new(move |host| Ipvs::new(host, labels.clone())))
}

fn parse_labels(list: &str) -> Result<Vec<Label>, ConfigError> {
    let names: Vec<_> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let unknown: Vec<_> =
        names.iter().copied().filter(|name| !LABELS.iter().any(|(l, _)| l == name)).collect();
    if unknown.is_empty() {
        return Ok(LABELS.into_iter().filter(|(label, _)| names.contains(label)).collect());
    }
    let problem = format!("names labels that do not exist ({})", unknown.join(", "));
    let known = LABELS.map(|(label, _)| label).join(", ");
    Err(ConfigError::new(format!("--{}", BACKEND_LABELS.name), list, problem, format!("choose from {known}")))
}

#[derive(Debug)]
struct Ipvs {
    totals: KeptFile,
    backends: KeptFile,
    labels: Vec<Label>,
    scratch: Scratch,
}

impl Ipvs {
    fn new(host: &Host, labels: Vec<Label>) -> Self {
        Self {
            totals: host.net("ip_vs_stats"),
            backends: host.net("ip_vs"),
            labels,
            scratch: Scratch::default(),
        }
    }

    /// Backends by their labels, in the order of the kernel's list.
    fn sum(&self, backends: &[Backend]) -> Vec<(LabelBlock, Load)> {
        let mut places = BTreeMap::new();
        let mut sums: Vec<(LabelBlock, Load)> = Vec::new();
        for backend in backends {
            let pairs: Vec<_> = self.labels.iter().map(|(label, value)| (*label, value(backend))).collect();
            let place = *places.entry(pairs).or_insert_with_key(|pairs| {
                sums.push((LabelBlock::new(pairs), Load::default()));
                sums.len() - 1
            });
            if let Some((_, sum)) = sums.get_mut(place) {
                sum.add(backend.load);
            }
        }
        sums
    }
}

impl Collector for Ipvs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.totals, &mut self.scratch)?;
        let totals = parse_totals(content)
            .ok_or_else(|| CollectError::parse(self.totals.path(), 3, "expected five hexadecimal numbers"))?;
        for ((name, help), total) in TOTALS.iter().zip(totals) {
            out.counter(name, help, total);
        }
        let backends = parse_backends(read(&mut self.backends, &mut self.scratch)?);
        let sums = self.sum(&backends);
        let mut write = |name: &str, help: &str, value: fn(&Load) -> u64| {
            let mut family = out.family(name, help, Kind::Gauge);
            for (labels, sum) in &sums {
                family.sample_in(labels, &[], value(sum));
            }
        };
        write("node_ipvs_backend_connections_active", "Active connections to a backend.", |load| load.active);
        write("node_ipvs_backend_connections_inactive", "Inactive connections to a backend.", |load| {
            load.inactive
        });
        write("node_ipvs_backend_weight", "Weight of a backend.", |load| load.weight);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    fn collected(labels: &str) -> String {
        let root = FakeRoot::new();
        root.file("proc/net/ip_vs_stats", parse::TOTALS);
        root.file("proc/net/ip_vs", parse::BACKENDS);
        let (text, error) = collect(Ipvs::new(&fake::host(&root), parse_labels(labels).unwrap()));
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn backends_have_their_addresses() {
        let text = collected("remote_port,local_address,local_port,remote_address,proto,local_mark");
        for line in [
            "node_ipvs_connections_total 23765872",
            "node_ipvs_backend_connections_active{local_address=\"192.168.0.22\",local_port=\"3306\",\
             remote_address=\"192.168.82.22\",remote_port=\"3306\",proto=\"TCP\",local_mark=\"\"} 248",
            "node_ipvs_backend_weight{local_address=\"\",local_port=\"0\",remote_address=\"192.168.50.26\",\
             remote_port=\"3306\",proto=\"FWM\",local_mark=\"10001000\"} 10",
            "node_ipvs_backend_connections_inactive{local_address=\"2620::1\",local_port=\"80\",\
             remote_address=\"2620::2\",remote_port=\"80\",proto=\"TCP\",local_mark=\"\"} 2",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{text}");
        }
    }

    #[test]
    fn fewer_labels_sum() {
        let text = collected("proto");
        assert!(text.contains("node_ipvs_backend_connections_active{proto=\"TCP\"} 249\n"), "{text}");
        assert!(collected("").contains("\nnode_ipvs_backend_connections_active 250\n"));
    }

    #[test]
    fn unknown_labels_are_named() {
        let error = parse_labels("proto,colour").unwrap_err().to_string();
        assert!(error.contains("(colour)") && error.contains("local_mark"), "{error}");
    }
}
