//! What a browser gets: Prometheus' own form of answers, and headers that keep the page to itself.

use agent_core::server::{Body, reply};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use thiserror::Error;

const JSON: &str = "application/json";
/// Everything comes from here: a browser refuses what would leave the host. The page's parts make styles at run time, and
/// the table makes a function of its columns.
const POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Why a request is not answered; the text is for the person at the page.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Nothing of that name.
    #[error("{0}")]
    NotFound(String),
    /// Only GET is answered.
    #[error("only GET is answered")]
    Method,
    /// A parameter is missing, unknown or bad, or the upstream says so of the query.
    #[error("{0}")]
    Bad(String),
    /// No room for another query.
    #[error("{0}")]
    Busy(String),
    /// The upstream does not answer, or not as it should.
    #[error("{0}")]
    Upstream(String),
    /// The upstream takes too long.
    #[error("{0}")]
    Late(String),
}

impl Refusal {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method"),
            Self::Bad(_) => (StatusCode::BAD_REQUEST, "bad_data"),
            Self::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Upstream(_) => (StatusCode::BAD_GATEWAY, "upstream"),
            Self::Late(_) => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
        }
    }
}

/// The text of a good answer, `data` being JSON.
pub fn success(data: &str) -> String {
    format!(r#"{{"status":"success","data":{data}}}"#)
}

/// A result as an answer in JSON, which nobody keeps.
pub fn json(result: Result<String, Refusal>) -> Response<Body> {
    let mut response = match result {
        Ok(text) => reply(StatusCode::OK, JSON, text),
        Err(refusal) => {
            let (status, kind) = refusal.status();
            let body: Value = json!({"status": "error", "errorType": kind, "error": refusal.to_string()});
            reply(status, JSON, body.to_string())
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guarded(response)
}

/// Adds the headers that every answer has.
pub fn guarded(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_their_codes() {
        for (refusal, status) in [
            (Refusal::NotFound("x".to_owned()), 404),
            (Refusal::Method, 405),
            (Refusal::Bad("x".to_owned()), 400),
            (Refusal::Busy("x".to_owned()), 503),
            (Refusal::Upstream("x".to_owned()), 502),
            (Refusal::Late("x".to_owned()), 504),
        ] {
            let response = json(Err(refusal));
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        }
    }

    #[test]
    fn nothing_leaves_the_host() {
        let response = json(Ok(success("[]")));
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"), "{policy}");
    }
}
