//! A server that is asked on behalf of the page: so many at once, so long, so much.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agent_core::prometheus::metrics::counter::Counter;
use agent_core::prometheus::metrics::family::Family;
use agent_core::prometheus::registry::Registry;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{info, warn};
use url::Url;

use crate::answer::Refusal;

/// How long it may take until a connection is there.
const CONNECT: Duration = Duration::from_secs(5);

/// What bounds every question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the question to the end of the answer, waiting for its turn included.
    pub time: Duration,
    /// The largest answer.
    pub bytes: usize,
    /// Questions at the same time, to each server.
    pub at_once: usize,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The whole body.
    pub body: String,
}

type Labels = [(&'static str, &'static str); 2];

/// Questions by server and how they ended.
#[derive(Debug, Clone, Default)]
pub struct Counts(Family<Labels, Counter>);

impl Counts {
    /// Makes them known.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        let help =
            "Questions that were passed on, by server and how they ended: answered, late, failed, too_large";
        registry.register("dashboard_viewer_questions", help, counts.0.clone());
        counts
    }
}

/// One server.
pub struct Upstream {
    name: &'static str,
    base: Url,
    client: Client,
    limits: Limits,
    turns: Semaphore,
    counts: Counts,
    down: Arc<AtomicBool>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.name)
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// `authorization` goes with every question; `authorities` are trusted beside the public ones.
    pub fn new(
        name: &'static str,
        base: Url,
        authorization: Option<HeaderValue>,
        authorities: &[Certificate],
        limits: Limits,
        counts: Counts,
    ) -> Result<Self, reqwest::Error> {
        let headers: HeaderMap = authorization.into_iter().map(|value| (AUTHORIZATION, value)).collect();
        let builder =
            authorities.iter().cloned().fold(Client::builder(), ClientBuilder::add_root_certificate);
        let client = builder
            .default_headers(headers)
            .connect_timeout(CONNECT)
            // The environment's proxy is for the world, not for the servers beside us.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let turns = Semaphore::new(limits.at_once);
        Ok(Self { name, base, client, limits, turns, counts, down: Arc::default() })
    }

    /// How long a question may take.
    pub fn limit(&self) -> Duration {
        self.limits.time
    }

    /// Asks with GET.
    pub async fn get(&self, path_and_query: &str) -> Result<Answer, Refusal> {
        self.ask(self.client.get(self.url(path_and_query)?)).await
    }

    /// Asks with POST and a body of JSON.
    pub async fn post(&self, path_and_query: &str, body: &Value) -> Result<Answer, Refusal> {
        let request = self.client.post(self.url(path_and_query)?);
        self.ask(request.header("content-type", "application/json").body(body.to_string())).await
    }

    fn url(&self, path_and_query: &str) -> Result<Url, Refusal> {
        let text = format!("{}{path_and_query}", self.base.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|error| Refusal::Bad(format!("{path_and_query}: {error}")))
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Answer, Refusal> {
        let name = self.name;
        let (outcome, result) = match timeout(self.limits.time, self.read(request)).await {
            Ok(Ok(answer)) => ("answered", Ok(answer)),
            Ok(Err(Failure::TooLarge)) => {
                let megabytes = self.limits.bytes >> 20;
                (
                    "too_large",
                    Err(Refusal::Upstream(format!(
                        "the answer of {name} has more than {megabytes} MB: ask for less"
                    ))),
                )
            }
            Ok(Err(Failure::Failed(error))) => {
                ("failed", Err(Refusal::Upstream(format!("{name} does not answer: {error}"))))
            }
            Err(_) if self.turns.available_permits() == 0 => (
                "late",
                Err(Refusal::Busy(format!(
                    "{name} is asked by {} others, and none was done in time",
                    self.limits.at_once
                ))),
            ),
            Err(_) => ("late", Err(Refusal::Late(format!("{name} needs more than {:?}", self.limits.time)))),
        };
        self.counts.0.get_or_create(&[("server", name), ("outcome", outcome)]).inc();
        let failed = outcome == "failed";
        if self.down.swap(failed, Ordering::Relaxed) != failed {
            if let Err(error) = &result {
                warn!(server = name, %error, "does not answer");
            } else {
                info!(server = name, "answers again");
            }
        }
        result
    }

    async fn read(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let _turn = self.turns.acquire().await.map_err(|error| Failure::Failed(error.to_string()))?;
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > self.limits.bytes {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(body).map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(Answer { status: response.status().as_u16(), body })
    }
}

enum Failure {
    TooLarge,
    Failed(String),
}

/// The innermost reason: the outer ones repeat the address.
fn failed(error: &reqwest::Error) -> Failure {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    Failure::Failed(reason.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn upstream(base: &str, limits: Limits) -> Upstream {
        let authorization = Some(HeaderValue::from_static("Basic eDp5"));
        Upstream::new("test", Url::parse(base).unwrap(), authorization, &[], limits, Counts::default())
            .unwrap()
    }

    const LIMITS: Limits = Limits { time: Duration::from_secs(60), bytes: 1 << 20, at_once: 2 };

    /// Answers one connection with these bytes, and gives what was asked; without an answer it only waits.
    async fn server(answer: Option<Vec<u8>>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let n = stream.read(&mut asked).await.unwrap();
            match answer {
                Some(answer) => drop(stream.write_all(&answer).await),
                None => std::future::pending().await,
            }
            String::from_utf8_lossy(&asked[..n]).into_owned()
        });
        (base, task)
    }

    fn with_body(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    #[tokio::test]
    async fn asks_with_the_password() {
        let (base, asked) = server(Some(with_body("{}"))).await;
        let answer =
            upstream(&format!("{base}/prefix/"), LIMITS).get("/api/v1/query?query=up").await.unwrap();
        assert_eq!(answer, Answer { status: 200, body: "{}".to_owned() });
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("GET /prefix/api/v1/query?query=up HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("authorization: Basic eDp5"), "{asked}");
    }

    #[tokio::test]
    async fn an_answer_has_its_bounds() {
        let (base, _asked) = server(Some(with_body(&"x".repeat(2000)))).await;
        let result = upstream(&base, Limits { bytes: 1000, ..LIMITS }).get("/").await;
        assert!(matches!(result, Err(Refusal::Upstream(_))), "{result:?}");
        let (base, _asked) = server(None).await;
        let result = upstream(&base, Limits { time: Duration::from_millis(50), ..LIMITS }).get("/").await;
        assert!(matches!(result, Err(Refusal::Late(_))), "{result:?}");
    }

    #[tokio::test]
    async fn nobody_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let result = upstream(&base, LIMITS).get("/").await;
        assert!(matches!(&result, Err(Refusal::Upstream(text)) if text.contains("refused")), "{result:?}");
    }
}
