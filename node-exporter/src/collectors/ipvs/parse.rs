//! `net/ip_vs` and `net/ip_vs_stats` as text; all their addresses and totals are hexadecimal.

use std::net::{Ipv4Addr, Ipv6Addr};

use agent_core::read::{fields, lines, parse_u64, text};

/// A server behind a virtual address; numbers of addresses as text, for labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Backend {
    pub(super) local_address: String,
    pub(super) local_port: String,
    pub(super) remote_address: String,
    pub(super) remote_port: String,
    pub(super) proto: String,
    /// The firewall mark of a virtual service that has no address.
    pub(super) local_mark: String,
    pub(super) load: Load,
}

/// What is counted of backends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) weight: u64,
    pub(super) active: u64,
    pub(super) inactive: u64,
}

impl Load {
    pub(super) fn add(&mut self, other: Self) {
        self.weight = self.weight.wrapping_add(other.weight);
        self.active = self.active.wrapping_add(other.active);
        self.inactive = self.inactive.wrapping_add(other.inactive);
    }
}

/// Connections, packets in and out, bytes in and out: the third line of `net/ip_vs_stats`.
pub(super) fn parse_totals(content: &[u8]) -> Option<[u64; 5]> {
    let mut numbers = fields(lines(content).nth(2)?).map(|field| u64::from_str_radix(text(field)?, 16).ok());
    let mut totals = [0; 5];
    for total in &mut totals {
        *total = numbers.next()??;
    }
    Some(totals)
}

/// Lines of services, each followed by the lines `-> …` of its backends; lines that are neither are skipped.
pub(super) fn parse_backends(content: &[u8]) -> Vec<Backend> {
    let mut service = None;
    let mut backends = Vec::new();
    for line in lines(content) {
        if line.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            service = parse_service(line);
        } else if let Some(backend) = service.as_ref().and_then(|service| parse_backend(service, line)) {
            backends.push(backend);
        }
    }
    backends
}

/// `TCP  C0A80016:0CEA wlc` or `FWM  10001000 wlc`.
fn parse_service(line: &[u8]) -> Option<Backend> {
    let mut fields = fields(line);
    let proto = text(fields.next()?)?.to_owned();
    let place = text(fields.next()?)?;
    if proto == "FWM" {
        let local_port = "0".to_owned();
        return Some(Backend { local_port, proto, local_mark: place.to_owned(), ..Backend::default() });
    }
    let (local_address, local_port) = parse_address(place)?;
    Some(Backend { local_address, local_port, proto, ..Backend::default() })
}

/// `  -> C0A85216:0CEA      Tunnel  100    248        2`
fn parse_backend(service: &Backend, line: &[u8]) -> Option<Backend> {
    let mut fields = fields(line);
    let _arrow = fields.next().filter(|field| *field == b"->")?;
    let (remote_address, remote_port) = parse_address(text(fields.next()?)?)?;
    let _forwarding = fields.next()?;
    let mut number = || parse_u64(fields.next()?);
    let load = Load { weight: number()?, active: number()?, inactive: number()? };
    Some(Backend { remote_address, remote_port, load, ..service.clone() })
}

/// `C0A80016:0CEA`, or `[2620:0000:…:0001]:0050`.
fn parse_address(place: &str) -> Option<(String, String)> {
    let (address, port) = place.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?.to_string();
    let address = match address.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(),
        None if address.len() == 32 => Ipv6Addr::from(u128::from_str_radix(address, 16).ok()?).to_string(),
        None => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?).to_string(),
    };
    Some((address, port))
}

#[cfg(test)]
pub(super) const TOTALS: &str = "   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
 16AA370 E33656E5        0     51D8C8883AB3                0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       4    1FB3C        0          1282A8F                0
";

#[cfg(test)]
pub(super) const BACKENDS: &str = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0A80016:0CEA wlc
  -> C0A85216:0CEA      Tunnel  100    248        2
  -> C0A85318:0CEA      Tunnel  100    0          0
TCP  [2620:0000:0000:0000:0000:0000:0000:0001]:0050 sh
  -> [2620:0000:0000:0000:0000:0000:0000:0002]:0050      Tunnel  1      1          2
FWM  10001000 wlc
  -> C0A8321A:0CEA      Route   10     1          1
";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn totals_are_hexadecimal() {
        assert_eq!(
            parse_totals(TOTALS.as_bytes()),
            Some([23_765_872, 3_811_989_221, 0, 89_991_519_156_915, 0])
        );
        assert_eq!(parse_totals(b"a\nb\n1 2\n"), None);
    }

    #[test]
    fn headings_are_no_backends() {
        assert_eq!(parse_backends(BACKENDS.as_bytes()).len(), 4);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(TCP|FWM|  ->|[ 0-9A-F:\\[\\]é\n]){0,40}") {
            parse_totals(&content);
            parse_backends(&content);
            parse_backends(odd.as_bytes());
        }
    }
}
