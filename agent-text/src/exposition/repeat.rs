//! Families that are written a second time under another name, for those whose queries still have it.

use std::borrow::Cow;
use std::fmt;

use super::labels::{LabelBlock, Labels};
use super::{Exposition, Kind, Value};

/// Knows which families are to be repeated.
pub trait Repeats: Send + Sync + fmt::Debug {
    /// The forms in which the family of this name is to be repeated; asked once for each family of a scrape.
    fn of(&self, name: &str) -> Vec<Repeat>;
}

/// The other form of a label, from its key and text; `None` leaves out the sample.
pub type Relabel = for<'l> fn(&'l str, &'l str) -> Option<(&'l str, Cow<'l, str>)>;

/// The other form of a family.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// The other name; families that are given the same one become one.
    pub name: Cow<'static, str>,
    /// The type under that name.
    pub kind: Kind,
    /// The other value.
    pub value: fn(Value) -> Value,
    /// For labels that are made on the spot; those of a [`LabelBlock`] stay as they are.
    pub label: Relabel,
}

/// Samples that wait for the end of the scrape, as those of a family have to stay together.
#[derive(Debug)]
pub(super) struct Waiting {
    repeat: Repeat,
    help: String,
    samples: Vec<(LabelBlock, Value)>,
}

/// What is recorded in a scrape, if anything.
#[derive(Debug, Default)]
pub struct Recorder {
    waiting: Vec<Waiting>,
}

impl Recorder {
    /// Makes room for the repetitions of a family; their places.
    pub(super) fn open(&mut self, repeats: Vec<Repeat>, help: &str) -> Vec<(usize, Repeat)> {
        let places = repeats.into_iter().map(|repeat| {
            let known = self.waiting.iter().position(|waiting| waiting.repeat.name == repeat.name);
            let place = known.unwrap_or_else(|| {
                let help = help.to_owned();
                self.waiting.push(Waiting { repeat: repeat.clone(), help, samples: Vec::new() });
                self.waiting.len() - 1
            });
            (place, repeat)
        });
        places.collect()
    }

    pub(super) fn record(&mut self, places: &[(usize, Repeat)], labels: &Labels<'_>, value: Value) {
        for (place, repeat) in places {
            let pairs: Option<Vec<_>> =
                labels.pairs.iter().map(|(key, text)| (repeat.label)(key, text)).collect();
            if let (Some(pairs), Some(waiting)) = (pairs, self.waiting.get_mut(*place)) {
                waiting.samples.push((LabelBlock::after(labels.block, &pairs), (repeat.value)(value)));
            }
        }
    }

    /// Takes what another has recorded; families of the same name become one.
    pub fn join(&mut self, other: Self) {
        for Waiting { repeat, help, samples } in other.waiting {
            match self.waiting.iter_mut().find(|waiting| waiting.repeat.name == repeat.name) {
                Some(known) => known.samples.extend(samples),
                None => self.waiting.push(Waiting { repeat, help, samples }),
            }
        }
    }

    /// Forgets everything that waits.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Writes everything that waits.
    pub fn write(self, out: &mut Exposition<'_>) {
        for Waiting { repeat, help, samples } in self.waiting {
            let mut family = out.family(&repeat.name, &help, repeat.kind);
            for (labels, value) in samples {
                family.sample_in(&labels, &[], value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;

    use super::super::{Format, Source, render};
    use super::*;

    #[derive(Debug)]
    struct Old;

    impl Repeats for Old {
        fn of(&self, name: &str) -> Vec<Repeat> {
            let value: fn(Value) -> Value = match name {
                "new_seconds_total" => |value| match value {
                    Value::Float(seconds) => Value::Float(seconds * 1000.0),
                    other => other,
                },
                "other_total" => |value| value,
                _ => return Vec::new(),
            };
            let label: Relabel = |key, text| (text != "hidden").then(|| (key, format!("x{text}").into()));
            vec![Repeat { name: "old".into(), kind: Kind::Gauge, value, label }]
        }
    }

    struct Families;

    impl Source for Families {
        fn expose(&self, out: &mut Exposition<'_>) {
            out.record_repeats(Arc::new(Old));
            out.family("new_seconds_total", "Help.", Kind::Counter).sample(&[("a", "1")], 0.5);
            out.gauge("between", "Help.", 1_u64);
            let block = LabelBlock::new(&[("b", "2"), ("c", "3\"")]);
            let mut family = out.family("other_total", "Help.", Kind::Counter);
            family.sample_in(&block, &[("a", "1")], 7_u64);
            family.sample_in(&block, &[], 8_u64);
            family.sample(&[("a", "hidden")], 9_u64);
            out.take_repeats().write(out);
            out.family("other_total_again", "Help.", Kind::Counter).sample(&[], 1_u64);
        }
    }

    #[test]
    fn families_with_the_same_other_name_are_one() {
        let mut text = String::new();
        render(&mut text, Format::Text, &[], Arc::new(Families), &Registry::default());
        let expected = "# TYPE old gauge\n\
                        old{a=\"x1\"} 500\n\
                        old{b=\"2\",c=\"3\\\"\",a=\"x1\"} 7\n\
                        old{b=\"2\",c=\"3\\\"\"} 8\n\
                        # HELP other_total_again";
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.matches("old").count(), 5, "{text}");
    }
}
