//! `interrupts`: interrupts by CPU, number and device, from `/proc/interrupts`.

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Family, Kind};
use agent_core::read::{KeptFile, Scratch, fields, parse_u64, text};

use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given, Takes};
use crate::host::{Host, read};
use crate::per_cpu::{parse_heading, parse_rows};

const INCLUDE: Flag = Flag::regex(
    "collector.interrupts.name-include",
    "",
    "Interrupts to export, searched in name;info;devices; not together with name-exclude",
);
const EXCLUDE: Flag = Flag::regex(
    "collector.interrupts.name-exclude",
    "",
    "Interrupts to leave out, searched in name;info;devices; not together with name-include",
);
const ZEROS: Flag = Flag {
    name: "collector.interrupts.include-zeros",
    takes: Takes::Switch { default: true },
    help: "Export interrupts that never happened",
    old_names: &[],
};
const SUM: Flag = Flag {
    name: "collector.interrupts.sum-cpus",
    takes: Takes::Switch { default: false },
    help: "Export one series per interrupt, cpu=\"all\", instead of one per CPU",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] = &[INCLUDE, EXCLUDE, ZEROS, SUM];

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let names = given.filter(&EXCLUDE, &INCLUDE)?;
    let options = Options { names, zeros: given.is_on(&ZEROS), sum: given.is_on(&SUM) };
    Ok(Build::new(move |host| Interrupts::new(host, options.clone())))
}

#[derive(Debug, Clone)]
struct Options {
    names: Filter,
    zeros: bool,
    sum: bool,
}

#[derive(Debug)]
struct Interrupts {
    file: KeptFile,
    options: Options,
    details: Details,
    scratch: Scratch,
}

impl Interrupts {
    fn new(host: &Host, options: Options) -> Self {
        Self {
            file: host.procfs("interrupts").long_records(),
            options,
            details: Details::default(),
            scratch: Scratch::default(),
        }
    }
}

impl Collector for Interrupts {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { file, options, details, scratch } = self;
        let content = read(file, scratch)?;
        let cpus = parse_heading(content);
        let help = "Interrupts that a CPU served.";
        let mut family = out.family("node_interrupts_total", help, Kind::Counter);
        for (name, rest) in parse_rows(content) {
            if details.parse(name, rest, cpus.len()) && options.names.wants(&details.whole) {
                write(&mut family, options, details, name, cpus.iter().copied().zip(fields(rest)));
            }
        }
        Ok(())
    }
}

fn write<'r>(
    family: &mut Family<'_, '_>,
    options: &Options,
    details: &Details,
    name: &str,
    counts: impl Iterator<Item = (&'r str, &'r [u8])>,
) {
    let mut sample = |cpu: &str, count: u64| {
        if count > 0 || options.zeros {
            let (info, devices) = details.parts();
            family.sample(&[("cpu", cpu), ("devices", devices), ("info", info), ("type", name)], count);
        }
    };
    let counts = counts.filter_map(|(cpu, count)| Some((cpu, parse_u64(count)?)));
    if options.sum {
        sample("all", counts.fold(0, |sum, (_, count)| sum.wrapping_add(count)));
    } else {
        counts.for_each(|(cpu, count)| sample(cpu, count));
    }
}

/// What stands behind the numbers of a row, as `name;info;devices`, which is what the patterns see.
#[derive(Debug, Default)]
struct Details {
    whole: String,
    /// Where info and devices begin.
    info: usize,
    devices: usize,
}

impl Details {
    /// Reads a row; false for those without a count per CPU and a text (`ERR`, `MIS`).
    fn parse(&mut self, name: &str, rest: &[u8], cpus: usize) -> bool {
        let whole = &mut self.whole;
        whole.clear();
        whole.push_str(name);
        whole.push(';');
        self.info = whole.len();
        // For numbered interrupts the first word is the chip, the others are the devices.
        let numbered = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let mut words = fields(rest).skip(cpus).map(|word| text(word).unwrap_or("\u{fffd}")).peekable();
        let described = words.peek().is_some();
        if numbered {
            whole.extend(words.next());
        } else {
            join(whole, words.by_ref());
        }
        whole.push(';');
        self.devices = whole.len();
        join(whole, words);
        described
    }

    fn parts(&self) -> (&str, &str) {
        let info = self.whole.get(self.info..self.devices).and_then(|info| info.strip_suffix(';'));
        (info.unwrap_or_default(), self.whole.get(self.devices..).unwrap_or_default())
    }
}

fn join<'w>(whole: &mut String, words: impl Iterator<Item = &'w str>) {
    for (index, word) in words.enumerate() {
        if index > 0 {
            whole.push(' ');
        }
        whole.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;
    use crate::host::fake;

    const TEXT: &str = "\
           CPU0       CPU2
  0:         18          0  IR-IO-APIC-edge      timer
 16:     328511     322879  IR-IO-APIC-fasteoi   ehci_hcd:usb1, mmc0
NMI:         47       5031   Non-maskable interrupts
ERR:          0
";

    fn collected(names: Filter, zeros: bool, sum: bool) -> String {
        let root = FakeRoot::new();
        root.file("proc/interrupts", TEXT);
        let (text, error) = collect(Interrupts::new(&fake::host(&root), Options { names, zeros, sum }));
        assert!(error.is_none(), "{error:?}");
        text.replace("node_interrupts_total", "n")
    }

    #[test]
    fn numbered_and_named_interrupts() {
        let text = collected(Filter::default(), true, false);
        for line in [
            "n{cpu=\"2\",devices=\"timer\",info=\"IR-IO-APIC-edge\",type=\"0\"} 0",
            "n{cpu=\"0\",devices=\"ehci_hcd:usb1, mmc0\",info=\"IR-IO-APIC-fasteoi\",type=\"16\"} 328511",
            "n{cpu=\"2\",devices=\"\",info=\"Non-maskable interrupts\",type=\"NMI\"} 5031",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
        assert_eq!(text.matches("cpu=").count(), 6);
    }

    #[test]
    fn sums_zeros_and_patterns() {
        let text = collected(Filter::default(), true, true);
        assert!(
            text.contains("{cpu=\"all\",devices=\"\",info=\"Non-maskable interrupts\",type=\"NMI\"} 5078\n")
        );
        assert_eq!(text.matches("cpu=").count(), 3);
        assert_eq!(collected(Filter::default(), false, false).matches("cpu=").count(), 5);
        let include = Filter { exclude: None, include: Regex::new("^16;.*mmc0$").ok() };
        assert_eq!(collected(include, true, false).matches("cpu=").count(), 2);
    }

    proptest! {
        #[test]
        fn nothing_panics(name in ".{0,8}", rest: Vec<u8>, cpus in 0_usize..5) {
            let mut details = Details::default();
            details.parse(&name, &rest, cpus);
            details.parts();
        }
    }
}
