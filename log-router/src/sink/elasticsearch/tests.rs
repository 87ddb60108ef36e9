use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex};

use agent_core::entry::Environment;
use agent_core::identity::{Identity, SharedIdentity};
use agent_core::prometheus::registry::Registry;
use agent_core::testing::FakeRoot;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::container::Container;
use crate::metrics::Metrics;
use crate::record::Stream;
use crate::sink::{Settings as AllSettings, raw, syslog};

/// A server whose answers are made up, for what a real one cannot be made to do. Notes the texts of each bulk.
struct Server {
    port: u16,
    bulks: Arc<Mutex<Vec<Vec<String>>>>,
}

/// What to answer to the bulk of a number, from its texts: a status and a body.
type Answers = fn(usize, &[String]) -> (u16, Value);

impl Server {
    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bulks = Arc::<Mutex<Vec<Vec<String>>>>::default();
        let noted = Arc::clone(&bulks);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, answers, Arc::clone(&noted)));
            }
        });
        Self { port, bulks }
    }

    fn bulks(&self) -> Vec<Vec<String>> {
        self.bulks.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, answers: Answers, bulks: Arc<Mutex<Vec<Vec<String>>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        let length =
            head.split_once("content-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
        let length = length.parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let (status, answer) = if head.starts_with("get / ") {
            (200, json!({"version": {"number": "8.19.0"}}))
        } else if head.starts_with("put /_index_template/") {
            (200, json!({"acknowledged": true}))
        } else if head.starts_with("post /_mget") {
            // Who asks finds "known" under every ID.
            let question: Value = serde_json::from_slice(&body).unwrap();
            let count = question["docs"].as_array().unwrap().len();
            (200, json!({"docs": vec![json!({"found": true, "_source": {"message": "known"}}); count]}))
        } else {
            assert!(head.contains("content-encoding: gzip") && head.starts_with("post /_bulk"), "{head}");
            let mut text = String::new();
            GzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
            let documents =
                text.lines().skip(1).step_by(2).map(|line| serde_json::from_str::<Value>(line).unwrap());
            let texts: Vec<String> = documents.map(|d| d["message"].as_str().unwrap().to_owned()).collect();
            let number = bulks.lock().unwrap().len();
            let answer = answers(number, &texts);
            bulks.lock().unwrap().push(texts);
            answer
        };
        let answer = answer.to_string();
        let text = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

fn stored(texts: &[String], status: impl Fn(&str) -> (u16, &'static str)) -> (u16, Value) {
    let items: Vec<Value> = texts
        .iter()
        .map(|text| {
            let (status, kind) = status(text);
            json!({"create": {"status": status, "error": {"type": kind, "reason": "made up"}}})
        })
        .collect();
    (200, json!({"errors": true, "items": items}))
}

/// Delivers texts and gives the metrics as text, and the dead letters.
async fn deliver(server: &Server, texts: &[&str]) -> (String, String) {
    let folder = FakeRoot::new();
    let settings = AllSettings {
        syslog: syslog::Settings::from_environment(&Environment::default()).unwrap(),
        tls: crate::sink::tls::Tls::from_environment(&Environment::default()).unwrap(),
        resend_bytes: 0,
        raw: raw::Settings::from_environment(&Environment::default()).unwrap(),
        elasticsearch: Settings::default(),
        identity: SharedIdentity::new(Identity::default()),
        dead_letters: Some(folder.path().to_owned()),
    };
    let route = Route::parse("test", &format!("elasticsearch://127.0.0.1:{}", server.port)).unwrap();
    let mut sink = http(&route, &settings).unwrap();
    let container = Arc::new(Container { id: "c".to_owned(), ..Container::default() });
    let mut batch = Batch::default();
    for (time, text) in (1..).zip(texts) {
        batch.push(&container, Stream::Stdout, time, 0, text.as_bytes());
    }
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    sink.deliver(&batch, &mut Link::new("r".to_owned(), metrics.route("r"))).await;
    let mut text = String::new();
    agent_core::prometheus::encoding::text::encode(&mut text, &registry).unwrap();
    let letters = folder.path().join(route.key() + ".dead-letters.ndjson");
    (text, std::fs::read_to_string(letters).unwrap_or_default())
}

#[tokio::test]
async fn everything_is_sent_once_where_nothing_goes_wrong() {
    let server = Server::start(|_, _| (200, json!({"errors": false}))).await;
    let (metrics, letters) = deliver(&server, &["a", "b"]).await;
    assert_eq!(server.bulks(), [["a", "b"]]);
    assert!(metrics.contains("log_router_retries_total{route=\"r\"} 0"), "{metrics}");
    assert!(letters.is_empty());
}

#[tokio::test]
async fn each_line_of_a_mixed_answer_has_its_own_fate() {
    let server = Server::start(|number, texts| {
        stored(texts, |text| match text {
            "busy" if number == 0 => (429, "es_rejected_execution_exception"),
            "blocked" if number < 2 => (403, "cluster_block_exception"),
            "known" => (409, "version_conflict_engine_exception"),
            "bad" => (400, "document_parsing_exception"),
            _ => (201, ""),
        })
    })
    .await;
    let (metrics, letters) = deliver(&server, &["good", "busy", "known", "bad", "blocked"]).await;
    assert_eq!(
        server.bulks(),
        [vec!["good", "busy", "known", "bad", "blocked"], vec!["busy", "blocked"], vec!["blocked"]]
    );
    for line in [
        "log_router_duplicates_total{route=\"r\"} 1",
        "log_router_dead_letters_total{route=\"r\"} 1",
        "log_router_retries_total{route=\"r\"} 2",
        "log_router_sink_errors_total{route=\"r\",kind=\"too_many_requests\"} 1",
        "log_router_sink_errors_total{route=\"r\",kind=\"forbidden\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let letter: Value = serde_json::from_str(letters.trim()).unwrap();
    assert_eq!(letter["document"]["message"], "bad");
    assert!(letter["reason"].as_str().unwrap().contains("document_parsing_exception"));
}

#[tokio::test]
async fn too_large_requests_are_halved_down_to_the_one_line_at_fault() {
    let server = Server::start(|_, texts| {
        let fits = texts.len() <= 2 && !texts.contains(&"huge".to_owned());
        if fits { (200, json!({"errors": false})) } else { (413, Value::Null) }
    })
    .await;
    let (metrics, letters) = deliver(&server, &["a", "b", "huge", "c", "d"]).await;
    assert!(metrics.contains("log_router_dead_letters_total{route=\"r\"} 1"), "{metrics}");
    assert!(letters.contains("\"message\":\"huge\""));
    let taken = server.bulks().into_iter().filter(|b| b.len() <= 2 && !b.contains(&"huge".to_owned()));
    assert_eq!(taken.flatten().collect::<Vec<_>>(), ["a", "b", "c", "d"], "in order");
}

#[tokio::test]
async fn refusals_of_the_whole_request_are_waited_out() {
    let server = Server::start(|number, _| match number {
        0 => (429, json!({"error": "full"})),
        1 => (503, json!({"error": "no master"})),
        2 => (401, json!({"error": "who are you"})),
        3 => (200, json!("what")),
        _ => (200, json!({"errors": false})),
    })
    .await;
    let (metrics, _) = deliver(&server, &["a"]).await;
    assert_eq!(server.bulks().len(), 5);
    for kind in ["too_many_requests", "server", "unauthorized", "answer"] {
        assert!(metrics.contains(&format!("kind=\"{kind}\"}} 1")), "{kind} in {metrics}");
    }
}

#[tokio::test]
async fn large_batches_go_in_several_requests() {
    let server = Server::start(|_, _| (200, json!({"errors": false}))).await;
    let text = "x".repeat(1024);
    let texts: Vec<String> = (0..5000).map(|n| format!("{n} {text}")).collect();
    deliver(&server, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let bulks = server.bulks();
    assert!(bulks.len() > 1);
    assert_eq!(bulks.into_iter().flatten().collect::<BTreeSet<_>>(), texts.into_iter().collect());
}

#[test]
fn the_template_is_json_and_texts_are_searchable_by_words() {
    let template: Value = serde_json::from_str(book_template().1).unwrap();
    let mappings = &template["template"]["mappings"];
    assert_eq!(template["index_patterns"], json!(["logstash-*"]));
    assert_eq!(mappings["properties"]["message"]["type"], "text");
    let strings = &mappings["dynamic_templates"][0]["strings"]["mapping"];
    assert_eq!(
        (&strings["type"], &strings["fields"]["keyword"]["type"]),
        (&json!("text"), &json!("keyword"))
    );
}

#[tokio::test]
async fn an_id_that_another_line_took_costs_no_line() {
    let server = Server::start(|number, texts| {
        stored(texts, |_| if number == 0 { (409, "version_conflict_engine_exception") } else { (201, "") })
    })
    .await;
    let (metrics, _) = deliver(&server, &["known", "other"]).await;
    assert_eq!(server.bulks(), [vec!["known", "other"], vec!["other"]]);
    for line in
        ["log_router_duplicates_total{route=\"r\"} 1", "log_router_id_collisions_total{route=\"r\"} 1"]
    {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn an_unreadable_answer_halves_the_request() {
    let server =
        Server::start(|number, _| (200, if number == 0 { json!("what") } else { json!({"errors": false}) }))
            .await;
    deliver(&server, &["a", "b", "c", "d", "e"]).await;
    assert_eq!(server.bulks(), [vec!["a", "b", "c", "d", "e"], vec!["a", "b", "c"], vec!["d", "e"]]);
}

#[test]
fn routes_name_mode_nodes_and_namespace() {
    let settings = Settings::default();
    let target = |uri: &str| Target::new("http", &Route::parse("test", uri).unwrap(), &settings);
    assert_eq!(target("elasticsearch://a").unwrap().mode, event::Mode::Book);
    let stream = target("elasticsearch://a?mode=data-stream&nodes=b,c:9201&namespace=prod").unwrap();
    assert_eq!(stream.mode, event::Mode::DataStream { namespace: "prod".to_owned() });
    assert!(format!("{:?}", stream.client).contains("nodes: 3"));
    for (uri, problem) in [
        ("elasticsearch://a?mode=x", "unknown mode x"),
        ("elasticsearch://a?namespace=x", "needs mode=data-stream"),
        ("elasticsearch://a?mode=data-stream&namespace=A-b", "bad namespace"),
    ] {
        let error = target(uri).err().unwrap().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[tokio::test]
async fn dead_letters_are_sent_again_and_what_is_refused_stays() {
    let server = Server::start(|_, texts| {
        stored(texts, |text| if text == "bad" { (400, "document_parsing_exception") } else { (201, "") })
    })
    .await;
    let folder = FakeRoot::new();
    let letter = |text: &str| json!({"reason": "r", "index": "i", "id": text, "document": {"message": text}});
    let file =
        folder.file("k.dead-letters.ndjson", format!("{}\n{}\n{{\"torn", letter("mended"), letter("bad")));
    let route = Route::parse("test", &format!("elasticsearch://127.0.0.1:{}", server.port)).unwrap();
    let target = Target::new("http", &route, &Settings::default()).unwrap();
    let report = replay::replay(&target, &folder.path().join("k")).await.unwrap();
    assert_eq!(report, replay::Report { stored: 1, refused: 2, stopped: None });
    let left = std::fs::read_to_string(file).unwrap();
    assert!(left.contains("\"bad\"") && left.contains("{\"torn") && !left.contains("mended"), "{left}");
    assert_eq!(server.bulks(), [["mended", "bad"]]);
}
