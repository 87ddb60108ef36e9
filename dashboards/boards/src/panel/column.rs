//! Columns of tables.

use serde_json::{Value, json};

use crate::link::{Drill, Id};
use crate::style::{Colour, Limits, Unit};

/// What a cell says that has no value.
const NOTHING: &str = "–";

/// The width of a column of numbers.
const NUMBER: u32 = 92;

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// The label, or `Value #A` for the first query's values.
    pub(super) from: String,
    pub(super) name: &'static str,
    unit: Unit,
    limits: Limits,
    drill: Option<Drill>,
    width: Option<u32>,
    words: &'static [Word],
}

/// A word that a cell may say, and its colour.
pub type Word = (&'static str, Colour);

impl Column {
    /// Shows a label.
    pub fn label(label: &str, name: &'static str) -> Self {
        Self {
            from: label.to_owned(),
            name,
            unit: Unit::Text,
            limits: Limits::None,
            drill: None,
            width: None,
            words: &[],
        }
    }

    /// Shows the values of the query with this letter.
    pub fn value(query: char, name: &'static str, unit: Unit, limits: Limits) -> Self {
        Self {
            from: format!("Value #{query}"),
            name,
            unit,
            limits,
            drill: None,
            width: Some(NUMBER),
            words: &[],
        }
    }

    /// Its cells lead to a board.
    #[must_use]
    pub fn drill(self, to: Id, variable: &'static str) -> Self {
        Self { drill: Some(Drill::column(to, variable, self.name)), ..self }
    }

    /// It has so many pixels, whatever the others have.
    #[must_use]
    pub fn wide(self, width: u32) -> Self {
        Self { width: Some(width), ..self }
    }

    /// Words of its cells that mean something good or bad.
    #[must_use]
    pub fn words(self, words: &'static [Word]) -> Self {
        Self { words, ..self }
    }

    /// Of the override that makes it so.
    pub(super) fn properties(&self) -> Value {
        // Else it would say what an empty panel means.
        let mut properties = vec![json!({"id": "noValue", "value": NOTHING})];
        if self.unit != Unit::Text {
            properties.push(json!({"id": "unit", "value": self.unit.id()}));
        }
        if self.limits != Limits::None {
            properties.push(json!({"id": "thresholds", "value": self.limits.json()}));
            properties.push(json!({"id": "color", "value": {"mode": "thresholds"}}));
            let cell = match self.unit {
                Unit::Share => json!({"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}),
                _ => json!({"type": "color-text"}),
            };
            properties.push(json!({"id": "custom.cellOptions", "value": cell}));
        }
        if self.unit == Unit::Share {
            properties.push(json!({"id": "min", "value": 0}));
            properties.push(json!({"id": "max", "value": 1}));
        }
        if !self.words.is_empty() {
            let words = self.words.iter().enumerate().map(|(index, (word, colour))| {
                ((*word).to_owned(), json!({"color": colour.name(), "index": index}))
            });
            properties.push(json!({"id": "mappings", "value": [{"type": "value", "options": Value::Object(words.collect())}]}));
            properties.push(json!({"id": "custom.cellOptions", "value": {"type": "color-text"}}));
        }
        if let Some(width) = self.width {
            properties.push(json!({"id": "custom.width", "value": width}));
        }
        if let Some(drill) = &self.drill {
            properties.push(json!({"id": "links", "value": [drill.json()]}));
        }
        properties.into()
    }
}
