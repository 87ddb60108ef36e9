use std::sync::Arc;

use agent_core::identity::Identity;
use serde_json::{Value, json};

use super::*;

/// 2016-10-19T23:14:19Z
const TIME: i64 = 1_476_918_859_000_000_000;

const BOOK: &str = "time=\"2016-10-19T23:14:19Z\" level=info msg=\"listening on [::]:5000\" go.version=go1.6.3 \
                    instance.id=87c31e30-a747-4f70-b7c2-396dd80eb47b version=v2.5.1 ";

fn registry() -> Container {
    Container {
        id: "c51c177bd308aaaa".to_owned(),
        name: "registry.1.abszmuwq8k3d7comu5041z2mc".to_owned(),
        image: "registry:2".to_owned(),
        hostname: "c51c177bd308".to_owned(),
        pid: 4833,
        ..Container::default()
    }
}

fn written(container: Container, node: Option<&str>, stream: Stream, text: &[u8]) -> (Value, Value) {
    written_as(Mode::Book, container, node, stream, text)
}

fn written_as(
    mode: Mode,
    container: Container,
    node: Option<&str>,
    stream: Stream,
    text: &[u8],
) -> (Value, Value) {
    let mut batch = Batch::default();
    batch.push(&Arc::new(container), stream, TIME, 2, text);
    let identity = Identity { node_name: node.map(str::to_owned), node_id: None };
    let mut events = Events::new(SharedIdentity::new(identity), mode);
    events.begin(&batch);
    let mut out = Vec::new();
    events.write(&batch.get(0).unwrap(), 0, &mut out);
    let mut parts = out.split(|byte| *byte == b'\n').map(|part| serde_json::from_slice(part).ok());
    (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap())
}

#[test]
fn the_books_line_gives_the_books_event() {
    let (action, event) = written(registry(), None, Stream::Stdout, BOOK.as_bytes());
    assert_eq!(
        action,
        json!({"create": {"_index": "logstash-2016.10.19", "_id": "147f11e090c52e00-c51c177bd308-o2"}})
    );
    assert_eq!(
        event,
        json!({
            "message": BOOK,
            "@version": "1",
            "@timestamp": "2016-10-19T23:14:19.000Z",
            "host": "c51c177bd308",
            "priority": 14,
            "timestamp8601": "2016-10-19T23:14:19.000000000Z",
            "timestamp": "2016-10-19T23:14:19.000000000Z",
            "logsource": "c51c177bd308",
            "program": "registry.1.abszmuwq8k3d7comu5041z2mc",
            "pid": "4833",
            "severity": 6,
            "facility": 1,
            "facility_label": "user-level",
            "severity_label": "Informational",
            "docker": {
                "container_id": "c51c177bd308aaaa",
                "container_name": "registry.1.abszmuwq8k3d7comu5041z2mc",
                "image": "registry:2"
            }
        })
    );
}

#[test]
fn standard_error_is_an_error() {
    let (_, event) = written(registry(), Some("node_1"), Stream::Stderr, b"x");
    for (field, expected) in [
        ("priority", json!(11)),
        ("severity", json!(3)),
        ("severity_label", json!("Error")),
        ("host", json!("node_1")),
        ("logsource", json!("node-1")),
    ] {
        assert_eq!(event[field], expected, "{field}");
    }
}

#[test]
fn a_swarms_labels_become_fields() {
    let labels = [
        ("com.docker.swarm.service.name", "proxy_proxy"),
        ("com.docker.swarm.task.name", "proxy_proxy.1.abc"),
        ("com.docker.stack.namespace", "proxy"),
    ];
    let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let (_, event) = written(Container { labels, pid: 0, ..registry() }, Some("node1"), Stream::Stdout, b"x");
    let docker = &event["docker"];
    assert_eq!(
        (&docker["service"], &docker["task"], &docker["stack"], &docker["node"]),
        (&json!("proxy_proxy"), &json!("proxy_proxy.1.abc"), &json!("proxy"), &json!("node1"))
    );
    assert!(event.get("pid").is_none(), "no process, no pid");
}

#[test]
fn any_bytes_make_a_document() {
    for (text, expected) in [
        (&b"\"quoted\" \\ \t\0\x1b[31m"[..], "\"quoted\" \\ \t\0\u{1b}[31m"),
        (b"bad \xff byte", "bad \u{fffd} byte"),
        (b"", ""),
    ] {
        assert_eq!(written(registry(), None, Stream::Stdout, text).1["message"], expected);
    }
}

