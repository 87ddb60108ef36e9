//! `netstat`: the host's protocol counters.

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};
use regex_lite::Regex;

use super::Build;
use crate::flags::{Flag, Given};
use crate::host::{Host, optional, read};
use crate::named::Names;

const FIELDS: Flag = Flag::regex(
    "collector.netstat.fields",
    "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|\
     TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|\
     Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
     Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
    "Counters to export, as Protocol_Field",
);

pub(super) const FLAGS: &[Flag] = &[FIELDS];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let wanted = given.regex(&FIELDS)?;
    Ok(Build::new(move |host| Netstat::new(host, wanted.clone())))
}

#[derive(Debug)]
struct Netstat {
    tcp_ext: KeptFile,
    snmp: KeptFile,
    snmp6: KeptFile,
    names: Names,
    word: Vec<u8>,
    scratch: Scratch,
}

impl Netstat {
    fn new(host: &Host, wanted: Option<Regex>) -> Self {
        Self {
            tcp_ext: host.net("netstat"),
            snmp: host.net("snmp"),
            snmp6: host.net("snmp6"),
            names: Names::new("node_netstat_", "", "Protocol counter", wanted),
            word: Vec::new(),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Netstat {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { tcp_ext, snmp, snmp6, names, word, scratch } = self;
        let mut write = |counter: Counter<'_>| {
            word.clear();
            word.extend_from_slice(counter.protocol);
            word.push(b'_');
            word.extend_from_slice(counter.field);
            if let Some(named) = names.get(word) {
                out.family(&named.name, &named.help, Kind::Untyped).sample(&[], counter.value);
            }
        };
        parse_pairs(read(tcp_ext, scratch)?).for_each(&mut write);
        parse_pairs(read(snmp, scratch)?).for_each(&mut write);
        // Absent where IPv6 is switched off.
        optional(read(snmp6, scratch))?.into_iter().flat_map(parse_lines).for_each(write);
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Counter<'a> {
    protocol: &'a [u8],
    field: &'a [u8],
    value: Value,
}

/// `net/netstat` and `net/snmp`: a line `Protocol: names` and below it a line `Protocol: values`.
fn parse_pairs(content: &[u8]) -> impl Iterator<Item = Counter<'_>> {
    let mut lines = lines(content);
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?))).flat_map(|(names, values)| {
        let mut names = fields(names);
        let mut values = fields(values);
        let protocol = names.next().unwrap_or_default();
        let same = values.next() == Some(protocol);
        let protocol = protocol.strip_suffix(b":").unwrap_or(protocol);
        names
            .zip(values)
            .take_while(move |_| same)
            .filter_map(move |(field, value)| Some(Counter { protocol, field, value: parse_value(value)? }))
    })
}

/// `net/snmp6`: lines `Ip6InReceives 11`; the protocol ends with its 6.
fn parse_lines(content: &[u8]) -> impl Iterator<Item = Counter<'_>> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        let name = fields.next()?;
        let end = name.iter().position(|byte| *byte == b'6')? + 1;
        let (protocol, field) = name.split_at_checked(end)?;
        Some(Counter { protocol, field, value: parse_value(fields.next()?)? })
    })
}

/// Most are counters; a few may be negative (`Tcp MaxConn -1`).
fn parse_value(field: &[u8]) -> Option<Value> {
    parse_u64(field).map(Value::from).or_else(|| text(field)?.parse::<i64>().ok().map(Value::from))
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    const SNMP: &str = "\
Tcp: RtoAlgorithm MaxConn ActiveOpens
Tcp: 1 -1 35
Udp: InDatagrams NoPorts
Udp: 7 8 9
";

    #[test]
    fn all_three_files_count() {
        let root = FakeRoot::new();
        root.file("proc/1/net/dev", "");
        root.file("proc/1/net/netstat", "TcpExt: SyncookiesSent ListenDrops\nTcpExt: 1 2\n");
        root.file("proc/1/net/snmp", SNMP);
        root.file("proc/1/net/snmp6", "Ip6InOctets                     \t460\nUdpLite6InErrors\t3\n");
        let (text, error) = collect(Netstat::new(&fake::host(&root), None));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "TcpExt_ListenDrops 2",
            "Tcp_MaxConn -1",
            "Udp_NoPorts 8",
            "Ip6_InOctets 460",
            "UdpLite6_InErrors 3",
        ] {
            assert!(text.contains(&format!(" untyped\nnode_netstat_{line}\n")), "{text}");
        }
    }

    #[test]
    fn lines_that_do_not_belong_together_give_nothing() {
        assert_eq!(parse_pairs(b"Tcp: A\nUdp: 1\n").count(), 0);
        assert_eq!(parse_pairs(b"Tcp: A\n").count(), 0);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[A-Za-z6: 0-9\n-]{0,200}") {
            parse_pairs(&content).count();
            parse_lines(&content).count();
            parse_pairs(odd.as_bytes()).count();
            parse_lines(odd.as_bytes()).count();
        }
    }
}
