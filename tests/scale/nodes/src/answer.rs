//! What is answered to a request.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Response, StatusCode};

use crate::identity::MOST;
use crate::number::Moment;
use crate::sd;
use crate::template::Template;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) listen: String,
    pub(crate) count: AtomicU32,
    pub(crate) templates: [Template; 3],
    pub(crate) started: Instant,
}

impl Nodes {
    /// The answer to a request.
    pub(crate) fn answer(&self, method: &Method, path: &str, query: Option<&str>) -> Response<Full<Bytes>> {
        let count = self.count.load(Ordering::Relaxed);
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            (&Method::GET, ["sd"]) => {
                let job = query.and_then(|query| query.strip_prefix("job="));
                respond(StatusCode::OK, "application/json", sd::targets(&self.listen, count, job).into())
            }
            (&Method::POST, ["nodes", wanted]) => match wanted.parse() {
                Ok(wanted @ 1..=MOST) => {
                    self.count.store(wanted, Ordering::Relaxed);
                    respond(StatusCode::OK, TEXT, format!("{wanted} nodes\n").into())
                }
                _ => respond(StatusCode::BAD_REQUEST, TEXT, format!("want 1 to {MOST} nodes\n").into()),
            },
            (&Method::GET, [name, job]) => {
                let node = name.strip_prefix("node-").and_then(|digits| digits.parse().ok());
                let node = node.filter(|node| (1..=count).contains(node));
                let template = self.templates.iter().find(|template| template.job == *job);
                match (node, template) {
                    (Some(node), Some(template)) => {
                        respond(StatusCode::OK, TEXT, template.write(node, self.moment()).into())
                    }
                    _ => respond(StatusCode::NOT_FOUND, TEXT, "no such node or agent\n".into()),
                }
            }
            _ => respond(StatusCode::NOT_FOUND, TEXT, "/sd, /node-0001/node, POST /nodes/N\n".into()),
        }
    }

    fn moment(&self) -> Moment {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { running: self.started.elapsed().as_secs_f64(), clock: clock.as_secs_f64() }
    }
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
