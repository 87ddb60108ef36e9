//! One request of an agent: checked, asked of the engine, its answer passed on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use agent_core::docker::{DockerHost, send};
use agent_core::prometheus::metrics::counter::Counter;
use agent_core::prometheus::metrics::family::Family;
use agent_core::prometheus::registry::Registry;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::redact::{Kept, redact};
use super::rules::{Allowed, Answer, check};

/// How long the engine may take to begin an answer that is no stream.
const BEGIN: Duration = Duration::from_secs(30);
/// How long it may take for an answer that is read whole.
const READ: Duration = Duration::from_secs(60);
/// How much of a refused request's body is taken, and for how long.
const REST: usize = 1 << 20;
const REST_TIME: Duration = Duration::from_secs(2);
/// The largest answer that is read whole: 10,000 tasks are about 30 MB.
const LARGEST: usize = 64 << 20;
/// How many answers are read whole at the same time.
const AT_ONCE: usize = 4;
/// What is passed on of the engine's headers.
const HEADERS: [HeaderName; 5] = [
    CONTENT_TYPE,
    HeaderName::from_static("api-version"),
    HeaderName::from_static("docker-experimental"),
    HeaderName::from_static("ostype"),
    HeaderName::from_static("swarm"),
];

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, hyper::Error>;

type Labels = [(&'static str, &'static str); 1];

/// What the proxy counts.
#[derive(Debug, Default)]
pub struct Counts {
    requests: Family<Labels, Counter>,
    removed: Counter,
}

impl Counts {
    /// Makes them known.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        for outcome in ["passed", "refused", "failed"] {
            drop(counts.requests.get_or_create(&[("outcome", outcome)]));
        }
        registry.register(
            "socket_proxy_requests",
            "Requests of agents: passed on to the engine, refused by the rules, or failed because of the engine",
            counts.requests.clone(),
        );
        registry.register(
            "socket_proxy_environment_entries_removed",
            "Entries of containers' environments that were taken out of answers",
            counts.removed.clone(),
        );
        counts
    }

    fn count(&self, outcome: &'static str) {
        self.requests.get_or_create(&[("outcome", outcome)]).inc();
    }
}

/// The engine, and what passes.
#[derive(Debug)]
pub struct Relay {
    docker: DockerHost,
    kept: Kept,
    counts: Counts,
    whole: Semaphore,
    /// What was refused last: an agent that asks again and again is told of once.
    refused: Mutex<String>,
}

/// Why there is no answer of the engine.
struct Failed(StatusCode, String);

impl Relay {
    /// Puts it together.
    pub fn new(docker: DockerHost, kept: Kept, counts: Counts) -> Self {
        Self { docker, kept, counts, whole: Semaphore::new(AT_ONCE), refused: Mutex::default() }
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let allowed = match Self::allow(&request) {
            Ok(allowed) => allowed,
            Err(text) => {
                self.counts.count("refused");
                self.tell(&text);
                take_rest(request.into_body()).await;
                return refuse(StatusCode::FORBIDDEN, &text);
            }
        };
        match self.pass(request.method(), &allowed).await {
            Ok(response) => {
                self.counts.count("passed");
                response
            }
            Err(Failed(status, text)) => {
                self.counts.count("failed");
                warn!(
                    target = allowed.target,
                    error = text,
                    "the engine gave no answer that could be passed on"
                );
                refuse(status, &text)
            }
        }
    }

    fn tell(&self, reason: &str) {
        let mut last = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == reason {
            debug!(reason, "a request was refused again");
        } else {
            info!(reason, "a request was refused");
            reason.clone_into(&mut last);
        }
    }

    fn allow(request: &Request<Incoming>) -> Result<Allowed, String> {
        let uri = request.uri();
        let allowed = check(request.method(), uri.path(), uri.query())?;
        if request.headers().contains_key(UPGRADE) || !request.body().is_end_stream() {
            return Err("a request with a body or an upgrade is refused".to_owned());
        }
        Ok(allowed)
    }

    /// The request is made anew: nothing of the agent's but what the rules understood reaches the engine.
    async fn pass(&self, method: &Method, allowed: &Allowed) -> Result<Response<Body>, Failed> {
        let failed = |error: &dyn std::fmt::Display| Failed(StatusCode::BAD_GATEWAY, error.to_string());
        let request = Request::builder().method(method).uri(&allowed.target).body(Empty::new());
        let answer = send(&self.docker, request.map_err(|e| failed(&e))?);
        let answer = if allowed.rule.answer == Answer::Stream {
            // Silence is all right here; an agent that goes away ends it.
            answer.await
        } else {
            timeout(BEGIN, answer).await.map_err(|_| too_late("begin an answer", BEGIN))?
        };
        let (head, body) = answer.map_err(|e| failed(&e))?.into_parts();
        let body = match allowed.rule.answer {
            Answer::Whole | Answer::Stream => body.boxed_unsync(),
            Answer::Redacted => {
                let _place = self.whole.acquire().await.map_err(|e| failed(&e))?;
                let read = timeout(READ, Limited::new(body, LARGEST).collect()).await;
                let read = read.map_err(|_| too_late("answer", READ))?.map_err(|e| failed(&e))?;
                let (text, removed) = redact(&read.to_bytes(), &self.kept).map_err(|e| failed(&e))?;
                self.counts.removed.inc_by(removed);
                whole(text)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        for name in HEADERS {
            if let Some(value) = head.headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Ok(response)
    }
}

fn too_late(what: &str, limit: Duration) -> Failed {
    Failed(StatusCode::GATEWAY_TIMEOUT, format!("the engine did not {what} within {} s", limit.as_secs()))
}

fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Takes and drops what a client still sends: where the connection ends before, it sees a broken pipe and not the answer.
async fn take_rest(body: Incoming) {
    let mut body = Limited::new(body, REST);
    let all = async { while let Some(Ok(_)) = body.frame().await {} };
    // What is larger or later is not waited for.
    drop(timeout(REST_TIME, all).await);
}

/// In the form of the engine's own errors, so that clients show the text.
fn refuse(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(whole(json!({"message": format!("socket-proxy: {text}")}).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
