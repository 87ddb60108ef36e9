//! What the list that comes now and then is for: an engine that loses events. A real one does not on demand.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::UnixListener;

use super::*;

/// Its containers by ID, and how often one was inspected.
#[derive(Default)]
struct Engine {
    containers: Mutex<Vec<&'static str>>,
    inspects: Mutex<usize>,
}

type Silence = futures_util::stream::Pending<Result<Frame<Bytes>, Infallible>>;
type Body = Either<Full<Bytes>, StreamBody<Silence>>;

impl Engine {
    fn answer(&self, path: &str) -> Body {
        let path = path.strip_prefix("/v1.41").unwrap_or(path);
        let json = match path {
            "/version" => json!({"ApiVersion": "1.41", "Version": "20.10.24"}),
            "/info" => json!({"Name": "node"}),
            "/events" => return Either::Right(StreamBody::new(futures_util::stream::pending())),
            "/containers/json" => self
                .containers
                .lock()
                .unwrap()
                .iter()
                .map(|id| json!({"Id": id, "State": "running"}))
                .collect(),
            other => {
                *self.inspects.lock().unwrap() += 1;
                json!({"Id": other.split('/').nth(2).unwrap()})
            }
        };
        Either::Left(Full::from(json.to_string()))
    }

    async fn serve(self: Arc<Self>, listener: UnixListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let engine = Arc::clone(&self);
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = Response::new(engine.answer(request.uri().path()));
                async move { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    }
}

fn ids(containers: &[Container]) -> Vec<&str> {
    containers.iter().filter_map(|container| container.id.as_deref()).collect()
}

#[tokio::test]
async fn the_next_list_has_what_no_event_told() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let engine = Arc::new(Engine::default());
    engine.containers.lock().unwrap().extend(["a", "b"]);
    tokio::spawn(Arc::clone(&engine).serve(UnixListener::bind(&socket).unwrap()));
    let shutdown = CancellationToken::new();
    let host = DockerHost::Unix(socket.display().to_string());
    let mut changes = watch_every(host, shutdown.clone(), Duration::from_millis(20));
    assert!(matches!(changes.recv().await, Some(Change::Connected(_))));
    let Some(Change::Listed(listed)) = changes.recv().await else { panic!("no list") };
    assert_eq!(ids(&listed), ["a", "b"]);
    let Some(Change::Resynced { present, changed }) = changes.recv().await else { panic!("no second list") };
    assert_eq!((present, ids(&changed)), (vec!["a".to_owned(), "b".to_owned()], vec![]));
    *engine.containers.lock().unwrap() = vec!["b", "c"];
    loop {
        let Some(Change::Resynced { present, changed }) = changes.recv().await else {
            panic!("no more lists")
        };
        if present == ["b", "c"] {
            assert_eq!(ids(&changed), ["c"]);
            break;
        }
        assert!(present == ["a", "b"] && changed.is_empty());
    }
    assert_eq!(*engine.inspects.lock().unwrap(), 3, "each container once");
    shutdown.cancel();
    while changes.recv().await.is_some() {}
}
