//! The boards as an operator sees them: drawn by the viewer in a real browser, over a real Prometheus.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use e2e::agent::Agent;
use e2e::boards::board::Board;
use e2e::boards::exclusions::Exclusions;
use e2e::boards::lab::Lab;
use e2e::browser::Browser;
use e2e::http::{basic, get, get_with, send};
use e2e::prometheus::Prometheus;
use e2e::search::PASSWORD;
use e2e::viewer::{self, Drawn, draw, drawn, picture};
use e2e::wait::{LIMIT, ensure, until};
use serde_json::{Value, json};

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;

/// Where pictures of a run are kept.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/boards")
}

/// Every board with all its rows open, over everything that the lab shows: nothing is wrong, and nothing is empty but what
/// may be. The pictures are for people.
#[test]
fn every_board_is_drawn() {
    let lab = Lab::start("drawn", 28);
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    fs::write(&password, PASSWORD).expect("a file");
    let asked = [
        format!("--prometheus.url={}", lab.prometheus().url()),
        "--prometheus.scrape-interval=2s".to_owned(),
        format!("--elasticsearch.url=http://{}", lab.search().address()),
        "--elasticsearch.username=elastic".to_owned(),
        format!("--elasticsearch.password-file={}", password.display()),
    ];
    let viewer = viewer::start(&viewer::boards(), &asked.each_ref().map(String::as_str));
    let mut browser = Browser::start(WIDTH, HEIGHT);
    let exclusions = Exclusions::read();
    let boards = Board::all();
    assert!(boards.len() >= 10, "{} boards", boards.len());
    let mut problems = Vec::new();
    let end = Instant::now() + LIMIT / 2;
    for board in &boards {
        let uid = board.uid();
        let path = format!("/d/{uid}?from=now-2m&to=now&rows=open");
        let mut found = Vec::new();
        until(LIMIT, &uid, || {
            let drawn = draw(&mut browser, &viewer, &path);
            assert_eq!(drawn.panels().len(), board.panels().len(), "{uid}: {}", drawn.report);
            found = drawn.problems(|title| exclusions.cover("empty", &uid, title));
            // What is slow to come may come yet; what is wrong stays wrong.
            let slow = !found.is_empty() && found.iter().all(|problem| problem.contains("no data;"));
            ensure(!slow || Instant::now() > end, found.join("\n"))
        });
        let name = board.file.with_extension("png");
        picture(&mut browser, &pictures().join(name.file_name().expect("a name")), WIDTH, HEIGHT);
        problems.extend(found.into_iter().map(|problem| format!("{uid}: {problem}")));
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));

    let home = draw(&mut browser, &viewer, "/d/swarmscope-home?from=now-5m&to=now");
    assert!(home.report["annotations"]["marks"].as_u64() > Some(0), "deploys are marked: {}", home.report);
    let height = browser.evaluate("document.documentElement.scrollHeight").as_u64();
    assert!(height <= Some(u64::from(HEIGHT)), "home is {height:?} pixels high");
    let logs = draw(&mut browser, &viewer, "/d/swarmscope-logs?from=now-5m&to=now");
    assert!(logs.panels().iter().any(|panel| panel["type"] == "logs"), "{}", logs.report);
    let lines = browser.evaluate("document.querySelectorAll('[data-log-row]').length").as_u64();
    assert!(lines > Some(0), "lines of the search engine");
}

/// Panels of every kind that is drawn, and of every fault that stays in its place.
mod faults {
    use serde_json::{Value, json};

    fn panel(id: u32, kind: &str, title: &str, expr: &str) -> Value {
        json!({
            "id": id, "type": kind, "title": title, "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "gridPos": {"x": (id % 6) * 4, "y": (id / 6) * 6, "w": 4, "h": 6},
            "fieldConfig": {"defaults": {"unit": "short"}, "overrides": []},
            "targets": [{"refId": "A", "expr": expr, "legendFormat": "{{job}}"}],
        })
    }

    fn changed(mut panel: Value, pointer: &str, value: Value) -> Value {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        panel.pointer_mut(parent).expect("a parent")[name] = value;
        panel
    }

