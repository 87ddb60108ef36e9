//! The other nodes: which tasks the Swarm's name server knows, and what each says of its node.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use agent_core::doctor::Finding;
use agent_core::entry::Environment;

use super::{NAME_TWICE, TASK_NAMELESS, TASK_SILENT};

/// Names that are asked for where `TASKS` gives no others: the service alone and in the stack of our files.
const NAMES: [&str; 3] = ["tasks.node-exporter", "tasks.swarmscope_node-exporter", "tasks.node_exporter"];
const TIMEOUT: Duration = Duration::from_secs(3);
/// More than the two families asked for can be.
const LIMIT: u64 = 1024 * 1024;

/// What is said where tasks speak TLS: who is to trust them is known on a manager.
pub(super) fn not_asked() -> Vec<Finding> {
    vec![Finding::note(
        "other nodes are not asked over TLS from here; container-exporter doctor does, on a manager"
            .to_owned(),
    )]
}

/// What every task says; nothing but a note outside of a Swarm.
pub(super) fn examine(environment: &Environment, port: u16, path: &str) -> Vec<Finding> {
    let given: Vec<_> = environment.get("TASKS").map(|names| names.split(',').collect()).unwrap_or_default();
    let names = if given.is_empty() { &NAMES[..] } else { &given };
    let mut addresses = Vec::new();
    for name in names {
        let found: Vec<_> = (*name, port).to_socket_addrs().into_iter().flatten().collect();
        if !found.is_empty() {
            addresses = found;
            break;
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        let what = format!("no other nodes: {} not known here", names.join(", "));
        return vec![Finding::note(what + " (TASKS=tasks.SERVICE asks for another name)")];
    }
    let answers: Vec<_> = addresses.into_iter().map(|address| (address, ask(address, path))).collect();
    compare(&answers)
}

/// What a task says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    name: Option<String>,
    id: Option<String>,
    version: Option<String>,
}

fn ask(address: SocketAddr, path: &str) -> io::Result<Node> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    // 1.0, so that the answer comes in one piece; `time` is the cheapest of our collectors.
    let request =
        format!("GET {path}?collect[]=time HTTP/1.0\r\nHost: {address}\r\nAccept: text/plain\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LIMIT).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.lines().next().unwrap_or("no answer (is TLS on?)");
    if status.contains(" 200 ") { Ok(parse(body)) } else { Err(io::Error::other(status.to_owned())) }
}

fn parse(metrics: &str) -> Node {
    let labels = |family: &str| {
        metrics.lines().find_map(|line| line.strip_prefix(family)?.strip_prefix('{')?.rsplit_once('}'))
    };
    let label = |family: &str, name: &str| {
        let (labels, _) = labels(family)?;
        let value = labels.split("\",").find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\""))?;
        let value = value.trim_end_matches('"');
        (!value.is_empty()).then(|| value.to_owned())
    };
    Node {
        name: label("node_meta", "node_name"),
        id: label("node_meta", "node_id"),
        version: label("node_exporter_build_info", "version"),
    }
}

fn compare(answers: &[(SocketAddr, io::Result<Node>)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names: BTreeMap<&str, Vec<SocketAddr>> = BTreeMap::new();
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for (address, answer) in answers {
        let node = match answer {
            Ok(node) => node,
            Err(error) => {
                findings.push(Finding::of(&TASK_SILENT, format_args!("{address}: {error}")));
                continue;
            }
        };
        *versions.entry(node.version.as_deref().unwrap_or("unknown")).or_default() += 1;
        let Some(name) = &node.name else {
            findings.push(Finding::of(&TASK_NAMELESS, format_args!("{address} (no node_meta)")));
            continue;
        };
        names.entry(name).or_default().push(*address);
        let id = node.id.as_deref().unwrap_or("no ID");
        findings.push(Finding::good(format!("{address} is {name} ({id})")));
    }
    for (name, addresses) in names.iter().filter(|(_, addresses)| addresses.len() > 1) {
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let seen = format!("{} all say that they are {name}", addresses.join(", "));
        findings.push(Finding::of(&NAME_TWICE, seen));
    }
    if versions.len() > 1 {
        let counts: Vec<_> = versions.iter().map(|(version, count)| format!("{count} x {version}")).collect();
        findings.push(Finding::note(format!("several versions: {}", counts.join(", "))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use proptest::prelude::*;

    use super::*;
    use agent_core::doctor::Level;

    const METRICS: &str = "\
node_exporter_build_info{branch=\"\",version=\"1.2.3\"} 1
node_meta{node_id=\"abc\",container_label_com_docker_swarm_node_id=\"abc\",node_name=\"n1\"} 1
";

    #[test]
    fn nodes_say_who_they_are() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parse(METRICS), Node { name: some("n1"), id: some("abc"), version: some("1.2.3") });
        assert_eq!(parse(""), Node::default());
    }

    #[test]
    fn tasks_are_asked_over_http() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let count = stream.read(&mut request).unwrap();
            write!(stream, "HTTP/1.0 200 OK\r\n\r\n{METRICS}").unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        let environment = [("TASKS", "no.such.name.invalid,127.0.0.1")].into_iter().collect();
        let findings = examine(&environment, port, "/metrics");
        assert!(server.join().unwrap().starts_with("GET /metrics?collect[]=time HTTP/1.0\r\n"));
        assert_eq!(findings, [Finding::good(format!("127.0.0.1:{port} is n1 (abc)"))]);
    }

    #[test]
    fn odd_nodes_are_problems() {
        let address = |last: u8| SocketAddr::from(([10, 0, 0, last], 9100));
        let node = |name: Option<&str>, version: &str| {
            Ok(Node { name: name.map(str::to_owned), id: None, version: Some(version.to_owned()) })
        };
        let answers = [
            (address(1), node(Some("n1"), "1")),
            (address(2), node(Some("n1"), "1")),
            (address(3), node(None, "2")),
            (address(4), Err(io::Error::from(io::ErrorKind::ConnectionRefused))),
        ];
        let findings = compare(&answers);
        let problems: Vec<_> =
            findings.iter().filter(|f| f.level == Level::Problem).map(|f| f.what.as_str()).collect();
        assert_eq!(
            problems,
            [
                "task-nameless: 10.0.0.3:9100 (no node_meta)",
                "task-silent: 10.0.0.4:9100: connection refused",
                "name-twice: 10.0.0.1:9100, 10.0.0.2:9100 all say that they are n1",
            ]
        );
        assert!(findings.last().unwrap().what.contains("2 x 1, 1 x 2"), "{findings:?}");
    }

    proptest! {
        #[test]
        fn nothing_panics(metrics: String, odd in "(node_meta|[{}=\",\n a])*") {
            parse(&metrics);
            parse(&odd);
        }
    }
}
