//! A small HTTP client for tests.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::Agent;

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body, unpacked.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .proxy(None)
        .build()
        .into()
}

/// `GET` with headers; an error where nobody answers.
pub fn get_with(url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
    let mut request = agent().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.call().map_err(|error| format!("{url}: {error}"))?;
    let content_type =
        response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    Ok(Answer {
        status: response.status().as_u16(),
        content_type: content_type.to_owned(),
        body: response
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_string()
            .map_err(|error| format!("{url}: {error}"))?,
    })
}

/// Any method with a JSON body (none where it is null); an error where nobody answers.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, String> {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.header("content-type", "application/json").body(text).map_err(|e| e.to_string())?;
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(60)))
        .proxy(None)
        .build()
        .into();
    let mut response = agent.run(request).map_err(|error| format!("{url}: {error}"))?;
    Ok(Answer {
        status: response.status().as_u16(),
        content_type: String::new(),
        body: response
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_string()
            .map_err(|error| format!("{url}: {error}"))?,
    })
}

/// Any method, with a text as body where there is one.
pub fn send_text(method: &str, url: &str, body: &str) -> Result<Answer, String> {
    let agent = agent();
    let response = match method {
        "DELETE" => agent.delete(url).call(),
        _ => agent.post(url).send(body),
    };
    let mut response = response.map_err(|error| format!("{url}: {error}"))?;
    let body = response.body_mut().read_to_string().map_err(|error| format!("{url}: {error}"))?;
    Ok(Answer { status: response.status().as_u16(), content_type: String::new(), body })
}

/// `GET` without headers.
pub fn get(url: &str) -> Result<Answer, String> {
    get_with(url, &[])
}

/// The body of a 200; anything else is an error.
pub fn body(url: &str) -> Result<String, String> {
    let answer = get(url)?;
    if answer.status == 200 {
        Ok(answer.body)
    } else {
        Err(format!("{url}: {} {}", answer.status, answer.body))
    }
}

/// The value of an `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Percent-encodes a query parameter.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Requests over connections that are kept.
#[derive(Debug)]
pub struct Connection(Agent);

impl Connection {
    /// Connects with the first request.
    #[expect(clippy::new_without_default, reason = "there is no default of a connection")]
    pub fn new() -> Self {
        Self(agent())
    }

    /// `POST` of JSON; the body of the answer.
    pub fn post(&self, url: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut request = self.0.post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body).unwrap_or_else(|error| panic!("{url}: {error}"));
        response.body_mut().read_to_string().unwrap_or_else(|error| panic!("{url}: {error}"))
    }
}
