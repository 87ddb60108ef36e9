//! `/proc/<pid>/net/dev`: the interfaces of a network namespace.
//!
//! The file is opened for each scrape and never kept: an open one pins the namespace after its container is gone.

use std::fs::File;
use std::io;
use std::path::Path;

use agent_core::read::{Scratch, fields, lines, parse_u64, text};

use crate::sample::{Interface, Traffic};

/// Beginnings of names that cAdvisor leaves out: loopback, and the host's ends of container networks.
const IGNORED: [&str; 4] = ["lo", "veth", "docker", "nerdctl"];

/// The interfaces of a process's network namespace.
pub fn read_interfaces(procfs: &Path, pid: u32, scratch: &mut Scratch) -> io::Result<Vec<Interface>> {
    let file = File::open(procfs.join(format!("{pid}/net/dev")))?;
    Ok(parse_net_dev(scratch.read_records(&file)?))
}

/// Two header lines, then `name: bytes packets errs drop fifo frame compressed multicast` and eight more for what
/// went out. Lines that are not so are left out.
pub fn parse_net_dev(bytes: &[u8]) -> Vec<Interface> {
    lines(bytes).skip(2).filter_map(parse_line).filter(|i| is_reported(&i.name)).collect()
}

/// Whether cAdvisor reports an interface of this name.
pub fn is_reported(name: &str) -> bool {
    !IGNORED.iter().any(|prefix| name.starts_with(prefix))
}

fn parse_line(line: &[u8]) -> Option<Interface> {
    // A big first number can follow the colon without a blank; names may hold colons themselves.
    let colon = line.iter().rposition(|byte| *byte == b':')?;
    let (name, figures) = line.split_at_checked(colon)?;
    let mut figures = fields(figures.strip_prefix(b":")?).map(parse_u64);
    let receive = parse_traffic(&mut figures)?;
    let transmit = parse_traffic(&mut figures.by_ref().skip(4))?;
    Some(Interface { name: text(name)?.trim().to_owned(), receive, transmit })
}

fn parse_traffic(figures: &mut impl Iterator<Item = Option<u64>>) -> Option<Traffic> {
    let mut next = || figures.next().flatten();
    Some(Traffic { bytes: next()?, packets: next()?, errors: Some(next()?), dropped: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &[u8] = b"Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
            lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0\n  \
        eth0:18446744073709551615 30451    1    2    3     4          5         6  2014298   18850    7    8    9    10      11         12\n\
        docker_gwbridge:   78858     764    0    0    0     0          0         0   117028    1148    0    1    0     0       0          0\n\
        vethd2cfc0a:       0       0    0    0    0     0          0         0      838      11    0    0    0     0       0          0\n\
        eth1: cut";

    #[test]
    fn columns() {
        let expected = Interface {
            name: "eth0".to_owned(),
            receive: Traffic { bytes: u64::MAX, packets: 30451, errors: Some(1), dropped: 2 },
            transmit: Traffic { bytes: 2_014_298, packets: 18850, errors: Some(7), dropped: 8 },
        };
        assert_eq!(parse_net_dev(SAMPLE), [expected]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, cut in 0..SAMPLE.len()) {
            parse_net_dev(&bytes);
            parse_net_dev(&SAMPLE[..cut]);
        }
    }
}
