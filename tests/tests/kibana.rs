//! Kibana's objects: well formed as Kibana's import wants them, and each search asked of a real search engine with the
//! router's own template, by the request that Kibana would send. Kibana itself cannot be had here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use e2e::search::{Kind, SearchEngine};
use serde_json::{Value, json};

/// Where a source of a search is named.
const SOURCE: &str = "kibanaSavedObjectMeta.searchSourceJSON.index";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn objects() -> Vec<Value> {
    let text = fs::read_to_string(root().join("deploy/kibana/saved-objects.ndjson")).expect("the objects");
    let object = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("saved-objects.ndjson:{}: {error}", number + 1))
    };
    text.lines().enumerate().map(object).collect()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {object}"))
}

/// What is JSON in a string.
fn inner(object: &Value, pointer: &str) -> Value {
    let text = text(object, pointer);
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{pointer}: {error}: {text}"))
}

fn source(object: &Value) -> Value {
    inner(object, "/attributes/kibanaSavedObjectMeta/searchSourceJSON")
}

/// The index pattern that an object looks into.
fn pattern(objects: &[Value], object: &Value) -> String {
    let references = object["references"].as_array().expect("references");
    let view = references.iter().find(|r| r["name"] == SOURCE).expect("a data view");
    let view = objects.iter().find(|o| o["id"] == view["id"]).expect("the data view");
    text(view, "/attributes/title").to_owned()
}

/// Every key of a value and of the JSON in its strings.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        Value::String(text) if text.starts_with(['{', '[']) => {
            keys(&serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")), found);
        }
        _ => (),
    }
}

#[test]
fn every_object_is_as_the_import_wants_it() {
    let objects = objects();
    let kinds: BTreeMap<_, _> = objects.iter().map(|o| (text(o, "/id"), text(o, "/type"))).collect();
    assert_eq!(kinds.len(), objects.len(), "IDs are unique");
    for object in &objects {
        let (id, kind) = (text(object, "/id"), text(object, "/type"));
        assert!(id.starts_with("swarmscope-"), "{id}");
        let top: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
        let wanted =
            ["attributes", "coreMigrationVersion", "id", "references", "type", "typeMigrationVersion"];
        assert_eq!(top.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from(wanted), "{id}");
        // The oldest Kibana that is meant; a version of the object itself would tie it to one.
        assert_eq!(text(object, "/coreMigrationVersion"), "8.8.0", "{id}");
        let mut all = BTreeSet::new();
        keys(&object["attributes"], &mut all);
        for key in ["version", "updated_at", "created_at", "namespaces", "managed"] {
            assert!(!all.contains(key), "{id}: {key}");
        }
        let (migration, more): (&str, &[&str]) = match kind {
            "index-pattern" => ("8.0.0", &["name", "timeFieldName"]),
            "search" => ("8.0.0", &["description"]),
            "visualization" => ("8.5.0", &["description"]),
            "dashboard" => ("8.7.0", &["description"]),
            other => panic!("{id}: no object of type {other} is expected"),
        };
        assert_eq!(text(object, "/typeMigrationVersion"), migration, "{id}");
        for attribute in ["title"].iter().chain(more) {
            assert!(!text(object, &format!("/attributes/{attribute}")).is_empty(), "{id}: {attribute}");
        }
        for reference in object["references"].as_array().expect("references") {
            let target = kinds.get(text(reference, "/id")).copied();
            assert_eq!(target, reference["type"].as_str(), "{id}: {reference}");
        }
        if ["search", "visualization"].contains(&kind) {
            let source = source(object);
            assert_eq!(source["query"]["language"], "lucene", "{id}: the language of the test below");
            assert_eq!(source["indexRefName"], SOURCE, "{id}");
            pattern(&objects, object);
        }
        if kind == "dashboard" {
            panels(object);
        }
    }
}

fn panels(board: &Value) {
    let references: Vec<_> = board["references"].as_array().expect("references").clone();
    let panels = inner(board, "/attributes/panelsJSON");
    let panels = panels.as_array().expect("panels");
    assert!((1..=6).contains(&panels.len()) && panels.len() == references.len(), "six panels at most");
    let mut taken = BTreeSet::new();
    for (panel, reference) in panels.iter().zip(&references) {
        let index = text(panel, "/panelIndex");
        assert_eq!(text(reference, "/name"), format!("{index}:{}", text(panel, "/panelRefName")));
        assert_eq!(panel["type"], reference["type"]);
        assert_eq!(panel["gridData"]["i"], index);
        let number = |name: &str| panel["gridData"][name].as_u64().expect("a number");
        assert!(number("x") + number("w") <= 48, "{panel}");
        for x in number("x")..number("x") + number("w") {
            for y in number("y")..number("y") + number("h") {
                assert!(taken.insert((x, y)), "{panel} lies on another");
            }
        }
    }
    assert_eq!(board["attributes"]["timeRestore"], false, "the time of a link stays");
}

