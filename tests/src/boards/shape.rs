//! Counts, places and links: six panels in view, three rows of six, everything reachable.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use super::board::{Board, Finding, Panel, list, text};

/// Panels in view, and in each row.
const PANELS: usize = 6;
/// Collapsed rows.
const ROWS: usize = 3;
/// Columns of a table.
const COLUMNS: usize = 6;
/// Units of the grid that a screen of 1920x1080 shows below the head of the page; a unit is 38 pixels.
const SCREEN: u64 = 24;
const GRID: u64 = 24;
/// The board that is one screen.
const HOME: &str = "swarmscope-home";

/// The rules of this file.
pub const RULES: [&str; 8] = ["columns", "grid", "ids", "links", "panels", "rows", "screen", "uid"];

/// Checks all boards, which link to each other.
pub fn check(boards: &[Board]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut uids = BTreeSet::new();
    let pattern = Regex::new("^[a-z0-9-]{8,40}$").expect("a pattern");
    for board in boards {
        let uid = board.uid();
        let fine = pattern.is_match(text(&board.json, "/uid"));
        if !fine || !uids.insert(uid.clone()) {
            found.push(board.finding(
                "uid",
                "uid",
                format!("{uid:?}: want one of its own, 8 to 40 of a-z, 0-9 and -"),
            ));
        }
        found.extend(counts(board));
        found.extend(places(board));
        found.extend(links(board, boards));
    }
    found
}

fn counts(board: &Board) -> Vec<Finding> {
    let mut found = Vec::new();
    let in_view = board.in_view();
    if in_view.len() > PANELS {
        found.push(board.finding("panels", "panels", format!("{} in view: want {PANELS}", in_view.len())));
    }
    let rows = board.rows();
    if rows.len() > ROWS {
        found.push(board.finding("rows", "panels", format!("{} rows: want {ROWS}", rows.len())));
    }
    for row in rows {
        let (title, inside) = (text(row, "/title"), list(row, "/panels").len());
        let field = format!("row \"{title}\"");
        if row["collapsed"] != true || !title.ends_with('?') {
            found.push(board.finding("rows", &field, "want it collapsed, and named by a question"));
        }
        if inside == 0 || inside > PANELS {
            found.push(board.finding("panels", &field, format!("{inside} panels: want 1 to {PANELS}")));
        }
    }
    if board.uid() == HOME {
        let lowest = in_view.iter().map(|panel| place(panel.json)[1] + place(panel.json)[3]).max();
        if lowest.unwrap_or_default() > SCREEN || !board.rows().is_empty() {
            let problem = format!("it ends at {lowest:?}: want one screen, {SCREEN} units, without rows");
            found.push(board.finding("screen", "panels", problem));
        }
    }
    for panel in board.panels() {
        let columns = columns(panel).len();
        if columns > COLUMNS {
            found.push(panel.finding(
                "columns",
                "transformations",
                format!("{columns} columns: want {COLUMNS}"),
            ));
        }
    }
    found
}

