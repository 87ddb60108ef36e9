//! The flags of collectors: declared beside each collector, made into command line arguments here.

use std::time::Duration;

use agent_core::duration::parse_duration;
use agent_core::error::{ConfigError, ConfigErrors};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use regex_lite::Regex;

use crate::collectors::COLLECTORS;
use crate::filter::Filter;
use crate::left_out::{LEFT_OUT, OTHER_FLAGS};

/// One flag of a collector, under node_exporter's name.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// The name without its dashes: `collector.netdev.device-exclude`.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// One sentence for `--help`, without a full stop.
    pub help: &'static str,
    /// Older names that users still have in their stacks.
    pub old_names: &'static [&'static str],
}

/// What a flag takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// One value, with the default; an empty default is no value.
    Value {
        /// What the value is called in `--help`.
        what: &'static str,
        /// The value where the flag is not given.
        default: &'static str,
    },
    /// A value each time it is given.
    Values {
        /// What the value is called in `--help`.
        what: &'static str,
    },
    /// Nothing; `--no-…` is the opposite.
    Switch {
        /// Whether it is on where neither is given.
        default: bool,
    },
}

impl Flag {
    /// A flag that takes a regular expression.
    pub const fn regex(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self { name, takes: Takes::Value { what: "REGEX", default }, help, old_names: &[] }
    }

    /// A flag that switches something on or off.
    pub const fn switch(name: &'static str, default: bool, help: &'static str) -> Self {
        Self { name, takes: Takes::Switch { default }, help, old_names: &[] }
    }

    /// The same flag with older names.
    #[must_use]
    pub const fn formerly(self, old_names: &'static [&'static str]) -> Self {
        Self { old_names, ..self }
    }

    fn dashed(&self) -> String {
        format!("--{}", self.name)
    }
}

/// Adds the flags of all collectors: each collector's switch, then its own.
pub fn add_flags(command: Command) -> Command {
    let mut command = command.next_help_heading("Collectors");
    for spec in COLLECTORS {
        let state = if spec.default_on { "on" } else { "off" };
        let help = format!("Collect {}: {} [default: {state}]", spec.name, spec.about);
        command = add_switch(command, &spec.switch(), &[], help);
        for flag in spec.flags {
            command = add_flag(command, flag);
        }
    }
    for left_out in LEFT_OUT {
        let name = left_out.switch();
        command = add_switch(command, &name, &[], String::new()).mut_arg(name, |arg| arg.hide(true));
    }
    for flag in LEFT_OUT.iter().flat_map(|left_out| left_out.flags).chain(OTHER_FLAGS) {
        command = add_flag(command, flag).mut_arg(flag.name, |arg| arg.hide(true));
    }
    command
}

fn add_flag(command: Command, flag: &Flag) -> Command {
    let arg = Arg::new(flag.name).long(flag.name).aliases(flag.old_names).help(flag.help);
    match flag.takes {
        Takes::Value { what, default } => {
            command.arg(arg.value_name(what).default_value(default).hide_default_value(default.is_empty()))
        }
        Takes::Values { what } => command.arg(arg.value_name(what).action(ArgAction::Append)),
        Takes::Switch { default } => {
            let state = if default { "on" } else { "off" };
            add_switch(command, flag.name, flag.old_names, format!("{} [default: {state}]", flag.help))
        }
    }
}

/// Adds `--name[=true|false]` and `--no-name`; the last one given wins.
fn add_switch(command: Command, name: &str, old_names: &'static [&'static str], help: String) -> Command {
    let opposite = format!("no-{name}");
    let on = Arg::new(name.to_owned())
        .long(name.to_owned())
        .aliases(old_names)
        .num_args(0..=1)
        .require_equals(true)
        .value_name("BOOL")
        .value_parser(clap::builder::BoolishValueParser::new())
        .hide_possible_values(true)
        .default_missing_value("true")
        .overrides_with_all([name.to_owned(), opposite.clone()])
        .help(help);
    let off = Arg::new(opposite.clone())
        .long(opposite.clone())
        .action(ArgAction::SetTrue)
        .overrides_with_all([name.to_owned(), opposite])
        .hide(true);
    command.arg(on).arg(off)
}

/// The flags as they were given.
#[derive(Debug, Clone, Copy)]
pub struct Given<'m>(&'m ArgMatches);

impl<'m> Given<'m> {
    /// The flags of a parsed command line that [`add_flags`] took part in.
    pub fn new(matches: &'m ArgMatches) -> Self {
        Self(matches)
    }

    /// What a switch says; `None` where it was not given.
    pub fn switch(self, name: &str) -> Option<bool> {
        if self.is_given(&format!("no-{name}")) {
            return Some(false);
        }
        self.0.try_get_one::<bool>(name).ok().flatten().copied()
    }

    /// Whether a collector of the default set runs: others may depend on that.
    pub fn runs(self, collector: &str) -> bool {
        let by_default = self.switch("disable_defaults") != Some(true);
        self.switch(&format!("collector.{collector}")).unwrap_or(by_default)
    }

    /// Whether a switch is on.
    pub fn is_on(self, flag: &Flag) -> bool {
        let default = matches!(flag.takes, Takes::Switch { default: true });
        self.switch(flag.name).unwrap_or(default)
    }

    /// The one value of a flag, or its default.
    pub fn value(self, flag: &Flag) -> &'m str {
        self.0.try_get_one::<String>(flag.name).ok().flatten().map_or("", String::as_str)
    }

    /// All values of a flag.
    pub fn values(self, flag: &Flag) -> Vec<&'m str> {
        let values = self.0.try_get_many::<String>(flag.name).ok().flatten();
        values.into_iter().flatten().map(String::as_str).collect()
    }

    /// The pattern of a flag; `None` where it is empty.
    pub fn regex(self, flag: &Flag) -> Result<Option<Regex>, ConfigError> {
        let text = self.value(flag);
        if text.is_empty() {
            return Ok(None);
        }
        Regex::new(text).map(Some).map_err(|error| {
            let problem = format!("is not a regular expression ({error})");
            ConfigError::new(
                flag.dashed(),
                text,
                problem,
                "give one in RE2 syntax, for example ^(veth.*|br-.*)$",
            )
        })
    }

    /// A pair of patterns; giving both is an error, an include puts the default exclude out of force.
    pub fn filter(self, exclude: &Flag, include: &Flag) -> Result<Filter, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let mut filter = Filter {
            exclude: errors.take(self.regex(exclude)).flatten(),
            include: errors.take(self.regex(include)).flatten(),
        };
        if filter.include.is_some() {
            if self.is_given(exclude.name) && filter.exclude.is_some() {
                let problem = format!("cannot be together with {}", exclude.dashed());
                let expected = "give one of the two";
                errors.push(ConfigError::new(include.dashed(), self.value(include), problem, expected));
            }
            filter.exclude = None;
        }
        errors.finish(Some(filter))
    }

    /// A duration.
    pub fn duration(self, flag: &Flag) -> Result<Duration, ConfigError> {
        let text = self.value(flag);
        parse_duration(text).filter(|duration| !duration.is_zero()).ok_or_else(|| {
            ConfigError::new(
                flag.dashed(),
                text,
                "is not a duration",
                "give a number with a unit, for example 5s",
            )
        })
    }

    /// Whether a flag stands on the command line.
    pub fn is_given(self, name: &str) -> bool {
        // Asking for an id that is not there would panic.
        let known = self.0.try_contains_id(name).is_ok();
        known && self.0.value_source(name) == Some(ValueSource::CommandLine)
    }
}