#[test]
fn the_data_streams_event_has_ecs_fields_and_the_books() {
    let mut container = registry();
    for (label, value) in [
        ("com.docker.swarm.service.name", "registry"),
        ("com.docker.swarm.service.id", "s1"),
        ("com.docker.swarm.task.name", "registry.1.abszmuwq8k3d7comu5041z2mc"),
        ("com.docker.swarm.task.id", "abszmuwq8k3d7comu5041z2mc"),
        ("com.docker.swarm.node.id", "n1"),
        ("com.docker.stack.namespace", "infra"),
    ] {
        container.labels.insert(label.to_owned(), value.to_owned());
    }
    let mode = Mode::DataStream { namespace: "default".to_owned() };
    let (action, event) = written_as(mode, container, Some("node-1"), Stream::Stderr, b"failed");
    assert_eq!(action["create"]["_index"], "logs-docker-default");
    let expected = json!({
        "@timestamp": "2016-10-19T23:14:19.000000000Z",
        "timestamp": "2016-10-19T23:14:19.000000000Z",
        "timestamp8601": "2016-10-19T23:14:19.000000000Z",
        "message": "failed",
        "stream": "stderr",
        "priority": 11,
        "severity": 3,
        "facility": 1,
        "severity_label": "Error",
        "facility_label": "user-level",
        "log": {"level": "error", "syslog": {
            "priority": 11,
            "severity": {"code": 3, "name": "Error"},
            "facility": {"code": 1, "name": "user-level"},
        }},
        "program": "registry.1.abszmuwq8k3d7comu5041z2mc",
        "logsource": "node-1",
        "pid": "4833",
        "process": {"pid": 4833},
        "host": {"name": "node-1"},
        "container": {
            "id": "c51c177bd308aaaa",
            "name": "registry.1.abszmuwq8k3d7comu5041z2mc",
            "image": {"name": "registry:2"},
            "runtime": "docker",
        },
        "service": {"name": "registry"},
        "docker": {"swarm": {
            "stack": {"name": "infra"},
            "service": {"id": "s1", "name": "registry"},
            "task": {"id": "abszmuwq8k3d7comu5041z2mc", "name": "registry.1.abszmuwq8k3d7comu5041z2mc"},
            "node": {"id": "n1", "name": "node-1"},
        }},
        "data_stream": {"type": "logs", "dataset": "docker", "namespace": "default"},
        "event": {"dataset": "docker", "kind": "event"},
        "ecs": {"version": "8.11.0"},
    });
    assert_eq!(event, expected);
}

#[test]
fn the_data_streams_event_knows_messages_from_the_network() {
    let sender = Sender {
        peer: "192.0.2.7".to_owned(),
        message_id: Some("ID1".to_owned()),
        process: Some("worker".to_owned()),
        structured_data: None,
    };
    let container = Container { hostname: "db-7".to_owned(), sender: Some(sender), ..registry() };
    let mode = Mode::DataStream { namespace: "default".to_owned() };
    let (_, event) = written_as(mode, container, Some("node-1"), Stream::Stdout, b"caf\xe9");
    for (field, expected) in [
        ("/host/name", json!("db-7")),
        ("/logsource", json!("db-7")),
        ("/pid", json!("worker")),
        ("/source/address", json!("192.0.2.7")),
        ("/syslog/msgid", json!("ID1")),
        ("/message_base64", json!("Y2Fm6Q==")),
    ] {
        assert_eq!(event.pointer(field), Some(&expected), "{field}");
    }
    assert_eq!((event.get("container"), event.get("docker")), (None, None));
}

#[test]
fn another_id_follows_from_the_text() {
    let id = |text: &[u8], attempt| {
        let mut batch = Batch::default();
        batch.push(&Arc::new(registry()), Stream::Stdout, TIME, 2, text);
        let mut out = Vec::new();
        write_id(&batch.get(0).unwrap(), attempt, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(id(b"a", 0), id(b"b", 0));
    assert_eq!(id(b"a", 1), id(b"a", 1));
    let all = [id(b"a", 0), id(b"a", 1), id(b"b", 1), id(b"a", 2)];
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 4, "{all:?}");
}

#[test]
fn any_bytes_can_be_had_back() {
    for text in [&b"caf\xe9 \xff\x00"[..], b"\x1b[31mred\x1b[0m \x00 nul", "na\u{ef}ve".as_bytes()] {
        let (_, event) = written(registry(), None, Stream::Stdout, text);
        let bytes = match event.get("message_base64") {
            Some(encoded) => STANDARD.decode(encoded.as_str().unwrap()).unwrap(),
            None => event["message"].as_str().unwrap().as_bytes().to_vec(),
        };
        assert_eq!(bytes, text);
    }
}

#[test]
fn json_lines_give_fields_where_the_container_asks_for_it() {
    let settings = crate::meaning::settings::Settings { json: true, ..Default::default() };
    let asking = Container { settings: Arc::new(settings), ..registry() };
    let text = br#"{"level":"error","user":{"id":7},"user2":1,"user2":2}"#;
    let (_, event) = written(asking.clone(), None, Stream::Stdout, text);
    assert_eq!(event["json"], json!({"level": "error", "user": {"id": 7}, "user2": 2}));
    assert_eq!(event["severity"], 3);
    for text in [&b"[1]"[..], b"{half", b"plain"] {
        assert_eq!(written(asking.clone(), None, Stream::Stdout, text).1.get("json"), None);
    }
    assert_eq!(written(registry(), None, Stream::Stdout, text).1.get("json"), None, "not asked for");
}