/// A line in each of the two forms in which log-router writes it.
struct Doc {
    service: &'static str,
    /// What stands behind the service's name in the container's.
    task: &'static str,
    node: &'static str,
    severity: usize,
    message: &'static str,
}

const SEVERITIES: [&str; 8] =
    ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];
const LEVELS: [&str; 8] = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

const fn doc(
    service: &'static str,
    task: &'static str,
    node: &'static str,
    severity: usize,
    message: &'static str,
) -> Doc {
    Doc { service, task, node, severity, message }
}

/// Their places in this list are their IDs.
const DOCS: [Doc; 10] = [
    doc("backend_api", "1.x7f2", "node-1", 6, "GET request to /demo/random-error"),
    doc("backend_api", "2.k3m9", "node-2", 3, "ERROR: Something, somewhere, went wrong!"),
    doc("backend_api", "1.x7f2", "node-1", 5, "no error here"),
    doc(
        "infra_proxy",
        "1.p0q1",
        "node-1",
        6,
        "10.0.0.1:5 [1/Jan/2026] http api/api1 0/0/0/1/1 200 217 - - ----",
    ),
    doc(
        "infra_proxy",
        "1.p0q1",
        "node-1",
        3,
        "10.0.0.1:5 [1/Jan/2026] http api/<NOSRV> 0/0/0/1/1 503 217 - - SC--",
    ),
    doc("db_db", "1.d4d4", "node-2", 2, "500 persons are too many"),
    doc("swarmscope_node-exporter", "n1.a1b2", "node-1", 4, "level=warn msg=\"something went wrong\""),
    doc("swarmscope_cluster", "1.c3d4", "node-2", 6, "listening"),
    doc("backend_worker", "1.w1w1", "node-2", 1, "Something, somewhere, went wrong!"),
    doc("db_db", "1.d4d4", "node-3", 0, "backend_api is gone"),
];

impl Doc {
    fn book(&self) -> Value {
        let name = format!("{}.{}", self.service, self.task);
        json!({
            "@timestamp": "2026-01-01T00:00:00.000Z", "message": self.message, "program": name, "host": self.node,
            "logsource": self.node, "severity": self.severity, "severity_label": SEVERITIES[self.severity],
            "docker": {"service": self.service, "task": name},
        })
    }

    fn ecs(&self) -> Value {
        let name = format!("{}.{}", self.service, self.task);
        json!({
            "@timestamp": "2026-01-01T00:00:00.000Z", "message": self.message, "program": name,
            "host": {"name": self.node}, "service": {"name": self.service},
            "log": {"level": LEVELS[self.severity]},
        })
    }
}

/// What each search must find.
fn expected(id: &str) -> &'static [usize] {
    match id {
        "all-logs" | "by-severity" | "lines-by-service" | "lines-by-node" => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "errors" | "errors-by-service" | "stream-errors" => &[1, 4, 5, 8, 9],
        "service" => &[0, 1, 2],
        "task" => &[0, 2],
        "node" => &[0, 2, 3, 4, 6],
        "proxy" => &[3, 4],
        "proxy-errors" => &[4],
        "demo-errors" => &[1],
        "agents" => &[6, 7],
        other => panic!("what must {other} find? Say it here"),
    }
}

/// The request of Kibana for a query in Lucene's language with a time range.
fn request(query: &str) -> Value {
    let matching = match query {
        "" => json!({"match_all": {}}),
        query => json!({"query_string": {"query": query, "analyze_wildcard": true, "time_zone": "UTC"}}),
    };
    let range = json!({"range": {"@timestamp": {"gte": "2025-12-31", "lte": "2026-01-02"}}});
    json!({"size": 100, "query": {"bool": {"must": [matching], "filter": [range]}}})
}

