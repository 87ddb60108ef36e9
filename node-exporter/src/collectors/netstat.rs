//! `netstat`: the host's protocol counters.

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind, Value};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64, text};
use regex_lite::Regex;

use super::Build;
use crate::flags::{Flag, Given};
use crate::host::{Host, optional, read};
use crate::named::{Named, Names};

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
    /// `net/netstat` and `net/snmp`.
    tables: [Table; 2],
    snmp6: KeptFile,
    names: Names,
    scratch: Scratch,
}

impl Netstat {
    fn new(host: &Host, wanted: Option<Regex>) -> Self {
        Self {
            tables: ["netstat", "snmp"].map(|file| Table { file: host.net(file), headings: Vec::new() }),
            snmp6: host.net("snmp6"),
            names: Names::new("node_netstat_", "", "Protocol counter", wanted),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Netstat {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { tables, snmp6, names, scratch } = self;
        let mut write = |named: &Named, value: &[u8]| {
            if let Some(value) = parse_value(value) {
                out.family(&named.name, &named.help, Kind::Untyped).sample(&[], value);
            }
        };
        for Table { file, headings } in tables {
            for (place, (heading, values)) in pairs(read(file, scratch)?).enumerate() {
                if let Some(heading) = know(headings, place, heading, names) {
                    heading.values(values).for_each(|(named, value)| write(named, value));
                }
            }
        }
        // Absent where IPv6 is switched off.
        for (name, value) in optional(read(snmp6, scratch))?.into_iter().flat_map(parse_lines) {
            if let Some(named) = names.get_as(name, word_of_six) {
                write(named, value);
            }
        }
        Ok(())
    }
}

/// A file of pairs of lines: `Protocol: names` and below it `Protocol: values`.
#[derive(Debug)]
struct Table {
    file: KeptFile,
    /// The lines of names as they were last. The kernel's names are many, few are wanted, and they stay the same.
    headings: Vec<Heading>,
}

/// A line of names.
#[derive(Debug)]
struct Heading {
    line: Vec<u8>,
    /// The wanted names, each with how many values to pass by before its own.
    wanted: Vec<(usize, Named)>,
}

impl Heading {
    fn parse(line: &[u8], names: &Names) -> Self {
        let mut fields = fields(line);
        let protocol = fields.next().unwrap_or_default();
        let protocol = protocol.strip_suffix(b":").unwrap_or(protocol);
        let mut wanted = Vec::new();
        let mut passed = 0;
        for field in fields {
            match names.make(&[protocol, field].join(&b'_')) {
                Some(family) => {
                    wanted.push((passed, family));
                    passed = 0;
                }
                None => passed += 1,
            }
        }
        Self { line: line.to_owned(), wanted }
    }

    /// The wanted names with their values, if the line below is of the same protocol.
    fn values<'v>(&'v self, line: &'v [u8]) -> impl Iterator<Item = (&'v Named, &'v [u8])> {
        let mut values = fields(line);
        let same = values.next() == fields(&self.line).next();
        let wanted = self.wanted.iter().take_while(move |_| same);
        wanted.map_while(move |(passed, named)| Some((named, values.nth(*passed)?)))
    }
}

/// The heading at a place, read anew where it is another than last time.
fn know<'h>(headings: &'h mut Vec<Heading>, place: usize, line: &[u8], names: &Names) -> Option<&'h Heading> {
    match headings.get_mut(place) {
        Some(known) if known.line == line => {}
        Some(known) => *known = Heading::parse(line, names),
        None => headings.push(Heading::parse(line, names)),
    }
    headings.get(place)
}

/// The lines of a file two by two; a last one without another is left out.
fn pairs(content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut lines = lines(content);
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
}

/// `net/snmp6`: lines `Ip6InReceives 11`.
fn parse_lines(content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        Some((fields.next()?, fields.next()?))
    })
}

/// `Ip6_InReceives` for `Ip6InReceives`: the protocol ends with its 6.
fn word_of_six(name: &[u8]) -> Option<Vec<u8>> {
    let (protocol, field) = name.split_at_checked(name.iter().position(|byte| *byte == b'6')? + 1)?;
    Some([protocol, field].join(&b'_'))
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
        let names = Names::new("", "", "", None);
        let heading = Heading::parse(b"Tcp: A B", &names);
        assert_eq!(heading.values(b"Udp: 1 2").count(), 0);
        let values: Vec<_> = heading.values(b"Tcp: 1").map(|(named, value)| (&*named.name, value)).collect();
        assert_eq!(values, [("Tcp_A", &b"1"[..])]);
        assert_eq!(pairs(b"Tcp: A\n").count(), 0);
    }

    #[test]
    fn other_names_than_last_time_are_noticed() {
        let names = Names::new("", "", "", Regex::new("_(B|C)$").ok());
        let mut headings = Vec::new();
        for (line, expected) in [("Tcp: A B C", "23"), ("Tcp: A B C", "23"), ("Tcp: B A A C", "14")] {
            let heading = know(&mut headings, 0, line.as_bytes(), &names).unwrap();
            let values: Vec<_> = heading.values(b"Tcp: 1 2 3 4").flat_map(|(_, value)| value).collect();
            assert_eq!(values, expected.as_bytes().iter().collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[A-Za-z6: 0-9\n-]{0,200}") {
            let names = Names::new("", "", "", None);
            for content in [content.as_slice(), odd.as_bytes()] {
                parse_lines(content).for_each(|(name, _)| drop(word_of_six(name)));
                for (heading, values) in pairs(content) {
                    for (_, value) in Heading::parse(heading, &names).values(values) {
                        parse_value(value);
                    }
                }
            }
        }
    }
}
