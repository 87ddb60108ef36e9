//! What node_exporter has and we leave out: its flags are accepted, with one line of warning each, so that command
//! lines keep working.

use crate::flags::{Flag, Given, Takes};

/// A collector that we do not have.
#[derive(Debug)]
pub struct LeftOut {
    /// Its name.
    pub name: &'static str,
    /// Its flags.
    pub flags: &'static [Flag],
}

impl LeftOut {
    /// The flag that would switch it on, without dashes.
    pub fn switch(&self) -> String {
        format!("collector.{}", self.name)
    }
}

/// The collectors that we leave out: deprecated ones, and those that need rights an exporter should not have.
pub const LEFT_OUT: &[LeftOut] = &[
    LeftOut { name: "exec", flags: &[] },
    LeftOut { name: "megacli", flags: &[value("collector.megacli.command")] },
    LeftOut {
        name: "ntp",
        flags: &[
            value("collector.ntp.ip-ttl"),
            value("collector.ntp.local-offset-tolerance"),
            value("collector.ntp.max-distance"),
            value("collector.ntp.protocol-version"),
            value("collector.ntp.server"),
            switch("collector.ntp.server-is-local"),
            value("collector.ntp.server-port"),
        ],
    },
    LeftOut {
        name: "perf",
        flags: &[
            value("collector.perf.cache-profilers"),
            value("collector.perf.cpus"),
            switch("collector.perf.disable-cache-profilers"),
            switch("collector.perf.disable-hardware-profilers"),
            switch("collector.perf.disable-software-profilers"),
            value("collector.perf.hardware-profilers"),
            value("collector.perf.software-profilers"),
            value("collector.perf.tracepoint"),
        ],
    },
    LeftOut { name: "runit", flags: &[value("collector.runit.servicedir")] },
    LeftOut { name: "supervisord", flags: &[value("collector.supervisord.url")] },
];

/// Flags that concern what we are not.
pub const OTHER_FLAGS: &[Flag] = &[value("runtime.gomaxprocs")];

const fn value(name: &'static str) -> Flag {
    Flag { name, takes: Takes::Values { what: "VALUE" }, help: "Accepted, without effect", old_names: &[] }
}

const fn switch(name: &'static str) -> Flag {
    Flag { name, takes: Takes::Switch { default: false }, help: "Accepted, without effect", old_names: &[] }
}

/// The flags of a command line that have no effect.
pub fn without_effect(given: Given<'_>) -> Vec<String> {
    let mut flags = Vec::new();
    for left_out in LEFT_OUT {
        let switch = left_out.switch();
        // To ask for its being off is no reason to warn.
        if given.switch(&switch) == Some(true) {
            flags.push(format!("--{switch}"));
        }
    }
    let others = LEFT_OUT.iter().flat_map(|left_out| left_out.flags).chain(OTHER_FLAGS);
    flags.extend(others.filter(|flag| given.is_given(flag.name)).map(|flag| format!("--{}", flag.name)));
    flags
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::collectors::COLLECTORS;
    use crate::flags::add_flags;

    #[test]
    fn what_has_no_effect_is_told() {
        let arguments = [
            "x",
            "--collector.ntp",
            "--collector.ntp.server=ntp.example",
            "--no-collector.runit",
            "--collector.perf.tracepoint=a:b",
            "--collector.perf.tracepoint=c:d",
            "--runtime.gomaxprocs",
            "2",
        ];
        let matches = add_flags(Command::new("x")).try_get_matches_from(arguments).unwrap();
        let flags = without_effect(Given::new(&matches));
        let expected = [
            "--collector.ntp",
            "--collector.ntp.server",
            "--collector.perf.tracepoint",
            "--runtime.gomaxprocs",
        ];
        assert_eq!(flags, expected);
    }

    #[test]
    fn nothing_is_both_there_and_left_out() {
        for left_out in LEFT_OUT {
            assert!(!COLLECTORS.iter().any(|spec| spec.name == left_out.name), "{}", left_out.name);
        }
    }
}