    /// The board.
    pub(super) fn board() -> Value {
        let up = "up{job=~\"$job\"}";
        let override_of = |id: &str| json!([{"matcher": {"id": "byName", "options": id}, "properties": [{"id": "unit", "value": "s"}]}]);
        let mut logs = panel(13, "logs", "Logs without a search engine", "");
        logs["datasource"] = json!({"type": "elasticsearch", "uid": "elasticsearch"});
        let mut text = panel(7, "text", "Text", "");
        text["options"] = json!({"mode": "markdown", "content": "Jobs: **$job**"});
        let timeseries = panel(0, "timeseries", "Lines", up);
        let table = changed(panel(4, "table", "Table", up), "/targets/0/format", json!("table"));
        let table = changed(table, "/targets/0/instant", json!(true));
        // A row of its own, as its copies share it.
        let repeated = panel(24, "timeseries", "Repeated $job", "up{job=\"$job\"}");
        let panels = vec![
            timeseries,
            panel(1, "stat", "Stat", up),
            panel(2, "gauge", "Gauge", up),
            panel(3, "bargauge", "Bars", up),
            table,
            panel(5, "state-timeline", "States", up),
            changed(repeated, "/repeat", json!("job")),
            text,
            panel(8, "piechart", "Unknown type", up),
            panel(9, "timeseries", "Bad query", "up{"),
            changed(panel(10, "timeseries", "Unknown source", up), "/datasource/uid", json!("nowhere")),
            panel(11, "timeseries", "Variable without values", "up{job=\"$nothing\"}"),
            changed(
                panel(12, "stat", "Empty", "absent_metric"),
                "/fieldConfig/defaults/noValue",
                json!("Nothing of it"),
            ),
            logs,
            changed(
                panel(14, "table", "Unknown transformation", up),
                "/transformations",
                json!([{"id": "spatial", "options": {}}]),
            ),
            changed(panel(15, "stat", "Idle override", up), "/fieldConfig/overrides", override_of("nobody")),
            changed(panel(16, "stat", "Unknown option", up), "/options", json!({"colourMode": "value"})),
            changed(panel(17, "stat", "Unknown unit", up), "/fieldConfig/defaults/unit", json!("furlongs")),
            json!({"id": 30, "type": "row", "title": "Closed", "collapsed": true, "gridPos": {"x": 0, "y": 30, "w": 24, "h": 1},
                "panels": [panel(31, "timeseries", "Below", up)]}),
        ];
        json!({
            "uid": "faults", "title": "Faults", "schemaVersion": 41, "timezone": "utc", "time": {"from": "now-2m", "to": "now"},
            "links": [{"type": "link", "title": "Other", "url": "/d/other", "includeVars": true, "keepTime": true},
                {"type": "link", "title": "Elsewhere", "url": "${elsewhere:raw}/app#/view?_g=(from:'${__from:date:iso}')&q=%2F${job:regex}%2F", "targetBlank": true}],
            "annotations": {"list": [{"name": "Up", "enable": true, "iconColor": "purple", "datasource": {"uid": "${datasource}"}, "expr": "up == 1", "step": "2s", "titleFormat": "{{job}}"},
                {"name": "Begin", "enable": true, "iconColor": "green", "datasource": {"uid": "${datasource}"}, "expr": "max(process_start_time_seconds{job=~\"$job\"}) * 1000", "step": "2s", "useValueForTime": true, "titleFormat": "Begin"}]},
            "templating": {"list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}},
                {"name": "job", "type": "query", "datasource": {"uid": "${datasource}"}, "query": {"qryType": 1, "query": "label_values(up, job)", "refId": "x"}, "multi": true, "includeAll": true, "current": {}},
                {"name": "elsewhere", "type": "textbox", "query": "http://kibana:5601", "current": {"text": "http://kibana:5601", "value": "http://kibana:5601"}},
                {"name": "nothing", "type": "query", "datasource": {"uid": "${datasource}"}, "query": "label_values(absent_metric, job)", "current": {}},
            ]},
            "panels": panels,
        })
    }
}

fn error_of<'d>(drawn: &'d Drawn, title: &str) -> &'d str {
    drawn.panel(title)["error"].as_str().unwrap_or_default()
}

