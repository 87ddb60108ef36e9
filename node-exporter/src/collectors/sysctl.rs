//! `sysctl`: chosen kernel settings, from `/proc/sys`.
//!
//! Settings of the network are those of our own network namespace; the kernel shows no other.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Family, Kind};
use agent_core::read::{KeptFile, Scratch, fields, text};

use super::Build;
use crate::flags::{Flag, Given, Takes};
use crate::host::{Host, read};
use crate::ordinals::Ordinals;

const INCLUDE: Flag = Flag {
    name: "collector.sysctl.include",
    takes: Takes::Values { what: "NAME[:KEY,KEY]" },
    help: "A setting of numbers to export, with names for them where it has several; may be given several times",
    old_names: &[],
};
const INCLUDE_INFO: Flag = Flag {
    name: "collector.sysctl.include-info",
    takes: Takes::Values { what: "NAME" },
    help: "A setting of words to export as labels; may be given several times",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[INCLUDE, INCLUDE_INFO];

pub(super) fn build(given: Given<'_>) -> Build {
    let owned = |flag| given.values(flag).into_iter().map(str::to_owned).collect();
    let (numbers, words): (Vec<String>, Vec<String>) = (owned(&INCLUDE), owned(&INCLUDE_INFO));
    Build::new(move |host| Sysctl::new(host, &numbers, &words))
}

#[derive(Debug)]
struct Sysctl {
    numbers: Vec<Setting>,
    words: Vec<Setting>,
    indexes: Ordinals,
    scratch: Scratch,
}

#[derive(Debug)]
struct Setting {
    /// As users write it, `fs.file-nr`.
    name: String,
    help: String,
    file: KeptFile,
    families: Families,
}

/// How the numbers of a setting are exported.
#[derive(Debug)]
enum Families {
    /// One family, with the label `index` where there are several numbers.
    One(String),
    /// A family for each number.
    Keyed(Vec<String>),
}

impl Sysctl {
    fn new(host: &Host, numbers: &[String], words: &[String]) -> Self {
        let settings = |given: &[String]| given.iter().map(|given| Setting::new(host, given)).collect();
        Self {
            numbers: settings(numbers),
            words: settings(words),
            indexes: Ordinals::default(),
            scratch: Scratch::default(),
        }
    }
}

impl Setting {
    /// `name` or `name:key,key`; dots are folders.
    fn new(host: &Host, given: &str) -> Self {
        let (name, keys) = given.split_once(':').map_or((given, None), |(name, keys)| (name, Some(keys)));
        let family = format!("node_sysctl_{}", sanitized(name));
        let families = match keys {
            Some(keys) => {
                Families::Keyed(keys.split(',').map(|key| format!("{family}_{}", sanitized(key))).collect())
            }
            None => Families::One(family),
        };
        Self {
            name: name.to_owned(),
            help: format!("Kernel setting {name}."),
            file: host.procfs(format!("sys/{}", name.replace('.', "/"))),
            families,
        }
    }

    fn write_numbers(
        &mut self,
        out: &mut Exposition<'_>,
        indexes: &mut Ordinals,
        scratch: &mut Scratch,
    ) -> Result<(), CollectError> {
        let content = read(&mut self.file, scratch)?;
        let numbers = parse_numbers(content).ok_or_else(|| {
            CollectError::parse(self.file.path(), 1, "expected whole numbers and nothing else")
        })?;
        match &self.families {
            Families::One(name) => {
                let mut family = out.family(name, &self.help, Kind::Untyped);
                match numbers.as_slice() {
                    [number] => family.sample(&[], *number),
                    numbers => numbers.iter().enumerate().for_each(|(index, number)| {
                        family.sample(&[("index", indexes.get(index))], *number);
                    }),
                }
            }
            Families::Keyed(names) if names.len() == numbers.len() => {
                for (name, number) in names.iter().zip(numbers) {
                    out.family(name, &self.help, Kind::Untyped).sample(&[], number);
                }
            }
            Families::Keyed(names) => {
                let what =
                    format!("has {} numbers, {} was given {} keys", numbers.len(), self.name, names.len());
                return Err(CollectError::parse(self.file.path(), 1, what));
            }
        }
        Ok(())
    }

    fn write_words(
        &mut self,
        family: &mut Family<'_, '_>,
        indexes: &mut Ordinals,
        scratch: &mut Scratch,
    ) -> Result<(), CollectError> {
        let content = read(&mut self.file, scratch)?;
        for (index, word) in fields(content).filter_map(text).enumerate() {
            let labels = [("index", indexes.get(index)), ("name", &self.name), ("value", word)];
            family.sample(&labels, 1_u64);
        }
        Ok(())
    }
}

impl Collector for Sysctl {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { numbers, words, indexes, scratch } = self;
        // A setting that cannot be read does not keep the others from being exported.
        let mut result = Ok(());
        for setting in numbers {
            result = result.and(setting.write_numbers(out, indexes, scratch));
        }
        let mut family = out.family("node_sysctl_info", "Words of a kernel setting.", Kind::Gauge);
        for setting in words {
            result = result.and(setting.write_words(&mut family, indexes, scratch));
        }
        result
    }
}

/// A part of a metric name.
fn sanitized(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' }).collect()
}

/// Whole numbers, which may be negative; `None` where anything else is among them.
fn parse_numbers(content: &[u8]) -> Option<Vec<i64>> {
    fields(content).map(|field| text(field)?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;

    use super::*;
    use crate::host::fake;

    fn collected(numbers: &[&str], words: &[&str]) -> (String, Option<CollectError>) {
        let root = FakeRoot::new();
        root.file("proc/sys/fs/file-nr", "1024\t0\t1631329\n");
        root.file("proc/sys/kernel/threads-max", "7801\n");
        root.file("proc/sys/kernel/seccomp/actions_avail", "kill_process trap\n");
        let owned = |given: &[&str]| given.iter().map(ToString::to_string).collect::<Vec<_>>();
        collect(Sysctl::new(&fake::host(&root), &owned(numbers), &owned(words)))
    }

    #[test]
    fn numbers_keys_and_words() {
        let numbers = ["kernel.threads-max", "fs.file-nr", "fs.file-nr:total,current,max"];
        let (text, error) = collected(&numbers, &["kernel.seccomp.actions_avail"]);
        assert!(error.is_none(), "{error:?}");
        for line in [
            "kernel_threads_max 7801",
            "fs_file_nr{index=\"2\"} 1631329",
            "fs_file_nr_current 0",
            "info{index=\"1\",name=\"kernel.seccomp.actions_avail\",value=\"trap\"} 1",
        ] {
            assert!(text.contains(&format!("\nnode_sysctl_{line}\n")), "{text}");
        }
    }

    #[test]
    fn one_that_cannot_be_read_loses_only_itself() {
        for bad in ["fs.file-nr:total", "kernel.seccomp.actions_avail", "kernel.nope"] {
            let (text, error) = collected(&[bad, "kernel.threads-max"], &[]);
            assert!(error.is_some() && text.contains("\nnode_sysctl_kernel_threads_max 7801\n"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            parse_numbers(&content);
        }

        #[test]
        fn numbers_round_trip(numbers: Vec<i64>) {
            let content: Vec<_> = numbers.iter().map(ToString::to_string).collect();
            prop_assert_eq!(parse_numbers(content.join("\t").as_bytes()), Some(numbers));
        }
    }
}
