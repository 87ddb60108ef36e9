//! A stand-in for Elasticsearch's bulk API that stores documents by `_id` and fails in ways that a real server cannot be
//! made to fail at a given moment: slow answers, answers that break off, items that are refused in between.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::recorder::{Counts, number};

/// What goes wrong with the next requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is stored and this status is answered.
    Status(u16),
    /// Every other item is refused with this status.
    Items(u16),
    /// Everything is stored and the connection ends without an answer.
    NoAnswer,
    /// Half is stored and the answer breaks off.
    BrokenAnswer,
    /// Everything is stored, late.
    Slow,
}

#[derive(Debug, Default)]
struct Store {
    /// Each document's number and `message`, by `_id`.
    documents: HashMap<String, (usize, Value)>,
    faults: Vec<Fault>,
    /// Faults that came about.
    happened: usize,
}

/// The server; its threads end with the test.
#[derive(Debug)]
pub struct Bulk {
    address: SocketAddr,
    store: Arc<Mutex<Store>>,
}

impl Bulk {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let store = Arc::<Mutex<Store>>::default();
        let shared = Arc::clone(&store);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let store = Arc::clone(&shared);
                // A client that goes away is no matter.
                thread::spawn(move || drop(serve(&stream, &store)));
            }
        });
        Self { address, store }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong with the next bulk requests, one each.
    pub fn fail(&self, faults: &[Fault]) {
        self.store.lock().expect("a lock").faults = faults.iter().rev().copied().collect();
    }

    /// How many faults came about.
    pub fn happened(&self) -> usize {
        self.store.lock().expect("a lock").happened
    }

    /// How many documents hold each number.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for (number, _) in self.store.lock().expect("a lock").documents.values() {
            *counts.entry(*number).or_default() += 1;
        }
        counts
    }
}

fn serve(stream: &TcpStream, store: &Mutex<Store>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length, mut gzip) = (String::new(), 0, false);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            gzip |= lower.starts_with("content-encoding: gzip");
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if gzip {
            let mut plain = Vec::new();
            GzDecoder::new(&body[..]).read_to_end(&mut plain)?;
            body = plain;
        }
        let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
        if path.ends_with("/_mget") {
            respond(stream, 200, &many(store, &body)?, usize::MAX)?;
            continue;
        }
        if !path.ends_with("/_bulk") {
            respond(
                stream,
                200,
                &json!({"acknowledged": true, "version": {"number": "8.19.0"}}),
                usize::MAX,
            )?;
            continue;
        }
        if !bulk(stream, store, &body)? {
            return Ok(());
        }
    }
}

/// The answer to a question for documents by `_id`.
fn many(store: &Mutex<Store>, body: &[u8]) -> std::io::Result<Value> {
    let question: Value = serde_json::from_slice(body)?;
    let store = store.lock().expect("a lock");
    let ids = question["docs"].as_array().into_iter().flatten().filter_map(|doc| doc["_id"].as_str());
    let docs: Vec<_> = ids
        .map(|id| match store.documents.get(id) {
            Some((_, message)) => json!({"found": true, "_source": {"message": message}}),
            None => json!({"found": false}),
        })
        .collect();
    Ok(json!({"docs": docs}))
}

/// Answers one bulk request; false where the connection is to end.
fn bulk(stream: &TcpStream, store: &Mutex<Store>, body: &[u8]) -> std::io::Result<bool> {
    let mut store = store.lock().expect("a lock");
    let fault = store.faults.pop();
    store.happened += usize::from(fault.is_some());
    if let Some(Fault::Status(status)) = fault {
        drop(store);
        respond(stream, status, &json!({"error": {"type": "told_to", "reason": "by the test"}}), usize::MAX)?;
        return Ok(true);
    }
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let pairs: Vec<_> = lines.chunks_exact(2).collect();
    let stored = if fault == Some(Fault::BrokenAnswer) { pairs.len() / 2 } else { pairs.len() };
    let mut items = Vec::new();
    for (index, pair) in pairs.into_iter().take(stored).enumerate() {
        let action: Value = serde_json::from_slice(pair[0])?;
        let id = action["create"]["_id"].as_str().unwrap_or_default().to_owned();
        let status = match fault {
            Some(Fault::Items(status)) if index % 2 == 0 => status,
            _ if store.documents.contains_key(&id) => 409,
            _ => {
                let number = number(pair[1]).unwrap_or(0);
                let mut document: Value = serde_json::from_slice(pair[1])?;
                store.documents.insert(id, (number, document["message"].take()));
                201
            }
        };
        let kind = match status {
            400 => "document_parsing_exception",
            409 => "version_conflict_engine_exception",
            _ => "es_rejected_execution_exception",
        };
        items.push(match status {
            201 => json!({"create": {"status": 201}}),
            _ => json!({"create": {"status": status, "error": {"type": kind, "reason": "by the test"}}}),
        });
    }
    drop(store);
    let errors = items.iter().any(|item| item["create"]["status"] != 201);
    let answer = json!({"took": 1, "errors": errors, "items": items});
    match fault {
        Some(Fault::NoAnswer) => return Ok(false),
        Some(Fault::BrokenAnswer) => {
            respond(stream, 200, &answer, 40)?;
            return Ok(false);
        }
        Some(Fault::Slow) => thread::sleep(Duration::from_secs(2)),
        _ => {}
    }
    respond(stream, 200, &answer, usize::MAX)?;
    Ok(true)
}

/// Writes at most `most` bytes of the body that the headers announce.
fn respond(mut stream: &TcpStream, status: u16, body: &Value, most: usize) -> std::io::Result<()> {
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nX-Elastic-Product: Elasticsearch\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body.as_bytes()[..body.len().min(most)])
}
