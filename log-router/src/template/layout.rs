//! Go's time layouts: the reference time `Mon Jan 2 15:04:05 MST 2006` in the wanted form. Times are in UTC.

use chrono::{DateTime, Datelike, Timelike, Utc};

/// A layout taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Element(Element),
    /// `.000` and `,000`: so many digits. `.999`: the same without zeros at the end.
    Fraction {
        mark: char,
        digits: usize,
        trimmed: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    /// A `chrono` format.
    Chrono(&'static str),
    /// What stands for UTC.
    Zone(&'static str),
    Hour12,
}

/// Longer ones first where one begins another.
const ELEMENTS: &[(&str, Element)] = &[
    ("January", Element::Chrono("%B")),
    ("Jan", Element::Chrono("%b")),
    ("Monday", Element::Chrono("%A")),
    ("Mon", Element::Chrono("%a")),
    ("MST", Element::Zone("UTC")),
    ("2006", Element::Chrono("%Y")),
    ("002", Element::Chrono("%j")),
    ("01", Element::Chrono("%m")),
    ("02", Element::Chrono("%d")),
    ("03", Element::Chrono("%I")),
    ("04", Element::Chrono("%M")),
    ("05", Element::Chrono("%S")),
    ("06", Element::Chrono("%y")),
    ("15", Element::Chrono("%H")),
    ("PM", Element::Chrono("%p")),
    ("pm", Element::Chrono("%P")),
    ("Z07:00", Element::Zone("Z")),
    ("Z0700", Element::Zone("Z")),
    ("Z07", Element::Zone("Z")),
    ("-07:00", Element::Zone("+00:00")),
    ("-0700", Element::Zone("+0000")),
    ("-07", Element::Zone("+00")),
    ("_2", Element::Chrono("%e")),
    ("1", Element::Chrono("%-m")),
    ("2", Element::Chrono("%-d")),
    ("3", Element::Hour12),
    ("4", Element::Chrono("%-M")),
    ("5", Element::Chrono("%-S")),
];

impl Default for Layout {
    /// How Go prints a time that nobody formats.
    fn default() -> Self {
        Self::parse("2006-01-02 15:04:05.999999999 -0700 MST")
    }
}

impl Layout {
    /// Everything is a layout: what stands for nothing is text.
    pub(super) fn parse(layout: &str) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = layout;
        while let Some(first) = rest.chars().next() {
            let element = ELEMENTS.iter().find_map(|(name, e)| Some((*e, rest.strip_prefix(name)?)));
            if let Some((part, after)) = fraction(rest) {
                parts.push(part);
                rest = after;
            } else if let Some((element, after)) = element {
                parts.push(Part::Element(element));
                rest = after;
            } else {
                match parts.last_mut() {
                    Some(Part::Text(text)) => text.push(first),
                    _ => parts.push(Part::Text(first.to_string())),
                }
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
        Self(parts)
    }

    /// The time, in nanoseconds of Unix time, in this form.
    pub(super) fn format(&self, time: i64) -> Vec<u8> {
        let time = DateTime::<Utc>::from_timestamp_nanos(time);
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Element(Element::Zone(zone)) => out.push_str(zone),
                Part::Element(Element::Hour12) => out.push_str(&time.hour12().1.to_string()),
                Part::Element(Element::Chrono("%Y")) => out.extend([format!("{:04}", time.year())]),
                Part::Element(Element::Chrono(format)) => out.push_str(&time.format(format).to_string()),
                Part::Fraction { mark, digits, trimmed } => {
                    let nanos = format!("{:09}", time.nanosecond());
                    let mut shown = nanos.get(..*digits).unwrap_or(&nanos);
                    if *trimmed {
                        shown = shown.trim_end_matches('0');
                    }
                    if !shown.is_empty() {
                        out.push(*mark);
                        out.push_str(shown);
                    }
                }
            }
        }
        out.into_bytes()
    }
}

/// A fraction is one only where no digit follows.
fn fraction(text: &str) -> Option<(Part, &str)> {
    let mark = text.chars().next().filter(|mark| matches!(mark, '.' | ','))?;
    let after = text.get(1..)?;
    let digit = after.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let rest = after.trim_start_matches(digit);
    let digits = after.len() - rest.len();
    let is_one = digits <= 9 && !rest.starts_with(|c: char| c.is_ascii_digit());
    is_one.then_some((Part::Fraction { mark, digits, trimmed: digit == '9' }, rest))
}
