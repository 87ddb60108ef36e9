//! Which path gets which answer.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY,
    WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::HEALTHY;
use super::landing::Landing;
use super::web::{Verdict, Web};
use crate::cli::Common;
use crate::collector::Filter;
use crate::identity::SharedIdentity;
use crate::scrape::{ScrapeError, Scraper, Wish, budget};
use crate::service::Readiness;

/// The body of an answer: whole or streamed.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Answers a request.
pub type Handler =
    Arc<dyn Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> + Send + Sync>;

/// An endpoint that an agent adds.
#[derive(Clone)]
pub struct Route {
    path: &'static str,
    handler: Handler,
}

impl Route {
    /// `path` ending in `*` takes everything that begins with the part before.
    pub fn new<F, R>(path: &'static str, handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        Self { path, handler: Arc::new(move |request| Box::pin(handler(request))) }
    }

    fn takes(&self, path: &str) -> bool {
        self.path.strip_suffix('*').map_or(path == self.path, |prefix| path.starts_with(prefix))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A whole answer in one piece.
pub fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

const TEXT: &str = "text/plain; charset=utf-8";
/// How long Prometheus waits for the answer.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
const HTML: &str = "text/html; charset=utf-8";

/// Everything that is needed to answer.
#[derive(Debug)]
pub struct App {
    scraper: Arc<Scraper>,
    readiness: Readiness,
    identity: SharedIdentity,
    landing: Landing,
    routes: Vec<Route>,
    telemetry_path: String,
    web: Option<Arc<Web>>,
    /// Scrapes that run or wait; `None` is unlimited.
    scrapes: Option<(Arc<Semaphore>, usize)>,
}

impl App {
    pub(crate) fn new(
        scraper: Arc<Scraper>,
        readiness: Readiness,
        identity: SharedIdentity,
        landing: Landing,
        routes: Vec<Route>,
        common: &Common,
    ) -> Self {
        Self {
            scraper,
            readiness,
            identity,
            landing,
            routes,
            telemetry_path: common.telemetry_path.clone(),
            web: common.web.clone(),
            scrapes: common.max_requests.map(|n| (Arc::new(Semaphore::new(n)), n)),
        }
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let head = request.method() == Method::HEAD;
        let mut response = match &self.web {
            None => self.route(request).await,
            Some(web) => self.guarded(web, request).await,
        };
        if head {
            *response.body_mut() = Full::default().boxed_unsync();
        }
        response
    }

    /// The same behind a web configuration: who may ask, and what goes with every answer.
    async fn guarded(&self, web: &Web, request: Request<Incoming>) -> Response<Body> {
        let loaded = web.current();
        let mut response = match web.judge(&loaded, request.uri().path(), request.headers()).await {
            Verdict::Admitted => self.route(request).await,
            Verdict::TooMany => reply(StatusCode::TOO_MANY_REQUESTS, TEXT, "Too Many Requests\n"),
            Verdict::Unauthorized => {
                let mut response = reply(StatusCode::UNAUTHORIZED, TEXT, "Unauthorized\n");
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
                response
            }
        };
        for (name, value) in &loaded.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        if path == self.telemetry_path {
            return self.metrics(request.uri().query(), request.headers()).await;
        }
        if let Some(route) = self.routes.iter().find(|route| route.takes(path)) {
            return (route.handler)(request).await;
        }
        match path {
            HEALTHY => reply(StatusCode::OK, TEXT, "healthy\n"),
            "/-/ready" => match self.readiness.reasons() {
                reasons if reasons.is_empty() => reply(StatusCode::OK, TEXT, "ready\n"),
                reasons => reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons.join("\n") + "\n"),
            },
            "/" => reply(StatusCode::OK, HTML, self.landing.page(&self.identity.get())),
            _ => reply(StatusCode::NOT_FOUND, TEXT, "404 page not found\n"),
        }
    }

    async fn metrics(&self, query: Option<&str>, headers: &HeaderMap) -> Response<Body> {
        let permit = match &self.scrapes {
            None => None,
            Some((semaphore, limit)) => {
                let Ok(permit) = Arc::clone(semaphore).try_acquire_owned() else {
                    self.scraper.requests.answered(StatusCode::SERVICE_UNAVAILABLE);
                    let text = format!("Limit of concurrent requests reached ({limit}), try again later.\n");
                    return reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, text);
                };
                Some(permit)
            }
        };
        let filter = match Filter::parse(query).map_err(|e| e.to_string()) {
            Ok(filter) => filter,
            Err(text) => return reply(StatusCode::BAD_REQUEST, TEXT, text),
        };
        if let Err(text) = self.scraper.check(&filter) {
            return reply(StatusCode::BAD_REQUEST, TEXT, text);
        }
        let format = self.scraper.format(text_of(headers, &ACCEPT));
        let compress = text_of(headers, &ACCEPT_ENCODING).is_some_and(accepts_gzip);
        let wish = Wish { filter, format, compress, budget: budget(text_of(headers, &SCRAPE_TIMEOUT)) };
        let scraper = Arc::clone(&self.scraper);
        // A task of its own: a client that goes away must not leave the collectors half-way.
        let task = tokio::spawn(async move {
            let _in_flight = scraper.requests.begin();
            let answer = Arc::clone(&scraper).scrape(wish).await;
            drop(permit);
            answer
        });
        let answer = task.await.unwrap_or_else(|error| Err(ScrapeError::Failed(error)));
        let status = match &answer {
            Ok(_) => StatusCode::OK,
            Err(ScrapeError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        self.scraper.requests.answered(status);
        match answer {
            Ok(body) => {
                let mut response = reply(status, format.content_type(), body);
                response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
                if compress {
                    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
                response
            }
            Err(error) => reply(status, TEXT, format!("{error}\n")),
        }
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn accepts_gzip(accept: &str) -> bool {
    accept.split(',').any(|part| {
        let mut parts = part.split(';').map(str::trim);
        matches!(parts.next(), Some("gzip" | "*")) && !parts.any(|p| matches!(p, "q=0" | "q=0.0"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_only_where_it_is_wanted() {
        for (accept, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("*", true),
        ] {
            assert_eq!(accepts_gzip(accept), expected, "{accept}");
        }
    }
}
