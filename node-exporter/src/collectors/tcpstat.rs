//! `tcpstat`: TCP connections by state, from the host's `net/tcp` and `net/tcp6`.
//!
//! node_exporter asks the kernel by netlink, which answers for the asker's own network namespace only. What listens
//! differs: there its limit of waiting connections counts as queued for sending, here nothing does.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{fields, text};

use crate::host::Host;

/// States in the kernel's order, from 1.
const STATES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

/// The collector.
#[derive(Debug)]
pub(super) struct Tcpstat {
    files: [PathBuf; 2],
    line: Vec<u8>,
}

impl Tcpstat {
    pub(super) fn new(host: &Host) -> Self {
        Self { files: ["tcp", "tcp6"].map(|name| host.net(name).path().to_owned()), line: Vec::new() }
    }
}

impl Collector for Tcpstat {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut sums = Sums::default();
        let mut found = false;
        for path in &self.files {
            match read(path, &mut self.line, &mut sums) {
                Ok(()) => found = true,
                // Without IPv6 there is only one of them.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(CollectError::io(path, error)),
            }
        }
        if !found {
            return Err(CollectError::NoData("net/tcp".to_owned()));
        }
        sums.write(out);
        Ok(())
    }
}

/// Reads line by line: there may be very many, and the memory for all of them would be kept.
fn read(path: &PathBuf, line: &mut Vec<u8>, sums: &mut Sums) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(32 * 1024, File::open(path)?);
    loop {
        line.clear();
        if reader.read_until(b'\n', line)? == 0 {
            return Ok(());
        }
        if let Some(connection) = parse(line) {
            sums.add(&connection);
        }
    }
}

#[derive(Debug, Default)]
struct Sums {
    any: bool,
    states: [u64; STATES.len()],
    sending: u64,
    received: u64,
}

impl Sums {
    fn add(&mut self, connection: &Connection) {
        if let Some(count) = connection.state.checked_sub(1).and_then(|state| self.states.get_mut(state)) {
            *count += 1;
        }
        self.any = true;
        self.sending = self.sending.wrapping_add(connection.sending);
        self.received = self.received.wrapping_add(connection.received);
    }

    fn write(&self, out: &mut Exposition<'_>) {
        let help = "TCP connections in a state; bytes in the queues for rx_queued_bytes and tx_queued_bytes.";
        let mut family = out.family("node_tcp_connection_states", help, Kind::Gauge);
        for (state, count) in STATES.iter().zip(self.states).filter(|(_, count)| *count > 0) {
            family.sample(&[("state", state)], count);
        }
        if self.any {
            family.sample(&[("state", "rx_queued_bytes")], self.received);
            family.sample(&[("state", "tx_queued_bytes")], self.sending);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Connection {
    state: usize,
    sending: u64,
    received: u64,
}

/// A line `0: local remote 0A 00000000:00000000 …`: state, queues for sending and of what was received.
fn parse(line: &[u8]) -> Option<Connection> {
    let mut fields = fields(line).skip(3).map_while(text);
    let state = usize::from_str_radix(fields.next()?, 16).ok()?;
    let (sending, received) = fields.next()?.split_once(':')?;
    let number = |field| u64::from_str_radix(field, 16).ok();
    Some(Connection { state, sending: number(sending)?, received: number(received)? })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0277 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 25741 1 0 100 0 0 10 0
   1: 2F01A8C0:0016 0501A8C0:D5C8 01 00000010:00000002 02:000AE1D4 00000000     0        0 27512 4 0 20 4 29 10 -1
";

    #[test]
    fn both_families_are_summed() {
        let root = FakeRoot::new();
        root.file("proc/1/net/dev", "");
        root.file("proc/1/net/tcp", TEXT);
        root.file("proc/1/net/tcp6", TEXT);
        let (text, error) = collect(Tcpstat::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for (state, value) in
            [("established", 2), ("listen", 2), ("rx_queued_bytes", 6), ("tx_queued_bytes", 32)]
        {
            let line = format!("\nnode_tcp_connection_states{{state=\"{state}\"}} {value}\n");
            assert!(text.contains(&line), "{text}");
        }
        assert_eq!(text.matches("state=").count(), 4);
    }

    #[test]
    fn a_kernel_without_it_is_no_fault() {
        let (_, error) = collect(Tcpstat::new(&fake::host(&FakeRoot::new())));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(line: Vec<u8>, tail in "[0-9A-F: ]{0,80}") {
            for line in [line.as_slice(), format!("0: 1 2 {tail}").as_bytes()] {
                if let Some(connection) = parse(line) {
                    Sums::default().add(&connection);
                }
            }
        }
    }
}
