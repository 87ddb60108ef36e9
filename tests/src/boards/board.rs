//! Boards as they are in `dashboards/`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file of `dashboards/`.
#[derive(Debug, Clone)]
pub struct Board {
    /// Its file.
    pub file: PathBuf,
    /// What is in it.
    pub json: Value,
}

/// A panel that draws something.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'b> {
    /// Its board.
    pub board: &'b Board,
    /// Itself.
    pub json: &'b Value,
}

/// A query of a panel, or of an annotation.
#[derive(Debug, Clone, Copy)]
pub struct Target<'b> {
    /// Its place among the panel's.
    pub index: usize,
    /// Itself.
    pub json: &'b Value,
}

/// Something that is wrong with a board.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The board's uid, or its file where it has none.
    pub board: String,
    /// The panel's title; empty if it is of the whole board.
    pub panel: String,
    /// The rule.
    pub rule: &'static str,
    /// Where in the panel, or in the board.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { board, panel, rule, field, problem } = self;
        let panel = if panel.is_empty() { String::new() } else { format!(", panel \"{panel}\"") };
        write!(f, "{board}{panel}, {field}: {problem} [{rule}]")
    }
}

/// The text at a path, or an empty one.
pub fn text<'v>(json: &'v Value, path: &str) -> &'v str {
    json.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a path, or an empty one.
pub fn list<'v>(json: &'v Value, path: &str) -> &'v [Value] {
    json.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Board {
    /// All of the project's.
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards");
        let files =
            fs::read_dir(&folder).expect("the folder of the boards").flatten().map(|entry| entry.path());
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        files.sort();
        assert!(!files.is_empty(), "no board in {}", folder.display());
        files.into_iter().map(Self::read).collect()
    }

    fn read(file: PathBuf) -> Self {
        let text = fs::read_to_string(&file).expect("a board");
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self { file, json }
    }

    /// Its uid; the file's name where it has none.
    pub fn uid(&self) -> String {
        let uid = text(&self.json, "/uid");
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        if uid.is_empty() { file.into_owned() } else { uid.to_owned() }
    }

    /// Panels in view, without rows.
    pub fn in_view(&self) -> Vec<Panel<'_>> {
        let drawn = list(&self.json, "/panels").iter().filter(|panel| text(panel, "/type") != "row");
        drawn.map(|json| Panel { board: self, json }).collect()
    }

    /// Its rows.
    pub fn rows(&self) -> Vec<&Value> {
        list(&self.json, "/panels").iter().filter(|panel| text(panel, "/type") == "row").collect()
    }

    /// All panels, those in rows too.
    pub fn panels(&self) -> Vec<Panel<'_>> {
        let inside = self.rows().into_iter().flat_map(|row| list(row, "/panels"));
        let inside = inside.map(|json| Panel { board: self, json });
        self.in_view().into_iter().chain(inside).collect()
    }

    /// Its variables.
    pub fn variables(&self) -> &[Value] {
        list(&self.json, "/templating/list")
    }

    /// The names of the variables by which an operator narrows it.
    pub fn own_variables(&self) -> Vec<&str> {
        let of_data = |variable: &&Value| !["datasource", "textbox"].contains(&text(variable, "/type"));
        let own = self.variables().iter().filter(of_data);
        own.map(|variable| text(variable, "/name")).collect()
    }

    /// Its annotations.
    pub fn annotations(&self) -> &[Value] {
        list(&self.json, "/annotations/list")
    }

    /// Something that is wrong with the board itself.
    pub fn finding(
        &self,
        rule: &'static str,
        field: impl Into<String>,
        problem: impl Into<String>,
    ) -> Finding {
        Finding {
            board: self.uid(),
            panel: String::new(),
            rule,
            field: field.into(),
            problem: problem.into(),
        }
    }
}

impl<'b> Panel<'b> {
    /// Its title.
    pub fn title(&self) -> &'b str {
        text(self.json, "/title")
    }

    /// Its type.
    pub fn kind(&self) -> &'b str {
        text(self.json, "/type")
    }

    /// Whether it asks Prometheus.
    pub fn is_of_prometheus(&self) -> bool {
        text(self.json, "/datasource/type") == "prometheus"
    }

    /// Its queries.
    pub fn targets(&self) -> Vec<Target<'b>> {
        let targets = list(self.json, "/targets").iter().enumerate();
        targets.map(|(index, json)| Target { index, json }).collect()
    }

    /// Something that is wrong with it.
    pub fn finding(
        &self,
        rule: &'static str,
        field: impl Into<String>,
        problem: impl Into<String>,
    ) -> Finding {
        let title = self.title();
        let panel = if title.is_empty() { format!("number {}", self.json["id"]) } else { title.to_owned() };
        Finding { panel, ..self.board.finding(rule, field, problem) }
    }
}

impl<'b> Target<'b> {
    /// The expression.
    pub fn expression(&self) -> &'b str {
        text(self.json, "/expr")
    }

    /// Whether it is asked for the end of the range alone.
    pub fn is_instant(&self) -> bool {
        self.json["instant"] == true
    }

    /// Where it is in its panel.
    pub fn field(&self, name: &str) -> String {
        format!("targets[{}].{name}", self.index)
    }
}
