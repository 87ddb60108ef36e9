//! `vmstat`: paging, swapping, page faults, kills for lack of memory.

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind};
use agent_core::read::{KeptFile, Scratch, lines, parse_u64};
use regex_lite::Regex;

use super::Build;
use crate::flags::{Flag, Given};
use crate::host::{Host, read};
use crate::named::Names;

const FIELDS: Flag = Flag::regex(
    "collector.vmstat.fields",
    "^(oom_kill|pgpg|pswp|pg.*fault).*",
    "Fields of /proc/vmstat to export",
);

pub(super) const FLAGS: &[Flag] = &[FIELDS];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let wanted = given.regex(&FIELDS)?;
    Ok(Build::new(move |host| Vmstat::new(host, wanted.clone())))
}

#[derive(Debug)]
struct Vmstat {
    file: KeptFile,
    names: Names,
    scratch: Scratch,
}

impl Vmstat {
    fn new(host: &Host, wanted: Option<Regex>) -> Self {
        Self {
            file: host.procfs("vmstat"),
            names: Names::new("node_vmstat_", "", "Field of /proc/vmstat", wanted),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Vmstat {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        for (field, value) in parse(read(&mut self.file, &mut self.scratch)?) {
            if let Some(named) = self.names.get(field)
                && let Some(value) = parse_u64(value)
            {
                out.family(&named.name, &named.help, Kind::Untyped).sample(&[], value);
            }
        }
        Ok(())
    }
}

/// The lines of `/proc/vmstat`: `name number`.
fn parse(content: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(content)
        .filter_map(|line| line.split_at_checked(line.iter().position(|byte| *byte == b' ')?))
        .map(|(name, value)| (name, value.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    #[test]
    fn wanted_fields_are_untyped() {
        let root = FakeRoot::new();
        root.file("proc/vmstat", "nr_free_pages 977769\npgpgin 7344136\noom_kill 2\npgmajfault x\n");
        let (text, error) =
            collect(Vmstat::new(&fake::host(&root), Regex::new("^(oom_kill|pgpg|pg.*fault).*").ok()));
        assert!(error.is_none(), "{error:?}");
        assert!(text.contains("# TYPE node_vmstat_pgpgin untyped\nnode_vmstat_pgpgin 7344136\n"), "{text}");
        assert!(text.contains("\nnode_vmstat_oom_kill 2\n"), "{text}");
        assert!(!text.contains("nr_free") && !text.contains("pgmajfault"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            parse(&content).count();
        }
    }
}