#[test]
fn each_search_finds_what_it_says() {
    let engine = SearchEngine::start(Kind::Elasticsearch8, "kibana", &[]);
    let templates = root().join("log-router/src/sink/elasticsearch");
    for (name, file) in [("book", "template.json"), ("stream", "data-stream.json")] {
        let template = fs::read_to_string(templates.join(file)).expect("the router's template");
        let template = serde_json::from_str(&template).expect("JSON");
        engine.must("PUT", &format!("/_index_template/{name}"), &template);
    }
    for (id, doc) in DOCS.iter().enumerate() {
        engine.must("PUT", &format!("/logstash-2026.01.01/_doc/{id}"), &doc.book());
        engine.must("PUT", &format!("/logs-docker-default/_create/{id}"), &doc.ecs());
    }
    engine.must("POST", "/logstash-*,logs-docker-*/_refresh", &Value::Null);

    let objects = objects();
    let mut asked = 0;
    for object in objects.iter().filter(|o| ["search", "visualization"].contains(&text(o, "/type"))) {
        let id = text(object, "/id").trim_start_matches("swarmscope-");
        let pattern = pattern(&objects, object);
        let known = engine.must("GET", &format!("/{pattern}/_field_caps?fields=*"), &Value::Null);
        let source = source(object);
        let mut request = request(text(&source, "/query/query"));
        if object["type"] == "search" {
            let columns = object["attributes"]["columns"].as_array().expect("columns").iter();
            let sort = object["attributes"]["sort"].as_array().expect("an order").iter().map(|s| &s[0]);
            for field in columns.chain(sort).filter_map(Value::as_str) {
                assert!(known["fields"].get(field).is_some(), "{id}: no field {field}");
            }
            request["sort"] = json!([{"@timestamp": "desc"}]);
        } else {
            request["aggs"] = aggregations(id, object, &known);
        }
        let answer = engine.must("POST", &format!("/{pattern}/_search"), &request);
        let hits = answer["hits"]["hits"].as_array().expect("hits");
        let mut found: Vec<usize> =
            hits.iter().map(|hit| text(hit, "/_id").parse().expect("a number")).collect();
        found.sort_unstable();
        assert_eq!(found, expected(id), "{id}: {request}");
        buckets(id, &answer);
        println!("{id}: {} of {} lines", found.len(), DOCS.len());
        asked += 1;
    }
    assert!(asked > 10, "{asked}");
}

/// A visualization's bars as the request for them; its fields can be added up.
fn aggregations(id: &str, object: &Value, known: &Value) -> Value {
    let state = inner(object, "/attributes/visState");
    assert_eq!(state["title"], object["attributes"]["title"], "{id}");
    let mut aggregations = json!({});
    for aggregation in state["aggs"].as_array().expect("aggregations") {
        let (kind, parameters) = (text(aggregation, "/type"), &aggregation["params"]);
        let field = &parameters["field"];
        if let Some(name) = field.as_str() {
            let kinds = known["fields"][name].as_object().unwrap_or_else(|| panic!("{id}: no field {name}"));
            assert!(kinds.values().all(|kind| kind["aggregatable"] == true), "{id}: {name}");
        }
        match kind {
            "count" => (),
            "terms" => {
                assert!(parameters["size"].as_u64().is_some_and(|size| size <= 6), "{id}: six plots at most");
                aggregations["terms"] = json!({"terms": {"field": field, "size": parameters["size"]}});
            }
            "date_histogram" => {
                aggregations["time"] = json!({"date_histogram": {"field": field, "fixed_interval": "1h"}});
            }
            other => panic!("{id}: {other}"),
        }
    }
    aggregations
}

/// The most frequent values.
fn buckets(id: &str, answer: &Value) {
    let found = answer.pointer("/aggregations/terms/buckets").and_then(Value::as_array);
    let found: Vec<_> = found
        .into_iter()
        .flatten()
        .map(|bucket| format!("{} {}", text(bucket, "/key"), bucket["doc_count"]))
        .collect();
    let wanted: &[&str] = match id {
        "by-severity" => &["Informational 3", "Error 2"],
        "errors-by-service" => &["db_db 2", "backend_api 1", "backend_worker 1", "infra_proxy 1"],
        "lines-by-service" => &["backend_api 3", "db_db 2", "infra_proxy 2"],
        "lines-by-node" => &["node-1 5", "node-2 4", "node-3 1"],
        _ => &[],
    };
    assert!(found.iter().zip(wanted).all(|(a, b)| a == b) && found.len() >= wanted.len(), "{id}: {found:?}");
}

#[test]
fn the_page_tells_of_every_object_and_its_links_lead_somewhere() {
    let page = fs::read_to_string(root().join("docs/kibana.md")).expect("the page");
    let objects = objects();
    for object in &objects {
        let (id, title) = (text(object, "/id"), text(object, "/attributes/title"));
        if object["type"] != "index-pattern" {
            assert!(page.contains(&format!("| {title} | `{id}` |")), "docs/kibana.md lacks {title}, {id}");
        }
    }
    let links: Vec<_> = page.split("#/view/").skip(1).filter_map(|rest| rest.split('?').next()).collect();
    assert!(links.len() >= 2, "{links:?}");
    for link in links {
        assert!(objects.iter().any(|o| o["id"] == link), "docs/kibana.md: nothing is at {link}");
    }
    for board in ["services", "logs"] {
        let file = root().join(format!("dashboards/{board}.json"));
        let board: Value = serde_json::from_str(&fs::read_to_string(file).expect("a board")).expect("JSON");
        let links = board["links"].as_array().expect("links").iter();
        let link = links.map(|link| text(link, "/url")).find(|url| url.starts_with("${kibana:raw}"));
        let link = link.expect("a link to Kibana").replace("${kibana:raw}", "KIBANA");
        assert!(page.lines().any(|line| line == link), "docs/kibana.md lacks {link}");
    }
}