/// The columns that a table shows, by the order that it gives them.
fn columns(panel: Panel<'_>) -> Vec<&str> {
    let organize = list(panel.json, "/transformations").iter().find(|step| step["id"] == "organize");
    let names = organize.and_then(|step| step.pointer("/options/indexByName")).and_then(Value::as_object);
    names.map(|names| names.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// x, y, width and height.
fn place(panel: &Value) -> [u64; 4] {
    ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().unwrap_or_default())
}

fn places(board: &Board) -> Vec<Finding> {
    let mut found = Vec::new();
    let all = || list(&board.json, "/panels").iter();
    let everything = || all().chain(board.rows().into_iter().flat_map(|row| list(row, "/panels")));
    let mut ids = BTreeSet::new();
    for panel in everything() {
        let id = panel["id"].as_u64().unwrap_or_default();
        if id == 0 || !ids.insert(id) {
            found.push(Panel { board, json: panel }.finding(
                "ids",
                "id",
                format!("{id}: want a number of its own"),
            ));
        }
        let [x, _, width, height] = place(panel);
        if width == 0 || height == 0 || x + width > GRID {
            let problem = format!("{}: want it inside {GRID} columns", panel["gridPos"]);
            found.push(Panel { board, json: panel }.finding("grid", "gridPos", problem));
        }
    }
    // What is in a row is not seen with what is in others.
    let seen = std::iter::once(all().collect::<Vec<_>>());
    let groups = seen.chain(board.rows().into_iter().map(|row| list(row, "/panels").iter().collect()));
    for group in groups {
        for (index, one) in group.iter().enumerate() {
            for other in &group[index + 1..] {
                if overlap(place(one), place(other)) {
                    let problem = format!("it overlaps \"{}\"", text(other, "/title"));
                    found.push(Panel { board, json: one }.finding("grid", "gridPos", problem));
                }
            }
        }
    }
    found
}

fn overlap([x, y, w, h]: [u64; 4], [other_x, other_y, other_w, other_h]: [u64; 4]) -> bool {
    x < other_x + other_w && other_x < x + w && y < other_y + other_h && other_y < y + h
}

/// What Grafana replaces in the URL of a link.
const MACROS: [&str; 4] = ["__url_time_range", "datasource:queryparam", "logs:queryparam", "__all_variables"];

fn links(board: &Board, boards: &[Board]) -> Vec<Finding> {
    let variables: BTreeMap<_, Vec<_>> =
        boards.iter().map(|board| (board.uid(), board.own_variables())).collect();
    let mut found = Vec::new();
    for url in urls(&board.json) {
        if let Err(problem) = link(url, &variables, board) {
            found.push(board.finding("links", url, problem));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// All URLs anywhere in it.
fn urls(json: &Value) -> Vec<&str> {
    match json {
        Value::Object(members) => {
            let own = members.get("url").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(urls)).collect()
        }
        Value::Array(items) => items.iter().flat_map(urls).collect(),
        _ => Vec::new(),
    }
}

/// A link to Kibana keeps the service and the time.
fn kibana(path: &str, from: &Board) -> Result<(), String> {
    for (wanted, known) in [("kibana", true), ("service", path.contains("${service:regex}"))] {
        if !known || !from.variables().iter().any(|variable| text(variable, "/name") == wanted) {
            return Err(format!("want the variable {wanted}, and that the link uses it"));
        }
    }
    let time = "_g=(time:(from:'${__from:date:iso}',to:'${__to:date:iso}'))";
    if path.starts_with("app/") && path.contains(time) {
        Ok(())
    } else {
        Err(format!("want app/ and {time}"))
    }
}

fn link(url: &str, variables: &BTreeMap<String, Vec<&str>>, from: &Board) -> Result<(), String> {
    if let Some(path) = url.strip_prefix("${kibana:raw}/") {
        return kibana(path, from);
    }
    let Some(path) = url.strip_prefix("/d/") else {
        return if url.starts_with("https://") {
            Ok(())
        } else {
            Err("want /d/<uid>, ${kibana:raw}/app/ or https://".to_owned())
        };
    };
    let (uid, query) = path.split_once('?').unwrap_or((path, ""));
    let there = variables.get(uid).ok_or_else(|| format!("there is no board {uid}"))?;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        if let Some((name, value)) = parameter.strip_prefix("var-").and_then(|rest| rest.split_once('=')) {
            if !there.contains(&name) {
                return Err(format!("{uid} has no variable {name}"));
            }
            let series = value.starts_with("${__field.labels.") || value.starts_with("${__data.fields[");
            let own = value.strip_prefix("${").and_then(|rest| rest.split([':', '}']).next());
            if !series && own.is_some_and(|own| !from.own_variables().contains(&own)) {
                return Err(format!("{value} is no variable of the board"));
            }
            continue;
        }
        let known = parameter.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        if !known.is_some_and(|name| MACROS.contains(&name)) {
            return Err(format!("{parameter}: want one of {MACROS:?} or var-NAME=VALUE"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boards::testing::{board, rules};

    fn found(change: impl FnOnce(&mut Value)) -> Vec<&'static str> {
        rules(&check(&[board(change)]))
    }

    #[test]
    fn a_small_board_passes() {
        assert_eq!(found(|_| ()), [""; 0]);
    }

    #[test]
    fn faults_are_found() {
        type Change = fn(&mut Value);
        let changes: [(&str, Change); 10] = [
            ("uid", |b| {
                b["uid"] = "Short".into();
                b["links"][0]["url"] = "/d/Short".into();
            }),
            ("ids", |b| b["panels"][1]["id"] = 1.into()),
            ("grid", |b| b["panels"][1]["gridPos"]["x"] = 7.into()),
            ("grid", |b| b["panels"][1]["gridPos"]["w"] = 17.into()),
            ("links", |b| b["links"][0]["url"] = "/d/nowhere".into()),
            ("links", |b| b["links"][0]["url"] = "/d/small-board?var-other=x".into()),
            ("links", |b| b["links"][0]["url"] = "/d/small-board?${__all}".into()),
            ("links", |b| b["links"][0]["url"] = "${kibana:raw}/app/discover".into()),
            ("rows", |b| b["panels"][2]["title"] = "No question".into()),
            ("panels", |b| b["panels"][2]["panels"] = Value::Array(Vec::new())),
        ];
        for (rule, change) in changes {
            assert_eq!(found(change), [rule]);
        }
    }

    #[test]
    fn too_much_is_told() {
        let many = |b: &mut Value| {
            let panels = (0..7).map(|n| {
                let mut panel = b["panels"][0].clone();
                panel["id"] = (n + 10).into();
                panel["gridPos"]["y"] = (n * 10).into();
                panel
            });
            b["panels"] = panels.collect();
        };
        let found = check(&[board(many)]);
        assert_eq!(rules(&found), ["panels"]);
        assert_eq!(found[0].to_string(), "small-board, panels: 7 in view: want 6 [panels]");
        let home = check(&[board(|b| {
            many(b);
            b["uid"] = HOME.into();
            b["links"][0]["url"] = "/d/swarmscope-home".into();
        })]);
        assert_eq!(rules(&home), ["panels", "screen"]);
    }
}
