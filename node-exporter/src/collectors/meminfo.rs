//! `meminfo`: memory by use. Fields that are newer than this program pass through.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, fields, lines, parse_u64};

use crate::host::{Host, read};
use crate::named::Names;

/// The collector.
#[derive(Debug)]
pub(super) struct Meminfo {
    file: KeptFile,
    bytes: Names,
    counts: Names,
    scratch: Scratch,
}

impl Meminfo {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            file: host.procfs("meminfo"),
            bytes: Names::new("node_memory_", "_bytes", "Bytes that /proc/meminfo gives as", None),
            counts: Names::new("node_memory_", "", "Number that /proc/meminfo gives as", None),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Meminfo {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let content = read(&mut self.file, &mut self.scratch)?;
        let mut known = 0;
        for field in parse(content) {
            let (names, value) = match field.amount {
                Amount::Bytes(bytes) => (&mut self.bytes, bytes),
                Amount::Count(count) => (&mut self.counts, count),
            };
            if let Some(named) = names.get(field.name) {
                out.family(&named.name, &named.help, Kind::Gauge).sample(&[], value);
                known += 1;
            }
        }
        if known == 0 {
            return Err(CollectError::parse(self.file.path(), 1, "expected fields such as `MemTotal: 1 kB`"));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field<'a> {
    name: &'a [u8],
    amount: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    Bytes(u64),
    Count(u64),
}

/// The lines of `/proc/meminfo`: `Name: number` or `Name: number kB`.
fn parse(content: &[u8]) -> impl Iterator<Item = Field<'_>> {
    lines(content).filter_map(|line| {
        let mut fields = fields(line);
        let name = fields.next()?.strip_suffix(b":")?;
        let number = parse_u64(fields.next()?)?;
        let amount = match fields.next() {
            Some(b"kB") => Amount::Bytes(number.checked_mul(1024)?),
            _ => Amount::Count(number),
        };
        Some(Field { name, amount })
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn known_and_unknown_fields_pass() {
        let root = FakeRoot::new();
        root.file(
            "proc/meminfo",
            "MemTotal:       24684096 kB\nActive(anon):  1532 kB\nHugePages_Total:       0\nSomethingNew: 3 kB\nOdd line\n",
        );
        let (text, error) = collect(Meminfo::new(&fake::host(&root)));
        assert!(error.is_none(), "{error:?}");
        for line in [
            "node_memory_MemTotal_bytes 25276514304",
            "node_memory_Active_anon_bytes 1568768",
            "node_memory_HugePages_Total 0",
            "node_memory_SomethingNew_bytes 3072",
        ] {
            assert!(text.contains(&format!(" gauge\n{line}\n")), "{text}");
        }
    }

    #[test]
    fn nonsense_is_told() {
        let root = FakeRoot::new();
        root.file("proc/meminfo", "nonsense\n");
        let (_, error) = collect(Meminfo::new(&fake::host(&root)));
        assert!(error.unwrap().to_string().contains("proc/meminfo:1: expected fields"));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[A-Za-z():0-9 kB\n]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }

        #[test]
        fn values_round_trip(value in 0_u64..1 << 50) {
            let line = format!("X: {value} kB\n");
            let fields: Vec<_> = parse(line.as_bytes()).collect();
            prop_assert_eq!(fields, [Field { name: b"X", amount: Amount::Bytes(value * 1024) }]);
        }
    }
}