#[test]
fn a_fault_stays_in_its_panel() {
    let prometheus = Prometheus::configured(
        "  - {job_name: one, static_configs: [{targets: [SELF]}]}\n  - {job_name: two, static_configs: [{targets: [SELF]}]}\n",
    );
    prometheus.expect("count_over_time(up[1m]) > 3", 2);
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("a file");
    write("faults.json", faults::board().to_string());
    let mut other = faults::board();
    other["uid"] = json!("other");
    other["title"] = json!("Other");
    write("other.json", other.to_string());
    write("broken.json", "{\"uid\": ".to_owned());
    let asked =
        [format!("--prometheus.url={}", prometheus.url()), "--prometheus.scrape-interval=2s".to_owned()];
    let viewer = viewer::start(folder.path(), &asked.each_ref().map(String::as_str));
    let mut browser = Browser::start(WIDTH, HEIGHT);
    let faults = draw(&mut browser, &viewer, "/d/faults");
    picture(&mut browser, &pictures().join("faults.png"), WIDTH, HEIGHT);

    for title in ["Lines", "Stat", "Gauge", "Bars", "Table", "States", "Text", "Repeated one", "Repeated two"]
    {
        let panel = faults.panel(title);
        assert!(
            panel["error"].is_null() && panel["empty"].is_null() && panel["problems"] == json!([]),
            "{panel}"
        );
    }
    for (title, error) in [
        ("Unknown type", "panel type piechart"),
        ("Bad query", "query A: "),
        ("Unknown source", "unknown data source nowhere"),
        ("Variable without values", "variable nothing: no values: label_values(absent_metric, job)"),
        ("Logs without a search engine", "unknown data source elasticsearch"),
        ("Unknown transformation", "transformation spatial"),
    ] {
        assert!(error_of(&faults, title).contains(error), "{title}: {}", faults.panel(title));
    }
    assert_eq!(faults.panel("Empty")["empty"], "Nothing of it");
    for (title, problem) in [
        ("Idle override", "override byName \"nobody\" matches no field"),
        ("Unknown option", "unknown option options.colourMode"),
        ("Unknown unit", "unknown unit furlongs"),
    ] {
        let problems = faults.panel(title)["problems"].to_string().replace("\\\"", "\"");
        assert!(problems.contains(problem), "{title}: {problems}");
    }
    // Each of them is told; nothing else is.
    let problems = faults.problems(|_| false);
    for title in ["Unknown type", "Bad query", "Empty", "Idle override", "Unknown unit"] {
        assert!(
            problems.iter().any(|p| p.starts_with(&format!("panel {title:?}"))),
            "{title}: {problems:#?}"
        );
    }
    let others: Vec<_> =
        faults.complaints.iter().filter(|c| !c.contains("query") || !c.contains("400")).collect();
    assert!(others.is_empty(), "{others:#?}");
    // Two jobs are up, and began at one moment, which each step tells.
    assert_eq!(faults.report["annotations"]["marks"], 3);

    shown_on_the_page(&mut browser);
    rows_open(&mut browser);
    links_keep_what_is_chosen(&mut browser, &viewer);
    values_are_shown_under_the_mouse(&mut browser, &viewer);
}

