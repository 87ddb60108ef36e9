//! Panels: what they ask, how they look.

use serde_json::{Map, Value, json};

use crate::link::{self, Drill, Id};
use crate::query::Query;
use crate::style::{Colour, Limits, Unit};

/// Width and height in units of the grid, which is 24 wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows of 38 pixels.
    pub height: u32,
}

/// What a cell says that has no value.
const NOTHING: &str = "–";

/// The width of a column of numbers.
const NUMBER: u32 = 92;

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// The label, or `Value #A` for the first query's values.
    from: String,
    name: &'static str,
    unit: Unit,
    limits: Limits,
    drill: Option<Drill>,
    width: Option<u32>,
}

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
        }
    }

    /// Shows the values of the query with this letter.
    pub fn value(query: char, name: &'static str, unit: Unit, limits: Limits) -> Self {
        Self { from: format!("Value #{query}"), name, unit, limits, drill: None, width: Some(NUMBER) }
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

    fn properties(&self) -> Value {
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
        if let Some(width) = self.width {
            properties.push(json!({"id": "custom.width", "value": width}));
        }
        if let Some(drill) = &self.drill {
            properties.push(json!({"id": "links", "value": [drill.json()]}));
        }
        properties.into()
    }
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
    pub fn below(mut self) -> Self {
        let legend = self.queries.last().map(|query| query.legend.clone()).unwrap_or_default();
        // What comes after the last label tells in from out.
        let end = legend.rsplit_once("}} ").map_or(legend.as_str(), |(_, end)| end);
        self.negative.push(end.to_owned());
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

    /// Grafana's panel at a place of the grid.
    pub fn json(&self, id: u32, x: u32, y: u32, size: Size) -> Value {
        let json = json!({
            "id": id, "type": self.grafana_type(), "title": self.title, "description": self.question,
            "datasource": self.data_source(), "targets": self.targets(), "transparent": false,
            "gridPos": {"x": x, "y": y, "w": size.width, "h": size.height},
            "fieldConfig": {"defaults": self.defaults(), "overrides": self.overrides()},
            "options": self.options(),
            "links": self.link.map(link::of_panel).into_iter().chain(self.kibana.then(link::kibana)).collect::<Vec<_>>(),
        });
        let mut panel = json.as_object().cloned().unwrap_or_default();
        if let Kind::Table(columns) = &self.kind {
            panel.insert("transformations".to_owned(), self.transformations(columns));
        }
        panel.into()
    }

    fn grafana_type(&self) -> &'static str {
        match self.kind {
            Kind::Lines { .. } => "timeseries",
            Kind::Stat => "stat",
            Kind::Bars => "bargauge",
            Kind::Table(_) => "table",
            Kind::Timeline(_) => "state-timeline",
            Kind::Logs(_) => "logs",
        }
    }

    fn data_source(&self) -> Value {
        match self.kind {
            Kind::Logs(_) => json!({"type": "elasticsearch", "uid": "${logs}"}),
            _ => json!({"type": "prometheus", "uid": "${datasource}"}),
        }
    }

    fn targets(&self) -> Value {
        if let Kind::Logs(search) = &self.kind {
            return json!([{
                "refId": "A", "datasource": self.data_source(), "query": search, "timeField": "@timestamp",
                "metrics": [{"id": "1", "type": "logs", "settings": {"limit": "100"}}], "bucketAggs": [],
            }]);
        }
        let table = matches!(self.kind, Kind::Table(_));
        let target = |(letter, query): (char, &Query)| {
            let format = if table { "table" } else { "time_series" };
            json!({
                "refId": letter.to_string(), "datasource": self.data_source(), "expr": query.text, "format": format,
                "legendFormat": query.legend, "instant": query.instant, "range": !query.instant, "editorMode": "code",
            })
        };
        ('A'..='Z').zip(&self.queries).map(target).collect::<Vec<_>>().into()
    }

    fn defaults(&self) -> Value {
        let mut defaults = Map::new();
        let mut set = |key: &str, value: Value| drop(defaults.insert(key.to_owned(), value));
        if self.unit != Unit::Text {
            set("unit", self.unit.id().into());
        }
        if self.unit == Unit::Count && matches!(self.kind, Kind::Stat) {
            set("decimals", 0.into());
        }
        let (min, max) = self.bounds;
        if let Some(min) = min {
            set("min", min.into());
        }
        if let Some(max) = max {
            set("max", max.into());
        }
        // By place, not by name: two of six lines never look alike.
        let mode = match self.kind {
            Kind::Lines { .. } => "palette-classic",
            _ => "thresholds",
        };
        set("color", json!({"mode": mode}));
        set("thresholds", self.limits.json());
        if let Some(text) = self.empty {
            set("noValue", text.into());
        }
        if let Some(drill) = &self.drill {
            set("links", json!([drill.json()]));
        }
        match self.kind {
            Kind::Timeline(states) => {
                let named = states.iter().enumerate().map(|(index, (value, name, colour))| {
                    ((*value).to_owned(), json!({"text": name, "color": colour.name(), "index": index}))
                });
                set("mappings", json!([{"type": "value", "options": Value::Object(named.collect())}]));
                set("custom", json!({"fillOpacity": 80, "lineWidth": 0}));
            }
            Kind::Lines { stacked } => set("custom", self.drawn(stacked)),
            Kind::Table(_) => set(
                "custom",
                json!({"align": "auto", "cellOptions": {"type": "auto"}, "filterable": false, "inspect": false}),
            ),
            _ => (),
        }
        defaults.into()
    }

    fn drawn(&self, stacked: bool) -> Value {
        let limits = if self.limits == Limits::None { "off" } else { "dashed" };
        json!({
            "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": if stacked { 0 } else { 2 },
            "fillOpacity": if stacked { 70 } else { 8 }, "gradientMode": "none", "showPoints": "never", "pointSize": 5,
            "spanNulls": false, "axisPlacement": "auto", "axisLabel": "", "axisBorderShow": false,
            "stacking": {"mode": if stacked { "normal" } else { "none" }, "group": "A"},
            "thresholdsStyle": {"mode": limits},
        })
    }

    fn overrides(&self) -> Value {
        let named = |name: &str, properties: Value| json!({"matcher": {"id": "byName", "options": name}, "properties": properties});
        let mut overrides: Vec<_> = Vec::new();
        if let Kind::Table(columns) = &self.kind {
            overrides.extend(columns.iter().map(|column| named(column.name, column.properties())));
        }
        for (name, colour) in &self.colours {
            let colour = json!({"mode": "fixed", "fixedColor": colour.name()});
            overrides.push(named(name, json!([{"id": "color", "value": colour}])));
        }
        for (name, limits) in &self.limits_of {
            overrides.push(named(name, json!([{"id": "thresholds", "value": limits.json()}])));
        }
        for end in &self.negative {
            overrides.push(json!({
                "matcher": {"id": "byRegexp", "options": format!("/{end}$/")},
                "properties": [{"id": "custom.transform", "value": "negative-Y"}],
            }));
        }
        overrides.into()
    }

    fn options(&self) -> Value {
        let last = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
        match self.kind {
            Kind::Lines { .. } => json!({
                "legend": {"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            Kind::Stat => json!({
                "reduceOptions": last, "colorMode": "background_solid", "graphMode": "none", "justifyMode": "center",
                "orientation": "vertical", "textMode": "value_and_name", "wideLayout": false,
                "showPercentChange": false, "percentChangeColorMode": "standard",
            }),
            Kind::Bars => json!({
                "reduceOptions": last, "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true,
                "valueMode": "color", "namePlacement": "top", "sizing": "manual",
                "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 46, "text": {"titleSize": 13, "valueSize": 15},
                "legend": {"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": []},
            }),
            Kind::Table(_) => json!({"showHeader": true, "cellHeight": "sm"}),
            Kind::Timeline(_) => json!({
                "mergeValues": true, "showValue": "never", "rowHeight": 0.85, "alignValue": "left",
                "legend": {"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []},
                "tooltip": {"mode": "single", "sort": "none"},
            }),
            Kind::Logs(_) => json!({
                "showTime": true, "showLabels": false, "showCommonLabels": false, "wrapLogMessage": true,
                "prettifyLogMessage": false, "enableLogDetails": true, "dedupStrategy": "none", "sortOrder": "Descending",
            }),
        }
    }

    /// The name that Grafana gives what a column shows.
    fn source(&self, column: &Column) -> String {
        // The only query's values have no letter.
        if self.queries.len() == 1 && column.from == "Value #A" {
            return "Value".to_owned();
        }
        column.from.clone()
    }

    /// One row for each set of labels, its columns named and in order.
    fn transformations(&self, columns: &[Column]) -> Value {
        let renamed: Map<_, _> =
            columns.iter().map(|column| (self.source(column), column.name.into())).collect();
        let places: Map<_, _> =
            columns.iter().enumerate().map(|(place, column)| (self.source(column), place.into())).collect();
        let shown: Vec<_> = columns.iter().map(|column| self.source(column)).collect();
        let values = ('A'..='Z').take(self.queries.len()).map(|letter| format!("Value #{letter}"));
        let values = values.chain(["Value".to_owned()]).filter(|values| !shown.contains(values));
        let left_out: Map<_, _> =
            values.chain(["Time".to_owned()]).map(|values| (values, true.into())).collect();
        let mut all = vec![json!({"id": "merge", "options": {}})];
        all.push(json!({
            "id": "organize",
            "options": {"excludeByName": left_out, "indexByName": places, "renameByName": renamed},
        }));
        if let Some((column, descending)) = self.sort {
            let by = json!([{"field": column, "desc": descending}]);
            all.push(json!({"id": "sortBy", "options": {"fields": {}, "sort": by}}));
        }
        all.into()
    }
}
