//! Panels as Grafana's JSON has them.

use serde_json::{Map, Value, json};

use super::{Column, Kind, Panel, Size};
use crate::link;
use crate::query::Query;
use crate::style::{Limits, Unit};

impl Panel {
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
