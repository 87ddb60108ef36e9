//! What the promise says of search engines, Lumberjack and TLS, on real receivers.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::agent::{Agent, binary};
use e2e::command::run;
use e2e::engine::Engine;
use e2e::search::{Kind, PASSWORD, SearchEngine};
use e2e::wait::{LIMIT, ensure, until};
use serde_json::{Value, json};

const LINES: usize = 3000;
const STREAM: &str = "logs-docker-default";
/// UTC's today and, around midnight, tomorrow.
const BOOK: &str = "logstash-*";

struct Lab {
    docker: Engine,
    search: SearchEngine,
}

impl Lab {
    fn start(kind: Kind, name: &str, index: u8, settings: &[&str]) -> Self {
        Self { search: SearchEngine::start(kind, name, settings), docker: Engine::start(name, index) }
    }

    fn state(&self) -> std::path::PathBuf {
        self.docker.data().with_file_name("router")
    }

    fn secret(&self, name: &str, content: &str) -> String {
        let path = self.docker.data().with_file_name(name);
        std::fs::write(&path, content).expect("a file");
        path.display().to_string()
    }

    /// The routes with `SEARCH` for the engine's address, and flags.
    fn router(&self, routes: &str, flags: &[&str]) -> Agent {
        Agent::start("log-router", &text(&self.arguments(routes, flags)), &[])
    }

    fn arguments(&self, routes: &str, flags: &[&str]) -> Vec<String> {
        let mut arguments = vec![
            format!("--docker={}", self.docker.host()),
            format!("--state.path={}", self.state().display()),
        ];
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        arguments.push(routes.replace("SEARCH", &self.search.address()));
        arguments
    }

    /// Runs `log-router setup` or another command.
    fn command(&self, words: &[&str], routes: &str, flags: &[&str]) -> String {
        let arguments = self.arguments(routes, flags);
        run(&binary("log-router").display().to_string(), &[words, &text(&arguments)].concat())
    }

    fn write(&self, name: &str, lines: usize) {
        write(&self.docker, name, lines);
    }

    /// How often each number is there.
    fn numbers(&self, index: &str, program: &str) -> BTreeMap<usize, usize> {
        let mut numbers = BTreeMap::new();
        for hit in self.search.documents(index, &format!("program:\"{program}\"")) {
            let number =
                hit["_source"]["message"].as_str().and_then(|m| m.strip_prefix("line ")?.parse().ok());
            *numbers.entry(number.expect("a number")).or_default() += 1;
        }
        numbers
    }

    fn expect_each_once(&self, index: &str, program: &str, lines: usize) {
        until(LIMIT, index, || {
            let there = self.numbers(index, program);
            let missing: Vec<_> = (1..=lines).filter(|n| !there.contains_key(n)).take(5).collect();
            ensure(missing.is_empty(), format!("{} are there; the first missing: {missing:?}", there.len()))
        });
        let twice: Vec<_> =
            self.numbers(index, program).into_iter().filter(|(_, count)| *count > 1).collect();
        assert!(twice.is_empty(), "{index}: twice {twice:?}");
    }
}

/// Numbered lines in bursts. The second half waits for [`go_on`], so that something can happen in the middle.
fn write(docker: &Engine, name: &str, lines: usize) {
    let half = lines / 2;
    let script = format!(
        "i=1; while [ $i -le {lines} ]; do echo line $i; i=$((i+1)); [ $((i % 300)) = 0 ] && sleep 0.2; \
         [ $i = {half} ] && until [ -e /go ]; do sleep 0.1; done; done; sleep 300"
    );
    docker.busybox(&["--name", name, "--network", "none"], &["sh", "-c", &script]);
}

fn go_on(docker: &Engine, name: &str) {
    docker.docker(&["exec", name, "/bin/busybox", "touch", "/go"]);
}

