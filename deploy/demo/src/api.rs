//! The book's service: what it answers, and what it writes to its log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::sleep;

use crate::http::{self, Body, reply};
use crate::response_times::ResponseTimes;
use crate::roles::Failure;
use crate::say;

/// One call in this many fails.
const FAILS_ONCE_IN: u64 = 10;
/// The longest `delay` that a caller may ask for, in milliseconds.
const LONGEST_DELAY: u64 = 10_000;

struct Api {
    db: String,
    times: ResponseTimes,
    calls: AtomicU64,
}

/// Serves until an error or a signal.
pub async fn serve(db: &str) -> Result<(), Failure> {
    let api = Arc::new(Api { db: db.to_owned(), times: ResponseTimes::default(), calls: AtomicU64::new(0) });
    say::line("INFO: listening on :8080");
    http::serve(move |request| {
        let api = Arc::clone(&api);
        async move { api.answer(request).await }
    })
    .await
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let begin = Instant::now();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (known, answer) = match path.as_str() {
            "/metrics" => return self.metrics(),
            "/health" => return reply(StatusCode::OK, "healthy\n"),
            "/demo/hello" => ("/demo/hello", self.hello(request.uri().query()).await),
            "/demo/person" => ("/demo/person", self.person(method.clone()).await),
            "/demo/random-error" => ("/demo/random-error", self.random_error()),
            _ => ("other", reply(StatusCode::NOT_FOUND, "not found\n")),
        };
        // Go's log would write to standard error, where a line that states no level counts as an error.
        say::line(&format!("INFO: {method} request to {path}"));
        self.times.observe(answer.status().as_u16(), method.as_str(), known, begin.elapsed());
        answer
    }

    async fn hello(&self, query: Option<&str>) -> Response<Body> {
        let delay = query.and_then(|query| query.strip_prefix("delay=")).and_then(|delay| delay.parse().ok());
        if let Some(delay) = delay {
            sleep(Duration::from_millis(LONGEST_DELAY.min(delay))).await;
        }
        reply(StatusCode::OK, "hello, world!\n")
    }

    async fn person(&self, method: Method) -> Response<Body> {
        match http::send(method, &format!("{}/person", self.db), "Viktor\n".into()).await {
            Ok((status, body)) => reply(status, body),
            Err(error) => {
                say::error(&format!("ERROR: the database does not answer: {error}"));
                reply(StatusCode::BAD_GATEWAY, "no database\n")
            }
        }
    }

    fn random_error(&self) -> Response<Body> {
        if (self.calls.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(FAILS_ONCE_IN) {
            say::error("ERROR: Something, somewhere, went wrong!");
            return reply(StatusCode::INTERNAL_SERVER_ERROR, "Something, somewhere, went wrong!\n");
        }
        reply(StatusCode::OK, "Everything is still OK\n")
    }

    fn metrics(&self) -> Response<Body> {
        let mut answer = reply(StatusCode::OK, self.times.text());
        let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        answer
    }
}