fn shown_on_the_page(browser: &mut Browser) {
    let text = browser.evaluate("document.body.innerText").to_string();
    for part in [
        "This is not Grafana",
        "broken.json is no board",
        "panel type piechart is not drawn",
        "Nothing of it",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

fn rows_open(browser: &mut Browser) {
    assert_eq!(browser.evaluate("document.querySelectorAll('[data-panel=\"31\"]').length"), 0);
    browser.click("[data-row=\"30\"]");
    let open = drawn(browser);
    assert!(open.panel("Below")["error"].is_null(), "{}", open.report);
    browser.click("[data-row=\"30\"]");
    browser.wait_for("document.querySelectorAll('[data-panel=\"31\"]').length === 0", "'the row is open'");
}

/// The time and the jobs in the link to another program.
fn elsewhere(browser: &mut Browser) -> String {
    let link =
        browser.evaluate("document.querySelector(\"header a[href^='http://kibana']\").getAttribute('href')");
    link.as_str().expect("a link").to_owned()
}

fn links_keep_what_is_chosen(browser: &mut Browser, viewer: &Agent) {
    let all = elsewhere(browser);
    assert!(all.starts_with("http://kibana:5601/app#/view?_g=(from:'20"), "{all}");
    assert!(all.ends_with("Z')&q=%2F(one|two)%2F"), "{all}");
    let one = draw(browser, viewer, "/d/faults?var-job=one&from=now-90s&to=now");
    assert_eq!(one.report["variables"]["job"]["values"], json!(["one"]));
    let link = elsewhere(browser);
    assert!(link.ends_with("&q=%2Fone%2F"), "{link}");
    assert!(one.panels().iter().all(|panel| panel["title"] != "Repeated two"), "{}", one.report);
    browser.click("header a[href^='/d/other']");
    browser.wait_for("window.__viewer?.board === 'other'", "location.href");
    let other = drawn(browser);
    assert_eq!(other.report["variables"]["job"]["values"], json!(["one"]));
    let address = browser.evaluate("location.search").to_string();
    assert!(address.contains("from=now-90s&to=now"), "{address}");
}

fn values_are_shown_under_the_mouse(browser: &mut Browser, viewer: &Agent) {
    let faults = draw(browser, viewer, "/d/faults");
    assert!(faults.panel("Lines")["error"].is_null());
    let at = browser.evaluate("(() => { const r = document.querySelector('[data-panel=\"0\"] .u-over').getBoundingClientRect(); return [r.x + r.width - 20, r.y + r.height / 2]; })()");
    let (x, y) = (at[0].as_f64().expect("a place"), at[1].as_f64().expect("a place"));
    browser.hover(x, y);
    browser.hover(x + 1.0, y);
    browser.wait_for("/\\d\\d:\\d\\d:\\d\\d[\\s\\S]*(one|two)/.test(document.querySelector('#portal-container, [data-portal], body').innerText)", "document.body.innerText.slice(-200)");
}

/// Only what boards ask for goes through, and only with the password.
#[test]
fn nothing_but_boards_is_served() {
    let prometheus = Prometheus::configured("  - {job_name: one, static_configs: [{targets: [SELF]}]}\n");
    prometheus.expect("up == 1", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("web.yml");
    // bcrypt of `secret`, cheap.
    fs::write(
        &users,
        "basic_auth_users:\n  admin: $2b$04$TA5YmtfSQ/sQnD0CtKbdpeVuwWMcHHzICraFJzw1wa1TcqCaLji8O\n",
    )
    .expect("a file");
    let asked = [
        format!("--prometheus.url={}", prometheus.url()),
        format!("--web.config.file={}", users.display()),
        "--elasticsearch.url=http://127.0.0.1:9".to_owned(),
    ];
    let viewer = viewer::start(&viewer::boards(), &asked.each_ref().map(String::as_str));
    let authorization = basic("admin", "secret");
    let headers = [("authorization", authorization.as_str())];
    for path in [
        "/",
        "/d/swarmscope-home",
        "/app/main.js",
        "/api/viewer",
        "/api/prometheus/query?query=up",
        "/metrics",
    ] {
        assert_eq!(get(&viewer.url(path)).expect("an answer").status, 401, "{path}");
        assert_eq!(get_with(&viewer.url(path), &headers).expect("an answer").status, 200, "{path}");
    }
    let answer = |path: &str| get_with(&viewer.url(path), &headers).expect("an answer");
    let up = answer("/api/prometheus/query?query=up").json();
    assert_eq!(up["data"]["result"][0]["metric"]["job"], "one");
    assert_eq!(answer("/api/prometheus/label/job/values").json()["data"], json!(["one"]));
    let start = prometheus.query("time()")[0].as_f64().expect("a time") - 60.0;
    let range =
        answer(&format!("/api/prometheus/query_range?query=up&start={start}&end={}&step=2", start + 60.0))
            .json();
    assert_eq!(range["data"]["resultType"], "matrix");
    for (path, status) in [
        ("/api/prometheus/status/config", 404),
        ("/api/prometheus/query", 400),
        ("/api/prometheus/query?query=up{", 400),
        ("/api/prometheus/query?query=up&debug=1", 400),
        ("/api/boards/nobody", 404),
        ("/api/logs/search?from=1&to=2&size=100000", 400),
        // Nobody listens there.
        ("/api/logs/search?from=1&to=2", 502),
        ("/app/..%2f..%2fCargo.toml", 404),
        ("/nothing", 404),
    ] {
        let found = answer(path);
        assert_eq!(found.status, status, "{path}: {}", found.body);
    }
    for path in ["/api/prometheus/query?query=up", "/api/logs/search", "/"] {
        let found = send("POST", &viewer.url(path), &headers, &Value::Null).expect("an answer");
        assert_eq!(found.status, 405, "{path}");
    }
    let metrics = answer("/metrics").body;
    until(LIMIT, "counters", || {
        let failed = "dashboard_viewer_questions_total{server=\"Elasticsearch\",outcome=\"failed\"} 1";
        ensure(metrics.contains(failed), metrics.clone())
    });
    assert_eq!(viewer.log().matches("level=warn message=\"does not answer\"").count(), 1, "{}", viewer.log());
}
