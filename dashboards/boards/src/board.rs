//! A board: six panels in view, and at most three rows of six behind one question each.

use serde_json::{Value, json};

use crate::annotation::{self, Scope};
use crate::link::{self, Id};
use crate::panel::{Panel, Size};
use crate::variable::{self, Variable};

/// The version of Grafana's format.
const SCHEMA: u32 = 41;
/// In view: three beside each other, two below each other.
const IN_VIEW: Size = Size { width: 8, height: 10 };
/// In a row that is opened.
const IN_ROW: Size = Size { width: 8, height: 8 };
const GRID: u32 = 24;

/// A collapsed row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub question: &'static str,
    /// At most six.
    pub panels: Vec<Panel>,
}

/// A board.
#[derive(Debug, Clone)]
pub struct Board {
    /// Which.
    pub id: Id,
    /// The question that it answers.
    pub question: &'static str,
    /// What operators choose.
    pub variables: Vec<Variable>,
    /// Which marks its graphs have.
    pub scope: Scope,
    /// Whether it leads to Kibana, with `$service` and the time kept.
    pub kibana: bool,
    /// At most six.
    pub panels: Vec<Panel>,
    /// At most three.
    pub rows: Vec<Row>,
}

impl Board {
    /// Grafana's classic JSON.
    pub fn json(&self) -> Value {
        let mut ids = 1..;
        let mut panels = Vec::new();
        let end = place(&mut panels, &self.panels, IN_VIEW, 0, &mut ids);
        for (y, row) in (end..).zip(&self.rows) {
            let id = ids.next().unwrap_or_default();
            let mut inside = Vec::new();
            place(&mut inside, &row.panels, IN_ROW, y + 1, &mut ids);
            panels.push(json!({
                "id": id, "type": "row", "title": row.question, "collapsed": true, "panels": inside,
                "gridPos": {"x": 0, "y": y, "w": GRID, "h": 1},
            }));
        }
        let mut variables = variable::data_sources().to_vec();
        variables.extend(self.variables.iter().map(Variable::json));
        let mut links = link::of_board(self.id);
        if self.kibana {
            variables.push(variable::kibana());
            links.push(link::kibana());
        }
        json!({
            "uid": self.id.uid(), "title": format!("Swarmscope {}", self.id.name().to_lowercase()),
            "description": self.question, "tags": ["swarmscope"], "schemaVersion": SCHEMA, "version": 1,
            "editable": false, "graphTooltip": 1, "fiscalYearStartMonth": 0, "weekStart": "", "liveNow": false,
            "timezone": "browser", "time": {"from": "now-1h", "to": "now"}, "refresh": "30s", "timepicker": {},
            "templating": {"list": variables}, "annotations": {"list": annotation::all(self.scope)},
            "links": links, "panels": panels,
        })
    }
}

/// Puts panels beside each other until a line is full; where the next line would be.
fn place(
    into: &mut Vec<Value>,
    panels: &[Panel],
    usual: Size,
    top: u32,
    ids: &mut impl Iterator<Item = u32>,
) -> u32 {
    let (mut x, mut y, mut height) = (0, top, 0);
    for panel in panels {
        let size = panel.size().unwrap_or(usual);
        if x + size.width > GRID {
            (x, y, height) = (0, y + height, 0);
        }
        into.push(panel.json(ids.next().unwrap_or_default(), x, y, size));
        x += size.width;
        height = height.max(size.height);
    }
    y + height
}
