//! A sink that writes lines into somebody's answer.

use std::collections::HashMap;
use std::time::Duration;

use agent_core::shutdown::CancellationToken;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::record::{Batch, Line};
use crate::sink::{Delivery, Link, Sink};
use crate::template::message;

/// Pieces of text go out together up to this size.
const PIECE_BYTES: usize = 16 * 1024;
/// Names are at least this wide.
const NAME_WIDTH: usize = 16;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The line alone, for one container.
    Plain,
    /// With the container's name before it.
    Named {
        /// A colour for each container.
        colors: bool,
    },
    /// An object for each, one to a piece.
    Json,
}

/// Writes into a channel until nobody takes from it.
#[derive(Debug)]
pub(super) struct LiveSink {
    form: Form,
    pieces: mpsc::Sender<Bytes>,
    /// Cancelled when nobody takes lines any more.
    stop: CancellationToken,
    width: usize,
    /// The number of each name, in the order of their first lines.
    names: HashMap<String, usize>,
}

impl LiveSink {
    pub(super) fn new(form: Form, pieces: mpsc::Sender<Bytes>, stop: CancellationToken) -> Self {
        Self { form, pieces, stop, width: NAME_WIDTH, names: HashMap::new() }
    }

    async fn send_all(&mut self, batch: &Batch) {
        let mut piece = Vec::new();
        for line in batch.lines() {
            self.write(&line, &mut piece);
            if piece.len() >= PIECE_BYTES || self.form == Form::Json {
                self.send(&mut piece).await;
            }
        }
        self.send(&mut piece).await;
    }

    async fn send(&mut self, piece: &mut Vec<u8>) {
        if !piece.is_empty() && self.pieces.send(Bytes::from(std::mem::take(piece))).await.is_err() {
            self.stop.cancel();
        }
    }

    fn write(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        match self.form {
            Form::Plain => out.extend_from_slice(line.text),
            Form::Named { colors } => {
                let name = &line.container.name;
                self.width = self.width.max(name.len());
                let color = colors.then(|| self.color(name));
                out.extend_from_slice(color.unwrap_or_default().as_bytes());
                out.extend_from_slice(format!("{name:>width$}|", width = self.width).as_bytes());
                out.extend_from_slice(line.text);
                out.extend_from_slice(if colors { b"\x1b[0m" } else { b"" });
            }
            Form::Json => {
                let message = message(line.container, line.stream.name(), line.text, line.time);
                out.extend_from_slice(&serde_json::to_vec_pretty(&message).unwrap_or_default());
            }
        }
        out.push(b'\n');
    }

    /// Fourteen colours in turn: seven bright ones, then the same darker.
    fn color(&mut self, name: &str) -> String {
        let next = self.names.len();
        let number = *self.names.entry(name.to_owned()).or_insert(next);
        let bright = if number % 14 > 6 { "" } else { "1;" };
        format!("\x1b[{bright}3{}m", 7 - number % 7)
    }
}

impl Sink for LiveSink {
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch, _: &'a mut Link) -> Delivery<'a> {
        Box::pin(self.send_all(batch))
    }

    fn idle<'a>(&'a mut self, _: &'a mut Link) -> Delivery<'a> {
        Box::pin(async {
            self.pieces.closed().await;
            self.stop.cancel();
            std::future::pending::<()>().await;
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::container::Container;
    use crate::record::Stream;

    fn written(form: Form, lines: &[(&str, &[u8])]) -> Vec<u8> {
        let mut sink = LiveSink::new(form, mpsc::channel(1).0, CancellationToken::new());
        let mut batch = Batch::default();
        for (name, text) in lines {
            let container = Container { name: (*name).to_owned(), ..Container::default() };
            batch.push(&Arc::new(container), Stream::Stdout, 0, 0, text);
        }
        let mut out = Vec::new();
        for line in batch.lines() {
            sink.write(&line, &mut out);
        }
        out
    }

    #[test]
    fn text_is_logspouts() {
        assert_eq!(written(Form::Plain, &[("a", b"x\xff")]), b"x\xff\n");
        assert_eq!(
            String::from_utf8(written(
                Form::Named { colors: true },
                &[("web", b"x"), ("db", b"y"), ("web", b"z")]
            ))
            .unwrap(),
            "\x1b[1;37m             web|x\x1b[0m\n\x1b[1;36m              db|y\x1b[0m\n\x1b[1;37m             web|z\x1b[0m\n"
        );
        let long = "a-name-longer-than-sixteen";
        assert_eq!(
            String::from_utf8(written(Form::Named { colors: false }, &[(long, b"x"), ("db", b"y")])).unwrap(),
            format!("{long}|x\n{:>26}|y\n", "db")
        );
    }

    #[test]
    fn json_is_one_object_for_each_line_without_an_environment() {
        let text = String::from_utf8(written(Form::Json, &[("web", b"x")])).unwrap();
        assert!(text.starts_with("{\n  \"Container\": {\n"), "{text}");
        assert!(!text.contains("Env"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["Data"], "x");
        assert_eq!(json["Source"], "stdout");
        assert_eq!(json["Container"]["Name"], "/web");
    }
}
