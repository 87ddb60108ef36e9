//! What applications write: stack traces, JSON, logfmt and plain lines.

use std::time::Duration;

use serde_json::json;
use tokio::time::interval;

use crate::say;

/// Where a text goes.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Out,
    Err,
}

const JAVA: &str = "\
ERROR OrderService - order 4711 cannot be stored
java.lang.IllegalStateException: no stock left
\tat com.example.shop.Stock.take(Stock.java:41)
\tat com.example.shop.OrderService.store(OrderService.java:87)
Caused by: java.sql.SQLException: connection closed
\tat com.example.shop.Db.query(Db.java:19)
\t... 12 more";

const PYTHON: &str = "\
Traceback (most recent call last):
  File \"/app/mailer.py\", line 12, in send
    server.login(user, password)
smtplib.SMTPAuthenticationError: (535, b'no such user')";

const GO: &str = "\
panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.pick(...)
\t/src/main.go:12
main.main()
\t/src/main.go:8 +0x1d";

/// Writes one text every `period`, in turn, for ever.
pub async fn write(period: Duration) {
    let mut tick = interval(period);
    let mut number = 0_u64;
    loop {
        tick.tick().await;
        number += 1;
        let (stream, text) = text(number);
        match stream {
            Stream::Out => say::line(&text),
            Stream::Err => say::error(&text),
        }
    }
}

fn text(number: u64) -> (Stream, String) {
    let json = |level: &str, message: &str| {
        json!({"level": level, "msg": message, "order": number, "took_ms": number % 97}).to_string()
    };
    match number % 10 {
        0 => (Stream::Err, JAVA.to_owned()),
        1 => (Stream::Out, json("info", "order stored")),
        2 => (Stream::Out, format!("level=warn msg=\"slow query\" order={number} took=1.2s")),
        3 => (Stream::Err, PYTHON.to_owned()),
        4 => (Stream::Out, json("debug", "cache hit")),
        5 => {
            (Stream::Err, format!("I1124 10:00:00.000000       1 main.go:42] order {number} is being packed"))
        }
        6 => (Stream::Err, GO.to_owned()),
        7 => (Stream::Out, json("error", "payment refused")),
        8 => (Stream::Out, format!("INFO: order {number} has left the house")),
        _ => (Stream::Out, format!("order {number}: nothing special")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_texts_in_turn() {
        let texts: Vec<_> = (0..10).map(|number| text(number).1).collect();
        assert!(texts.iter().collect::<std::collections::BTreeSet<_>>().len() == 10, "{texts:?}");
        let parsed: serde_json::Value = serde_json::from_str(&texts[7]).expect("JSON");
        assert_eq!(parsed["level"], "error");
    }
}
