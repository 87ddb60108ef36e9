//! Panels: what they ask, how they look.

mod column;
mod grafana;

use crate::link::{Drill, Id};
use crate::query::Query;
use crate::style::{Colour, Limits, Unit};

pub use column::{Column, Word};

/// Width and height in units of the grid, which is 24 wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows of 38 pixels.
    pub height: u32,
}

/// What draws it.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Lines over time; stacked areas where the parts add up to something.
    Lines {
        /// Whether they are stacked.
        stacked: bool,
    },
    /// Big numbers.
    Stat,
    /// Horizontal bars.
    Bars,
    /// Ten rows, six columns.
    Table(Vec<Column>),
    /// A band for each thing, coloured by state.
    Timeline(&'static [State]),
    /// Log lines that match a search.
    Logs(String),
}

/// A value that is a state: the value, its name, its colour.
pub type State = (&'static str, &'static str, Colour);

/// A panel.
#[derive(Debug, Clone)]
pub struct Panel {
    title: &'static str,
    question: &'static str,
    kind: Kind,
    unit: Unit,
    queries: Vec<Query>,
    limits: Limits,
    bounds: (Option<f64>, Option<f64>),
    colours: Vec<(String, Colour)>,
    negative: Vec<String>,
    limits_of: Vec<(String, Limits)>,
    empty: Option<&'static str>,
    drill: Option<Drill>,
    link: Option<Id>,
    kibana: bool,
    sort: Option<(&'static str, bool)>,
    size: Option<Size>,
}

impl Panel {
    fn new(title: &'static str, question: &'static str, unit: Unit, kind: Kind) -> Self {
        let bounds = match (&kind, unit) {
            (Kind::Lines { .. } | Kind::Bars, Unit::Share) => (Some(0.0), Some(1.0)),
            (Kind::Lines { .. } | Kind::Bars, _) => (Some(0.0), None),
            _ => (None, None),
        };
        Self {
            title,
            question,
            kind,
            unit,
            queries: Vec::new(),
            limits: Limits::None,
            bounds,
            colours: Vec::new(),
            negative: Vec::new(),
            limits_of: Vec::new(),
            empty: None,
            drill: None,
            link: None,
            kibana: false,
            sort: None,
            size: None,
        }
    }

    /// Lines over time.
    pub fn lines(title: &'static str, question: &'static str, unit: Unit) -> Self {
        Self::new(title, question, unit, Kind::Lines { stacked: false })
    }

    /// Parts that add up, over time.
    pub fn stacked(title: &'static str, question: &'static str, unit: Unit) -> Self {
        Self::new(title, question, unit, Kind::Lines { stacked: true })
    }

    /// Big numbers, one for each query.
    pub fn stat(title: &'static str, question: &'static str, unit: Unit) -> Self {
        Self::new(title, question, unit, Kind::Stat)
    }

    /// Horizontal bars.
    pub fn bars(title: &'static str, question: &'static str, unit: Unit) -> Self {
        Self::new(title, question, unit, Kind::Bars)
    }

    /// A table.
    pub fn table(title: &'static str, question: &'static str, columns: Vec<Column>) -> Self {
        Self::new(title, question, Unit::Count, Kind::Table(columns))
    }

    /// States over time.
    pub fn timeline(title: &'static str, question: &'static str, states: &'static [State]) -> Self {
        Self::new(title, question, Unit::State, Kind::Timeline(states))
    }

    /// Log lines that match a Lucene query.
    pub fn logs(title: &'static str, question: &'static str, search: impl Into<String>) -> Self {
        Self::new(title, question, Unit::Text, Kind::Logs(search.into()))
    }

    /// Asks over the range.
    #[must_use]
    pub fn range(mut self, text: impl Into<String>, legend: impl Into<String>) -> Self {
        self.queries.push(Query::range(text, legend));
        self
    }

    /// Asks at the end of the range.
    #[must_use]
    pub fn instant(mut self, text: impl Into<String>, legend: impl Into<String>) -> Self {
        self.queries.push(Query::instant(text, legend));
        self
    }

    /// Asks over the range; the series has a colour of its own.
    #[must_use]
    pub fn part(self, name: &str, colour: Colour, text: impl Into<String>) -> Self {
        let mut panel = self.range(text, name);
        panel.colours.push((name.to_owned(), colour));
        panel
    }

    /// Two ways of one thing, each a way and its word in the legend behind `who`: the second goes below the axis.
    #[must_use]
    pub fn both_ways(self, who: &str, ways: [(&str, &str); 2], text: impl Fn(&str) -> String) -> Self {
        let add = |panel: Self, (way, word): (&str, &str)| panel.range(text(way), format!("{who} {word}"));
        ways.into_iter().fold(self, add).below()
    }

    /// The series of the latest query go below the axis.
    #[must_use]
    pub fn below(self) -> Self {
        let legend = self.queries.last().map(|query| query.legend.clone()).unwrap_or_default();
        // What comes after the last label tells in from out.
        let end = legend.rsplit_once("}} ").map_or(legend.as_str(), |(_, end)| end).to_owned();
        self.below_all(end)
    }

    /// All series whose names end like this go below the axis.
    #[must_use]
    pub fn below_all(mut self, end: impl Into<String>) -> Self {
        self.negative.push(end.into());
        self.bounds = (None, None);
        self
    }

    /// From which values on its numbers are coloured.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same for the latest query alone.
    #[must_use]
    pub fn its_limits(mut self, limits: Limits) -> Self {
        let legend = self.queries.last().map(|query| query.legend.clone()).unwrap_or_default();
        self.limits_of.push((legend, limits));
        self
    }

    /// The ends of the axis are where the values are.
    #[must_use]
    pub fn unbounded(self) -> Self {
        Self { bounds: (None, None), ..self }
    }

    /// The axis begins at 0 and has no fixed end.
    #[must_use]
    pub fn open(self) -> Self {
        Self { bounds: (Some(0.0), None), ..self }
    }

    /// It may be empty; what that means.
    #[must_use]
    pub fn empty_means(self, text: &'static str) -> Self {
        Self { empty: Some(text), ..self }
    }

    /// Its series lead to a board about that one thing.
    #[must_use]
    pub fn drill(self, to: Id, variable: &'static str, label: &str) -> Self {
        Self { drill: Some(Drill::label(to, variable, label)), link: Some(to), ..self }
    }

    /// It leads to a board.
    #[must_use]
    pub fn link(self, to: Id) -> Self {
        Self { link: Some(to), ..self }
    }

    /// It leads to Kibana, too, for the same services and time.
    #[must_use]
    pub fn kibana(self) -> Self {
        Self { kibana: true, ..self }
    }

    /// The column by which its rows are sorted, and whether the largest comes first.
    #[must_use]
    pub fn sorted(self, column: &'static str, descending: bool) -> Self {
        Self { sort: Some((column, descending)), ..self }
    }

    /// Another size than the board's usual one.
    #[must_use]
    pub fn sized(self, width: u32, height: u32) -> Self {
        Self { size: Some(Size { width, height }), ..self }
    }

    /// Its size, if it is not the board's usual one.
    pub fn size(&self) -> Option<Size> {
        self.size
    }
}
