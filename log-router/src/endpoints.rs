//! logspout's endpoints: `/routes`, `/logs` and `/health`.

mod live;
pub mod logs;
pub mod routes;
mod websocket;

use std::future::ready;

use agent_core::server::{Body, Route, reply};
use hyper::{Response, StatusCode};

use self::logs::Logs;
use crate::router::Router;

const TEXT: &str = "text/plain; charset=utf-8";

/// All of them.
pub fn all(router: &Router, logs: Logs) -> Vec<Route> {
    let (all, one) = (router.clone(), router.clone());
    let (every, some) = (logs.clone(), logs);
    vec![
        Route::new("/health", |_| async { reply(StatusCode::OK, TEXT, "Healthy!\n") }),
        Route::new("/routes", move |request| routes::all(all.clone(), request)),
        Route::new("/routes/*", move |request| routes::one(one.clone(), request)),
        Route::new("/logs", move |request| ready(every.answer(request))),
        Route::new("/logs/*", move |request| ready(some.answer(request))),
    ]
}

/// Go's answer to what it does not know.
fn not_found() -> Response<Body> {
    reply(StatusCode::NOT_FOUND, TEXT, "404 page not found\n")
}

fn not_allowed() -> Response<Body> {
    reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "405 method not allowed\n")
}