fn text(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn elasticsearch_8_has_each_line_once() {
    each_line_once(Kind::Elasticsearch8, 40);
}

#[test]
#[ignore = "make test-loss"]
fn elasticsearch_9_has_each_line_once() {
    each_line_once(Kind::Elasticsearch9, 41);
}

#[test]
#[ignore = "make test-loss"]
fn opensearch_has_each_line_once() {
    each_line_once(Kind::OpenSearch, 42);
}

/// The router and the search engine are killed, a data stream is rolled over, an index is blocked, documents are refused.
fn each_line_once(kind: Kind, index: u8) {
    let lab = Lab::start(kind, "once", index, &[]);
    let both = "elasticsearch://SEARCH?filter.name=w*,elasticsearch://SEARCH?mode=data-stream&filter.name=w*";
    let login = login(&lab);
    let flags: Vec<&str> = login.iter().map(String::as_str).collect();

    let first = lab.router(both, &flags);
    lab.write("w1", LINES);
    for index in [BOOK, STREAM] {
        until(LIMIT, index, || {
            ensure(lab.numbers(index, "w1").len() > 300, format!("few lines: {}", first.log()))
        });
    }
    go_on(&lab.docker, "w1");
    first.kill();
    let router = lab.router(both, &flags);
    lab.search.must("POST", &format!("/{STREAM}/_rollover"), &Value::Null);
    lab.expect_each_once(BOOK, "w1", LINES);
    // A line that was sent again across the rollover may be there twice, and says so nowhere; nothing is missing.
    until(LIMIT, STREAM, || {
        let there = lab.numbers(STREAM, "w1").len();
        ensure(there == LINES, format!("{there} lines"))
    });
    println!("{kind:?}: router killed, data stream rolled over: {LINES} lines are there");

    lab.write("w2", LINES);
    until(LIMIT, "the first lines", || ensure(lab.numbers(BOOK, "w2").len() > 300, "few lines"));
    lab.search.kill();
    go_on(&lab.docker, "w2");
    router.sample(&format!(
        "log_router_sink_up{{route=\"elasticsearch://{}?filter.name=w*\"}} 0",
        lab.search.address()
    ));
    lab.search.resume();
    lab.expect_each_once(BOOK, "w2", LINES);
    lab.expect_each_once(STREAM, "w2", LINES);
    println!("{kind:?}: search engine killed: {LINES} lines are there once, both ways");

    let event = &lab.search.documents(STREAM, "program:\"w2\" AND message:\"line 17\"")[0]["_source"];
    assert_eq!(event["container"]["name"], "w2");
    assert_eq!((&event["log"]["level"], &event["stream"]), (&json!("info"), &json!("stdout")));

    blocks_are_waited_out(&lab, &router);
    drop(router);
    refused_documents_are_kept(&lab, &flags);
}

/// With security: the role that `log-router setup` puts, and an API key that has it.
fn login(lab: &Lab) -> Vec<String> {
    let user = format!("--elasticsearch.password-file={}", lab.secret("password", PASSWORD));
    let setup = ["setup"];
    let routes = "elasticsearch://SEARCH,elasticsearch://SEARCH?mode=data-stream";
    let flags: &[&str] =
        if lab.search.is_secured() { &[&user, "--elasticsearch.username=elastic"] } else { &[] };
    let said = lab.command(&setup, routes, flags);
    assert!(said.contains("index template swarmscope-logs-docker: done"), "{said}");
    assert_eq!(said, lab.command(&setup, routes, flags), "a second time does no harm");
    if !lab.search.is_secured() {
        return Vec::new();
    }
    assert!(
        said.contains("role log_router: done") && said.contains("lifecycle policy swarmscope-logstash: done"),
        "{said}"
    );
    let user = json!({"password": "for-the-router", "roles": ["log_router"]});
    lab.search.must("PUT", "/_security/user/router", &user);
    let grant = json!({"grant_type": "password", "username": "router", "password": "for-the-router", "api_key": {"name": "router"}});
    let key = lab.search.must("POST", "/_security/api_key/grant", &grant);
    let key = key["encoded"].as_str().expect("a key");
    vec![format!("--elasticsearch.api-key-file={}", lab.secret("key", key))]
}

fn blocks_are_waited_out(lab: &Lab, router: &Agent) {
    lab.search.must("PUT", &format!("/{BOOK}/_settings"), &json!({"index.blocks.write": true}));
    lab.write("w3", 50);
    go_on(&lab.docker, "w3");
    let route = format!("elasticsearch://{}?filter.name=w*", lab.search.address());
    router.sample(&format!("log_router_sink_errors_total{{route=\"{route}\",kind=\"forbidden\"}}"));
    // The other route, to the same server, is not held up.
    lab.expect_each_once(STREAM, "w3", 50);
    lab.search.must("PUT", &format!("/{BOOK}/_settings"), &json!({"index.blocks.write": false}));
    lab.expect_each_once(BOOK, "w3", 50);
    let warned = router.log().matches("forbidden").count();
    assert_eq!(warned, 1, "one warning for one change: {}", router.log());
}

/// An index that takes numbers only refuses texts: they are dead letters, until the index is mended.
fn refused_documents_are_kept(lab: &Lab, flags: &[&str]) {
    lab.search.must("DELETE", &format!("/{}", today_index(lab)), &Value::Null);
    let numbers = json!({"mappings": {"properties": {"message": {"type": "integer"}}}});
    lab.search.must("PUT", &format!("/{}", today_index(lab)), &numbers);
    let route = "elasticsearch://SEARCH?filter.name=x*";
    let router = lab.router(route, flags);
    lab.docker.busybox(&["--name", "x1", "--network", "none"], &["sh", "-c", "echo 17; echo text; echo 18"]);
    let label = route.replace("SEARCH", &lab.search.address());
    router.expect(&format!("log_router_dead_letters_total{{route=\"{label}\"}}"), "1");
    // The others must not come after the index was mended.
    until(LIMIT, "the numbers", || {
        let there = lab.search.documents(BOOK, "program:\"x1\"").len();
        ensure(there == 2, there.to_string())
    });
    lab.search.must("DELETE", &format!("/{}", today_index(lab)), &Value::Null);
    let said = lab.command(&["dead-letter", "replay"], route, flags);
    assert!(said.contains("1 stored, 0 refused again"), "{said}");
    until(LIMIT, "the letter", || {
        let there = lab.search.documents(BOOK, "program:\"x1\"");
        let texts: Vec<_> = there.iter().map(|document| &document["_source"]["message"]).collect();
        ensure(texts == ["text"], format!("{texts:?}"))
    });
}

fn today_index(lab: &Lab) -> String {
    // The day of the lines that were printed last; tests that run over midnight have two.
    let hits = lab.search.must("GET", "/_cat/indices/logstash-*?format=json&s=index:desc", &Value::Null);
    match hits[0]["index"].as_str() {
        Some(index) => index.to_owned(),
        None => format!("logstash-{}", run("date", &["-u", "+%Y.%m.%d"]).trim()),
    }
}

/// Requests that are too large for the server's settings, and a wrong password that becomes right.
#[test]
#[ignore = "make test-loss"]
fn a_small_and_strict_server_gets_every_line() {
    let settings = ["http.max_content_length=512kb", "indexing_pressure.memory.limit=200kb"];
    let lab = Lab::start(Kind::Elasticsearch8, "small", 43, &settings);
    let role = json!({"indices": [{"names": ["*"], "privileges": ["all"]}], "cluster": ["all"]});
    lab.search.must("PUT", "/_security/role/all", &role);
    let wrong = json!({"password": "not-yet-known", "roles": ["all"]});
    lab.search.must("PUT", "/_security/user/router", &wrong);
    let flags = [
        format!("--elasticsearch.password-file={}", lab.secret("password", "right-one")),
        "--elasticsearch.username=router".to_owned(),
    ];
    let script = format!(
        "i=1; while [ $i -le {LINES} ]; do echo line $i; i=$((i+1)); done; head -c 1040000 /dev/zero | tr '\\0' x; echo; sleep 300"
    );
    lab.docker.busybox(&["--name", "w1", "--network", "none"], &["sh", "-c", &script]);
    let router = lab.router("elasticsearch://SEARCH", &text(&flags));
    let route = format!("elasticsearch://{}", lab.search.address());
    let errors = |kind: &str| format!("log_router_sink_errors_total{{route=\"{route}\",kind=\"{kind}\"}}");
    router.sample(&errors("unauthorized"));
    lab.search.must("PUT", "/_security/user/router/_password", &json!({"password": "right-one"}));
    router.sample(&errors("too_many_requests"));
    lab.expect_each_once(BOOK, "w1", LINES);
    router.sample(&errors("too_large"));
    until(LIMIT, "the line that is too large alone", || {
        let metrics = router.metrics();
        ensure(
            metrics.contains(&format!("log_router_dead_letters_total{{route=\"{route}\"}} 1")),
            metrics.clone(),
        )
    });
    println!(
        "401, 413 and 429 of a real server: {LINES} lines are there once, the too large one is a dead letter"
    );
}

/// The server of the Go library that Beats and Logstash are tested with.
#[test]
fn lumberjack_loses_nothing_with_a_real_server() {
    let docker = Engine::start("lumber", 44);
    let folder = tempfile::tempdir().expect("a folder");
    let server = build_lumberjack_server();
    let port = e2e::agent::free_port();
    let out = folder.path().join("received");
    let start = || {
        std::process::Command::new(&server)
            .args([format!("127.0.0.1:{port}"), out.display().to_string()])
            .spawn()
            .expect("the server starts")
    };
    let mut running = start();
    let route = format!("lumberjack://127.0.0.1:{port}");
    let state = docker.data().with_file_name("router");
    let router = Agent::start(
        "log-router",
        &[&format!("--docker={}", docker.host()), &format!("--state.path={}", state.display()), &route],
        &[],
    );
    let numbers = || -> std::collections::BTreeSet<usize> {
        let text = std::fs::read_to_string(&out).unwrap_or_default();
        let number = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            event["message"].as_str()?.strip_prefix("line ")?.parse().ok()
        };
        text.lines().filter_map(number).collect()
    };
    write(&docker, "w1", LINES);
    until(LIMIT, "the first lines", || {
        ensure(numbers().len() > 300, format!("{} lines; {}", numbers().len(), router.log()))
    });
    running.kill().expect("it runs");
    running.wait().expect("it ends");
    go_on(&docker, "w1");
    router.sample(&format!("log_router_sink_up{{route=\"{route}\"}} 0"));
    let mut running = start();
    until(LIMIT, "all lines", || {
        let there = numbers();
        let missing: Vec<_> = (1..=LINES).filter(|n| !there.contains(n)).take(5).collect();
        ensure(missing.is_empty(), format!("{} are there; the first missing: {missing:?}", there.len()))
    });
    let first: Value =
        serde_json::from_str(std::fs::read_to_string(&out).expect("lines").lines().next().expect("one"))
            .expect("JSON");
    assert_eq!((&first["program"], &first["severity_label"]), (&json!("w1"), &json!("Informational")));
    running.kill().expect("it runs");
    running.wait().expect("it ends");
    println!("Lumberjack: receiver killed: {LINES} lines are there");
}

fn build_lumberjack_server() -> std::path::PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/lumberjack");
    let target = std::env::temp_dir().join(format!("e2e-lumberjack-{}", std::process::id()));
    run("go", &["build", "-C", source, "-o", &target.display().to_string(), "."]);
    assert!(Path::new(&target).exists());
    target
}
