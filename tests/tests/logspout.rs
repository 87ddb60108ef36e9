//! log-router in logspout's place: with `--compat` the frames are byte for byte the documented ones, routes come and go at
//! `/routes`, and `/logs` shows lines as they come.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;

use e2e::agent::Agent;
use e2e::engine::Engine;
use e2e::http;
use e2e::wait::{LIMIT, ensure, until};
use regex::bytes::Regex;
use serde_json::Value;

const NAME: &str = "registry.1.abszmuwq8k3d7comu5041z2mc";

fn router(engine: &Engine, state: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Agent {
    let state = engine.data().with_file_name(state);
    let first = [format!("--docker={}", engine.host()), format!("--state.path={}", state.display())];
    let arguments: Vec<_> = first.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
    Agent::start("log-router", &arguments, environment)
}

/// `ERROR: text ` on standard output, `x` on standard error once [`go_on`] lets it, and time to be looked at.
fn talker(engine: &Engine, name: &str) -> String {
    let script = "echo 'ERROR: text '; until [ -e /go ]; do sleep 0.1; done; echo x >&2; sleep 300";
    engine.busybox(&["--name", name, "--network", "none"], &["sh", "-c", script])
}

/// The engine reads both streams at once: their order is sure only where one has been seen before the other.
fn go_on(engine: &Engine, name: &str) {
    engine.docker(&["exec", name, "/bin/busybox", "touch", "/go"]);
}

/// As `docker ps` shows it.
fn short(id: &str) -> &str {
    id.split_at(12).0
}

/// The frame with its time, which is the moment of reading, replaced.
fn timeless(frame: &[u8]) -> String {
    let time = Regex::new(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ").expect("a pattern");
    String::from_utf8_lossy(&time.replace(frame, &b"TIME"[..])).into_owned()
}

#[test]
fn compat_sends_logspouts_documented_frames() {
    let engine = Engine::start("compat", 21);
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    udp.set_read_timeout(Some(LIMIT)).expect("a limit");
    let to_udp = format!("syslog://{}", udp.local_addr().expect("an address"));
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let to_tcp = format!("syslog+tcp://{}", tcp.local_addr().expect("an address"));
    let raw = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let to_raw = format!("tcp://{}?filter.sources=stderr", raw.local_addr().expect("an address"));

    let variables = [
        ("SYSLOG_FORMAT", "rfc3164"),
        ("SYSLOG_TCP_FRAMING", "octet-counted"),
        ("RAW_FORMAT", "{{.ContainerName}} {{.Source}} {{toJSON .Data}}\n"),
    ];
    let route = [to_udp.as_str(), &to_tcp, &to_raw].join(",");
    let compat = router(&engine, "compat", &["--compat", &route], &variables);
    until(LIMIT, "the containers' list", || http::body(&compat.url("/-/ready")));
    let id = talker(&engine, NAME);
    let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
    // The tag is cut to 32 characters.
    let head =
        |priority: u8| format!("<{priority}>TIME {} registry.1.abszmuwq8k3d7comu5041[{pid}]: ", short(&id));
    let frames = [format!("{}ERROR: text \n", head(14)), format!("{}x\n", head(11))];

    let mut buffer = vec![0; 70_000];
    let (mut stream, _) = tcp.accept().expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    for expected in &frames {
        let length = udp.recv(&mut buffer).expect("a datagram");
        assert_eq!(timeless(&buffer[..length]), *expected);
        // `TIME` is 16 characters shorter than a time.
        let counted = format!("{} {expected}", expected.len() + 16);
        let mut frame = vec![0; counted.len() + 16];
        stream.read_exact(&mut frame).expect("a frame");
        assert_eq!(timeless(&frame), counted);
        go_on(&engine, NAME);
    }
    let (stream, _) = raw.accept().expect("a connection");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("a line");
    assert_eq!(line, format!("{NAME} stderr \"x\"\n"));
    drop(compat);

    // Without SYSLOG_FORMAT: rfc5424, and only what is printed from now on.
    let compat =
        router(&engine, "compat5424", &["--compat", &to_udp], &[("SYSLOG_STRUCTURED_DATA", "a@1 b=\"c\"")]);
    until(LIMIT, "the containers' list", || http::body(&compat.url("/-/ready")));
    engine.docker(&["rm", "-f", NAME]);
    let id = talker(&engine, NAME);
    let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
    let length = udp.recv(&mut buffer).expect("a datagram");
    assert_eq!(
        timeless(&buffer[..length]),
        format!("<14>1 TIME {} {NAME} {pid} - [a@1 b=\"c\"] ERROR: text \n", short(&id))
    );
}

#[test]
fn compat_ends_after_retry_count_attempts() {
    let engine = Engine::start("retries", 22);
    talker(&engine, "talker");
    let nobody = format!("syslog+tcp://127.0.0.1:{}", e2e::agent::free_port());
    let variables = [("RETRY_COUNT", "2"), ("BACKLOG", "true")];
    let mut compat = router(&engine, "retries", &["--compat", &nobody], &variables);
    assert_eq!(compat.wait_for_end(), Some(1), "{}", compat.log());
    assert!(compat.log().contains("RETRY_COUNT"), "{}", compat.log());
}

#[test]
fn routes_come_and_go() {
    let engine = Engine::start("routes", 23);
    talker(&engine, "talker");
    let folder = engine.data().with_file_name("kept-routes");
    std::fs::create_dir(&folder).expect("a folder");
    let folder_text = folder.display().to_string();
    let variables = [("ROUTESPATH", folder_text.as_str()), ("RAW_FORMAT", "{{.Data}}\n")];
    let sink = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = sink.local_addr().expect("an address").to_string();

    let agent = router(&engine, "routes", &[], &variables);
    assert_eq!(http::body(&agent.url("/health")).as_deref(), Ok("Healthy!\n"));
    assert_eq!(http::body(&agent.url("/routes")).as_deref(), Ok("[]\n"));
    let wish =
        serde_json::json!({"id": "mine", "adapter": "raw+tcp", "address": address, "filter_name": "talk*"});
    let answer = http::send_text("POST", &agent.url("/routes"), &wish.to_string()).expect("an answer");
    assert_eq!((answer.status, answer.json()), (201, wish.clone()), "{}", answer.body);
    let (stream, _) = sink.accept().expect("a connection");
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "ERROR: text ");
    for (body, status, told) in [
        ("{", 400, "Bad request: "),
        (r#"{"adapter":"kafka","address":"h:1"}"#, 400, "Bad route: "),
        (r#"{"id":"../x","adapter":"udp","address":"h:1"}"#, 400, "is not an ID"),
    ] {
        let answer = http::send_text("POST", &agent.url("/routes"), body).expect("an answer");
        assert!(answer.status == status && answer.body.contains(told), "{answer:?}");
    }
    let one = http::get(&agent.url("/routes/mine")).expect("an answer");
    assert_eq!((one.status, one.json()), (200, wish.clone()));
    assert_eq!(http::get(&agent.url("/routes/other")).expect("an answer").status, 404);
    drop(agent);

    // Kept over a restart; taken away it is forgotten.
    let agent = router(&engine, "routes", &[], &variables);
    assert_eq!(http::get(&agent.url("/routes")).expect("an answer").json(), Value::Array(vec![wish]));
    assert_eq!(http::send_text("DELETE", &agent.url("/routes/mine"), "").expect("an answer").status, 200);
    assert_eq!(http::send_text("DELETE", &agent.url("/routes/mine"), "").expect("an answer").status, 404);
    assert_eq!(http::body(&agent.url("/routes")).as_deref(), Ok("[]\n"));
    assert!(!Path::new(&folder_text).join("mine.json").exists());
    until(LIMIT, "the end of its series", || {
        let metrics = agent.metrics();
        ensure(!metrics.contains("log_router_sink_up{route=\"raw+tcp"), metrics)
    });
}

/// Asks for lines and reads until one holds `wanted`; everything until then.
fn look_on(agent: &Agent, request: &str, headers: &str, wanted: &str, print: impl FnOnce()) -> String {
    let mut stream = TcpStream::connect(agent.address()).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    write!(stream, "GET {request} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", agent.address())
        .expect("a request");
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        reader.read_line(&mut text).expect("headers");
    }
    print();
    while !text.contains(wanted) {
        assert!(reader.read_line(&mut text).expect("lines") > 0, "the answer ended: {text}");
    }
    text
}

#[test]
fn logs_shows_lines_as_they_come_and_no_environment() {
    let engine = Engine::start("live", 24);
    let web = engine.data().with_file_name("web.yml");
    let users = "basic_auth_users:\n  looker: $2y$04$l3dAsSlTPS8tPPgdYUEeOewA4p58emrW7L2mJdzlzDzTX08GZMM2q\n";
    std::fs::write(&web, users).expect("a file");
    let script = "echo before; sleep 300";
    for name in ["echo-one", "echo-two"] {
        engine.busybox(&["--name", name, "--network", "none", "-e", "SECRET=hidden"], &["sh", "-c", script]);
    }
    for name in ["echo-one", "echo-two"] {
        until(LIMIT, "what was there before", || {
            ensure(engine.docker(&["logs", name]) == "before", "not yet in the log")
        });
    }
    let agent = router(&engine, "live", &[], &[]);
    until(LIMIT, "the containers' list", || http::body(&agent.url("/-/ready")));
    let print = |name: &'static str, text: &'static str| {
        let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", name]);
        // Into the container's own output, whoever writes it.
        move || {
            std::fs::write(format!("/proc/{pid}/fd/1"), format!("{text}\n")).expect("the container's output");
        }
    };

    let text = look_on(&agent, "/logs", "", "hello", print("echo-one", "hello"));
    assert!(text.contains("\x1b[1;37m        echo-one|hello\x1b[0m"), "{text:?}");
    assert!(!text.contains("before"), "only what comes: {text}");
    let text = look_on(&agent, "/logs/name:echo-two", "", "two", print("echo-two", "two"));
    assert!(text.contains("\r\ntwo\n"), "{text:?}");
    let text =
        look_on(&agent, "/logs", "Accept: application/json\r\n", "\"Time\"", print("echo-one", "as json"));
    assert!(text.contains("\"Data\": \"as json\"") && text.contains("\"Name\": \"/echo-one\""), "{text}");
    assert!(!text.contains("SECRET") && !text.contains("hidden"), "{text}");
    assert_eq!(http::get(&agent.url("/logs/id:ffff")).expect("an answer").status, 404);
    assert_eq!(http::get(&agent.url("/logs?sources=stdin")).expect("an answer").status, 400);

    let url = format!("ws://{}/logs?source=stdout", agent.address());
    let (mut socket, _) = tungstenite::connect(url).expect("a WebSocket");
    print("echo-two", "over a socket")();
    let message: Value =
        serde_json::from_str(socket.read().expect("a message").to_text().expect("text")).expect("JSON");
    assert_eq!(
        (&message["Data"], &message["Source"]),
        (&Value::from("over a socket"), &Value::from("stdout"))
    );
    drop(socket);
    drop(agent);

    let flag = format!("--web.config.file={}", web.display());
    let agent = router(&engine, "guarded", &[&flag], &[]);
    for path in ["/logs", "/routes", "/health"] {
        assert_eq!(http::get(&agent.url(path)).expect("an answer").status, 401, "{path}");
    }
}
