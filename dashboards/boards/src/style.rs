//! The look that all boards share: units, colours by meaning, limits from which something is worth a look or wrong.

use serde_json::{Value, json};

/// What a number is, by Grafana's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Of 1, shown as per cent.
    Share,
    /// Bytes, in powers of 1024.
    Bytes,
    /// Bytes each second.
    BytesPerSecond,
    /// Something counted: nodes, tasks, files, CPUs.
    Count,
    /// Events each second.
    PerSecond,
    /// Events each minute.
    PerMinute,
    /// Packets each second.
    Packets,
    /// Reads and writes each second.
    Operations,
    /// A duration.
    Seconds,
    /// A moment in milliseconds since 1970, shown as its age.
    Age,
    /// States with names.
    State,
    /// Text.
    Text,
}

impl Unit {
    /// Grafana's ID.
    pub fn id(self) -> &'static str {
        match self {
            Self::Share => "percentunit",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "binBps",
            Self::Count => "short",
            // Grafana's own say c/s and c/m, which nobody reads at once.
            Self::PerSecond => "count:/s",
            Self::PerMinute => "count:/min",
            Self::Packets => "pps",
            Self::Operations => "iops",
            Self::Seconds => "s",
            Self::Age => "dateTimeFromNow",
            Self::State => "none",
            Self::Text => "string",
        }
    }
}

/// A colour by what it means; the same on every board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Wrong.
    Bad,
    /// Neither good nor bad.
    Neutral,
    /// Not there, or of no interest.
    Faint,
    /// What comes in, or is read.
    In,
    /// What goes out, or is written.
    Out,
    /// What is used.
    Used,
    /// What is set aside.
    Reserved,
    /// What must not be passed.
    Limit,
    /// The first of parts that are no better or worse than others.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
}

impl Colour {
    /// Grafana's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "green",
            Self::Warning => "orange",
            Self::Bad | Self::Limit => "red",
            Self::Neutral | Self::Used | Self::First => "blue",
            Self::Faint => "#8e8e8e",
            Self::In => "semi-dark-green",
            Self::Out => "semi-dark-purple",
            Self::Reserved | Self::Second => "yellow",
            Self::Third => "purple",
        }
    }
}

/// From which values on something is worth a look, and from which on wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limits {
    /// No value is better than another.
    None,
    /// Good below the first, bad from the second on.
    Above(f64, f64),
    /// Worth a look from this value on, never bad.
    Notable(f64),
    /// Bad from this value on.
    Wrong(f64),
    /// Bad below the first, good from the second on.
    Below(f64, f64),
}

/// A processor's share of time.
pub const BUSY: Limits = Limits::Above(0.8, 0.95);
/// Memory or a file system's share of space.
pub const FULL: Limits = Limits::Above(0.8, 0.9);
/// The share of time that work waits.
pub const WAITS: Limits = Limits::Above(0.1, 0.4);
/// Something of which there should be none.
pub const NONE_WANTED: Limits = Limits::Wrong(1.0);

impl Limits {
    /// Grafana's thresholds.
    pub fn json(self) -> Value {
        let steps = match self {
            Self::None => vec![(None, Colour::Neutral)],
            Self::Above(notable, wrong) => {
                vec![(None, Colour::Good), (Some(notable), Colour::Warning), (Some(wrong), Colour::Bad)]
            }
            Self::Notable(value) => vec![(None, Colour::Good), (Some(value), Colour::Warning)],
            Self::Wrong(value) => vec![(None, Colour::Good), (Some(value), Colour::Bad)],
            Self::Below(wrong, good) => {
                vec![(None, Colour::Bad), (Some(wrong), Colour::Warning), (Some(good), Colour::Good)]
            }
        };
        let steps: Vec<_> = steps
            .into_iter()
            .map(|(value, colour)| json!({"value": value, "color": colour.name()}))
            .collect();
        json!({"mode": "absolute", "steps": steps})
    }
}
