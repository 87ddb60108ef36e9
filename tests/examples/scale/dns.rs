//! How many addresses an answer of the engine's own DNS holds, which is what `dns_sd` asks.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, ExitCode};
use std::time::Duration;

use e2e::engine::Engine;
use e2e::wait::{LIMIT, ensure, until};

use crate::tell;

const SERVER: &str = "127.0.0.11:53";
/// The longest of the names that are asked for.
const NAME: &str = "tasks.container-exporter";
/// Prometheus offers 4096 bytes over UDP, and asks again over TCP when the answer says that it was cut.
const OFFERED: u16 = 4096;
/// What the engine gives at most over TCP.
const TCP_MOST: usize = 65_534;

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    bytes: usize,
    addresses: usize,
    cut: bool,
}

/// Asks for containers with one alias, few and more, and computes the rest from the size of the answers.
pub(crate) fn measure() -> bool {
    let engine = Engine::start("dns", 27);
    engine.docker(&["network", "create", "--subnet", "10.83.0.0/20", "scale"]);
    let options = ["--network", "scale", "--network-alias", NAME];
    let mut found = Vec::new();
    let mut first = String::new();
    for (from, to) in [(0, 10), (10, 40)] {
        for number in from..to {
            let id = engine.busybox(
                &[&["--name", &format!("dns-{number}")], &options[..]].concat(),
                &["sleep", "10000"],
            );
            if first.is_empty() {
                first = id;
            }
        }
        let whole = until(LIMIT, "the engine's DNS", || {
            let answer = ask_from(&engine, &first, Some(OFFERED));
            ensure(answer.addresses == to, format!("{answer:?}")).map(|()| answer)
        });
        found.push(whole);
    }
    let small = ask_from(&engine, &first, Some(512));
    let tcp = ask_from(&engine, &first, None);
    let record = (found[1].bytes - found[0].bytes) / (found[1].addresses - found[0].addresses);
    let head = found[0].bytes - record * found[0].addresses;
    let version = engine.docker(&["version", "-f", "{{.Server.Version}}"]);
    let holds = |bytes: usize| (bytes - head) / record;
    let text = format!(
        "Docker {version}, `{NAME}`: an address takes {record} bytes of the answer, everything else {head}.\n\n\
         | question | answer |\n|---|---|\n\
         | UDP, {OFFERED} bytes offered, {} containers | {} addresses, {} bytes{} |\n\
         | UDP, 512 bytes offered, {} containers | {} addresses, {} bytes{} |\n\
         | TCP, {} containers | {} addresses, {} bytes{} |\n\
         | UDP, {OFFERED} bytes offered (computed) | {} addresses; beyond, Prometheus asks again over TCP |\n\
         | TCP (computed) | {} addresses; beyond, the engine leaves the rest out and does not say so |\n",
        found[1].addresses,
        found[1].addresses,
        found[1].bytes,
        said(found[1]),
        found[1].addresses,
        small.addresses,
        small.bytes,
        said(small),
        found[1].addresses,
        tcp.addresses,
        tcp.bytes,
        said(tcp),
        holds(usize::from(OFFERED)),
        holds(TCP_MOST),
    );
    tell("dns", &text);
    small.cut && tcp.addresses == found[1].addresses
}

fn said(answer: Answer) -> &'static str {
    if answer.cut { ", marked as cut" } else { "" }
}

/// Asks in a container's network.
fn ask_from(engine: &Engine, container: &str, offered: Option<u16>) -> Answer {
    let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", container]);
    let program = std::env::current_exe().expect("this program").display().to_string();
    let how = offered.map_or_else(|| "tcp".to_owned(), |bytes| bytes.to_string());
    let output =
        Command::new("nsenter").args(["-t", &pid, "-n", &program, "ask", &how]).output().expect("nsenter");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<usize> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [bytes, addresses, cut] = numbers[..] else {
        panic!("{text}{}", String::from_utf8_lossy(&output.stderr));
    };
    Answer { bytes, addresses, cut: cut == 1 }
}

/// This program inside a container's network: prints the size of the answer, its addresses, and whether it was cut.
pub(crate) fn ask(how: &str) -> ExitCode {
    let answer = if let Ok(offered) = how.parse::<u16>() {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        socket.send_to(&question(Some(offered)), SERVER).expect("the engine's DNS");
        let mut buffer = vec![0; 65_536];
        let length = socket.recv(&mut buffer).expect("an answer");
        buffer.truncate(length);
        buffer
    } else {
        let mut stream = TcpStream::connect(SERVER).expect("the engine's DNS");
        let question = question(None);
        let length = u16::try_from(question.len()).expect("short").to_be_bytes();
        stream.write_all(&[&length[..], &question].concat()).expect("a question");
        let mut length = [0; 2];
        stream.read_exact(&mut length).expect("an answer");
        let mut buffer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut buffer).expect("an answer");
        buffer
    };
    let addresses = u16::from_be_bytes([answer[6], answer[7]]);
    println!("{} {addresses} {}", answer.len(), u8::from(answer[2] & 2 != 0));
    ExitCode::SUCCESS
}

/// The addresses of [`NAME`], with an offer of so many bytes.
fn question(offered: Option<u16>) -> Vec<u8> {
    let mut question = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(offered.is_some())];
    for part in NAME.split('.') {
        question.push(u8::try_from(part.len()).expect("short"));
        question.extend_from_slice(part.as_bytes());
    }
    question.extend_from_slice(&[0, 0, 1, 0, 1]);
    if let Some(bytes) = offered {
        question.extend_from_slice(&[0, 0, 41]);
        question.extend_from_slice(&bytes.to_be_bytes());
        question.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    }
    question
}
