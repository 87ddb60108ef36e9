//! A bus for tests, on a real socket: it gives recorded answers.
//!
//! A recording has a line for each answer, `PATH INTERFACE MEMBER = ANSWER`, the answer as `busctl` prints it:
//! `s "text"`, `u 3`, `t 3`, `b true`, or an array of structures with its length. What is not recorded is refused.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, Guid, Message, MessageStream, ObjectPath, Variant};

use super::{Bus, Place};

/// A bus that is there until its folder is dropped.
#[derive(Debug)]
pub(crate) struct FakeBus {
    folder: TempDir,
}

/// What the bus does with a connection.
#[derive(Debug, Clone)]
enum Manner {
    /// Gives the recorded answers.
    Answers(Arc<HashMap<String, String>>),
    /// Ends the connection at the first question after those of the connection itself.
    HangsUp,
    /// Says nothing.
    Silent,
}

impl FakeBus {
    /// Answers as recorded.
    pub(crate) fn recorded(text: &str) -> Self {
        let entry = |line: &str| {
            let (call, answer) = line.split_once(" = ").unwrap_or_else(|| panic!("no answer in {line}"));
            (call.to_owned(), answer.to_owned())
        };
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self::start(Manner::Answers(Arc::new(lines.map(entry).collect())))
    }

    /// Accepts and hangs up when asked.
    pub(crate) fn hanging_up() -> Self {
        Self::start(Manner::HangsUp)
    }

    /// Accepts and never answers.
    pub(crate) fn silent() -> Self {
        Self::start(Manner::Silent)
    }

    fn start(manner: Manner) -> Self {
        let bus = Self { folder: tempfile::tempdir().unwrap() };
        let path = bus.path();
        let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, manner));
        });
        bus
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The way to it.
    pub(crate) fn bus(&self) -> Bus {
        Bus { places: vec![Place::Socket(self.path())], deadline: Duration::from_secs(20) }
    }

    /// The way to it for those who soon lose patience.
    pub(crate) fn impatient_bus(&self) -> Bus {
        Bus { deadline: Duration::from_millis(50), ..self.bus() }
    }
}

async fn serve(listener: std::os::unix::net::UnixListener, manner: Manner) {
    let listener = UnixListener::from_std(listener).unwrap();
    let mut silent = Vec::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        if matches!(manner, Manner::Silent) {
            silent.push(stream);
        } else {
            tokio::spawn(converse(stream, manner.clone()));
        }
    }
}

async fn converse(stream: UnixStream, manner: Manner) {
    let builder = Builder::unix_stream(stream.into_std().unwrap()).server(Guid::generate()).p2p();
    let connection = builder.build().await.unwrap();
    let mut calls = MessageStream::from(&connection);
    while let Some(Ok(call)) = calls.next().await {
        if call.message_type() != Type::MethodCall {
            continue;
        }
        let key = key(&call);
        match &manner {
            _ if key.ends_with(" Hello") => connection.reply(&call.header(), &":1.7").await.unwrap(),
            Manner::Answers(answers) => match answers.get(&key) {
                Some(answer) => reply(&connection, &call, answer).await,
                None => refuse(&connection, &call).await,
            },
            Manner::HangsUp | Manner::Silent => break,
        }
    }
}

/// `PATH INTERFACE MEMBER`, for properties with the interface and the name of the property.
fn key(call: &Message) -> String {
    let header = call.header();
    let path = header.path().unwrap().to_string();
    let body = call.body();
    match body.deserialize::<(&str, &str)>() {
        Ok((interface, property)) => format!("{path} {interface} {property}"),
        Err(_) => format!("{path} {} {}", header.interface().unwrap(), header.member().unwrap()),
    }
}

async fn refuse(connection: &Connection, call: &Message) {
    let header = call.header();
    let name = match header.member().unwrap().as_str() {
        "Get" => "org.freedesktop.DBus.Error.UnknownObject",
        _ => "org.freedesktop.DBus.Error.ServiceUnknown",
    };
    connection.reply_error(&header, name, &"not recorded").await.unwrap();
}

async fn reply(connection: &Connection, call: &Message, answer: &str) {
    let words = words(answer);
    let (signature, words) = words.split_first().unwrap();
    let text = |at: usize| words.get(at).unwrap().as_str();
    let path = |at: usize| ObjectPath::try_from(text(at)).unwrap();
    let rows = |width: usize| (1..words.len()).step_by(width);
    let header = call.header();
    let sent = match signature.as_str() {
        "s" => connection.reply(&header, &Variant::from(text(0))).await,
        "u" => connection.reply(&header, &Variant::from(text(0).parse::<u32>().unwrap())).await,
        "t" => connection.reply(&header, &Variant::from(text(0).parse::<u64>().unwrap())).await,
        "b" => connection.reply(&header, &Variant::from(text(0) == "true")).await,
        "a(so)" => {
            let rows: Vec<_> = rows(2).map(|at| (text(at), path(at + 1))).collect();
            connection.reply(&header, &rows).await
        }
        "a(susso)" => {
            let row = |at| (text(at), 0_u32, text(at + 2), text(at + 3), path(at + 4));
            connection.reply(&header, &rows(5).map(row).collect::<Vec<_>>()).await
        }
        "a(ssssssouso)" => {
            let row = |at| {
                let [name, about, load, active, sub, follows] =
                    [at, at + 1, at + 2, at + 3, at + 4, at + 5].map(text);
                (name, about, load, active, sub, follows, path(at + 6), 0_u32, text(at + 8), path(at + 9))
            };
            connection.reply(&header, &rows(10).map(row).collect::<Vec<_>>()).await
        }
        other => panic!("recording of an unknown type {other}"),
    };
    sent.unwrap();
}

/// The words of a line; blanks may stand within quotes, where a backslash takes the next character as it is.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut characters = line.trim().chars().peekable();
    while characters.peek().is_some() {
        let mut word = String::new();
        if characters.next_if_eq(&'"').is_some() {
            while let Some(character) = characters.next().filter(|c| *c != '"') {
                word.push(if character == '\\' { characters.next().unwrap() } else { character });
            }
        } else {
            while let Some(character) = characters.next_if(|c| *c != ' ') {
                word.push(character);
            }
        }
        words.push(word);
        while characters.next_if_eq(&' ').is_some() {}
    }
    words
}
