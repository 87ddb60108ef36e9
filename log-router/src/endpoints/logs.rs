//! `/logs`: lines as they come, for people and programs that look on.
//!
//! Each request is a route of its own with a sink that writes into the answer. A client that reads slowly holds up
//! nobody else.

use std::path::Path;
use std::sync::Arc;

use agent_core::prometheus::registry::Registry;
use agent_core::server::{Body, reply};
use agent_core::service::Readiness;
use agent_core::shutdown::CancellationToken;
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use url::form_urlencoded;

use super::live::{Form, LiveSink};
use super::{TEXT, not_allowed, not_found, websocket};
use crate::delivery::SharedPositions;
use crate::inventory::Inventory;
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::position::store::Positions;
use crate::route::Route;
use crate::route::filter::Filter;
use crate::source::json_file::end_of;
use crate::time;

/// Each holds some memory and reads all logs that it asks for.
const MOST_CLIENTS: usize = 16;
/// Pieces of the answer that wait for the client.
const QUEUE: usize = 4;

/// What a stream of lines is made from.
#[derive(Debug, Clone)]
pub struct Logs {
    containers: watch::Receiver<Arc<Inventory>>,
    shutdown: CancellationToken,
    clients: Arc<Semaphore>,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    filter: Filter,
    form: Form,
}

impl Logs {
    /// Nobody looks on yet.
    pub fn new(containers: watch::Receiver<Arc<Inventory>>, shutdown: CancellationToken) -> Self {
        Self { containers, shutdown, clients: Arc::new(Semaphore::new(MOST_CLIENTS)) }
    }

    /// `GET /logs`, `/logs/id:<id>` and `/logs/name:<glob>`.
    pub fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        if request.method() != Method::GET {
            return not_allowed();
        }
        let upgrade = websocket::wanted(request.headers());
        let json =
            upgrade || request.headers().get(ACCEPT).is_some_and(|accept| accept == "application/json");
        let wish = match wish(request.uri().path(), request.uri().query().unwrap_or_default(), json) {
            Ok(Some(wish)) => wish,
            Ok(None) => return not_found(),
            Err(problem) => return reply(StatusCode::BAD_REQUEST, TEXT, format!("Bad request: {problem}\n")),
        };
        if wish.filter.has_id() && !self.containers.borrow().containers.values().any(|c| wish.filter.takes(c))
        {
            return not_found();
        }
        let Ok(permit) = Arc::clone(&self.clients).try_acquire_owned() else {
            let text = format!("There are {MOST_CLIENTS} clients already, try again later.\n");
            return reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, text);
        };
        if upgrade {
            return match websocket::accept(&mut request) {
                Ok((response, socket)) => {
                    let lines = self.stream(&wish, permit);
                    tokio::spawn(websocket::send(socket, lines));
                    response
                }
                Err(problem) => reply(StatusCode::BAD_REQUEST, TEXT, format!("Bad request: {problem}\n")),
            };
        }
        let lines = self.stream(&wish, permit);
        let frames = futures_util::stream::unfold(lines, |mut lines| async {
            let piece = lines.recv().await?;
            Some((Ok(Frame::data(piece)), lines))
        });
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        let content_type = if json { "application/json" } else { "text/plain" };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// Starts a route that ends when nobody takes its pieces any more.
    fn stream(&self, wish: &Wish, permit: OwnedSemaphorePermit) -> mpsc::Receiver<Bytes> {
        let (pieces, receiver) = mpsc::channel(QUEUE);
        let stop = self.shutdown.child_token();
        let Some((route, positions)) = self.prepare(&wish.filter) else { return receiver };
        let pipeline = Pipeline {
            route,
            sink: Box::new(LiveSink::new(wish.form, pieces, stop.clone())),
            // Of no interest to anybody but this client.
            metrics: Metrics::register(&mut Registry::default()).route("/logs"),
            positions,
            readiness: Readiness::default(),
            spool: None,
            not_before: time::now(),
            last: None,
            multiline: None,
            feed: None,
            patience: None,
        };
        let running = pipeline.run(self.containers.clone(), stop.clone(), stop);
        tokio::spawn(async move {
            running.await;
            drop(permit);
        });
        receiver
    }

    /// Begins behind what is in the logs now, without reading it.
    fn prepare(&self, filter: &Filter) -> Option<(Route, SharedPositions)> {
        let mut route = Route::parse("/logs", "udp://localhost:0").ok()?;
        route.filter = filter.clone();
        let positions = SharedPositions::new(Positions::load(None, "/logs").ok()?);
        for container in self.containers.borrow().containers.values().filter(|c| filter.takes(c)) {
            if let Some(end) = end_of(Path::new(&container.log_path)) {
                positions.begin_at(&container.id, &end);
            }
        }
        Some((route, positions))
    }
}

/// Reads path and query; `None` where there is no such path.
fn wish(path: &str, query: &str, json: bool) -> Result<Option<Wish>, String> {
    let mut filter = Filter::default();
    let mut many = true;
    match path.strip_prefix("/logs").map(|rest| rest.trim_start_matches('/')) {
        Some("") => {}
        Some(rest) => {
            let decoded = percent_decode_str(rest).decode_utf8_lossy();
            let Some((key, value)) = decoded.split_once(':') else { return Ok(None) };
            match key {
                "id" => many = false,
                "name" => many = value.contains('*'),
                _ => return Ok(None),
            }
            filter.set(&format!("filter.{key}"), value)?;
        }
        None => return Ok(None),
    }
    let mut colors = true;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match key.as_ref() {
            // logspout's text reads one, its WebSocket the other.
            "source" | "sources" if !value.is_empty() => {
                filter.set("filter.sources", &value)?;
            }
            "colors" => colors = value != "off",
            _ => {}
        }
    }
    let form = match (json, many) {
        (true, _) => Form::Json,
        (false, true) => Form::Named { colors },
        (false, false) => Form::Plain,
    };
    Ok(Some(Wish { filter, form }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::PerStream;

    #[test]
    fn paths_and_queries() {
        let form = |path, query, json| wish(path, query, json).unwrap().unwrap().form;
        assert_eq!(form("/logs", "", false), Form::Named { colors: true });
        assert_eq!(form("/logs", "colors=off", false), Form::Named { colors: false });
        assert_eq!(form("/logs/id:4d2c", "", false), Form::Plain);
        assert_eq!(form("/logs/name:web", "", false), Form::Plain);
        assert_eq!(form("/logs/name:web*", "", false), Form::Named { colors: true });
        assert_eq!(form("/logs/name:web", "", true), Form::Json);
        for key in ["source", "sources"] {
            let wish = wish("/logs", &format!("{key}=stderr"), true).unwrap().unwrap();
            assert_eq!(wish.filter.streams(), PerStream { stdout: false, stderr: true });
        }
        let both = wish("/logs", "sources=stdout,stderr", true).unwrap().unwrap();
        assert_eq!(both.filter.streams(), PerStream { stdout: true, stderr: true });
        for path in ["/logs/web", "/logs/label:x", "/logsx"] {
            assert!(wish(path, "", false).unwrap().is_none(), "{path}");
        }
        assert!(wish("/logs", "sources=stdin", false).is_err());
        assert!(wish("/logs/name:[", "", false).is_err());
    }
}
