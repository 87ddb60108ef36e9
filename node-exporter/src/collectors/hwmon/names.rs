//! From names of files to names of metrics.

use agent_core::exposition::Kind;

/// Kinds of sensors; all that is named otherwise is no sensor.
const KINDS: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// A file of a sensor: `temp1_crit_alarm` is the element `crit_alarm` of the first `temp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct File<'a> {
    pub(super) kind: &'a str,
    pub(super) number: u32,
    /// Empty for a file such as `pwm1`.
    pub(super) element: &'a str,
}

/// Takes a name apart; `None` where it is not that of a sensor's file.
pub(super) fn parse_name(name: &str) -> Option<File<'_>> {
    let digits = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let (kind, rest) = name.split_at_checked(digits)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at_checked(end)?;
    if !KINDS.contains(&kind) {
        return None;
    }
    let element = match rest.strip_prefix('_') {
        Some(element) if !element.is_empty() => element,
        None if rest.is_empty() => "",
        Some(_) | None => return None,
    };
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    Some(File { kind, number, element })
}

/// A text as a part of a name: lower case, an underscore for what cannot stand there, none at the ends.
pub(super) fn clean(text: &str) -> String {
    let keep = |c: char| {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '_') { c } else { '_' }
    };
    text.trim().chars().map(keep).collect::<String>().trim_matches('_').to_owned()
}

/// How a number becomes the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    One,
    Milli,
    Micro,
    /// One is one, anything else nought.
    Flag,
}

impl Scale {
    pub(super) fn apply(self, number: f64) -> f64 {
        match self {
            Self::One => number,
            Self::Milli => number * 0.001,
            Self::Micro => number / 1e6,
            Self::Flag => f64::from(u8::from((number - 1.0).abs() < f64::EPSILON)),
        }
    }
}

/// A family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) kind: Kind,
    pub(super) scale: Scale,
    /// Whether the sensor's label stands where its name does otherwise.
    pub(super) by_label: bool,
}

/// The family of an element. `plain` tells whether the sensor has a file without an element as well.
pub(super) fn metric(kind: &str, element: &str, plain: bool) -> Option<Metric> {
    let single = |name: &str, help: &str, scale| {
        element.is_empty().then(|| Metric {
            name: name.to_owned(),
            help: help.to_owned(),
            kind: Kind::Gauge,
            scale,
            by_label: false,
        })
    };
    match (kind, element) {
        ("beep_enable", _) => {
            return single(
                "node_hwmon_beep_enabled",
                "Whether a chip may make the machine beep.",
                Scale::Flag,
            );
        }
        ("vrm", _) => {
            let help = "Version of the rules for the voltage regulator.";
            return single("node_hwmon_voltage_regulator_version", help, Scale::One);
        }
        ("update_interval", _) => {
            let help = "Seconds between two measurements of a chip.";
            return single("node_hwmon_update_interval_seconds", help, Scale::Milli);
        }
        (_, "label") => return None,
        _ => {}
    }
    let (suffix, what, scale) = unit(kind, element);
    let mut name = format!("node_hwmon_{kind}");
    let part = clean(element);
    if (element == "input" && plain) || (element != "input" && !part.is_empty()) {
        name.push('_');
        name.push_str(&part);
    }
    name.push_str(suffix);
    let element = if element.is_empty() { "input" } else { element };
    Some(Metric {
        name,
        help: format!("{what}: {element}."),
        kind: if suffix == JOULES { Kind::Counter } else { Kind::Gauge },
        scale,
        by_label: suffix == MEGAHERTZ,
    })
}

const JOULES: &str = "_joule_total";
const MEGAHERTZ: &str = "_freq_mhz";

/// What is put after the name, what it is, and how it is scaled.
fn unit(kind: &str, element: &str) -> (&'static str, &'static str, Scale) {
    match (kind, element) {
        (_, "fault" | "alarm") => ("", "What a sensor warns of", Scale::One),
        (_, "beep") => ("_enabled", "Whether a sensor may make the machine beep", Scale::One),
        ("in" | "cpu", _) => ("_volts", "Voltage of a sensor in volts", Scale::Milli),
        ("temp", element) if element != "type" => {
            ("_celsius", "Temperature of a sensor in degrees Celsius", Scale::Milli)
        }
        ("curr", _) => ("_amps", "Current of a sensor in amperes", Scale::Milli),
        ("energy", _) => (JOULES, "Energy that a sensor has counted in joules", Scale::Micro),
        ("power", "accuracy") => ("", "Accuracy of a power meter as a ratio", Scale::Micro),
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            ("_seconds", "Seconds over which a power meter takes the average", Scale::Milli)
        }
        ("power", _) => ("_watt", "Power of a sensor in watts", Scale::Micro),
        ("humidity", _) => ("", "Humidity at a sensor as a ratio", Scale::Micro),
        ("fan", "input" | "min" | "max" | "target") => ("_rpm", "Turns of a fan per minute", Scale::One),
        ("freq", "input") => (MEGAHERTZ, "Frequency of a graphics processor in megahertz", Scale::Micro),
        _ => ("", "What a chip says of a sensor", Scale::One),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_files() {
        let file = |kind, number, element| Some(File { kind, number, element });
        assert_eq!(parse_name("temp1_crit_alarm"), file("temp", 1, "crit_alarm"));
        assert_eq!(parse_name("pwm12"), file("pwm", 12, ""));
        assert_eq!(parse_name("beep_enable"), file("beep_enable", 0, ""));
        assert_eq!(parse_name("power"), file("power", 0, ""));
        for other in ["name", "uevent", "temp1_", "temp1x", "temp_crit", "1temp", "in99999999999_input"] {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }

    #[test]
    fn names_of_metrics() {
        let name = |kind, element, plain| metric(kind, element, plain).map(|metric| metric.name);
        let is = |kind, element, expected: &str| {
            assert_eq!(name(kind, element, false).as_deref(), Some(expected), "{kind} {element}");
        };
        is("temp", "input", "node_hwmon_temp_celsius");
        is("temp", "crit_alarm", "node_hwmon_temp_crit_alarm_celsius");
        is("temp", "alarm", "node_hwmon_temp_alarm");
        is("temp", "type", "node_hwmon_temp_type");
        is("fan", "input", "node_hwmon_fan_rpm");
        is("fan", "pulses", "node_hwmon_fan_pulses");
        is("in", "beep", "node_hwmon_in_beep_enabled");
        is("energy", "input", "node_hwmon_energy_joule_total");
        is("power", "average_interval_max", "node_hwmon_power_average_interval_max_seconds");
        is("pwm", "", "node_hwmon_pwm");
        is("freq", "input", "node_hwmon_freq_freq_mhz");
        is("beep_enable", "", "node_hwmon_beep_enabled");
        assert_eq!(name("pwm", "input", true).as_deref(), Some("node_hwmon_pwm_input"));
        assert_eq!(name("temp", "label", false), None);
        assert_eq!(metric("energy", "input", false).map(|metric| metric.kind), Some(Kind::Counter));
    }

    proptest! {
        #[test]
        fn any_file_gives_a_valid_name_or_none(name: String, odd in "(temp|in|pwm)[0-9]{0,12}_?\\PC{0,10}") {
            for name in [name, odd] {
                let Some(file) = parse_name(&name) else { continue };
                let Some(metric) = metric(file.kind, file.element, true) else { continue };
                prop_assert!(metric.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':')));
            }
        }
    }
}
